"""SQLite: one writer thread with group commit, one reader thread.

What waits together is committed together: up to 64 requests, each under its own savepoint, share one immediate
transaction and one fsync. `synchronous=FULL`, because in WAL mode NORMAL loses acknowledged commits in a power cut.
Other processes may use the same file: BEGIN IMMEDIATE and the busy timeout make them take turns.
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import aiosqlite

from bot.storage.database import (
    DEADLINE,
    Args,
    ConstraintViolated,
    DatabaseCorrupt,
    DatabaseError,
    DatabaseSlow,
    DatabaseUnavailable,
    OutcomeUnknown,
    Row,
    T,
    Tx,
    Value,
)

GROUP: Final = 64


class SqliteTx:
    engine: Final = "sqlite"
    skip_locked: Final = ""  # the writer is alone

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, /, **named: Value) -> int:
        return self.connection.execute(sql, named).rowcount

    def one(self, sql: str, /, **named: Value) -> Row | None:
        rows = self.all(sql, **named)
        return rows[0] if rows else None

    def all(self, sql: str, /, **named: Value) -> list[Row]:
        cursor = self.connection.execute(sql, named)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def column(self, sql: str, /, **named: Value) -> list[Any]:
        return [row[0] for row in self.connection.execute(sql, named)]


@dataclass(slots=True)
class Request:
    """A transaction on its way through a lane. Whoever takes `decided` first has the say: keep it, or give it up."""

    work: Callable[[SqliteTx], Any]
    answer: asyncio.Future[Any]
    decided: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, tx: SqliteTx) -> "Outcome":
        try:
            return Outcome(value=self.work(tx))
        except sqlite3.Error as error:
            return Outcome(error=translated(error))
        except BaseException as error:  # noqa: BLE001 - it belongs to this caller; the others go on
            return Outcome(error=error)

    def keep(self) -> bool:
        return self.decided.acquire(blocking=False)

    def give_up(self) -> None:
        """The deadline has passed."""
        if not self.answer.done():
            withdrawn = self.decided.acquire(blocking=False)
            self.answer.set_exception(
                DatabaseSlow("no answer from SQLite in time; withdrawn")
                if withdrawn
                else OutcomeUnknown("SQLite was slow to commit; it may be stored")
            )

    def settle(self, outcome: "Outcome") -> None:
        if self.answer.done():
            return
        if outcome.error is None:
            self.answer.set_result(outcome.value)
        else:
            self.answer.set_exception(outcome.error)


@dataclass(slots=True)
class Outcome:
    value: Any = None
    error: BaseException | None = None


Together = Callable[[SqliteTx, Sequence[Request]], list[Outcome]]


class Lane(aiosqlite.Connection):
    """A connection, its thread, and the requests that wait for it.

    A subclass because aiosqlite offers its thread, one call at a time, to subclasses only (`_execute`).
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], together: Together) -> None:
        super().__init__(connect, iter_chunk_size=64)
        self._together = together
        self._waiting: deque[Request] = deque()
        self._driver: asyncio.Task[None] | None = None
        self._closing = False

    async def begin(self) -> None:
        try:
            await self
        except BaseException as error:
            await asyncio.to_thread(self._thread.join)  # aiosqlite only asks it to stop
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            if isinstance(error, OSError):
                raise DatabaseUnavailable(f"the SQLite file cannot be opened: {error}") from error
            raise

    async def submit(self, work: Callable[[SqliteTx], T], deadline: float | None) -> T:
        if self._closing:
            raise DatabaseUnavailable("the database is closed")
        loop = asyncio.get_running_loop()
        request = Request(work, loop.create_future())
        self._waiting.append(request)
        if self._driver is None:
            self._driver = loop.create_task(self._drive())
        alarm = None if deadline is None else loop.call_later(deadline, request.give_up)
        try:
            answer: T = await request.answer
        except asyncio.CancelledError:
            request.keep()  # by us: whoever no longer waits wants nothing stored
            raise
        finally:
            if alarm is not None:
                alarm.cancel()
        return answer

    async def _drive(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            try:
                outcomes = await self._execute(self._hop, group)  # type: ignore[no-untyped-call]
            except Exception as error:  # noqa: BLE001 - nobody may be left waiting
                outcomes = [Outcome(error=error)] * len(group)
            for request, outcome in zip(group, outcomes, strict=True):
                request.settle(outcome)
        self._driver = None

    def _hop(self, group: Sequence[Request]) -> list[Outcome]:
        return self._together(SqliteTx(self._conn), group)

    async def finish(self) -> None:
        self._closing = True
        if self._driver is not None:
            await self._driver
        await self.close()


def commit_together(tx: SqliteTx, group: Sequence[Request]) -> list[Outcome]:
    """Each request under its own savepoint, one COMMIT: all that were kept are stored, or none."""
    connection = tx.connection
    outcomes = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for request in group:
            connection.execute("SAVEPOINT request")
            outcome = Outcome() if request.decided.locked() else request.perform(tx)
            if not connection.in_transaction:  # disk full, I/O error: SQLite has undone the whole group
                return _undone(
                    connection, group, DatabaseUnavailable(f"a request of this group failed: {outcome.error}")
                )
            if outcome.error is not None or not request.keep():
                connection.execute("ROLLBACK TO request")
            connection.execute("RELEASE request")
            outcomes.append(outcome)
    except sqlite3.Error as error:
        return _undone(connection, group, translated(error))
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        # A failed fsync says nothing about what a recovery will find in the log.
        return _undone(connection, group, OutcomeUnknown(f"COMMIT failed: {error}"))
    return outcomes


def read_together(tx: SqliteTx, group: Sequence[Request]) -> list[Outcome]:
    """One snapshot for all."""
    connection = tx.connection
    try:
        connection.execute("BEGIN")
        outcomes = [request.perform(tx) for request in group]
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        return _undone(connection, group, translated(error))
    return outcomes


def _undone(connection: sqlite3.Connection, group: Sequence[Request], error: DatabaseError) -> list[Outcome]:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    return [Outcome(error=type(error)(*error.args)) for _ in group]


def translated(error: sqlite3.Error) -> DatabaseError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        # Also what SQLite makes of an EIO from a read (SQLITE_IOERR_CORRUPTFS).
        return DatabaseCorrupt(
            f"the SQLite file is damaged, or the disk cannot read it ({error}): look at the disk, keep the file as it"
            " is, and where a start finds it damaged too, restore the last backup"
        )
    if name.startswith("SQLITE_CONSTRAINT"):
        return ConstraintViolated(str(error))
    if name.startswith(
        ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")
    ):
        return DatabaseUnavailable(f"SQLite: {error} ({name})")
    return DatabaseError(f"SQLite: {error} ({name})")


class SqliteDatabase:
    """`Database` over one file. See the module's docstring."""

    def __init__(self, writer: Lane, reader: Lane) -> None:
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(cls, path: Path) -> Self:
        writer = Lane(partial(_connect_writer, path), commit_together)
        reader = Lane(partial(_connect_reader, path), read_together)
        await writer.begin()
        try:
            await reader.begin()
        except BaseException:
            await writer.finish()
            raise
        return cls(writer, reader)

    async def run(self, fn: Callable[[Tx, *Args], T], *args: *Args, deadline: float = DEADLINE) -> T:
        return await self._writer.submit(lambda tx: fn(tx, *args), deadline)

    async def read(self, fn: Callable[[Tx, *Args], T], *args: *Args, deadline: float = DEADLINE) -> T:
        return await self._reader.submit(lambda tx: fn(tx, *args), deadline)

    async def alone(self, fn: Callable[[Tx, *Args], T], *args: *Args) -> T:
        return await self._writer.submit(lambda tx: fn(tx, *args), None)

    async def close(self) -> None:
        await self._reader.finish()  # first: the last writer to leave folds the log into the file
        await self._writer.finish()


def _connect_writer(path: Path) -> sqlite3.Connection:
    # Certificates and conversations are nobody else's to read; the log files take over these permissions.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=DEADLINE, isolation_level=None, cached_statements=256)
    try:
        _in_turn(connection, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise DatabaseCorrupt(f"the SQLite file is damaged ({verdict}): keep it as it is and restore the last backup")


def _connect_reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=DEADLINE, isolation_level=None, cached_statements=256
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _in_turn(connection: sqlite3.Connection, sql: str) -> None:
    """SQLite does not wait by itself where two processes turn the log on at once."""
    until = time.monotonic() + DEADLINE
    while True:
        try:
            connection.execute(sql)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
