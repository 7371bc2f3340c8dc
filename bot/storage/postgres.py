"""PostgreSQL: a pool of connections, each transaction in a thread of its own.

Writes are SERIALIZABLE, so that a function that is right behind SQLite's single writer is right here. A race lost
(40001, 40P01) is run again; from the second try on it queues behind the other losers, else a row that everybody
changes (the head of the audit chain) would be fought over for ever. Statements are not prepared: PgBouncer.

The deadline is ours, not only the server's: a black-holed connection answers to no server setting. When it
passes, the socket is shut, the thread comes free, and the caller knows whether COMMIT had been sent.
"""

import asyncio
import contextlib
import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final, Generic, Self

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

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

Connection = psycopg.Connection[Row]

Begin = tuple[str, str]
"""How a transaction begins, and what it waits for before its first query."""

WRITE: Final = ("BEGIN ISOLATION LEVEL SERIALIZABLE", "")
# LOCK is no query: the snapshot is taken after the wait, so the loser sees what the winner did.
WRITE_IN_TURN: Final = (WRITE[0], "LOCK TABLE schema_version IN SHARE UPDATE EXCLUSIVE MODE")
READ: Final = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "")
# READ COMMITTED: each statement sees what was committed before it, so also what the holder before us did.
ALONE: Final = ("BEGIN ISOLATION LEVEL READ COMMITTED", "SELECT pg_advisory_xact_lock(4915283700123)")

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :: | :(?P<name>[a-z_][a-z0-9_]*) | %""",
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=2048)
def translated_sql(sql: str) -> bytes:
    """`:name` as psycopg wants it; colons in strings, comments and casts stay what they are."""

    def token(match: re.Match[str]) -> str:
        if name := match["name"]:
            return f"%({name})s"
        return match[0].replace("%", "%%")

    return _TOKEN.sub(token, sql).encode()


class PostgresTx:
    engine: Final = "postgres"
    skip_locked: Final = "FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, /, **named: Value) -> int:
        return self._connection.execute(translated_sql(sql), named).rowcount

    def one(self, sql: str, /, **named: Value) -> Row | None:
        return self._connection.execute(translated_sql(sql), named).fetchone()

    def all(self, sql: str, /, **named: Value) -> list[Row]:
        return self._connection.execute(translated_sql(sql), named).fetchall()

    def column(self, sql: str, /, **named: Value) -> list[Any]:
        return [next(iter(row.values())) for row in self.all(sql, **named)]


class Withdrawn(Exception):
    """The caller waits no longer."""


class Lost(Exception):
    """The connection broke before COMMIT was sent: nothing was stored."""


class Call(Generic[T]):
    """One transaction on its way through a thread; `withdraw` may come from outside at any moment."""

    def __init__(self, begin: Begin, again: Begin, work: Callable[[PostgresTx], T], deadline: float | None) -> None:
        self.begin, self.again, self.work = begin, again, work
        self.deadline = deadline
        self.until = None if deadline is None else time.monotonic() + deadline
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._withdrawn = self.committing = False

    def left(self) -> float:
        """Seconds. Raises `Withdrawn` when there are none."""
        left = DEADLINE if self.until is None else self.until - time.monotonic()
        if self._withdrawn or left <= 0:
            raise Withdrawn
        return left

    def hold(self, connection: Connection | None) -> None:
        with self._lock:
            self._connection = connection
            if connection is not None:
                self.committing = False

    def commits(self) -> None:
        with self._lock:
            if self._withdrawn:
                raise Withdrawn
            self.committing = True

    def withdraw(self) -> DatabaseUnavailable:
        with self._lock:
            self._withdrawn = True
            if self._connection is not None and not self._connection.closed:
                _shut(self._connection)
            if self.committing:
                return OutcomeUnknown("no answer to COMMIT in time; it may be stored")
            return DatabaseSlow("no answer from PostgreSQL in time; withdrawn")


class PostgresDatabase:
    """`Database` over one server. See the module's docstring."""

    def __init__(self, pool: ConnectionPool[Connection], connections: int) -> None:
        self._pool = pool
        self._threads = ThreadPoolExecutor(connections, "postgres")
        self._closed = False

    @classmethod
    async def open(cls, url: str, connections: int = 8) -> Self:
        """`connections` at most; a connection is made when it is needed."""
        try:
            # The pool would keep trying for a while, and keep the reason to itself.
            await asyncio.to_thread(_reach, url)
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"PostgreSQL cannot be reached: {error}") from error
        pool = ConnectionPool(
            url,
            connection_class=Connection,
            kwargs={
                "autocommit": True,  # BEGIN and COMMIT are ours
                "prepare_threshold": None,
                "row_factory": dict_row,
                "connect_timeout": int(DEADLINE),
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "application_name": "certtalk",
            },
            min_size=1,
            max_size=connections,
            timeout=DEADLINE,
            reconnect_timeout=DEADLINE,  # then the next caller tries anew: back in seconds after an outage
            open=False,
        )
        pool.open()
        return cls(pool, connections)

    async def run(self, fn: Callable[[Tx, *Args], T], *args: *Args, deadline: float = DEADLINE) -> T:
        return await self._answer(Call(WRITE, WRITE_IN_TURN, lambda tx: fn(tx, *args), deadline))

    async def read(self, fn: Callable[[Tx, *Args], T], *args: *Args, deadline: float = DEADLINE) -> T:
        return await self._answer(Call(READ, READ, lambda tx: fn(tx, *args), deadline))

    async def alone(self, fn: Callable[[Tx, *Args], T], *args: *Args) -> T:
        return await self._answer(Call(ALONE, ALONE, lambda tx: fn(tx, *args), None))

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._pool.close)

    async def _answer(self, call: Call[T]) -> T:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        thread = asyncio.get_running_loop().run_in_executor(self._threads, self._perform, call)
        try:
            done, _ = await asyncio.wait({thread}, timeout=call.deadline)
        except asyncio.CancelledError:
            call.withdraw()
            thread.add_done_callback(_ignore)
            raise
        if not done:
            thread.add_done_callback(_ignore)
            raise call.withdraw()
        return thread.result()

    def _perform(self, call: Call[T]) -> T:
        """In a thread: try until it is stored, refused, or too late."""
        tries = 0
        while True:
            tries += 1
            try:
                return self._once(call, call.begin if tries == 1 else call.again)
            except Withdrawn:
                raise DatabaseSlow("PostgreSQL was too slow or too busy; nothing was stored") from None
            except PoolTimeout as error:
                raise DatabaseSlow("PostgreSQL is busy or cannot be reached; nothing was stored") from error
            except Lost:
                pass  # connections in the pool may be long dead (the server was restarted): take the next one
            except (errors.SerializationFailure, errors.DeadlockDetected):
                time.sleep(random.uniform(0, 0.002 * min(tries, 10)))  # noqa: S311 - not a secret
            except errors.IntegrityError as error:
                # A race for a unique value may show as a violation first; the second look finds the winner's row.
                if tries > 1:
                    raise ConstraintViolated(str(error)) from error
            except psycopg.Error as error:
                raise _translated(error, committing=call.committing) from error

    def _once(self, call: Call[T], begin: Begin) -> T:
        connection = self._pool.getconn(call.left())
        try:
            call.hold(connection)
            limit = 0 if call.deadline is None else round(call.left() * 1000) + 1
            connection.execute(f"{begin[0]}; SET LOCAL statement_timeout = {limit}; {begin[1]}".encode())
            value = call.work(PostgresTx(connection))
            call.commits()
            if connection.execute("COMMIT").statusmessage != "COMMIT":
                raise RuntimeError("a database function went on after a failed statement; nothing was stored")
        except psycopg.OperationalError as error:
            if connection.closed and not call.committing:
                raise Lost from error
            raise
        else:
            return value
        finally:
            call.hold(None)
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
            with contextlib.suppress(psycopg.Error):
                connection.rollback()
        self._pool.putconn(connection)


def _translated(error: psycopg.Error, *, committing: bool) -> DatabaseError:
    if isinstance(error, psycopg.OperationalError):
        if committing:
            return OutcomeUnknown(f"the answer to COMMIT was lost: {error}")
        if isinstance(error, errors.QueryCanceled):
            return DatabaseSlow("a statement took longer than the deadline; nothing was stored")
        return DatabaseUnavailable(f"PostgreSQL: {error}")
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
        return DatabaseCorrupt(f"PostgreSQL: {error}")
    return DatabaseError(f"PostgreSQL: {error}")


def _reach(url: str) -> None:
    psycopg.connect(url, connect_timeout=int(DEADLINE)).close()


def _shut(connection: Connection) -> None:
    """From another thread: makes the one that waits on this connection see its end at once."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def _ignore(thread: asyncio.Future[Any]) -> None:
    """Nobody waits for this answer any more."""
    if not thread.cancelled():
        thread.exception()
