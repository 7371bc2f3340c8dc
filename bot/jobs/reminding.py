"""Finds the certificates that end soon and queues a reminder for each, batch by batch, each batch in one transaction.

What is queued is told by `bot/jobs/telling.py`, at the pace its way allows.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final

from bot.storage import outbox, reminders
from bot.storage.database import Database, Tx
from bot.storage.reminders import BATCH, Due

TURN: Final = 0.5
"""Seconds after which a turn of the job ends; the next one goes on at once."""


class Reminding:
    """`ways` is the order in which customers are reached.

    `on_queued` is called when there is something to tell, `on_more` when a turn of the job ended before all was queued.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        ways: Sequence[str],
        on_queued: Callable[[], None],
        on_more: Callable[[], None],
    ) -> None:
        self.database, self.clock, self.ways = database, clock, ways
        self.on_queued, self.on_more = on_queued, on_more

    async def work(self) -> int:
        """One turn of the job: how many were queued."""
        queued, until = 0, time.monotonic() + TURN
        async for batch in self._batches(self.clock()):
            queued += len(batch)
            if time.monotonic() >= until:
                self.on_more()
                break
        return queued

    async def remind(self, now: datetime) -> list[Due]:
        """Queue everything that is due at `now`; nothing where it is night, nothing while reminders are paused."""
        return [due async for batch in self._batches(now) for due in batch]

    async def _batches(self, now: datetime) -> AsyncIterator[list[Due]]:
        queued_at, more = self.clock(), True

        def claim(tx: Tx) -> tuple[list[Due], bool]:
            due, more = reminders.claim_due(tx, now)
            outbox.put_reminders(tx, [(one.key, self._first(one), _payload(one, now)) for one in due], queued_at)
            return due, more

        while more:
            due, more = await self.database.run(claim)
            if due:
                self.on_queued()
                yield due

    def _first(self, due: Due) -> str:
        return due.way if due.way in self.ways else self.ways[0]

    async def preview(self, now: datetime, limit: int = BATCH) -> list[Due]:
        """The first `limit` that `remind` would queue; nothing changes."""

        def look(tx: Tx) -> list[Due]:
            raise _Preview(reminders.claim_due(tx, now, limit)[0])

        try:
            return await self.database.run(look)
        except _Preview as preview:
            return preview.due


def _payload(due: Due, now: datetime) -> bytes:
    # Not sealed: as a bubble's, it points at what is kept elsewhere and holds no words.
    return json.dumps({"serial": due.serial, "stage": due.stage, "said_for": now.isoformat()}).encode()


class _Preview(Exception):
    """Carries the answer out of a transaction that must not stay."""

    def __init__(self, due: list[Due]) -> None:
        super().__init__()
        self.due = due
