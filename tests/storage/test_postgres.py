"""What only PostgreSQL can get wrong: answers lost on the way, dead and silent connections."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from bot.storage.database import Database, DatabaseError, DatabaseSlow, DatabaseUnavailable, OutcomeUnknown, Tx
from bot.storage.postgres import PostgresDatabase, translated_sql
from bot.storage.upgrade import upgrade_schema
from tests.engines import Wire


@pytest.fixture
async def numbers(lossy: Wire) -> AsyncIterator[Database]:
    database = await PostgresDatabase.open(lossy.url, connections=4)
    await upgrade_schema(database)
    yield database
    await database.close()


def put(tx: Tx, issuer: str) -> int:
    return tx.execute("INSERT INTO crl_numbers VALUES (:i, 1) ON CONFLICT DO NOTHING", i=issuer)


def issuers(tx: Tx) -> list[str]:
    return [row["issuer"] for row in tx.all("SELECT issuer FROM crl_numbers ORDER BY issuer")]


async def until_it_answers(database: Database, issuer: str) -> None:
    """A connection that was being made in bad times may keep one caller waiting for a connect timeout."""
    until = time.monotonic() + 10
    while True:
        try:
            await database.run(put, issuer, deadline=1)
        except DatabaseUnavailable:
            assert time.monotonic() < until
        else:
            return


async def test_a_lost_answer_to_commit_is_said_to_be_unknown(numbers: Database, lossy: Wire) -> None:
    for n in range(20):
        lossy.lose_commits = 1
        with pytest.raises(OutcomeUnknown):
            await numbers.run(put, f"{n:02}")
        await numbers.run(put, f"{n:02}")  # again with the same key
    assert await numbers.read(issuers) == [f"{n:02}" for n in range(20)]


async def test_dead_connections_are_replaced_unnoticed(numbers: Database, lossy: Wire) -> None:
    await asyncio.gather(*(numbers.run(put, str(n)) for n in range(8)))
    await numbers.run(
        lambda tx: tx.all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
    await asyncio.gather(*(numbers.run(put, str(n)) for n in range(8, 16)))
    assert len(await numbers.read(issuers)) == 16


async def test_silence_ends_at_the_deadline_and_frees_the_thread(numbers: Database, lossy: Wire) -> None:
    lossy.silent = True
    started = time.monotonic()
    answers = await asyncio.gather(
        *(numbers.run(put, f"silent {n}", deadline=0.3) for n in range(6)), return_exceptions=True
    )
    assert time.monotonic() - started < 2
    assert all(isinstance(a, DatabaseSlow | OutcomeUnknown) for a in answers)
    lossy.silent = False  # for new connections; the old ones wait for answers that were swallowed
    await until_it_answers(numbers, "after")
    await asyncio.gather(*(numbers.run(put, f"after {n}") for n in range(6)))
    assert len([issuer for issuer in await numbers.read(issuers) if issuer.startswith("after ")]) == 6


async def test_away_and_back(numbers: Database, lossy: Wire) -> None:
    lossy.refuse = True
    lossy.cut()
    with pytest.raises(DatabaseUnavailable):
        await numbers.run(put, "away", deadline=0.5)
    lossy.refuse = False
    await until_it_answers(numbers, "back")
    assert await numbers.read(issuers) == ["back"]


async def test_nothing_there_is_said_at_once(lossy: Wire) -> None:
    lossy.refuse = True
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await PostgresDatabase.open(lossy.url)


async def test_the_server_ends_a_long_statement_too(numbers: Database) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseSlow):
        await numbers.read(lambda tx: tx.one("SELECT pg_sleep(30)"), deadline=0.2)
    assert time.monotonic() - started < 2


async def test_going_on_after_a_failed_statement_is_found_out(numbers: Database) -> None:
    def swallows(tx: Tx) -> None:
        put(tx, "lost")
        with contextlib.suppress(psycopg.Error):
            tx.execute("SELECT nonsense")

    with pytest.raises(RuntimeError, match="after a failed statement"):
        await numbers.run(swallows)
    assert await numbers.read(issuers) == []


async def test_errors_of_the_caller_pass_as_they_are(numbers: Database) -> None:
    with pytest.raises(DatabaseError, match="nonsense"):
        await numbers.run(lambda tx: tx.execute("SELECT nonsense"))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT :a", b"SELECT %(a)s"),
        ("SELECT :a_1, :a", b"SELECT %(a_1)s, %(a)s"),
        ("SELECT ':a', 5 % 2", b"SELECT ':a', 5 %% 2"),
        ("SELECT 'it''s :a'", b"SELECT 'it''s :a'"),
        ('SELECT ":a"', b'SELECT ":a"'),
        ("SELECT x::text", b"SELECT x::text"),
        ("SELECT 1 -- :a\n, :b", b"SELECT 1 -- :a\n, %(b)s"),
        ("SELECT 1 /* :a\n ' */, :b", b"SELECT 1 /* :a\n ' */, %(b)s"),
        ("SELECT '10:30', '%'", b"SELECT '10:30', '%%'"),
    ],
)
def test_translation(ours: str, theirs: bytes) -> None:
    assert translated_sql(ours) == theirs
