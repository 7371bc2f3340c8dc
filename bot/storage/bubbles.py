"""Bubbles on their way into a messenger: rows of the outbox that point at the history and hold no words themselves.

They are written in the turn's own commit. The process that commits them may send them without claiming them first: they
are born under its lease, which it prolongs while it holds them. When it dies, the lease ends and another one claims.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from bot.storage import outbox, reminders
from bot.storage.database import Database, Tx, Value
from bot.storage.instants import text_of
from bot.storage.outbox import BUBBLE
from handlers.message import CustomerId, Reply
from handlers.talk import TurnRecord

LEASE: Final = timedelta(seconds=20)
MAYBE: Final = "maybe delivered"
"""What a closed row says when nobody knows whether it arrived: sending it again could show it twice."""


@dataclass(slots=True)
class Bubble:
    """One message to send. `attempts` proves the claim; `reply` is there when it need not be read first.

    `parts` of it were sent already, where it takes several; `failures` counts the tries that came to nothing here;
    `blamed` after many, when the messenger took something else the moment before.
    """

    key: str
    address: str
    customer: CustomerId
    seq: int
    attempts: int
    queued_at: datetime
    reply: Reply | None = field(default=None, repr=False)
    parts: int = 0
    failures: int = 0
    blamed: bool = False

    @property
    def payload(self) -> bytes:
        """Where it stands in the history, and what of it need not be sent again."""
        return json.dumps([self.customer, self.seq, self.parts]).encode()


class Pusher(Protocol):
    """Who sends a channel's bubbles in this process."""

    def lease_until(self, now: datetime, address: str, queued: Callable[[], Sequence[str]]) -> datetime | None:
        """Until when bubbles written now are this process's; None when it would rather not have them.

        Asked in the transaction that writes them: `queued` are the keys of those that wait for this address already.
        """

    def take(self, bubbles: Sequence[Bubble]) -> None:
        """Send these, which were just committed under the lease."""


def put(tx: Tx, turn: TurnRecord, seq: int, pusher: Pusher | None) -> list[Bubble]:
    """Queue the bubbles of a turn whose first bubble is `seq`; those that are `pusher`'s to send."""

    def queued() -> list[str]:
        return tx.column(
            "SELECT key FROM outbox WHERE channel = :channel AND address = :address"
            " AND state = 'queued' AND kind = 'bubble'",
            channel=turn.channel,
            address=turn.address,
        )

    held = []
    lease_until = pusher.lease_until(turn.at, turn.address, queued) if pusher and turn.replies else None
    for offset, reply in enumerate(turn.replies):
        key = f"{turn.channel}:{turn.customer}:{seq + offset}"
        bubble = Bubble(key, turn.address, turn.customer, seq + offset, 1, turn.at, reply)
        if _put(tx, turn.channel, bubble, lease_until) and lease_until:
            held.append(bubble)
    return held


def _put(tx: Tx, channel: str, bubble: Bubble, lease_until: datetime | None) -> bool:
    return outbox.put(
        tx, key=bubble.key, kind=BUBBLE, channel=channel, address=bubble.address,
        payload=bubble.payload, due_at=bubble.queued_at, lease_until=lease_until,
    )  # fmt: skip


class Bubbles:
    """One channel's rows, for its sender."""

    def __init__(self, database: Database, channel: str, clock: Callable[[], datetime]) -> None:
        self.database, self.channel, self.clock = database, channel, clock

    async def claim(self, limit: int) -> list[Bubble]:
        """Take up to `limit` that nobody holds, oldest first."""
        now = self.clock()
        items = await self.database.run(outbox.claim, now, limit, LEASE, self.channel, BUBBLE)
        claimed = []
        for item in items:
            customer, seq, *parts = json.loads(item.payload)
            bubble = Bubble(item.key, item.address, CustomerId(customer), seq, item.attempts, item.due_at)
            bubble.parts = parts[0] if parts else 0
            claimed.append(bubble)
        return claimed

    async def done(self, sent: Sequence[tuple[Bubble, str | None]]) -> None:
        """They were sent, with what is to be remembered about it."""
        at = text_of(self.clock())

        def close(tx: Tx) -> None:
            for bubble, remark in sent:
                tx.execute(
                    "UPDATE outbox SET state = 'sent', payload = NULL, closed_at = :at, last_error = :remark"
                    " WHERE key = :key AND attempts = :attempts AND state = 'queued'",
                    key=bubble.key, attempts=bubble.attempts, at=at, remark=remark,
                )  # fmt: skip

        await self.database.run(close)

    async def bury(self, bubbles: Iterable[Bubble], reason: str) -> None:
        """They will never arrive. `reason` is a word. A reminder among them takes another way."""
        lost = list(bubbles)

        def other_way(tx: Tx) -> None:
            for one in lost:
                reminders.give_up(tx, one.customer, one.seq, self.clock())

        await self._change(
            lost, "state = 'dead', payload = :payload, closed_at = :at, last_error = :reason", other_way, reason=reason
        )

    async def prolong(self, bubbles: Iterable[Bubble]) -> None:
        """Keep holding them."""
        await self._change(bubbles, "lease_until = :until", until=text_of(self.clock() + LEASE))

    async def give_back(self, bubbles: Iterable[Bubble]) -> None:
        """Let another process send them; this was no attempt."""
        await self._change(bubbles, "payload = :payload, lease_until = '', attempts = attempts - 1")

    async def again(self, customer: CustomerId, address: str, seq: int, wish: str) -> None:
        """Send the history's message `seq` once more, once for each `wish`."""
        key = f"{self.channel}:{customer}:{seq}:{wish}"
        bubble = Bubble(key, address, customer, seq, 0, self.clock())
        await self.database.run(lambda tx: _put(tx, self.channel, bubble, None))

    async def addresses(self) -> list[str]:
        """For whom something is queued."""

        def look(tx: Tx) -> list[str]:
            return tx.column(
                "SELECT DISTINCT address FROM outbox WHERE channel = :channel AND state = 'queued' AND kind = 'bubble'",
                channel=self.channel,
            )

        return await self.database.read(look)

    async def waiting(self) -> int:
        """How many are queued, held or not."""

        def count(tx: Tx) -> int:
            row = tx.one(
                "SELECT count(*) AS n FROM outbox WHERE channel = :channel AND state = 'queued' AND kind = 'bubble'",
                channel=self.channel,
            )
            return int(row["n"]) if row else 0

        return await self.database.read(count)

    async def _change(
        self, bubbles: Iterable[Bubble], what: str, also: Callable[[Tx], None] | None = None, **named: Any
    ) -> None:
        held: list[dict[str, Value]] = []
        for one in bubbles:
            held.append({"key": one.key, "attempts": one.attempts})
            if ":payload" in what:
                held[-1]["payload"] = one.payload
        named |= {"at": text_of(self.clock())} if ":at" in what else {}

        def change(tx: Tx) -> None:
            for which in held:
                tx.execute(
                    f"UPDATE outbox SET {what} WHERE key = :key AND attempts = :attempts AND state = 'queued'",  # noqa: S608
                    **which, **named,
                )  # fmt: skip
            if also is not None:
                also(tx)

        if held:
            await self.database.run(change)


async def unreachable(database: Database, channel: str, address: str, now: datetime | None) -> None:
    """From `now` on nobody is reached there; None: they are again."""
    await database.run(
        lambda tx: tx.execute(
            "UPDATE addresses SET unreachable_at = :at WHERE channel = :channel AND address = :address",
            channel=channel, address=address, at=text_of(now) if now else None,
        )
    )  # fmt: skip
