"""Jobs that run beside the conversation: each one every so often, or at once when it is woken.

A job that fails is logged and tried again at its next turn; health says when each one last went well.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

log = logging.getLogger(__name__)


class Job:
    """`work()` is called every `every` seconds, one call at a time."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], every: float) -> None:
        self.name, self.work, self.every = name, work, every
        self.last_good: datetime | None = None
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something to do now."""
        self._wake.set()

    async def run(self, clock: Callable[[], datetime]) -> None:
        while True:
            self._wake.clear()
            try:
                await self.work()
                self.last_good = clock()
            except Exception:
                log.exception("job failed", extra={"job": self.name})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self.every)

    def healthy(self, now: datetime, started: datetime) -> bool:
        """Went well within three of its turns (at least a minute)."""
        allowed = timedelta(seconds=max(60.0, 3 * self.every))
        return now - (self.last_good or started) <= allowed


class Runner:
    """Starts and stops the jobs of a process."""

    def __init__(self, jobs: list[Job], clock: Callable[[], datetime]) -> None:
        self.jobs, self.clock = jobs, clock
        self.started: datetime | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.started = self.clock()
        self._tasks = [asyncio.create_task(job.run(self.clock), name=job.name) for job in self.jobs]

    def wake(self, name: str) -> None:
        """Have this job look now rather than at its next turn."""
        next(job for job in self.jobs if job.name == name).wake()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def report(self) -> dict[str, bool]:
        """Name of each job and whether it is well."""
        now = self.clock()
        return {job.name: self.started is not None and job.healthy(now, self.started) for job in self.jobs}
