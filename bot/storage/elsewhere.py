"""Certificates of other institutions, remembered for the conversation that registered them.

`reminders` knows them by `NAME` + id, which no serial number can be. The certificate itself is sealed under its id.
"""

from collections.abc import Sequence
from typing import Final

from bot.sealing import Sealer
from bot.storage import reminders
from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, text_of
from handlers.effects import RegisterElsewhere
from handlers.message import CustomerId
from handlers.register import MOST_REGISTERED, Registered
from handlers.talk import TurnRecord

NAME: Final = "elsewhere:"
SEALED: Final = "elsewhere"


class Shelf:
    """Implements `handlers.register.Shelf`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self.database, self.sealer = database, sealer

    async def of(self, customer: CustomerId) -> Sequence[Registered]:
        return await self.database.read(_of, customer)

    async def certificate(self, customer: CustomerId, registered_id: str) -> bytes | None:
        def look(tx: Tx) -> Row | None:
            return tx.one(
                "SELECT der FROM elsewhere WHERE id = :id AND customer = :customer", id=registered_id, customer=customer
            )

        row = await self.database.read(look)
        return None if row is None else self.sealer.open(SEALED, row["der"], registered_id.encode())


def _of(tx: Tx, customer: CustomerId) -> list[Registered]:
    rows = tx.all("SELECT * FROM elsewhere WHERE customer = :customer ORDER BY not_after, id", customer=customer)
    return [_registered(row) for row in rows]


def _registered(row: Row) -> Registered:
    return Registered(
        row["id"], row["fingerprint"], row["institution"], row["used_for"], row["holder"], instant(row["not_after"]),
        row["path"], row["status"], signed=bool(row["signed"]),
    )  # fmt: skip


def register(tx: Tx, sealer: Sealer, wanted: RegisterElsewhere, turn: TurnRecord) -> None:
    """Remember, and remind from now on. What is there already, or one too many, changes nothing."""
    if len(_of(tx, turn.customer)) >= MOST_REGISTERED:
        return
    changed = tx.execute(
        "INSERT INTO elsewhere (id, customer, fingerprint, institution, used_for, holder, not_after, path, status, "
        "signed, der, registered_at) VALUES (:id, :customer, :fingerprint, :institution, :used_for, :holder, "
        ":not_after, :path, :status, :signed, :der, :at) ON CONFLICT DO NOTHING",
        id=wanted.id, customer=turn.customer, fingerprint=wanted.fingerprint, institution=wanted.institution,
        used_for=wanted.use, holder=wanted.holder, not_after=text_of(wanted.not_after), path=wanted.path,
        status=wanted.status, signed=int(wanted.signed), der=sealer.seal(SEALED, wanted.der, wanted.id.encode()),
        at=text_of(turn.at),
    )  # fmt: skip
    if changed:
        reminders.follow(tx, NAME + wanted.id, turn.customer, wanted.institution, wanted.not_after, turn.at, ours=False)


def forget(tx: Tx, registered_id: str, customer: str) -> None:
    if tx.execute("DELETE FROM elsewhere WHERE id = :id AND customer = :customer", id=registered_id, customer=customer):
        reminders.forget(tx, NAME + registered_id)
