"""What anchors say of the rows in the open: it holds for the rows there were, and for no others."""

import hashlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.storage.audit import AuditTrail, Broken, Head, MissingRows, Verdict
from bot.storage.database import Database, Tx
from bot.storage.stretches import NOTHING, Statement, Stretches, exported, stated, strayed
from ca.errors import BadRequest
from tests.years import moved

AT = moved(datetime(2026, 11, 22, 10, tzinfo=UTC))
KEY = bytes(range(32))
DAY = timedelta(days=1)


@pytest.fixture
def trail() -> AuditTrail:
    return AuditTrail(KEY)


async def written(database: Database, trail: AuditTrail, rows: int, at: datetime = AT) -> None:
    def fill(tx: Tx) -> None:
        for n in range(rows):
            trail.append(tx, at, "ca", "issued", f"serial {n}", {"이름": "홍*동", "n": n})

    await database.run(fill)


async def history(database: Database, trail: AuditTrail, *days: int) -> list[Statement]:
    """An anchor a day, after so many rows each."""
    said: list[Statement] = []
    for day, rows in enumerate(days):
        await written(database, trail, rows, AT + day * DAY)
        said.append(await trail.stretch(database, AT + day * DAY, said[-1] if said else None))
    return said


async def verdict(database: Database, trail: AuditTrail, said: list[Statement]) -> Verdict:
    return await trail.verify(database, [Head(one.seq, one.hash) for one in said], said)


def unguarded(tx: Tx) -> None:
    of = " ON audit" if tx.engine == "postgres" else ""
    for trigger in ("audit_unchanged", "audit_kept"):
        tx.execute(f"DROP TRIGGER IF EXISTS {trigger}{of}")


async def test_a_stretch_is_what_sha256sum_makes_of_the_lines(database: Database, trail: AuditTrail) -> None:
    first, none, last = await history(database, trail, 3, 0, 2)
    lines = [exported(row) + "\n" async for row in trail.rows(database)]
    digest = hashlib.sha256((NOTHING + "\n" + "".join(lines[:3])).encode()).hexdigest()
    assert (first.after, first.seq, first.previous, first.digest) == (0, 3, NOTHING, digest)
    empty = hashlib.sha256(f"{digest}\n".encode()).hexdigest()
    assert (none.after, none.seq, none.previous, none.digest) == (3, 3, digest, empty), "a day without an act"
    digest = hashlib.sha256((empty + "\n" + "".join(lines[3:])).encode()).hexdigest()
    assert (last.after, last.seq, last.previous, last.digest) == (3, 5, empty, digest)
    assert lines[0].startswith('{"seq": 1, "at": "')
    assert '"detail": "{\\"n\\":0,\\"이름\\":\\"홍*동\\"}"' in lines[0]
    assert await verdict(database, trail, [first, none, last]) == Verdict(5)


async def test_an_empty_trail(database: Database, trail: AuditTrail) -> None:
    said = await history(database, trail, 0, 0, 2)
    assert await verdict(database, trail, said) == Verdict(2)


async def test_whoever_has_the_key_cannot_rewrite_what_was_said(database: Database, trail: AuditTrail) -> None:
    """The keyed chain holds, as its owner has made it anew; the anchors' digests do not."""
    said = await history(database, trail, 3, 3, 3)

    def rewrite(tx: Tx) -> None:
        unguarded(tx)
        rows = tx.all("SELECT * FROM audit ORDER BY seq")
        tx.execute("DELETE FROM audit")
        tx.execute("UPDATE audit_head SET seq = 0, hash = '', seal = ''")
        for row in rows:
            act = "nothing" if row["seq"] == 5 else row["act"]
            trail.append(tx, AT + (row["seq"] - 1) // 3 * DAY, row["actor"], act, row["subject"], {})

    await database.run(rewrite)
    assert await trail.verify(database) == Verdict(9), "it proves itself"
    assert (await trail.verify(database, (), said)).broken == Broken(
        1, f"this one or one up to 3: not the rows that the anchor of {said[0].at} names"
    )
    found = await trail.verify(database, (), said[1:])
    assert found.broken is not None
    assert (found.rows, found.broken.seq) == (3, 4)


async def test_a_database_set_back_begins_anew_and_the_old_anchors_tell(database: Database, trail: AuditTrail) -> None:
    said = await history(database, trail, 3, 3)
    older = await database.read(lambda tx: tx.one("SELECT * FROM audit_head"))
    assert older is not None
    said.append((await history(database, trail, 4))[0])

    def restore(tx: Tx) -> None:
        unguarded(tx)
        tx.execute("DELETE FROM audit WHERE seq > 6")
        tx.execute("UPDATE audit_head SET seq = :seq, hash = :hash, seal = :seal WHERE id = :id", **older)

    await database.run(restore)
    assert (await trail.verify(database, (), said)).broken is not None
    await written(database, trail, 9, AT + 4 * DAY)
    anew = await trail.stretch(database, AT + 4 * DAY, said[-1])
    assert (anew.after, anew.seq, anew.previous) == (0, 15, NOTHING), "not over an end that is no more"
    assert strayed([*said, anew]) is None
    assert await trail.verify(database, (), [*said[:2], anew]) == Verdict(15)
    broken = (await trail.verify(database, (), [*said, anew])).broken
    assert broken is not None
    assert broken.seq == 1, "the third spoke of all rows, and not of these"


async def test_rows_that_are_gone(database: Database, trail: AuditTrail) -> None:
    said = await history(database, trail, 3, 3, 3)
    await database.run(lambda tx: trail.prune(tx, AT + 3 * DAY, AT + DAY, most=2))
    said.append(await trail.stretch(database, AT + 3 * DAY, said[-1]))
    assert await verdict(database, trail, said) == Verdict(8), "what is left of a stretch is not checked by its digest"
    await database.run(lambda tx: trail.prune(tx, AT + 3 * DAY, AT + DAY))
    assert await verdict(database, trail, said) == Verdict(8)
    late = await trail.stretch(database, AT + 3 * DAY, None)
    assert (late.after, late.previous) == (3, NOTHING), "an anchor that begins late says after which row"
    await database.run(lambda tx: trail.prune(tx, AT + 4 * DAY, AT + 3 * DAY))
    again = await trail.stretch(database, AT + 4 * DAY, said[2])
    assert (again.after, again.previous) == (9, said[2].digest), "the last one that it speaks of has just gone"


async def test_nothing_is_said_of_a_trail_with_a_hole(database: Database, trail: AuditTrail) -> None:
    await written(database, trail, 5)

    def remove(tx: Tx) -> None:
        unguarded(tx)
        tx.execute("DELETE FROM audit WHERE seq = 3")

    await database.run(remove)
    with pytest.raises(MissingRows):
        await trail.stretch(database, AT, None)


def of(after: int, seq: int, previous: str, digest: str) -> Statement:
    return Statement("2026-11-22T10:00:00.000000Z", after, seq, "h", previous, digest)


ONE, TWO, THREE = of(0, 3, NOTHING, "a"), of(3, 6, "a", "b"), of(6, 9, "b", "c")


@pytest.mark.parametrize(
    ("statements", "lone"),
    [
        ([], None), ([ONE, TWO, THREE], None), ([TWO, THREE], None), ([ONE, THREE], THREE), ([ONE, TWO, TWO], None),
        ([ONE, TWO, of(0, 7, NOTHING, "x"), of(7, 8, "x", "y"), THREE], None),
        ([ONE, of(4, 7, NOTHING, "x")], of(4, 7, NOTHING, "x")), ([ONE, of(2, 6, "a", "b")], of(2, 6, "a", "b")),
        ([of(3, 1, "a", "b")], of(3, 1, "a", "b")), ([TWO, ONE], None),
    ],
)  # fmt: skip
def test_each_goes_on_from_one_before(statements: list[Statement], lone: Statement | None) -> None:
    assert strayed(statements) == lone


def test_a_statement_is_read_as_it_was_written() -> None:
    assert stated(ONE.content()) == ONE
    for wrong in (b"", ONE.content() + b"x: y\n", ONE.content().replace(b"seq: 3", b"seq: three")):
        with pytest.raises(BadRequest):
            stated(wrong)


def test_any_overlap_is_followed() -> None:
    """Every choice of stretches over seven rows is true to them, and to no others."""
    lines = [f"row {n}" for n in range(1, 8)]

    def said(after: int, seq: int) -> Statement:
        text = "".join(f"{line}\n" for line in (NOTHING, *lines[after:seq]))
        return of(after, seq, NOTHING, hashlib.sha256(text.encode()).hexdigest())

    every = [said(after, seq) for after in range(8) for seq in range(after, 8)]

    def held(statements: list[Statement], rows: list[str]) -> Statement | None:
        stretches = Stretches(statements)
        found = [one for n, line in enumerate(rows, 1) if (one := stretches.row(n, line))]
        return next(iter(found), None) or stretches.last(len(rows))

    early = Stretches([replace(said(0, 3), digest="0" * 64)])
    assert [early.row(n, line) is not None for n, line in enumerate(lines, 1)].index(True) == 2, "before another fault"
    for three in itertools.combinations(every, 3):
        assert held(list(three), lines) is None
    assert held(every, lines) is None
    for one in every:
        assert held([one], lines[:-1]) == (one if one.seq == 7 else None), "a row less"
        assert held([replace(one, digest="0" * 64)], lines) is not None
        for n in range(7):
            changed = [*lines[:n], "another", *lines[n + 1 :]]
            assert held([one], changed) == (one if one.after <= n < one.seq else None)
