"""What one device leaves for another of the same customer: ciphertext under a ticket, taken once, ten minutes at most.

Neither the code nor anything its key follows from comes here. Who asks shows a `proof`, derived from the code apart
from the key, so that a ticket guessed or seen over a shoulder neither takes a file nor destroys it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from bot.storage.database import Database, Row, Tx
from bot.storage.instants import text_of

LIFE: Final = timedelta(minutes=10)
TRIES: Final = 5
"""Wrong proofs after which a ticket ends."""
MOST_WAITING: Final = 2_000
"""Files at a time, of all customers: what strangers can fill is bounded (64 MB)."""

State = Literal["waiting", "taken", "wrong", "gone"]


@dataclass(frozen=True, slots=True)
class Fetched:
    state: State
    content: bytes = b""
    left: int = 0
    """Tries that are left when `wrong`."""


class Transfers:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def leave(
        self, ticket: str, proof: bytes, content: bytes, now: datetime
    ) -> Literal["kept", "in_use", "full"]:
        """Sent again, the same is kept once."""
        return await self.database.run(_leave, ticket, _digest(proof), content, now)

    async def take(self, ticket: str, proof: bytes, now: datetime) -> Fetched:
        """The ciphertext, once; it is gone from the database with the same commit."""
        return await self.database.run(_take, ticket, _digest(proof), now)

    async def state(self, ticket: str, proof: bytes, now: datetime) -> State:
        """What has become of it, for the device that left it. A wrong proof is told nothing, and counted nowhere."""
        row = await self.database.read(_waiting, ticket, now)
        if row is None or row["proof"] != _digest(proof):
            return "gone"
        return "taken" if row["taken_at"] else "waiting"


def _digest(proof: bytes) -> str:
    return sha256(proof).hexdigest()


def _waiting(tx: Tx, ticket: str, now: datetime) -> Row | None:
    return tx.one("SELECT * FROM transfers WHERE ticket = :ticket AND expires_at > :now", ticket=ticket,
                  now=text_of(now))  # fmt: skip


def _leave(tx: Tx, ticket: str, proof: str, content: bytes, now: datetime) -> Literal["kept", "in_use", "full"]:
    purge(tx, now)
    held = tx.one("SELECT proof, content FROM transfers WHERE ticket = :ticket", ticket=ticket)
    if held is not None:
        return "kept" if (held["proof"], held["content"]) == (proof, content) else "in_use"
    count = tx.one("SELECT count(*) AS n FROM transfers")
    if count is not None and count["n"] >= MOST_WAITING:
        return "full"
    tx.execute(
        "INSERT INTO transfers (ticket, proof, content, wrong, expires_at) "
        "VALUES (:ticket, :proof, :content, 0, :until)",
        ticket=ticket, proof=proof, content=content, until=text_of(now + LIFE),
    )  # fmt: skip
    return "kept"


def _take(tx: Tx, ticket: str, proof: str, now: datetime) -> Fetched:
    row = _waiting(tx, ticket, now)
    if row is None:
        return Fetched("gone")
    if row["proof"] != proof:
        left = TRIES - row["wrong"] - 1
        if left <= 0:
            tx.execute("DELETE FROM transfers WHERE ticket = :ticket", ticket=ticket)
            return Fetched("gone")
        tx.execute("UPDATE transfers SET wrong = wrong + 1 WHERE ticket = :ticket", ticket=ticket)
        return Fetched("wrong", left=left)
    if row["taken_at"]:
        return Fetched("taken")
    # The row stays until its time, so that the other device hears that it was taken.
    tx.execute("UPDATE transfers SET content = :nothing, taken_at = :at WHERE ticket = :ticket", nothing=b"",
               at=text_of(now), ticket=ticket)  # fmt: skip
    return Fetched("waiting", row["content"])


def purge(tx: Tx, now: datetime) -> None:
    tx.execute("DELETE FROM transfers WHERE expires_at <= :now", now=text_of(now))
