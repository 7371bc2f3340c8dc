"""The order of effects: whatever is killed, one request has at most one certificate and none is unknown."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ca import keys
from ca.authority import CertificateAuthority
from ca.errors import (
    ActiveCertificateExists,
    BadName,
    BadRequest,
    KeyReused,
    LintFailed,
    NotFound,
    RequestConflict,
)
from ca.ports import Record, Serial, Status
from ca.registration import UNFINISHED_FOR, RegistrationAuthority
from ca.revocation import By
from tests.ca.pki import NOW, enrollment, pki, request
from tests.ca.store import Killed, MemoryStore

STEPS = ["before plan", "after plan", "before complete", "after complete"]


class CountingAuthority(CertificateAuthority):
    """Remembers every certificate the real key has signed, and dies around it when told to."""

    def __init__(self) -> None:
        known = pki().authority
        super().__init__(known.current, known.profiles)
        self.signed: list[bytes] = []
        self.kill_at: str | None = None

    def sign(self, record: Record) -> bytes:
        if self.kill_at == "before sign":
            self.kill_at = None
            raise Killed
        der = super().sign(record)
        self.signed.append(der)
        if self.kill_at == "after sign":
            self.kill_at = None
            raise Killed
        return der


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def authority() -> CountingAuthority:
    return CountingAuthority()


@pytest.fixture
def ra(authority: CountingAuthority, store: MemoryStore) -> RegistrationAuthority:
    return RegistrationAuthority(authority, store)


async def test_an_enrollment(ra: RegistrationAuthority, store: MemoryStore) -> None:
    record = await ra.enroll(enrollment(), NOW)
    assert record.status is Status.VALID
    assert record.der is not None
    assert store.steps == STEPS, "the plan is stored before anything is signed"
    assert await ra.status(record.plan.serial) == record
    assert record.plan.evidence == {"factor": "card"}


async def test_asked_again_it_is_the_same(ra: RegistrationAuthority, authority: CountingAuthority) -> None:
    first = await ra.enroll(enrollment(), NOW)
    again = await ra.enroll(enrollment(csr=request()), NOW + timedelta(hours=2))
    assert again == first
    assert len(authority.signed) == 1


async def test_asked_again_with_other_content_it_is_a_conflict(ra: RegistrationAuthority) -> None:
    await ra.enroll(enrollment(), NOW)
    with pytest.raises(RequestConflict):
        await ra.enroll(enrollment(name="홍길순"), NOW)


async def test_sixteen_at_once_are_one(
    ra: RegistrationAuthority, store: MemoryStore, authority: CountingAuthority
) -> None:
    records = await asyncio.gather(*(ra.enroll(enrollment(csr=request()), NOW) for _ in range(16)))
    assert len({r.der for r in records}) == 1
    assert len(store.records) == len(authority.signed) == 1


async def test_two_processes_at_once_are_one(store: MemoryStore, authority: CountingAuthority) -> None:
    several = [RegistrationAuthority(authority, store) for _ in range(8)]
    records = await asyncio.gather(*(ra.enroll(enrollment(csr=request()), NOW) for ra in several))
    assert len({r.der for r in records}) == 1
    assert len(store.records) == len(set(authority.signed)) == 1


async def test_what_the_store_refuses_is_not_signed(ra: RegistrationAuthority, authority: CountingAuthority) -> None:
    await ra.enroll(enrollment(), NOW)
    with pytest.raises(KeyReused):
        await ra.enroll(enrollment(request_id="2", subscriber="customer-2"), NOW)
    with pytest.raises(ActiveCertificateExists):
        await ra.enroll(enrollment(request_id="3", csr=request(keys.generate("p-256"))), NOW)
    assert len(authority.signed) == 1


async def test_a_refusal_leaves_nothing_behind(ra: RegistrationAuthority, store: MemoryStore) -> None:
    with pytest.raises(BadName):
        await ra.enroll(enrollment(name="<홍>"), NOW)
    assert store.steps == []


@pytest.mark.parametrize("step", [*STEPS, "before sign", "after sign"])
@pytest.mark.parametrize("asked_again", [False, True], ids=["customer gone", "customer asks again"])
async def test_killed_at_any_step_there_is_one_certificate(
    step: str, asked_again: bool, store: MemoryStore, authority: CountingAuthority
) -> None:
    if "sign" in step:
        authority.kill_at = step
    else:
        store.kill_at = step
    with pytest.raises(Killed):
        await RegistrationAuthority(authority, store).enroll(enrollment(), NOW)

    reborn = RegistrationAuthority(authority, store)
    later = NOW + timedelta(minutes=5)
    await reborn.reconcile(later)
    assert not await store.unfinished()
    if asked_again:
        record = await reborn.enroll(enrollment(), later)
        assert record.status is Status.VALID

    issued = {r.der for r in store.records.values()}
    planned_before = STEPS.index(step) >= STEPS.index("after plan") if step in STEPS else True
    assert len(issued) == (1 if planned_before or asked_again else 0)
    assert set(authority.signed) <= issued, "nothing was signed that the store does not know"


async def test_an_old_plan_fails_and_stays_failed(
    store: MemoryStore, authority: CountingAuthority, ra: RegistrationAuthority
) -> None:
    store.kill_at = "after plan"
    with pytest.raises(Killed):
        await ra.enroll(enrollment(), NOW)
    (serial,) = store.records
    later = NOW + UNFINISHED_FOR
    assert (await ra.reconcile(later)).failed == (serial,)
    assert store.records[serial].status is Status.FAILED
    assert authority.signed == []
    with pytest.raises(RequestConflict):
        await ra.enroll(enrollment(), later)


async def test_a_plan_just_under_a_day_old_is_finished(store: MemoryStore, ra: RegistrationAuthority) -> None:
    store.kill_at = "after plan"
    with pytest.raises(Killed):
        await ra.enroll(enrollment(), NOW)
    done = await ra.reconcile(NOW + UNFINISHED_FOR - timedelta(seconds=1))
    assert done.finished == tuple(store.records)


async def test_a_plan_somebody_changed_is_failed_not_signed(
    store: MemoryStore, authority: CountingAuthority, ra: RegistrationAuthority
) -> None:
    store.kill_at = "after plan"
    with pytest.raises(Killed):
        await ra.enroll(enrollment(), NOW)
    ((serial, record),) = store.records.items()
    forged = record.plan.tbs.replace("홍길동".encode(), "임꺽정".encode())
    store.records[serial] = replace(record, plan=replace(record.plan, tbs=forged))
    with pytest.raises(LintFailed):
        await ra.enroll(enrollment(), NOW)
    assert (await ra.reconcile(NOW)).failed == (serial,)
    assert authority.signed == []


async def test_hold_release_revoke(ra: RegistrationAuthority) -> None:
    serial = (await ra.enroll(enrollment(), NOW)).plan.serial
    assert (await ra.hold(serial, NOW)).status is Status.HELD
    assert (await ra.release(serial, NOW)).status is Status.VALID
    with pytest.raises(BadRequest):
        await ra.release(serial, NOW)
    assert (await ra.revoke(serial, "keyCompromise", NOW)).reason == "keyCompromise"
    later = NOW + timedelta(days=1)
    assert (await ra.revoke(serial, "superseded", later)).revoked_at == NOW, "revoking again changes nothing"
    with pytest.raises(BadRequest):
        await ra.release(serial, NOW)


@pytest.mark.parametrize("reason", ["", "lost", "removeFromCRL", "certificateHold"])
async def test_reasons_are_those_of_the_rfc(ra: RegistrationAuthority, reason: str) -> None:
    serial = (await ra.enroll(enrollment(), NOW)).plan.serial
    with pytest.raises(BadRequest):
        await ra.revoke(serial, reason, NOW)


async def test_a_reason_is_given_by_whom_it_is_for(ra: RegistrationAuthority) -> None:
    serial = (await ra.enroll(enrollment(), NOW)).plan.serial
    with pytest.raises(BadRequest, match="not for the subscriber"):
        await ra.revoke(serial, "privilegeWithdrawn", NOW, By.SUBSCRIBER)
    assert (await ra.status(serial)).status is Status.VALID
    await ra.revoke(serial, "privilegeWithdrawn", NOW, By.OPERATOR)


async def test_what_was_never_issued_is_not_found(ra: RegistrationAuthority, store: MemoryStore) -> None:
    for act in (ra.status(Serial(5)), ra.hold(Serial(5), NOW), ra.revoke(Serial(5), "superseded", NOW)):
        with pytest.raises(NotFound):
            await act
    store.kill_at = "after plan"
    with pytest.raises(Killed):
        await ra.enroll(enrollment(), NOW)
    with pytest.raises(NotFound):
        await ra.hold(Serial(next(iter(store.records))), NOW)
