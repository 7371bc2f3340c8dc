"""Upgrades of the schema: once each, whole or not at all, never backwards."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from bot.storage.audit import AuditTrail, Verdict
from bot.storage.database import ConstraintViolated, Database, DatabaseError, SchemaTooNew, Tx, open_database
from bot.storage.sendings import FIRST_LOOK, Sendings
from bot.storage.upgrade import Upgrade, schema_version, shipped_upgrades, statements, upgrade_schema
from tests.storage.plans import AT

ONE = Upgrade(
    1, "0001_one.sql", "CREATE TABLE one (id BIGINT PRIMARY KEY, words BLOB);\nINSERT INTO one VALUES (1, NULL);\n"
)
TWO = Upgrade(2, "0002_two.sql", "INSERT INTO one VALUES (2, NULL);\n")
BROKEN = Upgrade(2, "0002_broken.sql", "INSERT INTO one VALUES (2, NULL);\nCREATE TABLE two (id BIGINT);\nNONSENSE;\n")


def ids(tx: Tx) -> list[int]:
    return [row["id"] for row in tx.all("SELECT id FROM one ORDER BY id")]


async def opened(url: str) -> Database:
    return await open_database(url, upgrade=False)


async def test_each_is_applied_once_and_in_order(database_url: str) -> None:
    database = await opened(database_url)
    assert await upgrade_schema(database, [ONE]) == 1
    assert await upgrade_schema(database, [ONE, TWO]) == 2
    assert await upgrade_schema(database, [ONE, TWO]) == 2
    assert await database.read(ids) == [1, 2]
    assert await database.read(schema_version) == 2
    await database.close()


async def test_a_broken_one_leaves_nothing_behind(database_url: str) -> None:
    database = await opened(database_url)
    with pytest.raises(DatabaseError):
        await upgrade_schema(database, [ONE, BROKEN])
    assert await database.read(ids) == [1]
    assert await database.read(schema_version) == 1
    with pytest.raises(DatabaseError):
        await database.read(lambda tx: tx.all("SELECT * FROM two"))
    assert await upgrade_schema(database, [ONE, TWO]) == 2
    await database.close()


async def test_four_starters_at_once(database_url: str) -> None:
    starters = [await opened(database_url) for _ in range(4)]
    assert await asyncio.gather(*(upgrade_schema(starter, [ONE, TWO]) for starter in starters)) == [2] * 4
    assert await starters[0].read(ids) == [1, 2]
    for starter in starters:
        await starter.close()


async def test_a_newer_schema_is_refused_with_the_remedy(database_url: str) -> None:
    database = await opened(database_url)
    await upgrade_schema(database, [ONE, TWO])
    try:
        with pytest.raises(SchemaTooNew, match=r"has schema 2, this program knows 1: .*backup"):
            await upgrade_schema(database, [ONE])
        assert await database.read(ids) == [1, 2]
    finally:
        await database.close()


async def test_a_refused_database_is_closed_again(database_url: str) -> None:
    database = await open_database(database_url)
    await database.run(lambda tx: tx.execute("INSERT INTO schema_version VALUES (9999, 'later.sql')"))
    await database.close()
    with pytest.raises(SchemaTooNew):
        await open_database(database_url)


OPEN_AND_CLOSE = """
import asyncio, sys
from bot.storage.database import open_database

async def main():
    await (await open_database(sys.argv[1])).close()

asyncio.run(main())
"""


def test_four_processes_make_one_file(tmp_path: Path) -> None:
    """Also the turn to the write-ahead log is taken by all of them at once."""
    command = [sys.executable, "-c", OPEN_AND_CLOSE, str(tmp_path / "new.db")]
    starters = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    ends = [starter.communicate(timeout=30)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4, ends


def test_scripts_are_split_at_statements_only() -> None:
    script = "-- a; b\nINSERT INTO a VALUES ('x;\ny');\n\nCREATE TABLE b (\n  c TEXT -- ;\n);\n-- the end\n"
    assert list(statements(script)) == [
        "-- a; b\nINSERT INTO a VALUES ('x;\ny');",
        "CREATE TABLE b (\n  c TEXT -- ;\n);",
    ]
    with pytest.raises(ValueError, match="does not end"):
        list(statements("CREATE TABLE a (b TEXT)\n"))


def test_ours_are_numbered_and_whole() -> None:
    for upgrade in shipped_upgrades():
        assert list(statements(upgrade.script))


async def test_what_was_handed_over_moves_whole(database_url: str) -> None:
    """Upgrade 17 writes the table anew, for one more kind."""
    database = await opened(database_url)
    await upgrade_schema(database, shipped_upgrades()[:16])
    kept = Sendings(database)
    await kept.ask("k", "sms", AT)
    await kept.taken("k", "M1", AT)
    before = await database.read(lambda tx: tx.all("SELECT * FROM sendings"))
    await upgrade_schema(database)
    assert await database.read(lambda tx: tx.all("SELECT * FROM sendings")) == before
    assert [one.key for one in await kept.open(AT + FIRST_LOOK)] == ["k"]
    assert await kept.ask("m", "email", AT) is None
    await database.close()


async def test_the_audit_trail_moves_whole(database_url: str) -> None:
    """Upgrade 16 writes SQLite's table anew: the same rows, and the database still refuses to change one."""
    database, trail = await opened(database_url), AuditTrail(bytes(range(32)))
    await upgrade_schema(database, shipped_upgrades()[:15])
    for n in range(3):
        await database.run(trail.append, AT, "ca", "issued", f"serial {n}")
    written = [row async for row in trail.rows(database)]
    await upgrade_schema(database)
    assert [row async for row in trail.rows(database)] == written
    await database.run(trail.append, AT, "ca", "issued", "serial 3")
    assert await trail.verify(database) == Verdict(4)
    for sql in ("DELETE FROM audit WHERE seq = 2", "UPDATE audit SET detail = '{}' WHERE seq = 2"):
        with pytest.raises(ConstraintViolated, match="append-only"):
            await database.run(lambda tx, sql: tx.execute(sql), sql)
    await database.close()
