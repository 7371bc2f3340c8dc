"""What the benchmarks share: pinning, percentiles, tables, and what the machine itself gives.

A figure means nothing without what the same machine gives bare in the same minute, so each benchmark measures that
too and prints the ratio. Processor time is printed beside wall time: it stays the same when a neighbour is busy.
"""

import asyncio
import os
import platform
import resource
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any


def pin(core: int, process: int = 0) -> bool:
    """Keep a process on one core, counted among those we may use; False where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    cores = sorted(ALLOWED)
    os.sched_setaffinity(process, {cores[core % len(cores)]})
    return len(cores) > 1


ALLOWED = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def machine() -> str:
    name = platform.processor() or platform.machine()
    if (information := Path("/proc/cpuinfo")).exists():
        lines = information.read_text("utf-8").splitlines()
        name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), name)
    return f"{name}, {len(ALLOWED)} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


def cpu_seconds(process: int) -> float | None:
    """Processor time of a process so far, all its threads; None where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(") ")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(process: int) -> float | None:
    """Memory of a process that is its own or shared, in MiB."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text("utf-8").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_megabytes() -> float:
    """The most that this process had in memory, in MiB; getrusage would begin with what its parent had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) / 1024 for line in status.read_text("utf-8").splitlines() if "VmHWM" in line)


def in_fast_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in the loop that the service runs in."""
    from bot.cli import fast_loop  # a peer measured in a process of its own has nothing of ours in it

    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(work)


class Measured:
    """How long each of many things took, in seconds, and all of them together; and the processor time of all."""

    def __init__(self, each: Sequence[float], together: float, processor: float = 0.0) -> None:
        self.each, self.together, self.processor = sorted(each), together, processor

    @classmethod
    def all(cls, rounds: Sequence["Measured"]) -> "Measured":
        """Several rounds as if they were one."""
        each = [one for result in rounds for one in result.each]
        return cls(each, sum(one.together for one in rounds), sum(one.processor for one in rounds))

    @property
    def rate(self) -> float:
        """A second."""
        return len(self.each) / self.together

    @property
    def processor_rate(self) -> float:
        """A second of processor time, of all threads: the same when a neighbour is busy."""
        return len(self.each) / self.processor if self.processor else 0.0

    def milliseconds(self, share: float) -> float:
        """The percentile `share` (0..1)."""
        return 1000 * self.each[min(len(self.each) - 1, int(share * len(self.each)))]

    def cells(self) -> list[str]:
        """Rate, p50, p95, p99, as a table shows them."""
        return [f"{self.rate:,.0f}", *(f"{self.milliseconds(share):.2f}" for share in (0.5, 0.95, 0.99))]


async def measured(callers: int, seconds: float, caller: Callable[[int], Callable[[], Awaitable[object]]]) -> Measured:
    """`caller(n)` gives what the n-th of `callers` does again and again for `seconds`.

    The processor time is that of this process.
    """
    each: list[float] = []
    started, processor = time.perf_counter(), time.process_time()
    until = started + seconds

    async def go(once: Callable[[], Awaitable[object]]) -> None:
        while (begun := time.perf_counter()) < until:
            await once()
            each.append(time.perf_counter() - begun)

    await asyncio.gather(*(go(caller(number)) for number in range(callers)))
    return Measured(each, time.perf_counter() - started, time.process_time() - processor)


def repeated(seconds: float, once: Callable[[], object]) -> Measured:
    """One thread, without asyncio."""
    each: list[float] = []
    started, processor = time.perf_counter(), time.process_time()
    while (begun := time.perf_counter()) - started < seconds:
        once()
        each.append(time.perf_counter() - begun)
    return Measured(each, time.perf_counter() - started, time.process_time() - processor)


def table(title: str, heads: Iterable[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table; the first column is text, the others are figures."""
    columns = list(heads)
    print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{'---|' + '--:|' * (len(columns) - 1)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def bare_commits(path: Path, seconds: float, statements: int = 5) -> Measured:
    """Durable commits of plain sqlite3 with the service's pragmas, one after another: what the disk gives."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE said (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    body = "x" * 300

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(statements):
            connection.execute("INSERT INTO said (body) VALUES (?)", (body,))
        connection.execute("COMMIT")

    result = repeated(seconds, commit)
    connection.close()
    return result
