"""Who did what, when: a chain of keyed hashes, written in the transaction of the act itself.

Each row's hash is HMAC-SHA256 over the row and the hash before it, under a key that is not in the database; the
head row says where the chain ends, sealed with the same key. So a row changed, removed, moved or cut from the end
is found and named. What cannot be found from inside is a whole older copy of the database: note `head()` somewhere
else from time to time and give it to `verify` as an anchor.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, text_of
from ca.recorded import Recorded

PAGE: Final = 2000
_DETAIL: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended: number of the last row, and its hash in hex."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that is not as it was written; `what` is for the operator's log."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rows` were found whole, up to `broken` if there is such a row."""

    rows: int
    broken: Broken | None = None


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

    def last(self, tx: Tx) -> datetime | None:
        """When the newest row was written."""
        row = tx.one("SELECT at FROM audit ORDER BY seq DESC LIMIT 1")
        return instant(row["at"]) if row else None

    def head(self, tx: Tx) -> Head:
        row = tx.one("SELECT seq, hash FROM audit_head WHERE id = 1")
        return Head(row["seq"], row["hash"]) if row else Head(0, "")

    async def verify(self, database: Database, anchor: Head | None = None) -> Verdict:
        """Walk the chain in small reads, as it stood at the beginning; appending goes on meanwhile."""
        head, fault = await database.read(self._end)
        previous = Head(0, "")
        while previous.seq < head.seq:
            page = await database.read(_page, previous.seq, head.seq)
            if not page:
                return Verdict(previous.seq, Broken(previous.seq + 1, "removed"))
            for row in page:
                if what := self._fault(row, previous, anchor):
                    return Verdict(previous.seq, Broken(previous.seq + 1, what))
                previous = Head(row["seq"], row["hash"])
        if previous != head:
            fault = "the head names another row"
        elif anchor and anchor.seq > head.seq:
            fault = "removed: the anchor is beyond the head"
        return Verdict(head.seq, Broken(head.seq + 1, fault) if fault else None)

    def _fault(self, row: Row, previous: Head, anchor: Head | None) -> str | None:
        if row["seq"] != previous.seq + 1:
            return "removed"
        if row["previous"] != previous.hash:
            return "moved, or the row before it was replaced"
        if not hmac.compare_digest(row["hash"], self._hash(row)):
            return "changed"
        if anchor and anchor.seq == row["seq"] and anchor.hash != row["hash"]:
            return "not the row that the anchor names"
        return None

    def _end(self, tx: Tx) -> tuple[Head, str]:
        """Where the chain ends, and what is wrong with that (nothing: an empty text)."""
        row = tx.one("SELECT seq, hash, seal, (SELECT max(seq) FROM audit) AS last FROM audit_head WHERE id = 1")
        if row is None:
            return Head(0, ""), "the head was removed"
        head = Head(row["seq"], row["hash"])
        if (row["last"] or 0) > head.seq:
            return head, "behind the head: added, or the head was set back"
        if head.seq and not hmac.compare_digest(row["seal"], self._seal(head)):
            return head, "the head was changed"
        return head, ""

    def _hash(self, row: Row) -> str:
        columns = ("seq", "at", "actor", "act", "subject", "detail", "previous")
        # JSON of a list keeps the columns apart whatever they contain.
        return self._hmac("row", json.dumps([row[column] for column in columns]))

    def _seal(self, head: Head) -> str:
        return self._hmac("head", json.dumps([head.seq, head.hash]))

    def _hmac(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"certtalk audit {purpose}\n{text}".encode(), "sha256").hex()


def _page(tx: Tx, after: int, last: int) -> list[Row]:
    return tx.all(
        "SELECT * FROM audit WHERE seq > :after AND seq <= :last ORDER BY seq LIMIT :page",
        after=after,
        last=last,
        page=PAGE,
    )
