"""What a turn writes about a customer and their certificates: whose conversation this is, what is suspended or ended.

Whose certificate it is, is checked here once more, in the same commit.
"""

from datetime import timedelta
from typing import Final, assert_never

from bot.sealing import Sealer
from bot.storage.audit import AuditTrail
from bot.storage.certificate_rows import by_request, by_serial, serial_of
from bot.storage.database import Tx
from bot.storage.instants import text_of
from bot.storage.notices import HELD, LINKED, RELEASED, REVOKED, put_act, put_moved
from bot.storage.owners import unkept
from bot.storage.statuses import HOLD, Statuses
from ca.ports import Status
from ca.revocation import By
from handlers.effects import ChangeStatus, KeepDocument, KnowAs, MoveJourney, StopPages, TickPlace, Unlink
from handlers.owned import STOPPED
from handlers.talk import TurnRecord

OwnerEffect = KnowAs | Unlink | MoveJourney | StopPages | ChangeStatus | TickPlace | KeepDocument
KEPT: Final = timedelta(days=1)
TOLD: Final = {"hold": HELD, "release": RELEASED, "revoke": REVOKED}


class OwnerEffectWriter:
    def __init__(self, audit: AuditTrail, sealer: Sealer) -> None:
        self.audit, self.sealer = audit, sealer
        self.statuses = Statuses(audit)

    def __call__(self, tx: Tx, effect: OwnerEffect, turn: TurnRecord) -> None:
        match effect:
            case KnowAs():
                self._link(tx, effect.number, turn)
            case Unlink():
                tx.execute("DELETE FROM known_as WHERE customer = :customer", customer=turn.customer)
            case MoveJourney():
                self._move(tx, effect, turn)
            case StopPages():
                self._stop_pages(tx, effect, turn)
            case ChangeStatus():
                self._change(tx, effect, turn)
            case TickPlace():
                self._tick(tx, effect, turn)
            case KeepDocument():
                tx.execute(
                    "INSERT INTO documents (id, customer, filename, media_type, content, kept_at, expires_at) "
                    "VALUES (:id, :customer, :filename, :media_type, :content, :at, :until) "
                    "ON CONFLICT (id) DO NOTHING",
                    id=effect.document_id, customer=turn.customer, filename=effect.filename,
                    media_type=effect.media_type, content=effect.content, at=text_of(turn.at),
                    until=text_of(turn.at + KEPT),
                )  # fmt: skip
            case _:
                assert_never(effect)

    def _link(self, tx: Tx, number: str, turn: TurnRecord) -> None:
        known = tx.one(
            "SELECT 1 AS one FROM known_as WHERE customer = :customer AND number = :number",
            customer=turn.customer, number=number,
        )  # fmt: skip
        # One customer a conversation: whoever it was before neither looks nor hears anything here any more.
        tx.execute(
            "DELETE FROM known_as WHERE customer = :customer AND number <> :number",
            customer=turn.customer, number=number,
        )  # fmt: skip
        tx.execute(
            "INSERT INTO known_as (customer, number, at) VALUES (:customer, :number, :at) "
            "ON CONFLICT (customer, number) DO UPDATE SET at = excluded.at",
            customer=turn.customer, number=number, at=text_of(turn.at),
        )  # fmt: skip
        if known is None:
            self.audit.append(tx, turn.at, turn.customer, "linked", number)
            put_act(tx, self.sealer, LINKED, turn.customer, turn.at, number=number, here=turn.customer)

    def _move(self, tx: Tx, effect: MoveJourney, turn: TurnRecord) -> None:
        same = tx.one(
            "SELECT k.number FROM known_as k JOIN known_as l ON l.number = k.number "
            "WHERE k.customer = :customer AND l.customer = :left",
            customer=turn.customer, left=effect.left,
        )  # fmt: skip
        if same is None:
            return
        detail = {"from": effect.left, "journey": effect.flow}
        self.audit.append(tx, turn.at, turn.customer, "journey moved", same["number"], detail)
        turn_id = f"{turn.customer}:{turn.at.isoformat()}"
        put_moved(tx, self.sealer, effect.left, effect.flow, turn.channel, turn_id, turn.at)

    def _stop_pages(self, tx: Tx, effect: StopPages, turn: TurnRecord) -> None:
        # Read here and not before: a page may have issued while this turn was deciding.
        self.audit.append(tx, turn.at, turn.customer, STOPPED, effect.number, {"wish": effect.wish})
        for one in unkept(tx, effect.number):
            if effect.kinds is None or one.profile in effect.kinds:
                ended = ChangeStatus(effect.number, one.serial, "revoke", effect.reference, "keyCompromise")
                self._change(tx, ended, turn)

    def _change(self, tx: Tx, effect: ChangeStatus, turn: TurnRecord) -> None:
        serial = serial_of(effect.serial)
        before = by_serial(tx, serial)
        if before is None or str(before.plan.subscriber) != effect.number:
            return
        by = By.SUBSCRIBER.value
        if before.status is Status.PLANNED:
            # Not signed yet, the signer may be away: it is never to be finished.
            self.statuses.fail(tx, serial, turn.at, "stopped by the subscriber", by)
            return
        if effect.act == "release":
            after = self.statuses.release(tx, serial, turn.at, by)
        else:
            after = self.statuses.revoke(tx, serial, turn.at, effect.reason if effect.act == "revoke" else HOLD, by)
        if after.status is before.status:
            return
        detail = {"act": effect.act, "reference": effect.reference}
        self.audit.append(tx, turn.at, turn.customer, "status wanted", effect.serial, detail)
        plan = after.plan
        put_act(
            tx, self.sealer, TOLD[effect.act], effect.serial, turn.at, number=plan.subscriber, here=turn.customer,
            profile=plan.profile,
        )  # fmt: skip

    def _tick(self, tx: Tx, effect: TickPlace, turn: TurnRecord) -> None:
        if not _is_theirs(tx, effect.serial, turn.customer):
            return
        if effect.registered:
            tx.execute(
                "INSERT INTO registered_places (serial, place, at) VALUES (:serial, :place, :at) "
                "ON CONFLICT DO NOTHING",
                serial=effect.serial, place=effect.place, at=text_of(turn.at),
            )  # fmt: skip
        else:
            tx.execute(
                "DELETE FROM registered_places WHERE serial = :serial AND place = :place",
                serial=effect.serial, place=effect.place,
            )  # fmt: skip

    def settle(self, tx: Tx, request_id: str, turn: TurnRecord) -> None:
        """The files of this request were handed over: what it replaces, it replaces now."""
        record = by_request(tx, request_id)
        if record is not None and record.plan.replaces is not None and record.status is Status.VALID:
            reason = record.plan.evidence.get("ends", "superseded")
            self.statuses.settle(tx, record.plan.serial, turn.at, reason, By.AUTHORITY.value)


def _is_theirs(tx: Tx, serial: str, customer: str) -> bool:
    """A serial number is no secret: only who has proven to be the subscriber decides about it."""
    owner = tx.one(
        "SELECT 1 AS one FROM certificates c JOIN known_as k ON k.number = c.subscriber "
        "WHERE c.serial = :serial AND k.customer = :customer",
        serial=serial, customer=customer,
    )  # fmt: skip
    return owner is not None
