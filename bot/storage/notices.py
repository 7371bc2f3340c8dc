"""What was done to a customer's certificate or in their name, queued in the commit that did it, to be told wherever
they are known.
"""

import json
from datetime import datetime
from typing import Final

from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.certificate_rows import hex_of
from bot.storage.database import Tx
from ca.ports import Record, Status
from ca.revocation import LAPSED as REASON_LAPSED
from ca.revocation import By

MOVED: Final = "moved"
"""The kind of word to a conversation that its journey goes on in another one."""
LINKED, HELD, RELEASED, REVOKED, LAPSED = "linked", "held", "released", "revoked", "lapsed"
ACTS: Final = (LINKED, HELD, RELEASED, REVOKED, LAPSED)
_BECAME: Final = {Status.HELD: HELD, Status.VALID: RELEASED, Status.REVOKED: REVOKED}


def put_act(
    tx: Tx, sealer: Sealer, act: str, about: str, now: datetime, *, number: str, here: str = "", profile: str = "",
    by: str = "",
) -> None:  # fmt: skip
    """Once per act, what it is `about` and `now`. `here` is the conversation that has just been told.

    `by` says who did it where that was not the customer.
    """
    key = f"{act}:{about}:{now.isoformat()}"
    told = {"number": number, "here": here, "profile": profile, "by": by}
    payload = sealer.seal(act, json.dumps(told).encode(), key.encode())
    outbox.put(tx, key=key, kind=act, channel="notice", address="", payload=payload, due_at=now)


def put_change(tx: Tx, sealer: Sealer, before: Record, after: Record, now: datetime, by: str) -> None:
    """What became of a certificate without its subscriber's own word: the operator's doing, or a hold that has lapsed.

    What we tidy up ourselves (replaced, never kept) is told where it is done.
    """
    has_lapsed = by == By.AUTHORITY and before.status is Status.HELD and after.reason == REASON_LAPSED
    if before.status is after.status or not (by == By.OPERATOR or has_lapsed):
        return
    plan, act = after.plan, LAPSED if has_lapsed else _BECAME[after.status]
    put_act(tx, sealer, act, hex_of(plan.serial), now, number=plan.subscriber, profile=plan.profile, by=by)


def put_moved(tx: Tx, sealer: Sealer, left: str, flow: str, channel: str, turn_id: str, now: datetime) -> None:
    """The journey `flow` of the conversation `left` goes on at `channel`: once a turn."""
    key = f"{MOVED}:{turn_id}"
    payload = sealer.seal(MOVED, json.dumps({"left": left, "flow": flow, "to": channel}).encode(), key.encode())
    outbox.put(tx, key=key, kind=MOVED, channel="notice", address="", payload=payload, due_at=now)
