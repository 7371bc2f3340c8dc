"""What an anchor says of the rows before it, so that it can be checked without any key of ours.

    digest = SHA-256(previous LF, then each row since as `certtalk audit export` prints it, LF)

`previous` is the digest of the anchor before, in hex: so the last anchor speaks of all rows. The rows between two
anchors are a stretch; the first stretch begins where the trail does, after `NOTHING`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bot.storage.database import Row
from ca import records
from ca.errors import BadRequest

TITLE: Final = "CertTalk audit anchor v1"
NOTHING: Final = "0" * 64
_COLUMNS: Final = ("seq", "at", "actor", "act", "subject", "detail", "previous", "hash")


def exported(row: Row) -> str:
    """A row as a line without its end. Never to be changed: digests of years are made over it."""
    return json.dumps({column: row[column] for column in _COLUMNS}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """Of the rows after number `after` up to number `seq`, whose keyed hash was `hash`; `at` is the time as text."""

    at: str
    after: int
    seq: int
    hash: str
    previous: str
    digest: str

    def content(self) -> bytes:
        return records.write(TITLE, {name: str(value) for name, value in asdict(self).items()})


def stated(content: bytes) -> Statement:
    """Raises `BadRequest`."""
    fields: dict[str, Any] = dict(records.read(TITLE, tuple(Statement.__slots__), content))
    try:
        return Statement(**(fields | {"after": int(fields["after"]), "seq": int(fields["seq"])}))
    except ValueError as error:
        raise BadRequest("not an anchor") from error


class Digest:
    """Made row by row."""

    def __init__(self, previous: str) -> None:
        self._sha256 = hashlib.sha256(f"{previous}\n".encode())

    def add(self, line: str) -> None:
        self._sha256.update(f"{line}\n".encode())

    def hex(self) -> str:
        return self._sha256.hexdigest()


def strayed(statements: Sequence[Statement]) -> Statement | None:
    """The first that does not go on from one before it. The first of all may: who copies begins one day.

    One that begins anew is right as long as it leaves no row out: the anchors before it were lost here, not there.
    """
    ends: dict[str, int] = {}
    covered: int | None = None
    for one in statements:
        anew = one.previous == NOTHING and covered is not None and one.after <= covered
        if one.seq < one.after or not (covered is None or anew or ends.get(one.previous) == one.after):
            return one
        ends[one.digest] = one.seq
        covered = max(covered or 0, one.seq)
    return None


class Stretches:
    """Rows, given one after another, held against what was said of them."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._all = statements
        self._waiting = sorted(statements, key=lambda one: (one.after, one.seq), reverse=True)
        self._open: list[tuple[Statement, Digest]] = []
        self._first: int | None = None

    def row(self, seq: int, line: str) -> Statement | None:
        """A statement that ends here and that the rows are not true to. `line` is as `exported` makes it."""
        self._begin(seq - 1)
        wrong = self._end(seq - 1)  # of no rows: none was written on that day
        for _, digest in self._open:
            digest.add(line)
        return wrong or self._end(seq)

    def last(self, seq: int) -> Statement | None:
        """As above after the last row, or one that speaks of rows behind it."""
        self._begin(seq)
        return self._end(seq) or next((one for one in self._all if one.seq > seq), None)

    def covered(self) -> tuple[int, int] | None:
        """The first and the last of the rows given that are what was said of them, where nothing was found wrong.

        Where rows have gone, those that remain of their stretch cannot be checked.
        """
        first = self._first or 0
        seen = [one for one in self._all if one.after >= first]
        if not seen:
            return None
        begins = min(one.after for one in seen) + 1
        return begins, max(one.seq for one in seen)

    def _begin(self, last: int) -> None:
        """After row number `last`."""
        if self._first is None:
            self._first = last
        while self._waiting and self._waiting[-1].after <= last:
            one = self._waiting.pop()
            if one.after >= self._first:
                self._open.append((one, Digest(one.previous)))

    def _end(self, seq: int) -> Statement | None:
        ended = [(one, digest) for one, digest in self._open if one.seq <= seq]
        self._open = [(one, digest) for one, digest in self._open if one.seq > seq]
        return next((one for one, digest in ended if digest.hex() != one.digest), None)
