"""A year of reminders, the job killed every month: `python -m benchmarks.reminders [certificates, 1,000,000]`.

The ends of the certificates lie in one year, three in ten of them in January: most were got in one. A child
process lives each day: one sweep at five past nine. About once a month it is killed in the middle (SIGKILL) and another
one goes on from that day. In the end each (certificate, stage) must have been queued once. Then a queue is drained
over the real sender through ways that take so many a second and think a while about each, to see how much of the pace
is used: 100 % is what can be sent when no second may see more.
"""

import argparse
import asyncio
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.gateways.notices import Notice
from bot.jobs.reminding import Reminding
from bot.jobs.telling import Telling
from bot.storage import reminders
from bot.storage.database import Database, Tx, open_database
from handlers.bank import BankCustomer
from handlers.stages import STAGES
from handlers.texts import KOREA, load_texts

NEW_YEAR = datetime(2028, 1, 1, 23, 59, 59, tzinfo=KOREA)
FIRST_DAY = NEW_YEAR - timedelta(days=31)
"""The day before anything is due: 2028 is a leap year, and the stages of its first days lie in 2027."""
DAYS = 366 + 33
MONTH = 30
RATES = (25, 100, 500)
KNOWN_AT = datetime(2027, 1, 1, tzinfo=UTC)


def fill(tx: Tx, first: int, count: int, rng: random.Random) -> None:
    """Follow certificates `first` … whose ends lie in 2028."""
    for n in range(first, first + count):
        day = rng.randrange(31) if rng.random() < 0.3 else rng.randrange(366)
        reminders.follow(tx, f"{n:040x}", f"DEMO{n}", "personal", NEW_YEAR + timedelta(days=day), KNOWN_AT)


def _nothing() -> None: ...


async def live(path: str, first: int) -> None:
    """The child: from day `first` on, one line a day with the sweep's seconds and the memory so far."""
    database = await open_database(path)
    now = [FIRST_DAY]
    reminding = Reminding(database, lambda: now[0], ("sms",), _nothing, _nothing)
    for day in range(first, DAYS):
        now[0] = FIRST_DAY.replace(hour=9, minute=5, second=0) + timedelta(days=day)
        started, queued, longest = time.perf_counter(), 0, 0.0
        while sent := await reminding.work():
            queued += sent
            longest = max(longest, time.perf_counter() - started)
            started = time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(day, queued, f"{longest:.3f}", memory, flush=True)
    await database.close()


@dataclass
class Year:
    """What the parent has seen."""

    longest: float = 0.0
    busiest: int = 0
    kills: int = 0
    memory: list[int] = field(default_factory=list)


async def through(path: Path, rng: random.Random) -> Year:
    """Live the whole year with one child after another."""
    year, day, killed_in = Year(), 0, 0
    while day < DAYS:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.reminders", "--live", str(path), str(day), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        while line := await child.stdout.readline():
            said, queued, longest, memory = line.split()
            day = int(said) + 1
            year.longest = max(year.longest, float(longest))
            year.busiest = max(year.busiest, int(queued))
            year.memory.append(int(memory))
            if day // MONTH > killed_in and day < DAYS:
                killed_in = day // MONTH
                await asyncio.sleep(rng.random() * 0.02)  # somewhere in the next day's sweep
                child.send_signal(signal.SIGKILL)
                year.kills += 1
                break
        await child.wait()
        if child.returncode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"the child ended with {child.returncode}")
    return year


async def once_each(database: Database, certificates: int) -> tuple[int, int]:
    """How many (certificate, stage) were queued, and how many should have been."""
    row = await database.read(
        lambda tx: tx.one("SELECT count(*) AS n FROM outbox WHERE kind = 'reminder'"), deadline=60
    )
    return (row["n"] if row else 0), certificates * len(STAGES)


class Phones:
    """A provider that takes everything, after `thinking` seconds."""

    def __init__(self, thinking: float) -> None:
        self.thinking = thinking
        self.keys: set[str] = set()
        self.twice = 0
        self.at: list[float] = []

    async def send(self, to: BankCustomer, notice: Notice) -> None:  # noqa: ARG002 - as the port has it
        self.at.append(time.monotonic())
        await asyncio.sleep(self.thinking)
        self.twice += notice.key in self.keys
        self.keys.add(notice.key)


class Bank:
    async def by_number(self, number: Any) -> BankCustomer:
        return BankCustomer(number, "personal", "김데모", None, "0", "01000000001", True)


class Nobody:
    async def locale(self, customer: Any) -> None: ...


def sender(database: Database, phones: Phones, rate: int, clock: Callable[[], datetime]) -> Telling:
    gateways: Mapping[str, Any] = {"sms": phones}
    nobody: Any = Nobody()
    bank: Any = Bank()
    return Telling(
        database, bank, nobody, load_texts(), gateways, ("sms",), {"sms": rate}, frozenset(), clock, "ko"
    )  # fmt: skip


async def drain(folder: Path, backlog: int, rate: int, phones: Phones) -> float:
    """Queue `backlog` reminders of one morning and send them; the share of the pace that was used."""
    database = await open_database(folder / f"backlog-{backlog}-{rate}.sqlite3")
    morning = NEW_YEAR.replace(hour=9, minute=5, second=0)
    await database.run(lambda tx: _same_day(tx, backlog), deadline=60)
    await Reminding(database, lambda: morning, ("sms",), _nothing, _nothing).remind(morning)
    telling = sender(database, phones, rate, lambda: morning)
    while await telling.work():
        pass
    await database.close()
    # A second's worth may go at once, so the last of them may go this many seconds after the first.
    soonest = backlog / rate - 1
    return soonest / (phones.at[-1] - phones.at[0])


def _same_day(tx: Tx, count: int) -> None:
    for n in range(count):
        reminders.follow(tx, f"{n:040x}", f"DEMO{n}", "personal", NEW_YEAR, KNOWN_AT)


async def main(certificates: int) -> bool:
    rng = random.Random(20281)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "year.sqlite3")
        database = await open_database(path)
        for first in range(0, certificates, 5000):
            await database.run(fill, first, min(5000, certificates - first), rng, deadline=60)
        await database.close()
        started = time.perf_counter()
        year = await through(path, rng)
        took = time.perf_counter() - started
        database = await open_database(path)
        queued, wanted = await once_each(database, certificates)
        await database.close()
        phones = {rate: Phones(0.2) for rate in RATES}
        drained = {rate: await drain(Path(folder), 10 * rate, rate, phones[rate]) for rate in RATES}
    print(f"certificates          {certificates:12,}")
    print(f"reminders             {queued:12,}   of {wanted:,}, each stage once")
    print(f"killed                {year.kills:12,}   times")
    print(f"the year took         {took:12,.1f} s")
    print(f"longest sweep         {year.longest:12.2f} s   (a turn of the job; the busiest day had {year.busiest:,})")
    print(f"memory of a process   {year.memory[0]:8} to {max(year.memory)} MiB")
    for rate, used in drained.items():
        print(f"drained at            {used:12.1%}   of {rate} a second, {phones[rate].twice} twice")
    return queued == wanted and not any(one.twice for one in phones.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("certificates", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--live", nargs=2, metavar=("DATABASE", "DAY"), help="the child's part")
    given = parser.parse_args()
    if given.live:
        asyncio.run(live(given.live[0], int(given.live[1])))
    else:
        sys.exit(0 if asyncio.run(main(given.certificates)) else 1)
