"""Whatever is done to the rows behind our back is found, and the first row named."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.storage import audit, certificate_rows
from bot.storage.audit import AuditTrail, Broken, Head, Verdict
from bot.storage.database import ConstraintViolated, Database, Tx
from tests.storage.plans import plan as plan_for
from tests.years import moved

AT = moved(datetime(2026, 11, 22, 10, tzinfo=UTC))
KEY = bytes(range(32))
DAY = timedelta(days=1)


@pytest.fixture
async def trail(database: Database, monkeypatch: pytest.MonkeyPatch) -> AuditTrail:
    """Nine rows, read in pages of four."""
    monkeypatch.setattr(audit, "PAGE", 4)
    kept = AuditTrail(KEY)

    def fill(tx: Tx) -> None:
        for n in range(1, 10):
            assert kept.append(tx, AT, "ca", "issued", f"serial {n}", {"n": n, "이름": "홍*동"}) == n

    await database.run(fill)
    return kept


def unguarded(tx: Tx) -> None:
    """What whoever owns the database can do."""
    of = " ON audit" if tx.engine == "postgres" else ""
    for trigger in ("audit_unchanged", "audit_kept"):
        tx.execute(f"DROP TRIGGER IF EXISTS {trigger}{of}")


@pytest.mark.parametrize(
    "sql", ["DELETE FROM audit WHERE seq = 9", "DELETE FROM audit", "UPDATE audit SET detail = '{}' WHERE seq = 3"]
)
async def test_the_database_itself_refuses_to_change_a_row(database: Database, trail: AuditTrail, sql: str) -> None:
    with pytest.raises(ConstraintViolated, match="append-only"):
        await database.run(lambda tx: tx.execute(sql))
    assert await trail.verify(database) == Verdict(9)


async def test_a_whole_chain(database: Database, trail: AuditTrail) -> None:
    assert await trail.verify(database) == Verdict(9)


async def test_an_empty_chain(database: Database) -> None:
    assert await AuditTrail(KEY).verify(database) == Verdict(0)


def write(tx: Tx, sql: str, text: str) -> None:
    unguarded(tx)
    tx.execute(sql, text=text)


COLUMNS = ("at", "actor", "act", "subject", "detail", "previous", "hash")


@pytest.mark.parametrize("number", [1, 4, 5, 9])
async def test_every_column_counts(database: Database, trail: AuditTrail, number: int) -> None:
    for column in COLUMNS:
        before = await database.read(lambda tx: tx.one("SELECT * FROM audit WHERE seq = :n", n=number))
        assert before is not None
        spoil = f"UPDATE audit SET {column} = :text WHERE seq = {number}"
        await database.run(write, spoil, before[column] + " ")
        verdict = await trail.verify(database)
        assert verdict.rows == number - 1, column
        assert verdict.broken is not None
        assert verdict.broken.seq == number
        await database.run(write, spoil, before[column])
    assert await trail.verify(database) == Verdict(9)


SPOIL: dict[str, tuple[str, int]] = {
    "first removed": ("DELETE FROM audit WHERE seq = 1", 1),
    "middle removed": ("DELETE FROM audit WHERE seq = 5", 5),
    "page removed": ("DELETE FROM audit WHERE seq > 4 AND seq < 9", 5),
    "tail removed": ("DELETE FROM audit WHERE seq > 7", 8),
    "all removed": ("DELETE FROM audit", 1),
    "renumbered": ("UPDATE audit SET seq = seq + 100 WHERE seq = 3", 3),
    "swapped words": ("UPDATE audit SET subject = actor, actor = subject WHERE seq = 6", 6),
    "head set back": ("UPDATE audit_head SET seq = 8, hash = (SELECT hash FROM audit WHERE seq = 8)", 9),
    "head forged": ("UPDATE audit_head SET seal = 'x'", 10),
    "head removed": ("DELETE FROM audit_head", 1),
    "start moved": ("UPDATE audit_start SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)", 4),
    "start removed": ("DELETE FROM audit_start", 1),
    "head emptied": ("UPDATE audit_head SET seq = 0, hash = '', seal = ''", 1),
}


@pytest.mark.parametrize("how", SPOIL)
async def test_what_was_done_is_found(database: Database, trail: AuditTrail, how: str) -> None:
    sql, first = SPOIL[how]
    await database.run(unguarded)
    await database.run(lambda tx: tx.execute(sql))
    broken = (await trail.verify(database)).broken
    assert broken is not None
    assert broken.seq == first


async def test_a_trail_gone_without_a_trace_is_missed(database: Database, trail: AuditTrail) -> None:
    """Rows, head and seals: nothing is left that could contradict, but for what the trail is about."""
    await database.run(lambda tx: tx.execute(certificate_rows.INSERT, **certificate_rows.row_of(plan_for())))
    await database.run(unguarded)
    for sql in ("DELETE FROM audit", SPOIL["head emptied"][0]):
        await database.run(lambda tx, sql=sql: tx.execute(sql))
    assert (await trail.verify(database)).broken == Broken(1, "removed, and everything behind it")


async def test_another_type_is_found(database: Database, trail: AuditTrail) -> None:
    def spoil(tx: Tx) -> None:
        if tx.engine != "sqlite":
            pytest.skip("columns have one type there")
        unguarded(tx)
        tx.execute("UPDATE audit SET detail = CAST(detail AS BLOB) WHERE seq = 4")

    await database.run(spoil)
    assert (await trail.verify(database)).broken == Broken(4, "changed")


async def test_swapped_rows_are_found(database: Database, trail: AuditTrail) -> None:
    def swap(tx: Tx) -> None:
        unguarded(tx)
        for old, new in ((3, 100), (4, 3), (100, 4)):
            tx.execute("UPDATE audit SET seq = :new WHERE seq = :old", old=old, new=new)

    await database.run(swap)
    assert (await trail.verify(database)).broken == Broken(3, "moved, or the row before it was replaced")


async def test_tail_and_head_cut_together_without_the_key(database: Database, trail: AuditTrail) -> None:
    def cut(tx: Tx) -> None:
        unguarded(tx)
        tx.execute("DELETE FROM audit WHERE seq > 7")
        tx.execute("UPDATE audit_head SET seq = 7, hash = (SELECT hash FROM audit WHERE seq = 7)")

    await database.run(cut)
    assert (await trail.verify(database)).broken == Broken(8, "the head was changed")


async def test_an_older_copy_is_found_by_an_anchor(database: Database, trail: AuditTrail) -> None:
    older = await database.read(lambda tx: tx.one("SELECT * FROM audit_head"))
    assert older is not None
    await database.run(lambda tx: trail.append(tx, AT, "ca", "revoked", "serial 1"))
    anchor = await database.read(trail.head)

    def restore(tx: Tx) -> None:
        unguarded(tx)
        tx.execute("DELETE FROM audit WHERE seq = 10")
        tx.execute("UPDATE audit_head SET seq = :seq, hash = :hash, seal = :seal WHERE id = :id", **older)

    await database.run(restore)
    assert await trail.verify(database) == Verdict(9)
    assert (await trail.verify(database, [anchor])).broken == Broken(10, "removed: an anchor is beyond the head")
    wrong = Head(5, "0" * 64)
    assert (await trail.verify(database, [wrong])).broken == Broken(5, "not the row that an anchor names")


async def test_another_key_fits_nothing(database: Database, trail: AuditTrail) -> None:
    assert (await AuditTrail(bytes(32)).verify(database)).broken == Broken(1, "changed")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        AuditTrail(b"short")


async def test_many_append_at_once(database: Database, trail: AuditTrail) -> None:
    def append(n: int) -> Callable[[Tx], int]:
        return lambda tx: trail.append(tx, AT, "ca", "issued", str(n))

    numbers = await asyncio.gather(*(database.run(append(n)) for n in range(60)))
    assert sorted(numbers) == list(range(10, 70))
    assert await trail.verify(database) == Verdict(69)


async def test_what_is_undone_leaves_no_gap(database: Database, trail: AuditTrail) -> None:
    def fails(tx: Tx) -> None:
        trail.append(tx, AT, "ca", "issued", "never")
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(fails)
    assert await trail.verify(database) == Verdict(9)


async def pruned(database: Database, trail: AuditTrail, before: datetime, most: int = 10_000) -> int:
    return await database.run(lambda tx: trail.prune(tx, AT + DAY, before, most))


async def test_what_is_pruned_leaves_a_chain_that_holds(database: Database, trail: AuditTrail) -> None:
    await database.run(lambda tx: trail.append(tx, AT + DAY, "ca", "issued", "serial 10"))
    anchors = [Head(row["seq"], row["hash"]) async for row in trail.rows(database)]
    assert await pruned(database, trail, AT) == 0
    assert await pruned(database, trail, AT + DAY, most=4) == 4
    assert await pruned(database, trail, AT + DAY) == 5
    assert await pruned(database, trail, AT + DAY) == 0, "the rows about pruning are young"
    assert [row["seq"] async for row in trail.rows(database)] == [10, 11, 12]
    assert await trail.verify(database, anchors) == Verdict(3)
    with pytest.raises(ConstraintViolated):
        await database.run(lambda tx: tx.execute("DELETE FROM audit WHERE seq = 10"))


async def test_the_last_row_is_never_pruned(database: Database, trail: AuditTrail) -> None:
    assert await pruned(database, trail, AT + 9 * DAY) == 0, "nothing is left that says where to begin"


async def test_moving_the_start_without_the_key_is_found(database: Database, trail: AuditTrail) -> None:
    await database.run(
        lambda tx: tx.execute("UPDATE audit_start SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)")
    )
    await database.run(lambda tx: tx.execute("DELETE FROM audit WHERE seq <= 3"))
    assert (await trail.verify(database)).broken == Broken(4, "the start was changed")


async def test_an_anchor_is_sealed(database: Database, trail: AuditTrail) -> None:
    anchor = await database.read(lambda tx: trail.anchor(tx, AT))
    assert anchor.seq == 9
    assert trail.is_ours(anchor)
    assert not trail.is_ours(replace(anchor, seq=8))
    assert not AuditTrail(bytes(32)).is_ours(anchor)
