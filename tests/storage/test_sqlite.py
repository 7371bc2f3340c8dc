"""What only SQLite can get wrong: groups, files, other processes, death."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.storage import sqlite
from bot.storage.database import (
    Database,
    DatabaseCorrupt,
    DatabaseSlow,
    DatabaseUnavailable,
    OutcomeUnknown,
    Tx,
    open_database,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "certtalk.db"


@pytest.fixture
async def notes(path: Path) -> AsyncIterator[Database]:
    database = await open_database(path)
    await database.run(lambda tx: tx.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, words TEXT)"))
    yield database
    await database.close()


def put(tx: Tx, number: int) -> None:
    tx.execute("INSERT INTO notes (id) VALUES (:id)", id=number)


def ids(tx: Tx) -> list[int]:
    return [row["id"] for row in tx.all("SELECT id FROM notes ORDER BY id")]


async def test_the_settings_durability_rests_on(notes: Database) -> None:
    def settings(tx: Tx) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [value for name in names for value in (tx.one(f"PRAGMA {name}") or {}).values()]

    assert await notes.run(settings) == ["wal", 2, 1, 5000]


async def test_what_waits_together_is_committed_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = []
    together = sqlite.commit_together

    def counted(tx: sqlite.SqliteTx, group: Sequence[sqlite.Request]) -> list[sqlite.Outcome]:
        groups.append(len(group))
        return together(tx, group)

    monkeypatch.setattr(sqlite, "commit_together", counted)
    database = await open_database(path)
    groups.clear()
    await asyncio.gather(*(database.run(lambda tx: None) for _ in range(200)))
    assert groups == [64, 64, 64, 8]
    await database.close()


async def test_when_the_commit_fails_nobody_is_told_it_was_stored(notes: Database) -> None:
    """A deferred foreign key lets one request break the COMMIT of its whole group."""
    await notes.run(
        lambda tx: tx.execute("CREATE TABLE child (id BIGINT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)")
    )
    answers = await asyncio.gather(
        notes.run(put, 1),
        notes.run(lambda tx: tx.execute("INSERT INTO child VALUES (77)")),
        notes.run(put, 2),
        return_exceptions=True,
    )
    assert [type(a) for a in answers] == [OutcomeUnknown] * 3
    assert await notes.read(ids) == []
    await notes.run(put, 3)
    assert await notes.read(ids) == [3]


async def test_a_full_disk_stores_nothing_and_is_got_over(notes: Database) -> None:
    pages = await notes.run(lambda tx: (tx.one("PRAGMA page_count") or {})["page_count"])
    await notes.run(lambda tx: tx.all(f"PRAGMA max_page_count = {pages + 2}"))
    big = "x" * 100_000
    answers = await asyncio.gather(
        notes.run(put, 1),
        notes.run(lambda tx: tx.execute("INSERT INTO notes VALUES (2, :big)", big=big)),
        notes.run(put, 3),
        return_exceptions=True,
    )
    # Either SQLite undoes the big one alone, or all of them: nobody is told what is not so.
    assert type(answers[1]) is DatabaseUnavailable
    assert all(type(a) in {type(None), DatabaseUnavailable} for a in answers)
    stored = [n for n, a in zip((1, 2, 3), answers, strict=True) if a is None]
    assert await notes.read(ids) == stored
    await notes.run(lambda tx: tx.all(f"PRAGMA max_page_count = {pages + 1000}"))
    await notes.run(lambda tx: tx.execute("INSERT INTO notes VALUES (2, :big)", big=big))
    assert await notes.read(ids) == sorted({*stored, 2})


async def test_somebody_else_holds_the_file(notes: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseSlow):
        await notes.run(put, 1, deadline=0.1)
    waiting = asyncio.create_task(notes.run(put, 2))
    assert await notes.read(ids) == []  # reading goes on meanwhile
    other.execute("ROLLBACK")
    other.close()
    await waiting
    assert await notes.read(ids) == [2]


async def test_a_write_keeps_others_out_from_its_first_read_on(notes: Database, path: Path) -> None:
    """Else what it decided on could change before it writes, and SQLite would refuse the write without waiting."""

    def reads_then_writes(tx: Tx) -> None:
        assert ids(tx) == []
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO notes (id) VALUES (1)")
        other.close()
        put(tx, 2)

    await notes.run(reads_then_writes)
    assert await notes.read(ids) == [2]


async def test_slow_to_commit_is_not_said_to_be_withdrawn(notes: Database) -> None:
    """A request that was kept waits for the others of its group: from there on it may be stored."""
    go_on = threading.Event()
    kept = asyncio.create_task(notes.run(put, 1, deadline=0.1))
    slow = asyncio.create_task(notes.run(lambda tx: go_on.wait(5)))
    with pytest.raises(OutcomeUnknown):
        await kept
    go_on.set()
    await slow
    assert await notes.read(ids) == [1]


async def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "no such folder" / "certtalk.db"):
        with pytest.raises(DatabaseUnavailable, match="cannot be opened"):
            await open_database(place)


@pytest.mark.parametrize("where", ["no database", "first page", "inside"])
async def test_a_damaged_file_is_refused(path: Path, where: str) -> None:
    database = await open_database(path)
    await database.run(
        lambda tx: [
            tx.execute("INSERT INTO crl_numbers VALUES (:i, 1)", i=f"issuer {n}" + "x" * 300) for n in range(400)
        ]
    )
    await database.close()
    damage(path, where)
    with pytest.raises(DatabaseCorrupt, match="restore the last backup"):
        await (await open_database(path)).close()


def damage(path: Path, where: str) -> None:
    octets = bytearray(path.read_bytes())
    if where == "no database":
        octets[:100] = b"not a database at all".ljust(100)
    elif where == "first page":
        octets[100:300] = bytes(200)
    else:
        octets[-60_000:-40_000] = bytes(20_000)
    path.write_bytes(octets)


def started(program: str, path: Path, **more: Any) -> "subprocess.Popen[Any]":
    return subprocess.Popen([sys.executable, "-c", program, str(path)], **more)


WRITER = """
import asyncio, sys
from bot.storage.database import open_database

async def main():
    database = await open_database(sys.argv[1])

    async def write(n):
        await database.run(lambda tx: tx.execute("INSERT INTO crl_numbers VALUES (:i, :n)", i=str(n), n=n))
        print(n, flush=True)

    n = 0
    while True:
        await asyncio.gather(*(write(n + i) for i in range(8)))
        n += 8

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [40, 111, 222])
async def test_what_was_acknowledged_survives_kill_9(path: Path, after: int) -> None:
    writer = started(WRITER, path, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(after)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines() if line]
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    database = await open_database(path)
    stored = {row["number"] for row in await database.read(lambda tx: tx.all("SELECT number FROM crl_numbers"))}
    await database.close()
    assert len(told) >= after
    assert set(told) <= stored


ADDER = """
import asyncio, sys
from datetime import UTC, datetime
from bot.storage.audit import AuditTrail
from bot.storage.database import open_database

async def main():
    trail = AuditTrail(bytes(32))
    database = await open_database(sys.argv[1])

    def add(tx):
        row = tx.one("SELECT number FROM crl_numbers")
        tx.execute("UPDATE crl_numbers SET number = :n", n=row["number"] + 1)
        trail.append(tx, datetime.now(UTC), "test", "added", "counter")

    for _ in range(10):
        await asyncio.gather(*(database.run(add, deadline=30) for _ in range(10)))
    await database.close()

asyncio.run(main())
"""


async def test_two_processes_write_one_file(path: Path) -> None:
    from bot.storage.audit import AuditTrail, Verdict

    database = await open_database(path)
    await database.run(lambda tx: tx.execute("INSERT INTO crl_numbers VALUES ('counter', 0)"))
    adders = [started(ADDER, path) for _ in range(2)]
    assert [await asyncio.to_thread(adder.wait, 60) for adder in adders] == [0, 0]
    assert await database.read(lambda tx: tx.one("SELECT number FROM crl_numbers")) == {"number": 200}
    assert await AuditTrail(bytes(32)).verify(database) == Verdict(200)
    await database.close()


KILLED_UPGRADE = """
import asyncio, os, signal, sys
from bot.storage import upgrade
from bot.storage.database import open_database

def dies(script, statements=upgrade.statements):
    for n, statement in enumerate(statements(script)):
        if n == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield statement

upgrade.statements = dies
asyncio.run(open_database(sys.argv[1]))
"""


async def test_an_upgrade_killed_half_way_leaves_nothing(path: Path) -> None:
    killed = started(KILLED_UPGRADE, path)
    assert await asyncio.to_thread(killed.wait, 30) == -signal.SIGKILL
    database = await open_database(path, upgrade=False)
    tables = await database.read(lambda tx: tx.all("SELECT name FROM sqlite_master WHERE type = 'table'"))
    assert tables == [{"name": "schema_version"}]
    await database.close()
    await (await open_database(path)).close()
