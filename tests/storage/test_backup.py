"""The backups that docs/operations.md names, taken while others write: each is whole, and holds what was answered."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.storage.audit import AuditTrail
from bot.storage.database import open_database

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
BACKUPS = 20


def by_the_api(live: Path, copy: Path) -> None:
    with sqlite3.connect(live) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()


def by_vacuum(live: Path, copy: Path) -> None:
    source = sqlite3.connect(live)
    source.execute("VACUUM INTO ?", (str(copy),))
    source.close()


@pytest.mark.parametrize("take", [by_the_api, by_vacuum])
async def test_every_backup_under_load_is_whole(tmp_path: Path, take: object) -> None:
    database, audit = await open_database(tmp_path / "live.sqlite3"), AuditTrail(bytes(range(32)))
    answered, taking = 0, True

    async def write(who: str) -> None:
        nonlocal answered
        while taking:
            await database.run(audit.append, NOW, who, "written", "x" * 500)
            answered += 1

    writers = [asyncio.create_task(write(f"writer {n}")) for n in range(4)]
    before: dict[Path, int] = {}
    for number in range(BACKUPS):
        copy = tmp_path / f"{number}.sqlite3"
        while answered <= max(before.values(), default=0):  # noqa: ASYNC110 - somebody writes before the next
            await asyncio.sleep(0)
        before[copy] = answered
        await asyncio.to_thread(take, tmp_path / "live.sqlite3", copy)  # type: ignore[arg-type]
    taking = False
    await asyncio.gather(*writers)
    await database.close()
    for copy, count in before.items():
        restored = await open_database(copy)  # which checks the file
        verdict = await audit.verify(restored)
        await restored.close()
        assert verdict.broken is None
        assert count <= verdict.rows <= answered
