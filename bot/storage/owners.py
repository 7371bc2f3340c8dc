"""Who a conversation belongs to, what they have, and where they have registered it: `handlers.owned.Owners` in SQL.

A link that is too old to look with still brings notices: being told of one's own certificate needs no fresher proof.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from bot.storage.certificate_rows import hex_of, record_of
from bot.storage.database import Database, Tx
from bot.storage.instants import instant
from ca.ports import Record, Status
from handlers.bank import CustomerNumber
from handlers.message import CustomerId
from handlers.owned import STOPPED, Owned, Places, Unkept


class OwnerRecords:
    """`lasts`: how long a conversation that was linked may look."""

    def __init__(self, database: Database, lasts: timedelta) -> None:
        self.database, self.lasts = database, lasts

    async def linked(self, customer: CustomerId, now: datetime) -> tuple[CustomerNumber, datetime] | None:
        def look(tx: Tx) -> tuple[CustomerNumber, datetime] | None:
            row = tx.one(
                "SELECT number, at FROM known_as WHERE customer = :customer ORDER BY at DESC LIMIT 1", customer=customer
            )
            if row is None:
                return None
            until = instant(row["at"]) + self.lasts
            return (CustomerNumber(row["number"]), until) if now < until else None

        return await self.database.read(look)

    async def owned(self, number: CustomerNumber) -> Sequence[Owned]:
        def look(tx: Tx) -> list[Owned]:
            rows = tx.all(
                "SELECT c.* FROM certificates c LEFT JOIN links l ON l.id = c.request_id "
                "WHERE c.subscriber = :number AND c.in_place = 1 AND c.status IN ('valid', 'held') "
                # Its page was never finished: nobody has its key.
                "AND (l.id IS NULL OR l.done_at IS NOT NULL) ORDER BY c.issued_at DESC, c.serial",
                number=number,
            )
            return [_owned(record_of(row)) for row in rows]

        return await self.database.read(look)

    async def unkept(self, number: CustomerNumber) -> Sequence[Unkept]:
        return await self.database.read(unkept, number)

    async def stopped_at(self, number: CustomerNumber) -> datetime | None:
        return await self.database.read(stopped_at, number)

    async def places(self, serial: str) -> Places:
        def look(tx: Tx) -> Places:
            ticked = _places(tx, serial)
            return Places(ticked, tuple(place for place in _before(tx, serial) if place not in ticked))

        return await self.database.read(look)


def stopped_at(tx: Tx, number: str) -> datetime | None:
    row = tx.one("SELECT max(at) AS at FROM audit WHERE subject = :number AND act = :act", number=number, act=STOPPED)
    return instant(row["at"]) if row and row["at"] else None


def unkept(tx: Tx, number: str) -> list[Unkept]:
    rows = tx.all(
        "SELECT c.serial, c.profile FROM certificates c JOIN links l ON l.id = c.request_id "
        "WHERE c.subscriber = :number AND c.status IN ('planned', 'valid') AND l.done_at IS NULL ORDER BY c.serial",
        number=number,
    )
    return [Unkept(row["serial"], row["profile"]) for row in rows]


def _before(tx: Tx, serial: str) -> tuple[str, ...]:
    """Of every predecessor, the nearest first: one that was replaced before its list was gone through counts too."""
    rows = tx.all(
        "WITH RECURSIVE line (serial, age) AS ("
        "SELECT replaces, 1 FROM certificates WHERE serial = :serial AND replaces IS NOT NULL "
        "UNION ALL SELECT c.replaces, line.age + 1 FROM certificates c JOIN line ON c.serial = line.serial "
        "WHERE c.replaces IS NOT NULL) "
        "SELECT p.place FROM line JOIN registered_places p ON p.serial = line.serial ORDER BY line.age, p.at, p.place",
        serial=serial,
    )
    return tuple(dict.fromkeys(row["place"] for row in rows))


def _places(tx: Tx, serial: str) -> tuple[str, ...]:
    rows = tx.all("SELECT place FROM registered_places WHERE serial = :serial ORDER BY at, place", serial=serial)
    return tuple(row["place"] for row in rows)


def _owned(record: Record) -> Owned:
    assert record.der is not None
    plan = record.plan
    return Owned(
        serial=hex_of(plan.serial),
        profile=plan.profile,
        held=record.status is Status.HELD,
        not_before=plan.not_before,
        not_after=plan.not_after,
        held_at=record.revoked_at,
        fingerprint=sha256(record.der).digest().hex(":").upper(),
        certificate=record.der,
    )
