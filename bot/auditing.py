"""An exported audit trail held against anchors that were copied away, with the root's certificate alone.

No key and no data folder of the service: this is for whoever looks from outside, and `docs/operations.md` does the
same with openssl and sha256sum.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from bot.jobs.anchoring import statement_of
from bot.storage.audit import PRUNED, Anchor, Broken, untrue
from bot.storage.database import Row
from bot.storage.stretches import Statement, Stretches, exported, strayed
from ca.errors import BadRequest

_TEXT: Final = ("at", "actor", "act", "subject", "detail", "previous", "hash")


class ForeignAnchor(Exception):
    """`at` is the time that it bears."""

    def __init__(self, anchor: Anchor, why: str) -> None:
        super().__init__(why)
        self.at = anchor.at


@dataclass(frozen=True, slots=True)
class Checked:
    """Of so many `rows`, those from the first to the last of `covered` are what the anchors say, up to `broken`."""

    rows: int
    covered: tuple[int, int] | None
    broken: Broken | None = None


def signed_statements(anchors: Iterable[Anchor], root: x509.Certificate) -> list[Statement]:
    """What the signed ones say, signed below `root`, each going on from one before it. Raises `ForeignAnchor`."""
    found: dict[str, tuple[Anchor, Statement]] = {}
    for anchor in anchors:
        if anchor.cms:
            try:
                found[anchor.cms] = anchor, statement_of(anchor, root)
            except (BadRequest, ValueError) as error:
                raise ForeignAnchor(anchor, str(error)) from error
    statements = [said for _, said in found.values()]
    if lone := strayed(statements):
        raise ForeignAnchor(next(a for a, said in found.values() if said is lone), "goes on from no other")
    return statements


def check(lines: Iterable[bytes], statements: Sequence[Statement]) -> Checked:
    """`lines` are those of `certtalk audit export`."""
    stretches, rows, first, gone = Stretches(statements), 0, None, 0
    last: tuple[int, str] | None = None
    for line in lines:
        row = _row(line)
        due = last[0] + 1 if last else 1
        if row is None:
            return Checked(rows, None, Broken(due, "not a line of an export"))
        if last and row["seq"] != due:
            return Checked(rows, None, Broken(due, "removed"))
        if last and row["previous"] != last[1]:
            return Checked(rows, None, Broken(due, "moved, or the row before it was replaced"))
        first = first or row["seq"]
        if said := stretches.row(row["seq"], exported(row)):
            return Checked(rows, None, untrue(said))
        if (row["act"], row["subject"]) == PRUNED:
            gone = _through(row["detail"])
        last, rows = (row["seq"], row["hash"]), rows + 1
    # Rows may only be missing at the beginning, and a row says so.
    if first is not None and first != gone + 1:
        return Checked(rows, None, Broken(gone + 1, f"removed: none before {first} is here, and no row says why"))
    if said := stretches.last(last[0] if last else 0):
        return Checked(rows, None, untrue(said))
    return Checked(rows, stretches.covered())


def _row(line: bytes) -> Row | None:
    """None for what `exported` would not have written."""
    try:
        row: Row = json.loads(line)
        text = all(isinstance(row[name], str) for name in _TEXT)
        return row if text and isinstance(row["seq"], int) and f"{exported(row)}\n".encode() == line else None
    except (ValueError, LookupError, TypeError):
        return None


def _through(detail: str) -> int:
    try:
        return int(json.loads(detail)["through"])
    except (ValueError, LookupError, TypeError):
        return 0
