"""Thousands of random operations; afterwards export, revocation lists and OCSP say the same of every serial number.

`CERTTALK_TEST_OPERATIONS=10000 pytest tests/storage/test_agreement.py` is the long form; `CERTTALK_TEST_SEED` chooses
other chances.
"""

import os
import random
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509 import ocsp as library

from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import open_database
from bot.storage.lists import Lists
from ca import keys, ocsp
from ca.errors import RequestRefused
from ca.partition import partitions
from ca.ports import Plan, Record, Serial, Status
from ca.registration import RegistrationAuthority
from ca.revocation import By, reasons
from tests.ca.pki import NOW, enrollment, pki, request

OPERATIONS = int(os.environ.get("CERTTALK_TEST_OPERATIONS", "400"))
SEED = int(os.environ.get("CERTTALK_TEST_SEED", "20261122"))
STRIDE = max(2, 2 * 3000 * 90 // (4 * OPERATIONS))
"""Days at a time, so that the whole takes about eight years: certificates end, holds lapse."""
ISSUER = "certtalk-1"


class Office:
    """Does what comes to mind, and keeps a model of what every status has to be."""

    def __init__(self, registration: RegistrationAuthority, store: Certificates, chance: random.Random) -> None:
        self.registration, self.store, self.chance = registration, store, chance
        self.now, self.requests = NOW, 0
        self.expected: dict[Serial, tuple[Status, str | None]] = {}
        self.in_place: dict[str, Serial] = {}
        self.ends: dict[Serial, datetime] = {}

    def subscriber(self) -> str:
        return f"customer-{self.chance.randrange(40)}"

    async def enroll(self, subscriber: str, replaces: Serial | None = None) -> Record:
        self.requests += 1
        wanted = enrollment(
            request_id=f"request {self.requests}", subscriber=subscriber, csr=request(keys.generate("p-256")),
            replaces=replaces,
        )  # fmt: skip
        record = await self.registration.enroll(wanted, self.now)
        self.expected[record.plan.serial] = Status.VALID, None
        self.ends[record.plan.serial] = record.plan.not_after
        return record

    def is_open(self, serial: Serial | None) -> bool:
        return serial is not None and self.expected[serial][0] in (Status.VALID, Status.HELD)

    async def issue(self) -> None:
        subscriber = self.subscriber()
        old = self.in_place.get(subscriber)
        free = old is None or not self.is_open(old) or self.now > self.ends[old]
        try:
            record = await self.enroll(subscriber)
        except RequestRefused:
            assert not free
        else:
            assert free
            self.in_place[subscriber] = record.plan.serial

    async def reissue(self) -> None:
        subscriber = self.subscriber()
        old = self.in_place.get(subscriber)
        if old is None or not self.is_open(old):
            return
        new = (await self.enroll(subscriber, old)).plan.serial
        if self.chance.random() < 0.2:
            await self.registration.revoke(new, "superseded", self.now)
            self.expected[new] = Status.REVOKED, "superseded"
            return
        reason = self.chance.choice(("superseded", "keyCompromise"))
        await self.registration.settle(new, reason, self.now, By.SUBSCRIBER)
        if self.now <= self.ends[old]:
            self.expected[old] = Status.REVOKED, reason
        self.in_place[subscriber] = new

    def issued(self) -> list[Serial]:
        return [serial for serial, (status, _) in self.expected.items() if status is not Status.FAILED]

    async def hold(self) -> None:
        if issued := self.issued():
            serial = self.chance.choice(issued)
            await self.registration.hold(serial, self.now)
            if self.expected[serial][0] is Status.VALID:
                self.expected[serial] = Status.HELD, "certificateHold"

    async def release(self) -> None:
        for serial in (s for s, (status, _) in self.expected.items() if status is Status.HELD):
            await self.registration.release(serial, self.now)
            self.expected[serial] = Status.VALID, None
            return

    async def revoke(self) -> None:
        if issued := self.issued():
            serial, by = self.chance.choice(issued), self.chance.choice(list(By))
            reason = self.chance.choice(reasons(by))
            await self.registration.revoke(serial, reason, self.now, by)
            if self.is_open(serial):
                self.expected[serial] = Status.REVOKED, reason

    async def crash(self) -> None:
        """A plan that nobody finishes, failed a day later."""
        self.requests += 1
        subscriber = f"gone-{self.requests}"
        wanted = enrollment(request_id=f"r{self.requests}", subscriber=subscriber, csr=request(keys.generate("p-256")))
        plan: Plan = self.registration.authority.prepare(wanted, self.now)
        await self.store.plan(plan)
        self.now += timedelta(days=1)
        assert (await self.registration.reconcile(self.now)).failed == (plan.serial,)
        self.expected[plan.serial], self.ends[plan.serial] = (Status.FAILED, "unspecified"), plan.not_after

    def bad(self, now: datetime) -> dict[Serial, str | None]:
        """What a list of then has to hold, and why."""
        return {
            serial: reason
            for serial, (status, reason) in self.expected.items()
            if status is not Status.VALID and self.ends[serial] >= now
        }

    async def lapse(self) -> None:
        self.now += timedelta(days=self.chance.randrange(STRIDE))
        for serial in await self.registration.lapse(self.now):
            self.expected[serial] = Status.REVOKED, "cessationOfOperation"


async def test_export_lists_and_answers_agree(tmp_path: Path) -> None:
    print(f"CERTTALK_TEST_SEED={SEED} CERTTALK_TEST_OPERATIONS={OPERATIONS}")
    chance, authority = random.Random(SEED), pki().authority
    database = await open_database(tmp_path / "certtalk.sqlite3")
    audit = AuditTrail(bytes(range(32)))
    store = Certificates(database, audit, bytes(32), now=lambda: NOW)
    office = Office(RegistrationAuthority(authority, store), store, chance)
    acts = {
        office.issue: 30, office.reissue: 20, office.hold: 15, office.release: 10, office.revoke: 10, office.crash: 1,
        office.lapse: 4,
    }  # fmt: skip
    lists, seen = Lists(database), set[str]()
    for number, act in enumerate(chance.choices(list(acts), list(acts.values()), k=OPERATIONS)):
        await act()
        office.now += timedelta(minutes=chance.randrange(60))
        if number % 20 == 0:  # at the end holds have lapsed, and most certificates have passed their end
            entries = await lists.entries(ISSUER, office.now, None, None)
            whole = listed(authority.sign_crl(ISSUER, entries, 1, office.now.replace(microsecond=0), timedelta(days=1)))
            assert whole == office.bad(office.now)
            seen |= set(whole.values())
    assert {"certificateHold", "keyCompromise", "superseded"} <= seen
    now = office.now.replace(microsecond=0)

    exported = {Serial(int(one.serial, 16)): (one.status, one.reason) async for one in store.export()}
    assert exported == {s: e for s, e in office.expected.items() if e[0] is not Status.FAILED}

    bad = office.bad(now)
    whole = listed(authority.sign_crl(ISSUER, await lists.entries(ISSUER, now, None, None), 1, now, timedelta(days=1)))
    assert whole == bad
    parts = [
        listed(authority.sign_crl(ISSUER, await lists.entries(ISSUER, now, p.first, p.behind), 1, now, timedelta(1), p))
        for p in partitions(5)
    ]
    assert sum(map(len, parts)) == len(bad)
    assert {serial: reason for part in parts for serial, reason in part.items()} == bad

    strangers = [Serial(1 << 158 | chance.getrandbits(158)) for _ in range(20)]
    for serial in [*office.expected, *strangers]:
        # At the beginning's time, when the responder's certificate holds: no status depends on the clock.
        asked = ocsp.request(authority.current, serial, chance.choice(["sha1", "sha256"]))
        answer = library.load_der_ocsp_response(await authority.answer_ocsp(asked, store.standings, NOW))
        if serial in strangers:
            assert answer.certificate_status is library.OCSPCertStatus.UNKNOWN
            continue
        status, reason = office.expected[serial]
        good = answer.certificate_status is library.OCSPCertStatus.GOOD
        assert good is (status is Status.VALID)
        said = answer.revocation_reason.value if answer.revocation_reason else "unspecified"
        assert good or said == (reason or "unspecified")
    assert (await audit.verify(database)).broken is None
    await database.close()


def listed(crl: bytes) -> dict[Serial, str]:
    found = {}
    for one in x509.load_der_x509_crl(crl):
        reason = next((e.value.reason.value for e in one.extensions if isinstance(e.value, x509.CRLReason)), None)
        found[Serial(one.serial_number)] = reason or "unspecified"
    return found
