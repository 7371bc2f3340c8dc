"""Durable transactions a second: `python -m benchmarks.storage [seconds per cell]`.

Each engine with 1, 8 and 64 callers at once, against plain sqlite3 with the same pragmas in the same run. One
transaction: look a conversation up, change it, add a row of 300 octets. Reads: one row by key.
"""

import asyncio
import itertools
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database, Tx, open_database
from tests.engines import fresh_database, postgres_server
from tests.storage.plans import AT, der, plan

CALLERS = (1, 8, 64)
PEOPLE = 1000
BODY = "x" * 300
TABLES = (
    "CREATE TABLE people (id BIGINT PRIMARY KEY, revision BIGINT NOT NULL)",
    "CREATE TABLE said (id BIGINT PRIMARY KEY, body TEXT NOT NULL)",
)
LOOK = "SELECT revision FROM people WHERE id = :id"
CHANGE = "UPDATE people SET revision = revision + 1 WHERE id = :id"
SAY = "INSERT INTO said (id, body) VALUES (:id, :body)"


def write(tx: Tx, n: int) -> None:
    tx.one(LOOK, id=n % PEOPLE)
    tx.execute(CHANGE, id=n % PEOPLE)
    tx.execute(SAY, id=n, body=BODY)


def read(tx: Tx, n: int) -> None:
    tx.one(LOOK, id=n % PEOPLE)


def prepare(tx: Tx) -> None:
    for table in TABLES:
        tx.execute(table)
    for n in range(PEOPLE):
        tx.execute("INSERT INTO people (id, revision) VALUES (:id, 0)", id=n)


async def rate(callers: int, seconds: float, once: Callable[[], Awaitable[object]]) -> float:
    """How often a second `once` comes to its end with `callers` at it."""
    until = time.perf_counter() + seconds
    count = 0

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < until:
            await once()
            count += 1

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return count / (time.perf_counter() - started)


async def engine(name: str, database: Database, seconds: float) -> None:
    await database.run(prepare)
    numbers = itertools.count()
    store = Certificates(database, AuditTrail(bytes(32)), export_key=b"")

    async def issue() -> None:
        wanted = plan(subscriber=str(next(numbers)))
        await store.plan(wanted)
        await store.complete(wanted.serial, der(wanted), AT)

    row("writes", name, [await rate(c, seconds, lambda: database.run(write, next(numbers))) for c in CALLERS])
    row("reads", name, [await rate(c, seconds, lambda: database.read(read, next(numbers))) for c in CALLERS])
    row("plan + complete", name, [await rate(c, seconds, issue) for c in CALLERS])


def plain(path: Path, seconds: float) -> None:
    """One thread, no asyncio: what the file itself gives, one transaction a commit and 64 a commit."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    for table in TABLES:
        connection.execute(table)
    connection.executemany("INSERT INTO people VALUES (?, 0)", [(n,) for n in range(PEOPLE)])
    numbers = itertools.count()
    rates = []
    for group in CALLERS:
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            connection.execute("BEGIN IMMEDIATE")
            for n in itertools.islice(numbers, group):
                connection.execute(LOOK, {"id": n % PEOPLE}).fetchone()
                connection.execute(CHANGE, {"id": n % PEOPLE})
                connection.execute(SAY, {"id": n, "body": BODY})
            connection.execute("COMMIT")
            count += group
        rates.append(count / (time.perf_counter() - started))
    row("writes", "plain sqlite3", rates)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        connection.execute(LOOK, {"id": count % PEOPLE}).fetchone()
        count += 1
    row("reads", "plain sqlite3", [count / (time.perf_counter() - started)])
    connection.close()


def row(what: str, name: str, rates: list[float]) -> None:
    print(f"{what:16} {name:14}" + "".join(f"{rate:10,.0f}" for rate in rates), flush=True)


async def main(seconds: float) -> None:
    print(f"{'per second':31}" + "".join(f"{f'c{callers}':>10}" for callers in CALLERS))
    with tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread(plain, Path(folder, "plain.db"), seconds)
        database = await open_database(Path(folder, "ours.db"))
        await engine("SQLite", database, seconds)
        await database.close()
    with postgres_server(fsync=True) as server:
        database = await open_database(fresh_database(server))
        await engine("PostgreSQL", database, seconds)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0))
