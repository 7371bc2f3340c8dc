"""Who did what, when: a chain of keyed hashes, written in the transaction of the act itself.

Each row's hash is HMAC-SHA256 over the row and the hash before it, under a key that is not in the database; the
head row says where the chain ends, sealed with the same key. So a row changed, removed, moved or cut from the end
is found and named; the database itself refuses to change or delete one (`upgrades/0006_revocation.sql`). What cannot be
found from inside is a whole older copy of the database: an `anchor` is noted elsewhere each day, and `verify` compares.
Who does not have the key compares with what the anchor says in the open (`stretches`).
"""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, text_of
from bot.storage.stretches import NOTHING, Digest, Statement, Stretches, exported
from ca.recorded import Recorded

PAGE: Final = 2000
BREATH: Final = 200
CLOCK_SET: Final = "clock_set"
PRUNED: Final = ("pruned", "audit")
"""Act and subject of the row that says that those before were forgotten."""
_DETAIL: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended: number of the last row, and its hash in hex."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head noted elsewhere, in JSON: `at` is the time as text, `seal` proves to us that it was noted by us.

    `cms` proves it to others: a `Statement` of `stretches` that a record signer has signed, SignedData in base64; empty
    where no signer was there.
    """

    at: str
    seq: int
    hash: str
    seal: str
    cms: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that is not as it was written; `what` is for the operator's log."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """So many `rows` were found whole, up to `broken` if there is such a row."""

    rows: int
    broken: Broken | None = None


class MissingRows(Exception):
    """Nothing is said of a trail that has lost rows."""


def untrue(said: Statement) -> Broken:
    """The rows of a stretch are not those it was made over: which one it is, a plain digest cannot tell."""
    return Broken(said.after + 1, f"this one or one up to {said.seq}: not the rows that the anchor of {said.at} names")


class AuditTrail:
    """`key` is 32 octets or more, and lives apart from the database. `recorded` is told the time of every row."""

    def __init__(self, key: bytes, recorded: Recorded | None = None) -> None:
        if len(key) < 32:
            raise ValueError("the audit key needs 32 octets")
        self._key, self._recorded = key, recorded

    def append(
        self, tx: Tx, at: datetime, actor: str, act: str, subject: str, detail: Mapping[str, Any] | None = None
    ) -> int:
        """Add a row at the end; its number. `detail` is JSON without secrets and without full personal data."""
        # An UPDATE first: on PostgreSQL it waits for, or loses to, whoever appends now.
        head = tx.one("UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash")
        if head is None:
            raise ValueError("the audit trail has no head: run `certtalk audit verify`")
        row: Row = {
            "seq": head["seq"],
            "at": text_of(at),
            "actor": actor,
            "act": act,
            "subject": subject,
            "detail": _DETAIL.encode(detail or {}),
            "previous": head["hash"],
        }
        row["hash"] = self._hash(row)
        tx.execute(
            "INSERT INTO audit (seq, at, actor, act, subject, detail, previous, hash)"
            " VALUES (:seq, :at, :actor, :act, :subject, :detail, :previous, :hash)",
            **row,
        )
        tx.execute(
            "UPDATE audit_head SET hash = :hash, seal = :seal WHERE id = 1",
            hash=row["hash"],
            seal=self._seal(Head(row["seq"], row["hash"])),
        )
        if self._recorded is not None:
            self._recorded.note(at)
        return int(row["seq"])

    def set_clock(self, tx: Tx, at: datetime, actor: str) -> int:
        """The clock is right now; rows before this one may be dated in a future that a wrong clock showed."""
        return self.append(tx, at, actor, CLOCK_SET, "clock", {"newest": text_of(newest(tx) or at)})

    def head(self, tx: Tx) -> Head:
        row = tx.one("SELECT seq, hash FROM audit_head WHERE id = 1")
        return Head(row["seq"], row["hash"]) if row else Head(0, "")

    def prune(self, tx: Tx, at: datetime, before: datetime, most: int = 10_000) -> int:
        """Forget rows written before then; how many. What remains still begins at a sealed place.

        At most `most` at a time, and never the last row. The database's own triggers refuse to delete any other.
        """
        start = self._start(tx)
        last = tx.one(
            "SELECT seq, hash FROM audit WHERE seq <= :most AND seq < (SELECT seq FROM audit_head WHERE id = 1)"
            " AND seq < coalesce((SELECT min(seq) FROM audit WHERE at >= :before), 0) ORDER BY seq DESC LIMIT 1",
            most=start.seq + most,
            before=text_of(before),
        )
        if last is None:
            return 0
        seal = self._seal(Head(last["seq"], last["hash"]), "start")
        tx.execute("UPDATE audit_start SET seq = :seq, hash = :hash, seal = :seal WHERE id = 1", **last, seal=seal)
        pruned = tx.execute("DELETE FROM audit WHERE seq <= :seq", seq=last["seq"])
        self.append(tx, at, "ca", *PRUNED, {"through": last["seq"], "rows": pruned})
        return pruned

    async def verify(
        self, database: Database, anchors: Sequence[Head] = (), statements: Sequence[Statement] = ()
    ) -> Verdict:
        """Walk the chain in small reads, as it stood at the beginning; appending goes on meanwhile.

        `anchors` were noted elsewhere: the chain must lead through each of them that lies behind its start, and its
        rows must be those that `statements` speak of.
        """
        start, head, fault = await database.read(self._ends)
        named = {anchor.seq: anchor.hash for anchor in anchors}
        previous, stretches = start, Stretches(statements)
        while previous.seq < head.seq and not fault.startswith("the start"):
            page = await database.read(_page, previous.seq, head.seq)
            if not page:
                return Verdict(previous.seq - start.seq, Broken(previous.seq + 1, "removed"))
            for row in page:
                if what := self._fault(row, previous, named):
                    return Verdict(previous.seq - start.seq, Broken(previous.seq + 1, what))
                if said := stretches.row(row["seq"], exported(row)):
                    return Verdict(said.after - start.seq, untrue(said))
                previous = Head(row["seq"], row["hash"])
        rows = previous.seq - start.seq
        if not fault and previous != head:
            fault = "the head names another row"
        elif not fault and named and max(named) > head.seq:
            fault = "removed: an anchor is beyond the head"
        elif not fault and (said := stretches.last(head.seq)):
            return Verdict(rows, untrue(said))
        return Verdict(rows, Broken(previous.seq + 1, fault) if fault else None)

    async def rows(self, database: Database, after: int = 0, last: int | None = None) -> AsyncIterator[Row]:
        """Rows as they are behind `after`, in small reads, up to `last` or where the chain ended at the beginning."""
        if last is None:
            last = (await database.read(self.head)).seq
        while page := await database.read(_page, after, last):
            for row in page:
                yield row
            after = page[-1]["seq"]

    async def about(self, database: Database, subject: str) -> list[Row]:
        """All rows about a serial number (or whatever else stands as subject), oldest first."""
        return await database.read(
            lambda tx: tx.all("SELECT * FROM audit WHERE subject = :subject ORDER BY seq", subject=subject)
        )

    def is_whole(self, row: Row) -> bool:
        """Whether a row is as it was written; that none is missing, only `verify` tells."""
        return hmac.compare_digest(row["hash"], self._hash(row))

    def anchor(self, tx: Tx, at: datetime) -> Anchor:
        """Where the chain ends now, to be kept somewhere else."""
        return self.sealed(text_of(at), self.head(tx))

    def sealed(self, at: str, head: Head, cms: str = "") -> Anchor:
        return Anchor(at, head.seq, head.hash, self._anchored(at, head), cms)

    async def stretch(self, database: Database, at: datetime, before: Statement | None) -> Statement:
        """What there is to say of the rows since `before`, or of all of them where the chain does not lead through it.

        Raises `MissingRows`.
        """

        def ends(tx: Tx) -> tuple[Head, Head, bool]:
            start = self._start(tx)
            known = before and tx.one("SELECT hash FROM audit WHERE seq = :seq", seq=before.seq)
            through = known["hash"] if known else start.hash if before and before.seq == start.seq else None
            return start, self.head(tx), before is not None and through == before.hash

        start, head, leads = await database.read(ends)
        after, previous = (before.seq, before.digest) if before and leads else (start.seq, NOTHING)
        digest, rows = Digest(previous), 0
        async for row in self.rows(database, after, head.seq):
            digest.add(exported(row))
            rows += 1
            if rows % BREATH == 0:  # a page is ten milliseconds of this
                await asyncio.sleep(0)
        if rows != head.seq - after:
            raise MissingRows(f"audit records between {after} and {head.seq} are missing: run `certtalk audit verify`")
        return Statement(text_of(at), after, head.seq, head.hash, previous, digest.hex())

    def is_ours(self, anchor: Anchor) -> bool:
        """Whether this trail's key has sealed it."""
        return hmac.compare_digest(self._anchored(anchor.at, Head(anchor.seq, anchor.hash)), anchor.seal)

    def _fault(self, row: Row, previous: Head, named: Mapping[int, str]) -> str | None:
        if row["seq"] != previous.seq + 1:
            return "removed"
        if row["previous"] != previous.hash:
            return "moved, or the row before it was replaced"
        if not self.is_whole(row):
            return "changed"
        if named.get(row["seq"], row["hash"]) != row["hash"]:
            return "not the row that an anchor names"
        return None

    def _start(self, tx: Tx) -> Head:
        row = tx.one("SELECT seq, hash FROM audit_start WHERE id = 1")
        return Head(row["seq"], row["hash"]) if row else Head(0, "")

    def _ends(self, tx: Tx) -> tuple[Head, Head, str]:
        """Where the chain begins and ends, and what is wrong with that (nothing: an empty text)."""
        first = tx.one("SELECT seq, hash, seal FROM audit_start WHERE id = 1")
        row = tx.one("SELECT seq, hash, seal, (SELECT max(seq) FROM audit) AS last FROM audit_head WHERE id = 1")
        start = Head(first["seq"], first["hash"]) if first else Head(0, "")
        if first is None or (start.seq and not hmac.compare_digest(first["seal"], self._seal(start, "start"))):
            return start, Head(0, ""), "the start was changed"
        if row is None:
            return start, start, "the head was removed"
        head = Head(row["seq"], row["hash"])
        if (row["last"] or 0) > head.seq:
            return start, head, "behind the head: added, or the head was set back"
        if head.seq and not hmac.compare_digest(row["seal"], self._seal(head)):
            return start, head, "the head was changed"
        # Whoever plans a certificate writes a row: where there is one, the trail was not always empty.
        if not head.seq and tx.one("SELECT 1 AS one FROM certificates LIMIT 1"):
            return start, head, "removed, and everything behind it"
        return start, head, ""

    def _hash(self, row: Row) -> str:
        columns = ("seq", "at", "actor", "act", "subject", "detail", "previous")
        # JSON of a list keeps the columns apart whatever they contain.
        return self._hmac("row", json.dumps([row[column] for column in columns], default=repr))

    def _seal(self, head: Head, end: str = "head") -> str:
        return self._hmac(end, json.dumps([head.seq, head.hash]))

    def _anchored(self, at: str, head: Head) -> str:
        return self._hmac("anchor", json.dumps([at, head.seq, head.hash]))

    def _hmac(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"certtalk audit {purpose}\n{text}".encode(), "sha256").hex()


def newest(tx: Tx) -> datetime | None:
    """The latest time that any row bears, of those since an operator last said that the clock is right."""
    row = tx.one(
        "SELECT max(at) AS at FROM audit WHERE seq >="
        " (SELECT coalesce(max(seq), 0) FROM audit WHERE subject = 'clock' AND act = :act)",
        act=CLOCK_SET,
    )
    return instant(row["at"]) if row and row["at"] else None


def _page(tx: Tx, after: int, last: int) -> list[Row]:
    return tx.all(
        "SELECT * FROM audit WHERE seq > :after AND seq <= :last ORDER BY seq LIMIT :page",
        after=after,
        last=last,
        page=PAGE,
    )
