"""How far a customer has read on a channel that cannot be pushed to: what is said unasked waits until they come.

The turn's own commit moves the mark to its last bubble (`Conversations`): its answer shows them. It is moved back by
hand where that answer came too late or had no room for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.storage.conversations import Addresses, Conversations, Message
from bot.storage.database import Database, Tx
from handlers.message import CustomerId

LOOKED_BACK: Final = 100
"""Messages that are looked at for unread ones."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A customer at an address of the channel. `shown` is the `seq` of the last bubble they have seen there."""

    address: str
    customer: CustomerId
    shown: int


class Shown:
    """One channel's marks."""

    def __init__(
        self, database: Database, channel: str, addresses: Addresses, conversations: Conversations,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.database, self.channel, self.clock = database, channel, clock
        self.addresses, self.conversations = addresses, conversations

    async def seat(self, address: str) -> Seat:
        """Who writes from `address`; somebody new when nobody has."""

        def known(tx: Tx) -> Seat | None:
            row = tx.one(
                "SELECT customer, shown_seq FROM addresses"
                " WHERE channel = :channel AND address = :address AND unreachable_at IS NULL",
                channel=self.channel, address=address,
            )  # fmt: skip
            return Seat(address, CustomerId(row["customer"]), row["shown_seq"]) if row else None

        found = await self.database.read(known)
        if found is not None:
            return found
        return Seat(address, await self.addresses.customer_at(self.channel, address, self.clock()), 0)

    async def unread(self, seat: Seat, before: int | None = None) -> list[Message]:
        """Bubbles after `seat.shown` (up to `before`, not counted) that were not seen on another channel."""
        last = before - 1 if before is not None else await self.conversations.latest(seat.customer, 0)
        if last <= seat.shown:
            return []
        after = max(seat.shown, last - LOOKED_BACK)
        found = await self.conversations.history(seat.customer, after, last - after)
        return unasked(found, f"{self.channel}:")

    async def mark(self, seat: Seat, seq: int) -> None:
        """They have seen everything up to `seq`, and nothing after it."""
        await self.database.run(
            lambda tx: tx.execute(
                "UPDATE addresses SET shown_seq = :seq WHERE channel = :channel AND address = :address",
                seq=seq, channel=self.channel, address=seat.address,
            )
        )  # fmt: skip


def unasked(messages: Sequence[Message], own: str) -> list[Message]:
    """The service's bubbles, without those that answered what was said elsewhere (message ids not in `own`)."""
    elsewhere = {one.message_id for one in messages if one.author == "customer"}
    return [
        one for one in messages
        if one.reply is not None and ((one.message_id or "").startswith(own) or one.message_id not in elsewhere)
    ]  # fmt: skip
