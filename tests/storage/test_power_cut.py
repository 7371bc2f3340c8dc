"""The power fails anywhere: what was acknowledged is there, what was not is whole or absent, and all accounts agree.

A real history is written once. Then the database is put together as a power cut leaves it: the file as it was, and the
log up to every frame, into the middle of one, or with sectors missing of what was not yet synced (SQLite syncs the log
at each commit: `synchronous=FULL`).
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ocsp as library

from bot.jobs.listing import Listing
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database, open_database
from bot.storage.lists import Lists
from ca import keys, ocsp
from ca.authority import CertificateAuthority
from ca.ports import Record, Serial, Status
from ca.registration import RegistrationAuthority
from ca.revocation import By
from tests.ca.pki import NOW, PLAN_KEY, enrollment, pki, request
from tests.storage.test_agreement import ISSUER, listed

HEADER, FRAME, SECTOR = 32, 24 + 4096, 512
"""Octets of the log's header, of a frame (SQLite file format §4.1), and of what a disk writes at once."""
SEED = 20261122
STATUS = {
    Status.VALID: library.OCSPCertStatus.GOOD,
    Status.PLANNED: library.OCSPCertStatus.UNKNOWN,
    Status.HELD: library.OCSPCertStatus.REVOKED,
    Status.REVOKED: library.OCSPCertStatus.REVOKED,
    Status.FAILED: library.OCSPCertStatus.REVOKED,
}


class Signing(CertificateAuthority):
    """Tells of every certificate its key has signed."""

    def __init__(self, signed: Callable[[Serial, bytes], None]) -> None:
        known = pki().authority
        super().__init__(known.current, known.profiles, plan_key=PLAN_KEY)
        self._tell = signed

    def sign(self, record: Record) -> bytes:
        der = super().sign(record)
        self._tell(record.plan.serial, der)
        return der


@dataclass
class History:
    """What was written. `commits` are the acknowledged lengths of the log and where the audit trail ended there."""

    base: bytes = b""
    log: bytes = b""
    commits: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    signed: dict[Serial, tuple[int, bytes]] = field(default_factory=dict)
    """The length of the log when it was signed, and the certificate."""

    def expected(self, length: int) -> int:
        """Where the audit trail ends with a log of that many octets."""
        return [seq for size, seq in self.commits if size <= length][-1]


def stored(database: Database) -> Certificates:
    return Certificates(database, AuditTrail(bytes(range(32))), bytes(32), now=lambda: NOW)


async def lived(path: Path) -> History:
    history, log = History(), path.with_name(f"{path.name}-wal")
    await (await open_database(path)).close()
    history.base = await asyncio.to_thread(path.read_bytes)
    database = await open_database(path)
    store = stored(database)

    def length() -> int:
        return log.stat().st_size

    authority = Signing(lambda serial, der: history.signed.setdefault(serial, (length(), der)) and None)
    registration = RegistrationAuthority(authority, store)
    listing = Listing(registration, Lists(database), lambda: NOW)
    count = iter(range(1000))

    def wanted(**more: Any) -> Any:
        n = next(count)
        csr = request(keys.generate("p-256"))
        return enrollment(**({"request_id": f"r{n}", "subscriber": f"customer-{n}", "csr": csr} | more))

    async def committed(act: Any) -> Any:
        result = await act
        head = await database.read(AuditTrail(bytes(32)).head)
        history.commits.append((length(), head.seq))
        return result

    async def enrolled(**more: Any) -> Serial:
        plan = authority.prepare(wanted(**more), NOW)
        record = await committed(store.plan(plan))
        der = authority.sign(record)
        await committed(store.complete(plan.serial, der, NOW))
        return plan.serial

    one, two, three = [await enrolled(subscriber=who) for who in ("kim", "lee", "choi")]
    await committed(registration.hold(one, NOW))
    await committed(listing.work())
    await committed(registration.release(one, NOW))
    next_one = await enrolled(subscriber="kim", replaces=one)
    await committed(registration.settle(next_one, "keyCompromise", NOW, By.SUBSCRIBER))
    await committed(registration.revoke(two, "superseded", NOW))
    lost = authority.prepare(wanted(), NOW)
    await committed(store.plan(lost))
    await committed(store.fail(lost.serial, NOW, "not finished within a day"))
    await committed(registration.hold(three, NOW))
    await committed(registration.revoke(three, "cessationOfOperation", NOW))
    await committed(listing.work())
    await committed(store.plan(authority.prepare(wanted(), NOW)))
    history.log = await asyncio.to_thread(log.read_bytes)
    assert await asyncio.to_thread(path.read_bytes) == history.base, "nothing was folded into the file yet"
    await database.close()
    return history


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return asyncio.run(lived(tmp_path_factory.mktemp("lived") / "certtalk.sqlite3"))


def found(history: History, log: bytes, path: Path) -> int:
    """Where the trail ends in what SQLite makes of the file and this log, which must be sound."""
    path.write_bytes(history.base)
    path.with_name(f"{path.name}-wal").write_bytes(log)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        assert connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        return int(connection.execute("SELECT seq FROM audit_head").fetchone()[0])


@pytest.mark.parametrize("torn", [0, 1, 2000], ids=lambda octets: f"{octets} octets more")
def test_cut_at_every_frame_there_is_what_was_committed(history: History, tmp_path: Path, torn: int) -> None:
    frames = (len(history.log) - HEADER) // FRAME
    assert frames > 100
    for number in range(frames + 1):
        cut = min(HEADER + number * FRAME + torn, len(history.log))
        assert found(history, history.log[:cut], tmp_path / "cut.sqlite3") == history.expected(cut), number


def test_sectors_that_never_reached_the_disk(history: History, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    steps = list(pairwise(history.commits))
    for _ in range(150):
        (synced, seq), (end, following) = chance.choice(steps)
        log = bytearray(history.log[:end])
        whole = True
        for at in range(synced, end, SECTOR):
            if chance.random() < 0.3:
                whole = False
                log[at : at + SECTOR] = bytes(min(SECTOR, end - at))
        assert found(history, bytes(log), tmp_path / "cut.sqlite3") == (following if whole else seq)


async def test_after_every_commit_all_accounts_agree(history: History, tmp_path: Path) -> None:
    for number, (length, _) in enumerate(history.commits):
        path = tmp_path / f"{number}.sqlite3"
        path.write_bytes(history.base)
        path.with_name(f"{path.name}-wal").write_bytes(history.log[:length])
        database = await open_database(path)
        await agreed(database, {serial for serial, (when, _) in history.signed.items() if when <= length}, history)
        await database.close()


async def agreed(database: Database, signed: set[Serial], history: History) -> None:
    store, again = stored(database), dict[Serial, bytes]()
    authority = Signing(lambda serial, der: again.update({serial: der}))
    assert (await AuditTrail(bytes(range(32))).verify(database)).broken is None
    rows = await database.read(lambda tx: tx.all("SELECT serial, status, reason FROM certificates"))
    known = {Serial(int(row["serial"], 16)): (Status(row["status"]), row["reason"]) for row in rows}
    assert signed <= set(known), "nothing signed is unknown"
    exported = {Serial(int(one.serial, 16)): one.status async for one in store.export()}
    assert exported == {s: status for s, (status, _) in known.items() if status not in (Status.PLANNED, Status.FAILED)}
    entries = await Lists(database).entries(ISSUER, NOW, None, None)
    on_list = listed(authority.sign_crl(ISSUER, entries, 1, NOW, timedelta(days=1)))
    bad = (Status.REVOKED, Status.HELD, Status.FAILED)
    assert on_list == {serial: reason for serial, (status, reason) in known.items() if status in bad}
    for serial, (status, _) in known.items():
        answer = await authority.answer_ocsp(ocsp.request(authority.current, serial, "sha1"), store.standings, NOW)
        assert library.load_der_ocsp_response(answer).certificate_status is STATUS[status]
    # The next life finishes what was planned as the very certificate that may have been signed before.
    planned = {serial for serial, (status, _) in known.items() if status is Status.PLANNED}
    done = await RegistrationAuthority(authority, store).reconcile(NOW)
    assert set(done.finished) == planned == set(again)
    assert all(der == history.signed[serial][1] for serial, der in again.items() if serial in history.signed)
    assert (await AuditTrail(bytes(range(32))).verify(database)).broken is None


async def test_a_backup_that_is_restored_sets_no_number_back(tmp_path: Path) -> None:
    """What was given out after the backup is behind what is given out now, and no serial number comes twice."""
    path, backup, now = tmp_path / "certtalk.sqlite3", tmp_path / "backup.sqlite3", [NOW]
    database = await open_database(path)

    def office(database: Database) -> tuple[RegistrationAuthority, Lists, Listing]:
        registration, shelf = RegistrationAuthority(Signing(lambda *_: None), stored(database)), Lists(database)
        return registration, shelf, Listing(registration, shelf, lambda: now[0])

    registration, shelf, listing = office(database)
    await listing.work()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    numbers, serials = [], []
    for n in range(5):
        csr = request(keys.generate("p-256"))
        record = await registration.enroll(enrollment(request_id=f"r{n}", subscriber=f"s{n}", csr=csr), now[0])
        serials.append(record.plan.serial)
        await registration.revoke(record.plan.serial, "superseded", now[0])
        await listing.work()
        kept = await shelf.get(ISSUER)
        assert kept is not None
        numbers.append(kept.number)
        now[0] += timedelta(seconds=20)
    await database.close()
    assert numbers == sorted(set(numbers))
    database = await open_database(backup)
    registration, shelf, listing = office(database)
    now[0] += timedelta(minutes=5)
    csr = request(keys.generate("p-256"))
    record = await registration.enroll(enrollment(request_id="r0", subscriber="s0", csr=csr), now[0])
    assert record.plan.serial not in serials
    await registration.revoke(record.plan.serial, "superseded", now[0])
    await listing.work()
    kept = await shelf.get(ISSUER)
    assert kept is not None
    assert kept.number > numbers[-1]
    await database.close()
