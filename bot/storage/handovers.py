"""Hand-overs to a person: who waits, who has taken it, when it was over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.storage.database import Database, Tx
from bot.storage.instants import instant, text_of
from handlers.counter import Handed, NoSuchHandover, TakenBySomebodyElse
from handlers.message import CustomerId


def all_open(tx: Tx) -> list[Handed]:
    rows = tx.all("SELECT * FROM handovers WHERE state <> 'closed' ORDER BY at, reference")
    found, ahead = [], 0
    for row in rows:
        found.append(_handed(row, ahead))
        ahead += row["state"] == "waiting"
    return found


def length(tx: Tx) -> int:
    row = tx.one("SELECT count(*) AS n FROM handovers WHERE state = 'waiting'")
    return int(row["n"]) if row else 0


def open_for(tx: Tx, customer: str) -> Handed | None:
    return next((one for one in all_open(tx) if one.customer == customer), None)


def by_reference(tx: Tx, reference: str) -> Handed:
    row = tx.one("SELECT * FROM handovers WHERE reference = :reference", reference=reference)
    if row is None:
        raise NoSuchHandover(reference)
    return _handed(row)


def take(tx: Tx, reference: str, clerk: str, now: datetime) -> tuple[Handed, bool]:
    """Now `clerk` has it; whether nobody had before. Raises `NoSuchHandover`, `TakenBySomebodyElse`."""
    taken = tx.execute(
        "UPDATE handovers SET state = 'taken', clerk = :clerk, taken_at = :at"
        " WHERE reference = :reference AND state = 'waiting'",
        reference=reference, clerk=clerk, at=text_of(now),
    )  # fmt: skip
    found = by_reference(tx, reference)
    if found.state == "closed":
        raise NoSuchHandover(reference)
    if found.clerk != clerk:
        raise TakenBySomebodyElse(found.clerk)
    return found, bool(taken)


def close(tx: Tx, reference: str, now: datetime, customer: str) -> bool:
    """It is over, by whichever side. False when it was already, or is not of this customer."""
    return bool(
        tx.execute(
            "UPDATE handovers SET state = 'closed', closed_at = :at"
            " WHERE reference = :reference AND customer = :customer AND state <> 'closed'",
            reference=reference, customer=customer, at=text_of(now),
        )
    )  # fmt: skip


def _handed(row: Mapping[str, Any], ahead: int = 0) -> Handed:
    return Handed(
        row["reference"],
        CustomerId(row["customer"]),
        row["wish"],
        row["state"],
        row["clerk"],
        instant(row["at"]),
        ahead,
    )


class HandoverQueue:
    """Implements `handlers.counter.Queue`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def open_for(self, customer: CustomerId) -> Handed | None:
        return await self.database.read(open_for, customer)

    async def length(self) -> int:
        return await self.database.read(length)
