"""What was done in a customer's name, queued in the commit that did it, to be told wherever they are known."""

import json
from datetime import datetime
from typing import Final

from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.database import Tx

LINKED, HELD, RELEASED, REVOKED = "linked", "held", "released", "revoked"
ACTS: Final = (LINKED, HELD, RELEASED, REVOKED)


def put_act(
    tx: Tx, sealer: Sealer, act: str, about: str, now: datetime, *, number: str, here: str, profile: str = ""
) -> None:
    """Once per act, what it is `about` and `now`. `here` is the conversation that has just been told."""
    key = f"{act}:{about}:{now.isoformat()}"
    payload = sealer.seal(act, json.dumps({"number": number, "here": here, "profile": profile}).encode(), key.encode())
    outbox.put(tx, key=key, kind=act, channel="notice", address="", payload=payload, due_at=now)
