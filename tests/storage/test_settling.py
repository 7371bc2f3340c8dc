"""A successor waits beside the certificate it replaces; then the two are exchanged in one commit, or not at all."""

import asyncio
from datetime import timedelta

import pytest

from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import ConstraintViolated, Database, Tx
from ca.errors import ActiveCertificateExists, NotFound, RequestConflict
from ca.ports import Record, Serial, Status, SubscriberId
from ca.revocation import By
from tests.storage.plans import AT, DAY, YEAR, der, plan

KIM = SubscriberId("kim")


@pytest.fixture
def audit() -> AuditTrail:
    return AuditTrail(bytes(range(32)))


@pytest.fixture
def store(database: Database, audit: AuditTrail) -> Certificates:
    return Certificates(database, audit, export_key=bytes(32), now=lambda: AT)


async def issued(store: Certificates, replaces: Record | None = None, **about: str) -> Record:
    wanted = plan(replaces=replaces.plan.serial if replaces else None, **about)  # type: ignore[arg-type]
    await store.plan(wanted)
    return await store.complete(wanted.serial, der(wanted), AT)


async def test_both_are_valid_until_the_exchange(store: Certificates, database: Database) -> None:
    old = await issued(store)
    new = await issued(store, old)
    assert await store.active(KIM) == [old], "nobody relies on what may be lost on the way"
    assert await store.settle(new.plan.serial, AT + DAY, "superseded", "subscriber") == new
    assert await store.active(KIM) == [new]
    ended = await store.by_serial(old.plan.serial)
    assert ended is not None
    assert (ended.status, ended.reason, ended.revoked_at) == (Status.REVOKED, "superseded", AT + DAY)
    acts = await database.read(lambda tx: tx.all("SELECT act, actor FROM audit ORDER BY seq DESC LIMIT 2"))
    assert [(row["act"], row["actor"]) for row in acts] == [("settled", "subscriber"), ("revoked", "subscriber")]
    before = await database.read(lambda tx: tx.one("SELECT max(seq) AS seq FROM audit"))
    assert await store.settle(new.plan.serial, AT + 2 * DAY, "keyCompromise") == new, "again changes nothing"
    assert await database.read(lambda tx: tx.one("SELECT max(seq) AS seq FROM audit")) == before


async def test_a_successor_not_signed_yet_ends_with_what_it_replaces(store: Certificates) -> None:
    old = await issued(store)
    waiting = plan(replaces=old.plan.serial)
    await store.plan(waiting)
    await store.revoke(old.plan.serial, AT, "certificateHold", By.SUBSCRIBER.value)
    failed = await store.by_serial(waiting.serial)
    assert failed is not None
    assert failed.status is Status.FAILED
    with pytest.raises(RequestConflict):
        await store.complete(waiting.serial, der(waiting), AT)


async def test_one_that_nobody_keeps_leaves_the_old_one_as_it_was(store: Certificates) -> None:
    old = await issued(store)
    lost = await issued(store, old)
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan(replaces=old.plan.serial))
    await store.revoke(lost.plan.serial, AT, "superseded")
    assert await store.active(KIM) == [old]
    with pytest.raises(RequestConflict):
        await store.settle(lost.plan.serial, AT, "superseded")
    kept = await issued(store, old)
    await store.settle(kept.plan.serial, AT, "superseded")
    assert await store.active(KIM) == [kept]


@pytest.mark.parametrize("held", [False, True])
async def test_the_old_one_past_its_end_stands_aside_unrevoked(store: Certificates, held: bool) -> None:
    old = await issued(store)
    if held:
        old = await store.revoke(old.plan.serial, AT, "certificateHold")
    new = await issued(store, old)
    late = old.plan.not_after + timedelta(seconds=1)
    await store.settle(new.plan.serial, late, "superseded")
    assert await store.by_serial(old.plan.serial) == old
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan(at=AT + DAY))


async def test_the_old_one_revoked_meanwhile(store: Certificates) -> None:
    old = await issued(store)
    new = await issued(store, old)
    revoked = await store.revoke(old.plan.serial, AT, "keyCompromise")
    await store.settle(new.plan.serial, AT + DAY, "superseded")
    assert await store.by_serial(old.plan.serial) == revoked
    assert await store.active(KIM) == [new]


async def test_somebody_else_in_the_place_meanwhile(store: Certificates) -> None:
    old = await issued(store)
    new = await issued(store, old)
    await store.revoke(old.plan.serial, AT, "keyCompromise")
    other = await issued(store)
    with pytest.raises(ActiveCertificateExists):
        await store.settle(new.plan.serial, AT, "superseded")
    assert await store.active(KIM) == [other]


async def test_what_cannot_be_replaced(store: Certificates) -> None:
    old = await issued(store)
    for stranger in (
        plan(replaces=Serial(1)),
        plan(replaces=old.plan.serial, subscriber="lee"),
        plan(replaces=old.plan.serial, profile="business"),
    ):
        with pytest.raises(NotFound):
            await store.plan(stranger)
    with pytest.raises(RequestConflict):
        await store.settle(old.plan.serial, AT, "superseded")
    with pytest.raises(NotFound):
        await store.settle(Serial(1), AT, "superseded")
    waiting = await issued(store, old)
    with pytest.raises(NotFound):
        await store.plan(plan(replaces=waiting.plan.serial))


async def test_sixteen_successors_at_once_are_one(store: Certificates) -> None:
    old = await issued(store)
    plans = [plan(replaces=old.plan.serial) for _ in range(16)]
    answers = await asyncio.gather(*map(store.plan, plans), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["ActiveCertificateExists"] * 15 + ["Record"]


async def test_the_schema_itself_refuses_a_second_successor_and_a_second_in_place(
    store: Certificates, database: Database
) -> None:
    old = await issued(store)
    new = await issued(store, old)

    def sneak(tx: Tx) -> None:
        row = tx.one("SELECT * FROM certificates WHERE replaces IS NOT NULL") or {}
        row |= {"serial": "f" * 40, "request_id": "r", "public_key_sha256": b"k"}
        columns = ", ".join(row)
        tx.execute(f"INSERT INTO certificates ({columns}) VALUES (:{columns.replace(', ', ', :')})", **row)

    with pytest.raises(ConstraintViolated):
        await database.run(sneak)
    with pytest.raises(ConstraintViolated):
        await database.run(
            lambda tx: tx.execute("UPDATE certificates SET in_place = 1 WHERE serial = :s", s=f"{new.plan.serial:040x}")
        )


async def test_what_was_on_hold_for_too_long_lapses(store: Certificates) -> None:
    held = await issued(store)
    await store.revoke(held.plan.serial, AT, "certificateHold")
    assert await store.lapsed(AT - timedelta(seconds=1)) == []
    assert await store.lapsed(AT) == [held.plan.serial]
    assert await store.lapsed(AT + 2 * YEAR) == [], "it has ended anyway"
