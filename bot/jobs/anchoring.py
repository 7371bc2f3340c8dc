"""Where the audit chain ended, noted once a day in a file beside the database; what was kept long enough is forgotten.

A database that is set back as a whole proves itself perfectly; it does not lead through the anchors noted since. Have
the file copied to where whoever runs the database cannot write. Each anchor is sealed for us, and signed for everybody
else; while no signer is there it is sealed only, and the next signed one speaks of these rows as well.
"""

import asyncio
import base64
import binascii
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from bot.storage.audit import Anchor, AuditTrail, Head
from bot.storage.database import Database
from bot.storage.instants import instant
from bot.storage.stretches import Statement, stated
from ca.errors import BadRequest, CaError
from ca.records import RecordSigner, opened
from handlers.texts import KOREA

log = logging.getLogger(__name__)

ANCHORS: Final = "audit-anchors.jsonl"


class Anchoring:
    """`signer` opens the record signer, `root` is what leads to it."""

    def __init__(
        self, database: Database, audit: AuditTrail, file: Path, years_kept: int, clock: Callable[[], datetime],
        root: x509.Certificate, signer: Callable[[datetime], RecordSigner],
    ) -> None:  # fmt: skip
        self.database, self.audit, self.file, self.years_kept, self.clock = database, audit, file, years_kept, clock
        self.root, self.signer = root, signer

    async def work(self) -> None:
        now = self.clock()
        with alone(self.file) as ours:
            if ours:
                await self._note(now)
        if self.years_kept:
            await self.database.run(self.audit.prune, now, now - timedelta(days=365.25 * self.years_kept))

    async def _note(self, now: datetime) -> None:
        known = read_anchors(self.file)
        today = [one for one in known if _day(instant(one.at)) == _day(now)]
        if any(one.cms for one in today):
            return
        try:
            add_anchor(self.file, await self._signed(known, now))
        except CaError as error:
            log.warning("the audit trail's anchor is not signed", extra={"reason": str(error)})
            if not today:
                add_anchor(self.file, await self.database.read(self.audit.anchor, now))

    async def _signed(self, known: list[Anchor], now: datetime) -> Anchor:
        signer = await asyncio.to_thread(self.signer, now)
        said = await self.audit.stretch(self.database, now, _newest(known, self.root))
        signed = await asyncio.to_thread(signer.sign, said.content(), now)
        return self.audit.sealed(said.at, Head(said.seq, said.hash), base64.b64encode(signed).decode())


def _day(at: datetime) -> str:
    return at.astimezone(KOREA).date().isoformat()


def _newest(anchors: list[Anchor], root: x509.Certificate) -> Statement | None:
    """What the last signed one says. One that is not ours is none of ours to go on from."""
    for anchor in reversed(anchors):
        with contextlib.suppress(BadRequest):
            if anchor.cms:
                return statement_of(anchor, root)
    return None


def statement_of(anchor: Anchor, root: x509.Certificate) -> Statement:
    """What a record signer below `root` has signed about the head that the anchor names. Raises `BadRequest`."""
    try:
        signed = opened(base64.b64decode(anchor.cms, validate=True), root)
    except binascii.Error as error:
        raise BadRequest("no base64") from error
    said = stated(signed.content)
    if (said.at, said.seq, said.hash) != (anchor.at, anchor.seq, anchor.hash):
        raise BadRequest("signed about another head")
    if instant(said.at).replace(microsecond=0) != signed.at:
        raise BadRequest("signed at another time")
    return said


@contextlib.contextmanager
def alone(file: Path) -> Iterator[bool]:
    """Whether no other process is noting an anchor at this moment: of two, the second would go on from the same one."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        ours = False
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = True
        yield ours
    finally:
        os.close(descriptor)


def add_anchor(file: Path, anchor: Anchor) -> None:
    """One more line, on the disk when this returns."""
    line = json.dumps(asdict(anchor)) + "\n"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        # Behind a line that a power cut has torn, a line of its own.
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (torn * "\n" + line).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(file: Path) -> list[Anchor]:
    """The oldest first; a line torn by a power cut is passed over."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            one = Anchor(**json.loads(line))
            if [type(value) for value in asdict(one).values()] == [str, int, str, str, str]:
                found.append(one)
    return found
