"""What revocation lists are made of, their numbers, and the lists in force, which all workers serve alike.

A million entries are read as bare octets in pages, so the reader is free for others between two of them and nothing
but the octets is ever in memory. A change during the reading is in the next list: its version is read first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.storage.certificate_rows import hex_of, serial_of
from bot.storage.database import Database, Tx
from bot.storage.instants import instant, text_of
from ca import crl
from ca.ports import RevokedEntry, Serial

PAGE: Final = 20_000
_LAST: Final = "g"
"""Sorts behind every serial number."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A signed CRL. `version` is the last status change in it, `sha256` is over `der`, in hex."""

    name: str
    number: int
    version: int
    this_update: datetime
    next_update: datetime
    sha256: str
    der: bytes


class Lists:
    """Implements `bot.jobs.listing.Shelf` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self, issuer: str) -> int:
        """The last status change of this issuer's certificates; 0 where there was none."""
        return await self._database.read(_version, issuer)

    async def entries(self, issuer: str, since: datetime, first: Serial | None, behind: Serial | None) -> list[bytes]:
        """DER entries by serial, from `first` to before `behind`, of what had not passed its end at `since`; many in a
        piece."""
        after = "" if first is None else _before(first)
        until = _LAST if behind is None else hex_of(behind)
        pieces = []
        while after < until:
            piece, after = await self._database.read(_page, issuer, text_of(since), after, until)
            pieces.append(piece)
        return pieces

    async def next_number(self, name: str, now: datetime) -> int:
        return await self._database.run(_next_number, name, now)

    async def keep(self, kept: Kept) -> None:
        """Put a list in force; one with a lower number, made beside us, does not come back."""
        await self._database.run(_keep, kept)

    async def get(self, name: str, unless: int = 0) -> Kept | None:
        """The list in force under this name; None where there is none, or it is number `unless`."""
        return await self._database.read(_get, name, unless)

    async def heads(self) -> list[Kept]:
        """All lists in force, without their octets."""
        return await self._database.read(_heads)


def _before(first: Serial) -> str:
    return hex_of(Serial(first - 1))


def _version(tx: Tx, issuer: str) -> int:
    row = tx.one("SELECT max(version) AS version FROM status_changes WHERE issuer = :issuer", issuer=issuer)
    return int((row and row["version"]) or 0)


def _page(tx: Tx, issuer: str, since: str, after: str, until: str) -> tuple[bytes, str]:
    """The next entries, joined, and the serial they end with (`until` when these were the last)."""
    entries = tx.column(
        "SELECT entry FROM crl_entries WHERE issuer = :issuer AND serial > :after AND serial < :until"
        " AND not_after >= :since ORDER BY serial LIMIT :page",
        issuer=issuer, after=after, until=until, since=since, page=PAGE,
    )  # fmt: skip
    if None in entries:
        entries = list(_encoded(tx, issuer, since, after, until))
    # The serial number is in the entry; reading it there, the rows need no second column.
    end = f"{crl.serial_in(entries[-1]):040x}" if len(entries) == PAGE else until
    return b"".join(entries), end


def _encoded(tx: Tx, issuer: str, since: str, after: str, until: str) -> Iterator[bytes]:
    """A page with rows from before entries were kept."""
    rows = tx.all(
        "SELECT e.serial, e.entry, c.revoked_at, c.reason"
        " FROM crl_entries e JOIN certificates c ON c.serial = e.serial WHERE e.issuer = :issuer"
        " AND e.serial > :after AND e.serial < :until AND e.not_after >= :since ORDER BY e.serial LIMIT :page",
        issuer=issuer, after=after, until=until, since=since, page=PAGE,
    )  # fmt: skip
    for row in rows:
        revoked = RevokedEntry(serial_of(row["serial"]), instant(row["revoked_at"]), row["reason"] or "unspecified")
        yield row["entry"] or crl.entry(revoked)


def _next_number(tx: Tx, name: str, now: datetime) -> int:
    # Not below the second of its making: after a restore from a backup it still is above all that were given out.
    row = tx.one(
        "INSERT INTO crl_numbers (issuer, number) VALUES (:name, :seconds) ON CONFLICT (issuer) DO UPDATE"
        " SET number = CASE WHEN crl_numbers.number < excluded.number THEN excluded.number"
        " ELSE crl_numbers.number + 1 END RETURNING number",
        name=name,
        seconds=int(now.timestamp()),
    )
    assert row is not None
    return int(row["number"])


def _keep(tx: Tx, kept: Kept) -> None:
    tx.execute(
        "INSERT INTO crls (name, number, version, this_update, next_update, sha256, der)"
        " VALUES (:name, :number, :version, :this_update, :next_update, :sha256, :der)"
        " ON CONFLICT (name) DO UPDATE SET number = excluded.number, version = excluded.version,"
        " this_update = excluded.this_update, next_update = excluded.next_update, sha256 = excluded.sha256,"
        " der = excluded.der WHERE crls.number < excluded.number",
        name=kept.name, number=kept.number, version=kept.version, this_update=text_of(kept.this_update),
        next_update=text_of(kept.next_update), sha256=kept.sha256, der=kept.der,
    )  # fmt: skip


def _get(tx: Tx, name: str, unless: int) -> Kept | None:
    row = tx.one("SELECT * FROM crls WHERE name = :name AND number <> :unless", name=name, unless=unless)
    return None if row is None else _kept(row)


def _heads(tx: Tx) -> list[Kept]:
    rows = tx.all("SELECT name, number, version, this_update, next_update, sha256 FROM crls ORDER BY name")
    return [_kept({**row, "der": b""}) for row in rows]


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(**{**row, "this_update": instant(row["this_update"]), "next_update": instant(row["next_update"])})
