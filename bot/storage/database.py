"""The database as everything else sees it: one transaction is one plain synchronous function.

`run(fn, *args)` calls `fn(tx, *args)` in the database's own thread, in one hop. Nothing can be awaited while a
write lock is held, and a function that is right on SQLite is right on PostgreSQL: both run writes as if one
after another (immediate transactions there, SERIALIZABLE here). In return a function must

- touch nothing but `tx` and its arguments: it may be run again after a lost race;
- let database errors pass: after one the transaction is over (decide with ON CONFLICT, RETURNING and row counts).

Whatever it raises undoes its transaction and reaches its caller only.

DatabaseError
├── DatabaseUnavailable      not reached, busy, disk full: nothing was stored; try again later
│   ├── DatabaseSlow         no answer within the deadline; withdrawn, nothing was or will be stored
│   └── OutcomeUnknown       the answer to COMMIT was lost: stored or not; ask again with the same idempotency key
├── ConstraintViolated       a rule of the schema refused it; nothing was stored
├── DatabaseCorrupt          damaged: stop writing, keep the file, restore the last backup
├── SchemaTooNew             a newer program has upgraded it
└── BadDatabaseUrl           the setting is not understood
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar, TypeVarTuple

Value = str | int | float | bytes | None
"""What goes in and comes out. No bool (SQLite has none) and no datetime (see `bot.storage.instants`)."""
Row = dict[str, Any]
T = TypeVar("T")
Args = TypeVarTuple("Args")

DEADLINE: Final = 5.0
"""Seconds until a caller is told that the database is slow."""


class DatabaseError(Exception):
    """Base of the tree; the message is for the log and the operator."""


class DatabaseUnavailable(DatabaseError):
    """Nothing was stored."""


class DatabaseSlow(DatabaseUnavailable):
    """Nothing was and nothing will be stored."""


class OutcomeUnknown(DatabaseUnavailable):
    """It may be stored."""


class ConstraintViolated(DatabaseError):
    """Nothing was stored."""


class DatabaseCorrupt(DatabaseError):
    """Restore the last backup."""


class SchemaTooNew(DatabaseError):
    """Start the newer program."""


class BadDatabaseUrl(DatabaseError):
    """Neither a path nor sqlite:/// nor postgresql://."""


class Tx(Protocol):
    """One transaction. SQL is the common dialect with `:name` parameters."""

    @property
    def engine(self) -> Literal["sqlite", "postgres"]: ...

    @property
    def skip_locked(self) -> str:
        """Clause at the end of a SELECT that claims rows: others' claims are passed over, not waited for."""

    def execute(self, sql: str, /, **named: Value) -> int:
        """The number of rows changed."""

    def one(self, sql: str, /, **named: Value) -> Row | None:
        """The first row."""

    def all(self, sql: str, /, **named: Value) -> list[Row]: ...

    def column(self, sql: str, /, **named: Value) -> list[Any]:
        """The first column alone: for many rows at once."""


class Database(Protocol):
    """`deadline` is in seconds; every method may raise `DatabaseUnavailable` and its kinds."""

    async def run(self, fn: Callable[[Tx, *Args], T], *args: *Args, deadline: float = DEADLINE) -> T:
        """A write transaction; durable when this returns."""

    async def read(self, fn: Callable[[Tx, *Args], T], *args: *Args, deadline: float = DEADLINE) -> T:
        """A consistent read of everything committed before the call."""

    async def alone(self, fn: Callable[[Tx, *Args], T], *args: *Args) -> T:
        """A write transaction that keeps others of its kind out from its first statement on, without deadline."""

    async def close(self) -> None:
        """Waits for what is under way. Calls after it raise `DatabaseUnavailable`."""


async def open_database(url: str | Path, *, upgrade: bool = True) -> Database:
    """Open, check and upgrade the database at a path, `sqlite:///path` or `postgresql://…`.

    As elsewhere, `sqlite:///x.db` is relative and `sqlite:////var/x.db` absolute. With `upgrade=False` the schema
    is left as it is. Raises `BadDatabaseUrl`, `DatabaseUnavailable`, `DatabaseCorrupt`, `SchemaTooNew`.
    """
    from bot.storage.upgrade import upgrade_schema

    database = await _open(url)
    try:
        if upgrade:
            await upgrade_schema(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _open(url: str | Path) -> Database:
    text = str(url)
    if text.startswith(("postgresql://", "postgres://")):
        from bot.storage.postgres import PostgresDatabase

        return await PostgresDatabase.open(text)
    if "://" in text and not text.startswith("sqlite:///"):
        scheme = text.split("://", 1)[0]  # never the rest: it may hold a password
        raise BadDatabaseUrl(f"a database is a path, sqlite:///path or postgresql://…, not {scheme}://…")
    from bot.storage.sqlite import SqliteDatabase

    return await SqliteDatabase.open(Path(text.removeprefix("sqlite:///")))
