"""A service that customers come to and leave again for a long time needs no more of its machine than before.

6,000 messages in each run; `CERTTALK_TEST_UPDATES=200000` is the long form: less than 5 KiB of memory for a thousand.
"""

import asyncio
import contextlib
import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

import pytest

from benchmarks.measuring import resident_megabytes
from benchmarks.serving import real_service
from benchmarks.visitors import TURNS, Visitor

UPDATES = int(os.environ.get("CERTTALK_TEST_UPDATES", "6000"))
AT_ONCE = 16
STAYS = 2 * len(TURNS)
"""Messages of one customer before another comes."""
SAMPLES = 20
MOST = 5.0 if UPDATES >= 100_000 else 300.0
"""KiB for a thousand messages. In a short run the allocator's pools and bounded caches still fill; half a KiB a message
would be beyond it all the same."""


@dataclass
class Sample:
    updates: int
    kibibytes: float
    files: int
    threads: int


def sample(process: int, updates: int) -> Sample:
    place = Path(f"/proc/{process}")
    memory = resident_megabytes(process)
    assert memory is not None
    return Sample(updates, memory * 1024, len(list((place / "fd").iterdir())), len(list((place / "task").iterdir())))


async def visited(port: int, process: int) -> list[Sample]:
    """Customers say `UPDATES` messages; what the process had of everything while nobody had a connection open."""
    samples = []
    for round_ in range(SAMPLES):
        left = itertools.repeat(None, UPDATES // SAMPLES)

        async def comes(left: "itertools.repeat[None]" = left) -> None:
            while True:
                visitor = Visitor(port)
                await visitor.enter()
                await looks_on(visitor)
                for _ in zip(range(STAYS), left, strict=False):
                    await visitor.say()
                visitor.writer.close()
                if next(left, 0) == 0:
                    return

        await asyncio.gather(*(comes() for _ in range(AT_ONCE)))
        samples.append(sample(process, (round_ + 1) * (UPDATES // SAMPLES)))
    return samples


async def looks_on(visitor: Visitor) -> None:
    """The page's stream of messages, left without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
    writer.write(f"GET /chat/events?after=0 HTTP/1.1\r\n{visitor.headers}\r\n".encode())
    with contextlib.suppress(ConnectionError):
        assert b" 200 " in await reader.readline()
    writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is read")
def test_memory_files_and_threads_stay_what_they_were(tmp_path: Path) -> None:
    with real_service(tmp_path) as (port, process):
        samples = asyncio.run(visited(port, process))
    warm = samples[len(samples) // 3 :]
    per_thousand = 1000 * linear_regression([s.updates for s in warm], [s.kibibytes for s in warm]).slope
    print(f"{UPDATES} updates: {per_thousand:.1f} KiB for a thousand, {warm[0]} .. {warm[-1]}")
    assert per_thousand < MOST
    assert max(one.files for one in warm[-10:]) <= max(one.files for one in warm[:10]) + AT_ONCE
    assert max(one.threads for one in warm[-10:]) <= max(one.threads for one in warm[:10])
