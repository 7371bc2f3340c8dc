"""The CA's memory: `ca.ports.CertificateStore` in SQL, each method one transaction with its audit row.

A stored status never depends on the clock. A certificate past its end stays `valid` or `held`; it stands aside
(`in_place = 0`) when the next one is planned for the same subscriber and profile, so that "one at a time" is a plain
unique index and the database itself refuses the second of two simultaneous plans. A successor (`Plan.replaces`) is
planned and issued aside, one for each certificate in place, and `settle` exchanges the two in one commit.
"""

import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from bot.storage import certificate_rows, exporting, reminders, statuses
from bot.storage.audit import AuditTrail
from bot.storage.certificate_rows import by_request, by_serial, hex_of, record_of
from bot.storage.database import Database, Tx
from bot.storage.exporting import Exported
from bot.storage.instants import instant, text_of
from bot.storage.owners import stopped_at
from bot.storage.statuses import Statuses
from ca import der, signing
from ca.errors import ActiveCertificateExists, KeyReused, NotFound, RequestConflict, StoppedMeanwhile
from ca.ports import Plan, Record, Serial, Standing, Status, SubscriberId
from handlers.registry import PROVEN

ACTOR: Final = "ca"

# The certificate holds the octets that were planned: they are not kept twice, and a row stays on half a page.
_COMPLETE: Final = """
    UPDATE certificates SET status = 'valid', der = :der, tbs = :nothing, issued_at = :at
    WHERE serial = :serial AND status = 'planned' RETURNING *
"""


class Certificates:
    """Implements `ca.ports.CertificateStore`. `now` is asked only by `active`.

    `announce` is called inside the commit that makes a certificate valid, to queue what is to be told; `tell` inside
    one that changes a status (what it was, what it is, when, on whose word).
    """

    def __init__(
        self,
        database: Database,
        audit: AuditTrail,
        export_key: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        announce: Callable[[Tx, Record, datetime], object] = lambda _tx, _record, _at: None,
        tell: Callable[[Tx, Record, Record, datetime, str], object] = lambda _tx, _before, _after, _at, _by: None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._statuses = Statuses(audit)
        self._export_key = export_key
        self._now = now
        self._announce, self._tell = announce, tell
        self.on_change: Callable[[Serial], None] = lambda _serial: None
        """Told after the commit that a relying party must hear something else about this serial from now on."""

    async def plan(self, plan: Plan) -> Record:
        return await self._database.run(self._plan, plan)

    async def complete(self, serial: Serial, der: bytes, at: datetime) -> Record:
        return await self._database.run(self._complete, serial, der, at)

    async def fail(self, serial: Serial, at: datetime, why: str) -> None:
        await self._database.run(self._statuses.fail, serial, at, why, ACTOR)
        self.on_change(serial)

    async def settle(self, serial: Serial, at: datetime, reason: str, by: str = ACTOR) -> Record:
        settled = await self._database.run(self._statuses.settle, serial, at, reason, by)
        if settled.plan.replaces is not None:
            self.on_change(settled.plan.replaces)
        return settled

    async def revoke(self, serial: Serial, at: datetime, reason: str, by: str = ACTOR) -> Record:
        def revoke(tx: Tx) -> Record:
            before = by_serial(tx, serial)
            after = self._statuses.revoke(tx, serial, at, reason, by)
            self._tell(tx, before or after, after, at, by)
            return after

        revoked = await self._database.run(revoke)
        self.on_change(serial)
        return revoked

    async def release(self, serial: Serial, at: datetime, by: str = ACTOR) -> Record:
        def release(tx: Tx) -> Record:
            before = by_serial(tx, serial)
            after = self._statuses.release(tx, serial, at, by)
            self._tell(tx, before or after, after, at, by)
            return after

        released = await self._database.run(release)
        self.on_change(serial)
        return released

    async def unfinished(self) -> Sequence[Record]:
        return await self._database.read(certificate_rows.unfinished)

    async def lapsed(self, held_before: datetime) -> Sequence[Serial]:
        return await self._database.read(statuses.lapsed, held_before)

    async def below(self, issuer: str, now: datetime, after: Serial) -> Sequence[Serial]:
        return await self._database.read(statuses.below, issuer, now, after)

    async def by_serial(self, serial: Serial) -> Record | None:
        return await self._database.read(by_serial, serial)

    async def by_request(self, request_id: str) -> Record | None:
        return await self._database.read(by_request, request_id)

    async def active(self, subscriber: SubscriberId) -> Sequence[Record]:
        return await self._database.read(certificate_rows.active, subscriber, self._now())

    async def standings(self, serials: Sequence[Serial]) -> Mapping[Serial, Standing]:
        return await self._database.read(certificate_rows.standings, serials)

    async def changes_after(self, version: int) -> tuple[int, frozenset[Serial] | None]:
        """See `statuses.changes_after`."""
        return await self._database.read(statuses.changes_after, version)

    def subject_id(self, subscriber: str) -> str:
        """What `export` calls a subscriber."""
        return exporting.subject_id(self._export_key, subscriber)

    def export(self, subscriber: str = "") -> AsyncIterator[Exported]:
        """Everything ever signed (for one subscriber), by serial."""
        return exporting.export(self._database, self._export_key, subscriber)

    def _plan(self, tx: Tx, plan: Plan) -> Record:
        if known := by_request(tx, plan.request_id):
            if not hmac.compare_digest(known.plan.request_digest, plan.request_digest):
                raise RequestConflict(f"request {plan.request_id} came before with other content")
            return known
        _refuse_used_key(tx, plan)
        _refuse_stopped(tx, plan)
        if plan.replaces is None:
            _make_place(tx, plan)
        else:
            statuses.refuse_stranger(tx, plan.replaces, plan.subscriber, plan.profile)
        tx.execute(certificate_rows.INSERT, **certificate_rows.row_of(plan))
        detail = {
            "request": plan.request_id,
            "profile": plan.profile,
            "issuer": plan.issuer,
            "tbs_sha256": sha256(plan.tbs).hexdigest(),
            "evidence": dict(plan.evidence),
        }
        if plan.replaces is not None:
            detail["replaces"] = hex_of(plan.replaces)
        self._audit.append(tx, plan.planned_at, ACTOR, "issuing", hex_of(plan.serial), detail)
        return Record(plan, Status.PLANNED)

    def _complete(self, tx: Tx, serial: Serial, der: bytes, at: datetime) -> Record:
        row = tx.one(_COMPLETE, serial=hex_of(serial), der=der, nothing=b"", at=text_of(at))
        if row is None:
            record = by_serial(tx, serial)
            if record is None:
                raise NotFound(f"no serial {hex_of(serial)}")
            # A token draws its nonces: two lives may sign one TBS differently, and the first that is stored counts.
            if record.der is None or not _same_contents(record, der):
                raise RequestConflict(f"serial {hex_of(serial)} is {record.status}, not waiting for this certificate")
            return record
        issued = record_of(row)
        self._audit.append(tx, at, ACTOR, "issued", hex_of(serial), {"certificate_sha256": sha256(der).hexdigest()})
        reminders.follow(tx, hex_of(serial), issued.plan.subscriber, issued.plan.profile, issued.plan.not_after, at)
        self._announce(tx, issued, at)
        return issued


def _same_contents(record: Record, certificate: bytes) -> bool:
    try:
        return record.der == certificate or signing.tbs_of(certificate) == record.plan.tbs
    except der.DerError:
        return False


def _refuse_used_key(tx: Tx, plan: Plan) -> None:
    used = tx.one(
        "SELECT serial FROM certificates WHERE public_key_sha256 = :key AND status <> 'failed' UNION ALL"
        " SELECT serial FROM certificates WHERE public_key_sha256 = :key AND status = 'failed'"
        " AND subscriber <> :subscriber LIMIT 1",
        key=plan.public_key_sha256,
        subscriber=plan.subscriber,
    )
    if used:
        raise KeyReused(f"the public key was certified or asked for before, serial {used['serial']}")


def _refuse_stopped(tx: Tx, plan: Plan) -> None:
    """What its subscriber has stopped in the meantime is not begun: whichever of the two commits is first."""
    if (proven := plan.evidence.get(PROVEN)) is None:
        return
    stopped = stopped_at(tx, plan.subscriber)
    if stopped is not None and stopped > datetime.fromisoformat(proven):
        raise StoppedMeanwhile(f"stopped at {text_of(stopped)}, proven at {proven}")


def _make_place(tx: Tx, plan: Plan) -> None:
    """Have those past their end stand aside. A planned one does not: what becomes of it is not known yet."""
    taken = tx.one(
        "SELECT serial, status, not_after FROM certificates"
        " WHERE subscriber = :subscriber AND profile = :profile AND in_place = 1",
        subscriber=plan.subscriber,
        profile=plan.profile,
    )
    if taken is None:
        return
    if taken["status"] == Status.PLANNED or instant(taken["not_after"]) >= plan.planned_at:
        raise ActiveCertificateExists(f"serial {taken['serial']} takes this subscriber's place for {plan.profile}")
    tx.execute("UPDATE certificates SET in_place = 0 WHERE serial = :serial", serial=taken["serial"])
