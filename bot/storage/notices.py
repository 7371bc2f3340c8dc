"""What was done in a customer's name, queued in the commit that did it, to be told wherever they are known."""

import json
from datetime import datetime
from typing import Final

from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.database import Tx

MOVED: Final = "moved"
"""The kind of word to a conversation that its journey goes on in another one."""
LINKED, HELD, RELEASED, REVOKED = "linked", "held", "released", "revoked"
ACTS: Final = (LINKED, HELD, RELEASED, REVOKED)


def put_act(
    tx: Tx, sealer: Sealer, act: str, about: str, now: datetime, *, number: str, here: str, profile: str = ""
) -> None:
    """Once per act, what it is `about` and `now`. `here` is the conversation that has just been told."""
    key = f"{act}:{about}:{now.isoformat()}"
    payload = sealer.seal(act, json.dumps({"number": number, "here": here, "profile": profile}).encode(), key.encode())
    outbox.put(tx, key=key, kind=act, channel="notice", address="", payload=payload, due_at=now)


def put_moved(tx: Tx, sealer: Sealer, left: str, flow: str, channel: str, turn_id: str, now: datetime) -> None:
    """The journey `flow` of the conversation `left` goes on at `channel`: once a turn."""
    key = f"{MOVED}:{turn_id}"
    payload = sealer.seal(MOVED, json.dumps({"left": left, "flow": flow, "to": channel}).encode(), key.encode())
    outbox.put(tx, key=key, kind=MOVED, channel="notice", address="", payload=payload, due_at=now)
