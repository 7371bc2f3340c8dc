"""Numbered upgrades of the schema: `upgrades/0001_ca.sql` and on, each in one transaction, under a lock.

Many may start at once: each file is applied once. A process killed half-way leaves nothing of a file behind. Files
are never changed after a release; a schema that a newer program has upgraded is refused.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from bot.storage.database import Database, SchemaTooNew, Tx

_ONLY: Final = re.compile(r"-- only: (\w+)\n")
"""The first line of a statement that the other engine says differently, such as a trigger. (PostgreSQL's is written
CREATE OR REPLACE TRIGGER: what begins with CREATE TRIGGER ends, for SQLite's scanner, with END.)"""


@dataclass(frozen=True, slots=True)
class Upgrade:
    version: int
    name: str
    script: str


def shipped_upgrades() -> list[Upgrade]:
    """The package's own, in order. Raises ValueError when the numbers have a gap or a double."""
    scripts = [file for file in (files("bot.storage") / "upgrades").iterdir() if file.name.endswith(".sql")]
    scripts.sort(key=lambda file: file.name)
    found = [Upgrade(int(file.name[:4]), file.name, file.read_text("utf-8")) for file in scripts]
    if [upgrade.version for upgrade in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"upgrades are not numbered 1, 2, 3 …: {[upgrade.name for upgrade in found]}")
    return found


async def upgrade_schema(database: Database, upgrades: Sequence[Upgrade] | None = None) -> int:
    """Bring the schema up to the last of `upgrades`; its version is returned. Raises `SchemaTooNew`."""
    steps = shipped_upgrades() if upgrades is None else upgrades
    await database.alone(_prepare)
    while (reached := await database.alone(_next, steps)) < len(steps):
        pass
    return reached


def schema_version(tx: Tx) -> int:
    """The last upgrade applied. Only on a database that was opened with `upgrade=True` once."""
    row = tx.one("SELECT max(version) AS version FROM schema_version")
    return (row and row["version"]) or 0


def _prepare(tx: Tx) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, name TEXT NOT NULL)")
    if tx.engine == "postgres" and not tx.all("SELECT 1 AS known FROM pg_type WHERE typname = 'blob'"):
        tx.execute("CREATE DOMAIN blob AS bytea")  # so that one text of DDL serves both engines


def _next(tx: Tx, steps: Sequence[Upgrade]) -> int:
    reached = schema_version(tx)
    if reached > len(steps):
        raise SchemaTooNew(
            f"the database has schema {reached}, this program knows {len(steps)}: "
            "start the newer program, or restore the backup made before the upgrade"
        )
    if reached == len(steps):
        return reached
    step = steps[reached]
    for statement in statements(step.script):
        if (only := _ONLY.match(statement)) is None or only[1] == tx.engine:
            tx.execute(statement)
    tx.execute("INSERT INTO schema_version VALUES (:version, :name)", version=step.version, name=step.name)
    return step.version


def statements(script: str) -> Iterator[str]:
    """The single statements of a script, each ending with a semicolon at the end of a line."""
    collected = ""
    for line in script.splitlines(keepends=True):
        collected += line
        if sqlite3.complete_statement(collected):
            yield collected.strip()
            collected = ""
    if any(line.strip() and not line.strip().startswith("--") for line in collected.splitlines()):
        raise ValueError(f"a statement does not end: {collected.strip()[:60]}")
