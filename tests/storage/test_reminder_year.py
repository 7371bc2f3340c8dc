"""A whole year of reminders in which the job is killed every month (SIGKILL): each stage of each certificate once.

2,000 certificates; `CERTTALK_TEST_CERTIFICATES=1000000` for the real thing. The year itself is the benchmark's.
"""

import os
import random
from pathlib import Path

from benchmarks.reminders import Phones, drain, fill, once_each, through
from bot.storage.database import open_database

CERTIFICATES = int(os.environ.get("CERTTALK_TEST_CERTIFICATES") or 2_000)


async def test_a_year_killed_every_month(tmp_path: Path) -> None:
    rng = random.Random(1)
    path = tmp_path / "year.sqlite3"
    database = await open_database(path)
    for first in range(0, CERTIFICATES, 5000):
        await database.run(fill, first, min(5000, CERTIFICATES - first), rng, deadline=60)
    await database.close()
    year = await through(path, rng)
    database = await open_database(path)
    queued, wanted = await once_each(database, CERTIFICATES)
    await database.close()
    assert queued == wanted
    assert year.kills >= 12
    assert max(year.memory) - min(year.memory) < 60  # MiB, however many certificates there are


async def test_a_backlog_goes_out_each_once(tmp_path: Path) -> None:
    phones = Phones(0.02)
    await drain(tmp_path, 300, 150, phones)
    assert (len(phones.keys), phones.twice) == (300, 0)
