"""`ca.ports.CertificateStore` over both engines."""

import asyncio
import base64
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.storage.audit import AuditTrail, Verdict
from bot.storage.certificates import Certificates
from bot.storage.database import ConstraintViolated, Database, Tx, open_database
from bot.storage.lists import Lists
from ca import crl
from ca import der as encoding
from ca.errors import ActiveCertificateExists, KeyReused, NotFound, RequestConflict, StoppedMeanwhile
from ca.ports import CertificateStore, Record, RevokedEntry, Serial, Status, SubscriberId
from handlers.owned import STOPPED
from handlers.registry import PROVEN
from handlers.stages import NEVER_SAID
from tests.storage.plans import AT, DAY, YEAR, der, plan
from tests.years import YEARS

KEY = bytes(range(32))
KIM = SubscriberId("kim")
HOUR = timedelta(hours=1)


@pytest.fixture
def audit() -> AuditTrail:
    return AuditTrail(KEY)


@pytest.fixture
def store(database: Database, audit: AuditTrail) -> Certificates:
    return Certificates(database, audit, export_key=KEY, now=lambda: AT)


async def issued(store: CertificateStore, **about: str) -> Record:
    wanted = plan(**about)  # type: ignore[arg-type]
    await store.plan(wanted)
    return await store.complete(wanted.serial, der(wanted), AT)


async def listed(database: Database) -> list[bytes]:
    return await Lists(database).entries("issuing-1", AT, None, None)


async def acts(database: Database) -> list[str]:
    return [row["act"] for row in await database.read(lambda tx: tx.all("SELECT act FROM audit ORDER BY seq"))]


async def test_from_plan_to_certificate(store: Certificates, database: Database, audit: AuditTrail) -> None:
    wanted = plan()
    assert await store.plan(wanted) == Record(wanted, Status.PLANNED)
    assert await store.unfinished() == [Record(wanted, Status.PLANNED)]
    assert await store.active(KIM) == []
    record = Record(wanted, Status.VALID, der(wanted), issued_at=AT)
    assert await store.complete(wanted.serial, der(wanted), AT) == record
    assert await store.by_serial(wanted.serial) == record
    assert await store.by_request(wanted.request_id) == record
    assert await store.active(KIM) == [record]
    assert await store.unfinished() == []
    assert await acts(database) == ["issuing", "issued"]
    assert await audit.verify(database) == Verdict(2)
    [row] = await database.read(lambda tx: tx.all("SELECT owner, kind, said, due_at FROM reminders"))
    assert (row["owner"], row["kind"], row["said"]) == ("kim", "personal", NEVER_SAID)


async def test_what_is_to_be_told_is_part_of_the_commit(database: Database, audit: AuditTrail) -> None:
    told: list[Record] = []

    def announce(tx: Tx, record: Record, at: datetime) -> None:
        told.append(record)
        tx.execute("INSERT INTO crl_numbers VALUES ('told', 1)")  # a second time would violate the key
        if len(told) == 1:
            raise LookupError("no words")

    store = Certificates(database, audit, export_key=KEY, announce=announce)
    wanted = plan()
    await store.plan(wanted)
    with pytest.raises(LookupError):
        await store.complete(wanted.serial, der(wanted), AT)
    assert await store.unfinished() == [Record(wanted, Status.PLANNED)]
    for _ in range(2):
        record = await store.complete(wanted.serial, der(wanted), AT)
    assert told == [record, record]


async def test_unknown_ones(store: Certificates) -> None:
    assert await store.by_serial(Serial(1)) is None
    assert await store.by_request("?") is None
    for change in (store.complete(Serial(1), b"", AT), store.revoke(Serial(1), AT, "superseded")):
        with pytest.raises(NotFound):
            await change
    with pytest.raises(NotFound):
        await store.release(Serial(1), AT)
    await store.fail(Serial(1), AT, "never was")


async def test_the_same_request_is_the_same_certificate(store: Certificates, database: Database) -> None:
    first = await issued(store, request="turn 7", digest="a")
    assert await store.plan(plan(request="turn 7", digest="a")) == first
    assert await acts(database) == ["issuing", "issued"]


async def test_the_same_request_with_other_content(store: Certificates) -> None:
    await store.plan(plan(request="turn 7", digest="a"))
    with pytest.raises(RequestConflict):
        await store.plan(plan(request="turn 7", digest="b"))


async def test_one_at_a_time(store: Certificates) -> None:
    first = plan()
    await store.plan(first)
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan())
    await store.plan(plan(profile="business"))
    await store.plan(plan(subscriber="lee"))
    await store.complete(first.serial, der(first), AT)
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan())
    await store.revoke(first.serial, AT, "certificateHold")
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan())
    await store.revoke(first.serial, AT, "superseded")
    await store.plan(plan())


@pytest.mark.parametrize("held", [False, True])
async def test_one_past_its_end_stands_aside(store: Certificates, held: bool) -> None:
    old = await issued(store)
    if held:
        old = await store.revoke(old.plan.serial, AT, "certificateHold")
    end = old.plan.not_after
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan(at=end))
    new = plan(at=end + timedelta(microseconds=1))
    await store.plan(new)
    assert await store.by_serial(old.plan.serial) == old  # no stored status depends on the clock
    await store.release(old.plan.serial, end + DAY)  # nor does a late release take the place back
    await store.complete(new.serial, der(new), end + DAY)


async def test_a_planned_one_past_its_end_does_not_stand_aside(store: Certificates) -> None:
    lost = plan()
    await store.plan(lost)
    with pytest.raises(ActiveCertificateExists):
        await store.plan(plan(at=AT + 2 * YEAR))
    await store.fail(lost.serial, AT + 2 * YEAR, "crashed")
    await store.plan(plan(at=AT + 2 * YEAR))


async def test_a_key_is_certified_once(store: Certificates) -> None:
    first = await issued(store, key="k")
    with pytest.raises(KeyReused):
        await store.plan(plan(subscriber="lee", key="k"))
    await store.revoke(first.plan.serial, AT, "keyCompromise")
    with pytest.raises(KeyReused):
        await store.plan(plan(key="k"))


async def test_a_proof_from_before_its_subscriber_stopped_everything_is_worth_nothing(
    store: Certificates, audit: AuditTrail, database: Database
) -> None:
    """Whichever commit comes first: a thief's page may have been open while its owner stopped all."""
    await database.run(lambda tx: audit.append(tx, AT, "somebody", STOPPED, KIM, {"wish": "not_me"}))
    early = replace(plan(), evidence={PROVEN: (AT - timedelta(seconds=1)).isoformat()})
    with pytest.raises(StoppedMeanwhile):
        await store.plan(early)
    assert await store.unfinished() == []
    await store.plan(replace(plan(), evidence={PROVEN: AT.isoformat()}))
    await store.plan(replace(plan(subscriber="lee"), evidence=early.evidence))


async def test_after_a_failure_only_the_same_subscriber_may_use_the_key(store: Certificates) -> None:
    lost = plan(key="k")
    await store.plan(lost)
    await store.fail(lost.serial, AT, "crashed")
    with pytest.raises(KeyReused):
        await store.plan(plan(subscriber="lee", key="k"))
    await store.plan(plan(key="k"))


async def test_sixteen_plans_at_once_for_one_subscriber(store: Certificates, database: Database) -> None:
    answers = await asyncio.gather(*(store.plan(plan()) for _ in range(16)), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["ActiveCertificateExists"] * 15 + ["Record"]
    assert await acts(database) == ["issuing"]


async def test_sixteen_times_the_same_request_at_once(store: Certificates, database: Database) -> None:
    answers = await asyncio.gather(*(store.plan(plan(request="turn 7")) for _ in range(16)))
    assert len({record.plan.serial for record in answers}) == 1
    assert await acts(database) == ["issuing"]


async def test_sixteen_subscribers_with_one_key_at_once(store: Certificates) -> None:
    answers = await asyncio.gather(
        *(store.plan(plan(subscriber=str(n), key="k")) for n in range(16)), return_exceptions=True
    )
    assert sorted(type(a).__name__ for a in answers) == ["KeyReused"] * 15 + ["Record"]


async def test_the_schema_itself_refuses_what_the_code_should_have(store: Certificates, database: Database) -> None:
    first = await issued(store)

    def sneak(tx: Tx, **other: str) -> None:
        row = tx.one("SELECT * FROM certificates") or {}
        row |= {"serial": "f" * 40, "request_id": "r", "public_key_sha256": b"k", "subscriber": "lee"} | other
        columns = ", ".join(row)
        tx.execute(f"INSERT INTO certificates ({columns}) VALUES (:{columns.replace(', ', ', :')})", **row)

    for other in (
        {"subscriber": "kim"},
        {"public_key_sha256": first.plan.public_key_sha256},
        {"request_id": first.plan.request_id},
        {"serial": "f"},
        {"status": "lost"},
        {"status": "revoked"},
        {"der": None},
    ):
        with pytest.raises(ConstraintViolated):
            await database.run(lambda tx, other=other: sneak(tx, **other))
    await database.run(sneak)


async def test_completing_again_changes_nothing(store: Certificates, database: Database) -> None:
    first = await issued(store)
    assert await store.complete(first.plan.serial, der(first.plan), AT + HOUR) == first
    revoked = await store.revoke(first.plan.serial, AT, "superseded")
    assert await store.complete(first.plan.serial, der(first.plan), AT + HOUR) == revoked
    assert await acts(database) == ["issuing", "issued", "revoked"]
    with pytest.raises(RequestConflict):
        await store.complete(first.plan.serial, b"another", AT)


async def test_of_two_signatures_over_one_plan_the_first_counts(store: Certificates) -> None:
    """A token draws its nonces, so a life that finishes what another began may sign the same bytes differently."""
    signed = replace(plan(), tbs=encoding.sequence(encoding.integer(7)))
    await store.plan(signed)
    one, other = (encoding.sequence(signed.tbs, encoding.bit_string(nonce)) for nonce in (b"one", b"other"))
    first = await store.complete(signed.serial, one, AT)
    assert await store.complete(signed.serial, other, AT + HOUR) == first
    assert first.der == one
    stranger = encoding.sequence(encoding.sequence(encoding.integer(8)), encoding.bit_string(b"one"))
    for another in (stranger, b"no DER at all"):
        with pytest.raises(RequestConflict):
            await store.complete(signed.serial, another, AT)


async def test_a_failed_one_is_listed_and_never_finished(store: Certificates, database: Database) -> None:
    lost = plan()
    await store.plan(lost)
    await store.fail(lost.serial, AT, "crashed")
    await store.fail(lost.serial, AT + HOUR, "again")
    assert await listed(database) == [crl.entry(RevokedEntry(lost.serial, AT, "unspecified"))]
    assert await store.unfinished() == []
    with pytest.raises(RequestConflict):
        await store.complete(lost.serial, der(lost), AT)
    for change in (store.revoke(lost.serial, AT, "superseded"), store.release(lost.serial, AT)):
        with pytest.raises(NotFound):
            await change
    assert await acts(database) == ["issuing", "failed"]


async def test_failing_an_issued_one_changes_nothing(store: Certificates, database: Database) -> None:
    first = await issued(store)
    await store.fail(first.plan.serial, AT, "too late")
    assert await store.by_serial(first.plan.serial) == first
    assert await acts(database) == ["issuing", "issued"]


async def test_revoking(store: Certificates, database: Database) -> None:
    first = await issued(store)
    revoked = await store.revoke(first.plan.serial, AT + HOUR, "keyCompromise")
    assert (revoked.status, revoked.revoked_at, revoked.reason) == (Status.REVOKED, AT + HOUR, "keyCompromise")
    for reason in ("superseded", "certificateHold", "keyCompromise"):
        assert await store.revoke(first.plan.serial, AT + DAY, reason) == revoked
    assert await store.release(first.plan.serial, AT + DAY) == revoked
    assert await acts(database) == ["issuing", "issued", "revoked"]
    assert await store.active(KIM) == []


async def test_hold_and_release(store: Certificates, database: Database) -> None:
    first = await issued(store)
    held = await store.revoke(first.plan.serial, AT + HOUR, "certificateHold")
    assert (held.status, held.revoked_at, held.reason) == (Status.HELD, AT + HOUR, "certificateHold")
    assert await listed(database) == [crl.entry(RevokedEntry(first.plan.serial, AT + HOUR, "certificateHold"))]
    assert await store.revoke(first.plan.serial, AT + DAY, "certificateHold") == held
    assert await store.active(KIM) == [held]
    assert await store.release(first.plan.serial, AT + DAY) == first
    assert await store.release(first.plan.serial, AT + DAY) == first
    assert await listed(database) == [b""]
    assert await acts(database) == ["issuing", "issued", "held", "released"]


async def test_a_hold_that_ends_in_revocation_keeps_its_date(store: Certificates) -> None:
    first = await issued(store)
    await store.revoke(first.plan.serial, AT + HOUR, "certificateHold")
    revoked = await store.revoke(first.plan.serial, AT + DAY, "keyCompromise")
    assert (revoked.status, revoked.revoked_at, revoked.reason) == (Status.REVOKED, AT + HOUR, "keyCompromise")


async def test_active_ends_with_the_certificate(database: Database, audit: AuditTrail) -> None:
    now = AT
    store = Certificates(database, audit, export_key=KEY, now=lambda: now)
    record = await issued(store)
    now = record.plan.not_after
    assert await store.active(KIM) == [record]
    now += timedelta(seconds=1)
    assert await store.active(KIM) == []


async def test_the_plan_is_undone_when_the_audit_cannot_be_written(store: Certificates, database: Database) -> None:
    await database.run(lambda tx: tx.execute("DELETE FROM audit_head"))
    wanted = plan()
    with pytest.raises(ValueError, match="no head"):
        await store.plan(wanted)
    assert await store.by_serial(wanted.serial) is None


async def test_the_audit_names_what_was_signed_and_no_person(store: Certificates, database: Database) -> None:
    await issued(store, subscriber="customer-0042")
    rows = await database.read(lambda tx: tx.all("SELECT subject, detail FROM audit"))
    text = str(rows)
    assert "tbs_sha256" in text
    assert "certificate_sha256" in text
    assert "customer-0042" not in text
    assert "홍길동" not in text


async def test_export(store: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.storage.exporting.PAGE", 2)
    records = [await issued(store, subscriber="kim" if n < 2 else str(n), profile=str(n)) for n in range(5)]
    await store.revoke(records[1].plan.serial, AT + HOUR, "keyCompromise")
    await store.plan(plan(subscriber="planned"))
    found = [row async for row in store.export()]
    assert [int(row.serial, 16) for row in found] == [record.plan.serial for record in records]
    assert found[0].subject_id == found[1].subject_id != found[2].subject_id
    assert "kim" not in str([row.as_json() for row in found])
    first = found[1].as_json()
    assert (first["status"], first["reason"]) == ("revoked", "keyCompromise")
    assert first["revoked_at"] == f"{2026 + YEARS}-11-22T11:00:00.000000Z"
    assert base64.b64encode(found[1].der).decode() in str(first["pem"])


async def test_a_restart_remembers(database_url: str, audit: AuditTrail) -> None:
    database = await open_database(database_url)
    first = await issued(Certificates(database, audit, export_key=KEY))
    await database.close()
    database = await open_database(database_url)
    assert await Certificates(database, audit, export_key=KEY).by_serial(first.plan.serial) == first
    await database.close()


async def test_no_step_of_a_life_reads_a_whole_table(tmp_path: Path, audit: AuditTrail) -> None:
    """An index that is missing would be noticed with a million certificates only."""
    database, said = await open_database(tmp_path / "life.db"), set[str]()
    store = Certificates(database, audit, export_key=KEY, now=lambda: AT)
    # SQLite's own trace: every statement, its parameters filled in.
    await database.run(lambda tx: tx.connection.set_trace_callback(said.add))  # type: ignore[attr-defined]
    first = await issued(store, subscriber="lee")
    await store.fail((await store.plan(plan())).plan.serial, AT, "lost")
    successor = plan(subscriber="lee", replaces=first.plan.serial)
    await store.plan(successor)
    await store.complete(successor.serial, der(successor), AT)
    await store.settle(successor.serial, AT, "superseded")
    await store.revoke(successor.serial, AT, "certificateHold")
    await store.release(successor.serial, AT)
    await database.run(lambda tx: tx.connection.set_trace_callback(None))  # type: ignore[attr-defined]
    asking = [sql for sql in said if sql.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    assert len(asking) > 30

    def scans(tx: Tx) -> list[str]:
        return [
            f"{row['detail']}: {sql}"
            for sql in asking
            for row in tx.all(f"EXPLAIN QUERY PLAN {sql}")
            if row["detail"].startswith("SCAN ") and "CONSTANT ROW" not in row["detail"]
        ]

    found = await database.read(scans)
    await database.close()
    assert found == []
