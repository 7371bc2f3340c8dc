"""What a bank's customer left half-way in another conversation: `handlers.moving.LeftBehind` in SQL.

Who may look is who may look at certificates (`bot.storage.owners`): both conversations must have proven to be the same
customer, neither too long ago.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.sealing import Sealer
from bot.storage.conversations import state_in
from bot.storage.database import Database, Tx
from bot.storage.instants import text_of
from handlers.bank import CustomerNumber
from handlers.message import CustomerId
from handlers.moving import LATELY, Left
from handlers.talk import Talk

MOST: Final = 8
"""Conversations of one customer that are looked into."""


class LeftJourneys:
    """`lasts`: how long a conversation that was linked may look."""

    def __init__(self, database: Database, sealer: Sealer, lasts: timedelta) -> None:
        self.database, self.sealer, self.lasts = database, sealer, lasts

    async def left(self, customer: CustomerId, number: CustomerNumber | None, now: datetime) -> Sequence[Left]:
        return await self.database.read(self._left, customer, number, now)

    def _left(self, tx: Tx, customer: CustomerId, number: CustomerNumber | None, now: datetime) -> list[Left]:
        linked_since = text_of(now - self.lasts)
        if number is None:
            mine = tx.one(
                "SELECT number FROM known_as WHERE customer = :customer AND at > :since",
                customer=customer, since=linked_since,
            )  # fmt: skip
            if mine is None:
                return []
            number = CustomerNumber(mine["number"])
        rows = tx.all(
            "SELECT c.customer, c.channel, c.state FROM known_as k JOIN conversations c ON c.customer = k.customer "
            "WHERE k.number = :number AND k.customer <> :customer AND k.at > :since AND c.changed_at > :lately "
            "ORDER BY c.changed_at DESC LIMIT :most",
            number=number, customer=customer, since=linked_since, lately=text_of(now - LATELY), most=MOST,
        )  # fmt: skip
        found = []
        for row in rows:
            if (state := state_in(self.sealer, row["state"], row["customer"])) is None:
                continue
            talk = Talk.from_json(state)
            open_there = [talk.flow, *talk.waiting][-1]  # what waits is what was being done before something short
            if open_there is not None and talk.last_at:
                at = datetime.fromisoformat(talk.last_at)
                found.append(Left(number, CustomerId(row["customer"]), row["channel"], open_there, at))
        return found
