"""The contract of `Database`, on both engines."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from bot.storage.database import (
    BadDatabaseUrl,
    ConstraintViolated,
    Database,
    DatabaseError,
    DatabaseSlow,
    DatabaseUnavailable,
    Tx,
    open_database,
)


@pytest.fixture
async def notes(database: Database) -> Database:
    def make(tx: Tx) -> None:
        tx.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, words TEXT, bytes BLOB, share DOUBLE PRECISION)")

    await database.run(make)
    return database


def put(tx: Tx, number: int, words: str | None = None) -> int:
    return tx.execute("INSERT INTO notes (id, words) VALUES (:id, :words)", id=number, words=words)


def ids(tx: Tx) -> list[int]:
    return [row["id"] for row in tx.all("SELECT id FROM notes ORDER BY id")]


async def test_what_was_run_can_be_read(notes: Database) -> None:
    assert await notes.run(put, 1, "하나") == 1
    assert await notes.read(ids) == [1]
    assert await notes.read(lambda tx: tx.one("SELECT words FROM notes WHERE id = :id", id=1)) == {"words": "하나"}
    assert await notes.read(lambda tx: tx.one("SELECT words FROM notes WHERE id = :id", id=2)) is None


async def test_values_come_back_as_they_went_in(notes: Database) -> None:
    texts = ["", "가나다 ' \" % :name :: \\ -- /* */", "a\nb", "🙂", "x" * 100_000, None]
    octets = [b"", bytes(range(256)), None, b"1", b"2", b"3"]
    numbers = [0, -1, 2**31, 2**63 - 1, -(2**63), 5]

    def write(tx: Tx) -> None:
        for number, words, some in zip(numbers, texts, octets, strict=True):
            tx.execute(
                "INSERT INTO notes (id, words, bytes, share) VALUES (:n, :w, :b, :s)", n=number, w=words, b=some, s=0.5
            )

    await notes.run(write)
    rows = {row["id"]: row for row in await notes.read(lambda tx: tx.all("SELECT * FROM notes"))}
    for number, words, some in zip(numbers, texts, octets, strict=True):
        assert rows[number] == {"id": number, "words": words, "bytes": some, "share": 0.5}
        assert some is None or type(rows[number]["bytes"]) is bytes


async def test_only_names_are_parameters(notes: Database) -> None:
    """Colons and per cents in strings, quoted names, comments and casts stay what they are."""
    sql = """
        SELECT ':no' AS a, '10%' AS b, '''it'':s' AS "c:d", CAST(:yes AS TEXT) AS e -- :not this
        /* nor :this, 5% */ WHERE 7 % 4 = :three
    """
    row = await notes.read(lambda tx: tx.one(sql, yes="yes", three=3))
    assert row == {"a": ":no", "b": "10%", "c:d": "'it':s", "e": "yes"}


async def test_row_counts_and_returning(notes: Database) -> None:
    def several(tx: Tx) -> list[int]:
        counts = [put(tx, n) for n in range(3)]
        counts.append(tx.execute("UPDATE notes SET words = 'x' WHERE id > 0"))
        counts.append(tx.execute("INSERT INTO notes (id) VALUES (0) ON CONFLICT (id) DO NOTHING"))
        counts.append(len(tx.all("DELETE FROM notes RETURNING id")))
        return counts

    assert await notes.run(several) == [1, 1, 1, 2, 0, 3]


async def test_what_raises_is_undone_and_reaches_only_its_caller(notes: Database) -> None:
    def fails(tx: Tx, number: int) -> None:
        put(tx, number)
        raise KeyError(number)

    answers = await asyncio.gather(
        *(notes.run(fails if n % 3 == 0 else put, n) for n in range(40)), return_exceptions=True
    )
    assert [type(a) for a in answers] == [KeyError if n % 3 == 0 else int for n in range(40)]
    assert await notes.read(ids) == [n for n in range(40) if n % 3]


async def test_a_violated_rule_undoes_one_transaction(notes: Database) -> None:
    def twice(tx: Tx, number: int) -> None:
        put(tx, number)
        put(tx, number)

    answers = await asyncio.gather(notes.run(put, 1), notes.run(twice, 2), notes.run(put, 3), return_exceptions=True)
    assert [type(a) for a in answers] == [int, ConstraintViolated, int]
    assert await notes.read(ids) == [1, 3]


async def test_wrong_sql_is_an_error_of_ours(notes: Database) -> None:
    for call in (notes.run, notes.read):
        with pytest.raises(DatabaseError):
            await call(lambda tx: tx.all("SELECT nothing FROM nowhere"))
    assert await notes.run(put, 1) == 1


async def test_nobody_writes_in_a_read(notes: Database) -> None:
    with pytest.raises(DatabaseError):
        await notes.read(put, 1)
    assert await notes.read(ids) == []


async def test_400_read_modify_writes_make_400(notes: Database) -> None:
    await notes.run(put, 0, "0")

    def add(tx: Tx) -> None:
        row = tx.one("SELECT words FROM notes WHERE id = 0")
        assert row is not None
        tx.execute("UPDATE notes SET words = :words WHERE id = 0", words=str(int(row["words"]) + 1))

    await asyncio.gather(*(notes.run(add) for _ in range(400)))
    assert await notes.read(lambda tx: tx.one("SELECT words FROM notes")) == {"words": "400"}


async def test_two_that_decide_on_what_the_other_writes(notes: Database) -> None:
    """Write skew: each adds its row only where the other's is absent. One of them must win."""

    def unless(tx: Tx, mine: int, other: int) -> bool:
        if other in ids(tx):
            return False
        put(tx, mine)
        return True

    for n in range(0, 40, 2):
        await asyncio.gather(notes.run(unless, n, n + 1), notes.run(unless, n + 1, n))
    assert len(await notes.read(ids)) == 20


async def test_a_read_sees_one_moment(notes: Database) -> None:
    """Two statements of a read see the same, whatever is committed between them."""
    between, go_on = threading.Event(), threading.Event()

    def counts_twice(tx: Tx) -> tuple[int, int]:
        first = len(ids(tx))
        between.set()
        assert go_on.wait(5)
        return first, len(ids(tx))

    reading = asyncio.create_task(notes.read(counts_twice))
    assert await asyncio.to_thread(between.wait, 5)
    await notes.run(put, 1)
    go_on.set()
    assert await reading == (0, 0)


async def test_slow_is_said_at_the_deadline_and_nothing_is_stored(notes: Database) -> None:
    released = threading.Event()

    def dawdles(tx: Tx) -> None:
        put(tx, 1)
        released.wait(5)

    started = time.monotonic()
    with pytest.raises(DatabaseSlow):
        await notes.run(dawdles, deadline=0.1)
    assert time.monotonic() - started < 1
    released.set()
    await notes.run(put, 2)
    assert await notes.read(ids) == [2]


async def test_whoever_stops_waiting_wants_nothing_stored(notes: Database) -> None:
    begun, released = threading.Event(), threading.Event()

    def dawdles(tx: Tx) -> None:
        put(tx, 1)
        begun.set()
        released.wait(5)

    task = asyncio.create_task(notes.run(dawdles))
    assert await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    released.set()
    await notes.run(put, 2)
    assert await notes.read(ids) == [2]


async def test_the_rest_of_a_group_is_stored_when_one_is_slow_and_gives_up(notes: Database) -> None:
    def dawdles(tx: Tx) -> None:
        put(tx, 99)
        time.sleep(0.2)

    answers = await asyncio.gather(
        *(notes.run(put, n) for n in range(5)),
        notes.run(dawdles, deadline=0.05),
        *(notes.run(put, n) for n in range(5, 10)),
        return_exceptions=True,
    )
    assert [type(a) for a in answers] == [*[int] * 5, DatabaseSlow, *[int] * 5]
    assert await notes.read(ids) == list(range(10))


async def test_after_close_it_says_so(database_url: str) -> None:
    database = await open_database(database_url)
    last = asyncio.create_task(database.run(lambda tx: 7))
    await asyncio.sleep(0)
    await database.close()
    assert await last == 7
    with pytest.raises(DatabaseUnavailable):
        await database.run(ids)
    with pytest.raises(DatabaseUnavailable):
        await database.read(ids)


async def test_it_is_there_when_opened_again(database_url: str) -> None:
    database = await open_database(database_url)
    await database.run(lambda tx: tx.execute("INSERT INTO crl_numbers (issuer, number) VALUES ('a', 41)"))
    await database.close()
    database = await open_database(database_url)
    assert await database.read(lambda tx: tx.one("SELECT number FROM crl_numbers")) == {"number": 41}
    await database.close()


async def test_an_unknown_url_is_refused_without_repeating_a_password() -> None:
    for url in ("mysql://root:secret@db/x", "sqlite://x", "http://example.com"):
        with pytest.raises(BadDatabaseUrl) as refused:
            await open_database(url)
        assert "secret" not in str(refused.value)


async def test_a_path_may_have_any_signs(tmp_path: Path) -> None:
    path = tmp_path / "은행 #1?mode=rw%20.db"
    database = await open_database(path)
    await database.close()
    assert path.exists()
    assert path.stat().st_mode & 0o077 == 0
