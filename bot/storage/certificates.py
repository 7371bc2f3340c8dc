"""The CA's memory: `ca.ports.CertificateStore` in SQL, each method one transaction with its audit row.

A stored status never depends on the clock. A certificate past its end stays `valid` or `held`; it stands aside
(`in_place = 0`) when the next one is planned for the same subscriber and profile, so that "one at a time" is a plain
unique index and the database itself refuses the second of two simultaneous plans.
"""

import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from bot.storage import reminders
from bot.storage.audit import AuditTrail
from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, instant_or_none, text_of
from ca.errors import ActiveCertificateExists, KeyReused, NotFound, RequestConflict
from ca.ports import Plan, Record, RevokedEntry, Serial, Status, SubscriberId

ACTOR: Final = "ca"
PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Exported:
    """One certificate that was signed, for whoever checks from outside. `subject_id` is opaque: a keyed hash."""

    serial: str
    der: bytes
    status: Status
    subject_id: str
    profile: str
    issued_at: datetime
    revoked_at: datetime | None
    reason: str | None

    def as_json(self) -> dict[str, str | None]:
        return {
            "serial": self.serial,
            "pem": ssl.DER_cert_to_PEM_cert(self.der),
            "status": self.status.value,
            "subject_id": self.subject_id,
            "profile": self.profile,
            "issued_at": text_of(self.issued_at),
            "revoked_at": None if self.revoked_at is None else text_of(self.revoked_at),
            "reason": self.reason,
        }


class Certificates:
    """Implements `ca.ports.CertificateStore`. `now` is asked only by `active`.

    `announce` is called inside the commit that makes a certificate valid, to queue what is to be told.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditTrail,
        export_key: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        announce: Callable[[Tx, Record, datetime], object] = lambda _tx, _record, _at: None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._export_key = export_key
        self._now = now
        self._announce = announce

    async def plan(self, plan: Plan) -> Record:
        return await self._database.run(self._plan, plan)

    async def complete(self, serial: Serial, der: bytes, at: datetime) -> Record:
        return await self._database.run(self._complete, serial, der, at)

    async def fail(self, serial: Serial, at: datetime, why: str) -> None:
        await self._database.run(self._fail, serial, at, why)

    async def revoke(self, serial: Serial, at: datetime, reason: str) -> Record:
        return await self._database.run(self._revoke, serial, at, reason)

    async def release(self, serial: Serial, at: datetime) -> Record:
        return await self._database.run(self._release, serial, at)

    async def unfinished(self) -> Sequence[Record]:
        return await self._database.read(_unfinished)

    async def by_serial(self, serial: Serial) -> Record | None:
        return await self._database.read(_by_serial, serial)

    async def by_request(self, request_id: str) -> Record | None:
        return await self._database.read(_by_request, request_id)

    async def active(self, subscriber: SubscriberId) -> Sequence[Record]:
        return await self._database.read(_active, subscriber, self._now())

    async def revoked(self, issuer: str, now: datetime) -> Sequence[RevokedEntry]:
        return await self._database.read(_revoked, issuer, now)

    async def next_crl_number(self, issuer: str) -> int:
        return await self._database.run(_next_crl_number, issuer)

    async def export(self) -> AsyncIterator[Exported]:
        """Everything ever signed, by serial, in small reads beside the running service."""
        after = ""
        while page := await self._database.read(_signed_after, after):
            for row in page:
                yield self._exported(row)
            after = page[-1]["serial"]

    def _exported(self, row: Row) -> Exported:
        return Exported(
            serial=row["serial"],
            der=row["der"],
            status=Status(row["status"]),
            subject_id=hmac.digest(self._export_key, row["subscriber"].encode(), "sha256").hex()[:32],
            profile=row["profile"],
            issued_at=instant(row["issued_at"]),
            revoked_at=instant_or_none(row["revoked_at"]),
            reason=row["reason"],
        )

    def _plan(self, tx: Tx, plan: Plan) -> Record:
        if known := _by_request(tx, plan.request_id):
            if not hmac.compare_digest(known.plan.request_digest, plan.request_digest):
                raise RequestConflict(f"request {plan.request_id} came before with other content")
            return known
        _refuse_used_key(tx, plan)
        _make_place(tx, plan)
        tx.execute(_INSERT, **_row(plan))
        detail = {
            "request": plan.request_id,
            "profile": plan.profile,
            "issuer": plan.issuer,
            "tbs_sha256": sha256(plan.tbs).hexdigest(),
            "evidence": dict(plan.evidence),
        }
        self._audit.append(tx, plan.planned_at, ACTOR, "issuing", _hex(plan.serial), detail)
        return Record(plan, Status.PLANNED)

    def _complete(self, tx: Tx, serial: Serial, der: bytes, at: datetime) -> Record:
        row = tx.one(_COMPLETE, serial=_hex(serial), der=der, at=text_of(at))
        if row is None:
            record = _known(tx, serial)
            if record.der != der:
                raise RequestConflict(f"serial {_hex(serial)} is {record.status}, not waiting for this certificate")
            return record
        issued = _record(row)
        self._audit.append(tx, at, ACTOR, "issued", _hex(serial), {"certificate_sha256": sha256(der).hexdigest()})
        reminders.schedule(tx, _hex(serial), issued.plan.not_after, at)
        self._announce(tx, issued, at)
        return issued

    def _fail(self, tx: Tx, serial: Serial, at: datetime, why: str) -> None:
        # RFC 5280 §5.3.1: no better word; the reason `unspecified` is left out of the CRL entry.
        failed = tx.execute(
            "UPDATE certificates SET status = 'failed', in_place = 0, revoked_at = :at, reason = 'unspecified'"
            " WHERE serial = :serial AND status = 'planned'",
            serial=_hex(serial),
            at=text_of(at),
        )
        if failed:
            self._audit.append(tx, at, ACTOR, "failed", _hex(serial), {"why": why})

    def _revoke(self, tx: Tx, serial: Serial, at: datetime, reason: str) -> Record:
        _issued(tx, serial)
        statement = _HOLD if reason == "certificateHold" else _REVOKE
        if tx.execute(statement, serial=_hex(serial), at=text_of(at), reason=reason):
            act = "held" if reason == "certificateHold" else "revoked"
            self._audit.append(tx, at, ACTOR, act, _hex(serial), {"reason": reason})
        return _issued(tx, serial)

    def _release(self, tx: Tx, serial: Serial, at: datetime) -> Record:
        _issued(tx, serial)
        if tx.execute(_RELEASE, serial=_hex(serial)):
            self._audit.append(tx, at, ACTOR, "released", _hex(serial))
        return _issued(tx, serial)


_INSERT: Final = """
    INSERT INTO certificates (serial, request_id, request_digest, issuer, subscriber, profile, subject, not_before,
        not_after, public_key_sha256, tbs, status, planned_at, evidence)
    VALUES (:serial, :request_id, :request_digest, :issuer, :subscriber, :profile, :subject, :not_before,
        :not_after, :public_key_sha256, :tbs, 'planned', :planned_at, :evidence)
"""
_COMPLETE: Final = """
    UPDATE certificates SET status = 'valid', der = :der, issued_at = :at
    WHERE serial = :serial AND status = 'planned' RETURNING *
"""
_HOLD: Final = """
    UPDATE certificates SET status = 'held', revoked_at = :at, reason = :reason
    WHERE serial = :serial AND status = 'valid'
"""
# A hold that ends in revocation keeps its date: nothing signed since then is to be trusted.
_REVOKE: Final = """
    UPDATE certificates SET status = 'revoked', in_place = 0, revoked_at = coalesce(revoked_at, :at), reason = :reason
    WHERE serial = :serial AND status IN ('valid', 'held')
"""
_RELEASE: Final = """
    UPDATE certificates SET status = 'valid', revoked_at = NULL, reason = NULL
    WHERE serial = :serial AND status = 'held'
"""


def _refuse_used_key(tx: Tx, plan: Plan) -> None:
    used = tx.one(
        "SELECT serial FROM certificates WHERE public_key_sha256 = :key"
        " AND (status <> 'failed' OR subscriber <> :subscriber)",
        key=plan.public_key_sha256,
        subscriber=plan.subscriber,
    )
    if used:
        raise KeyReused(f"the public key was certified or asked for before, serial {used['serial']}")


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


def _revoked(tx: Tx, issuer: str, now: datetime) -> list[RevokedEntry]:
    rows = tx.all(
        "SELECT serial, revoked_at, reason FROM certificates WHERE issuer = :issuer AND not_after >= :now"
        " AND status IN ('revoked', 'held', 'failed') ORDER BY serial",
        issuer=issuer,
        now=text_of(now),
    )
    return [RevokedEntry(_serial(row["serial"]), instant(row["revoked_at"]), row["reason"]) for row in rows]


def _next_crl_number(tx: Tx, issuer: str) -> int:
    row = tx.one(
        "INSERT INTO crl_numbers (issuer, number) VALUES (:issuer, 1)"
        " ON CONFLICT (issuer) DO UPDATE SET number = crl_numbers.number + 1 RETURNING number",
        issuer=issuer,
    )
    assert row is not None
    return int(row["number"])


def _signed_after(tx: Tx, after: str) -> list[Row]:
    return tx.all(
        "SELECT serial, der, status, subscriber, profile, issued_at, revoked_at, reason FROM certificates"
        " WHERE serial > :after AND der IS NOT NULL ORDER BY serial LIMIT :page",
        after=after,
        page=PAGE,
    )


def _by_serial(tx: Tx, serial: Serial) -> Record | None:
    row = tx.one("SELECT * FROM certificates WHERE serial = :serial", serial=_hex(serial))
    return None if row is None else _record(row)


def _by_request(tx: Tx, request_id: str) -> Record | None:
    row = tx.one("SELECT * FROM certificates WHERE request_id = :request_id", request_id=request_id)
    return None if row is None else _record(row)


def _known(tx: Tx, serial: Serial) -> Record:
    record = _by_serial(tx, serial)
    if record is None:
        raise NotFound(f"no serial {_hex(serial)}")
    return record


def _issued(tx: Tx, serial: Serial) -> Record:
    record = _known(tx, serial)
    if record.der is None:
        raise NotFound(f"serial {_hex(serial)} was never issued")
    return record


def _unfinished(tx: Tx) -> list[Record]:
    rows = tx.all("SELECT * FROM certificates WHERE status = 'planned' ORDER BY planned_at, serial")
    return [_record(row) for row in rows]


def _active(tx: Tx, subscriber: SubscriberId, now: datetime) -> list[Record]:
    rows = tx.all(
        "SELECT * FROM certificates WHERE subscriber = :subscriber AND status IN ('valid', 'held')"
        " AND not_after >= :now ORDER BY issued_at DESC, serial",
        subscriber=subscriber,
        now=text_of(now),
    )
    return [_record(row) for row in rows]


def _record(row: Row) -> Record:
    plan = Plan(
        serial=_serial(row["serial"]),
        request_id=row["request_id"],
        request_digest=row["request_digest"],
        issuer=row["issuer"],
        subscriber=SubscriberId(row["subscriber"]),
        profile=row["profile"],
        subject=row["subject"],
        not_before=instant(row["not_before"]),
        not_after=instant(row["not_after"]),
        public_key_sha256=row["public_key_sha256"],
        tbs=row["tbs"],
        planned_at=instant(row["planned_at"]),
        evidence=json.loads(row["evidence"]),
    )
    return Record(
        plan=plan,
        status=Status(row["status"]),
        der=row["der"],
        issued_at=instant_or_none(row["issued_at"]),
        revoked_at=instant_or_none(row["revoked_at"]),
        reason=row["reason"],
    )


def _row(plan: Plan) -> Row:
    return {
        "serial": _hex(plan.serial),
        "request_id": plan.request_id,
        "request_digest": plan.request_digest,
        "issuer": plan.issuer,
        "subscriber": plan.subscriber,
        "profile": plan.profile,
        "subject": plan.subject,
        "not_before": text_of(plan.not_before),
        "not_after": text_of(plan.not_after),
        "public_key_sha256": plan.public_key_sha256,
        "tbs": plan.tbs,
        "planned_at": text_of(plan.planned_at),
        "evidence": json.dumps(dict(plan.evidence), ensure_ascii=False, sort_keys=True),
    }


def _hex(serial: Serial) -> str:
    # RFC 5280 §4.1.2.2: at most 20 octets.
    return f"{serial:040x}"


def _serial(text: str) -> Serial:
    return Serial(int(text, 16))
