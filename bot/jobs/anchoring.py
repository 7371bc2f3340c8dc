"""Where the audit chain ended, noted once a day in a file beside the database; what was kept long enough is forgotten.

A database that is set back as a whole proves itself perfectly; it does not lead through the anchors noted since. Have
the file copied to where whoever runs the database cannot write.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bot.storage.audit import Anchor, AuditTrail
from bot.storage.database import Database
from bot.storage.instants import instant
from handlers.texts import KOREA

ANCHORS: Final = "audit-anchors.jsonl"


class Anchoring:
    def __init__(
        self, database: Database, audit: AuditTrail, file: Path, years_kept: int, clock: Callable[[], datetime]
    ) -> None:
        self.database, self.audit, self.file, self.years_kept, self.clock = database, audit, file, years_kept, clock

    async def work(self) -> None:
        now = self.clock()
        known = read_anchors(self.file)
        if not known or _day(instant(known[-1].at)) != _day(now):
            add_anchor(self.file, await self.database.read(self.audit.anchor, now))
        if self.years_kept:
            await self.database.run(self.audit.prune, now, now - timedelta(days=365.25 * self.years_kept))


def _day(at: datetime) -> str:
    return at.astimezone(KOREA).date().isoformat()


def add_anchor(file: Path, anchor: Anchor) -> None:
    """One more line, on the disk when this returns."""
    line = json.dumps(asdict(anchor)) + "\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(file: Path) -> list[Anchor]:
    """The oldest first; a line torn by a power cut is passed over."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text("utf-8").splitlines():
        try:
            found.append(Anchor(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found
