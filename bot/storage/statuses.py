"""What becomes of a certificate: held, released, revoked, replaced, failed. Each change is one transaction.

Whoever ends or suspends a certificate writes three things in the same commit: the status, the entry a CRL will have
(encoded once, here), and a row in `status_changes` by which every worker drops what it has said so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.storage.audit import AuditTrail
from bot.storage.certificate_rows import by_serial, hex_of, issued, serial_of
from bot.storage.database import Tx
from bot.storage.instants import text_of
from ca import crl
from ca.errors import ActiveCertificateExists, NotFound, RequestConflict
from ca.ports import Record, RevokedEntry, Serial, Status
from ca.revocation import By

HOLD: Final = "certificateHold"
CHANGES_KEPT: Final = 10_000
"""Newest status changes that are kept at least; a worker that missed more starts from nothing."""

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
# While the old one is in its place: later, whoever replaced it may stand aside itself.
_WAITING: Final = """
    SELECT new.serial FROM certificates new JOIN certificates old ON old.serial = new.replaces
    WHERE old.serial = :serial AND old.in_place = 1 AND new.in_place = 0 AND new.status IN ('planned', 'valid', 'held')
"""
# RFC 5280 §5.3.1: no better word; the reason `unspecified` is left out of the CRL entry.
_FAIL: Final = """
    UPDATE certificates SET status = 'failed', in_place = 0, revoked_at = :at, reason = 'unspecified'
    WHERE serial = :serial AND status = 'planned'
"""


@dataclass(frozen=True, slots=True)
class Statuses:
    """Synchronous, inside the transaction `tx`. `by` is who stands in the audit trail."""

    audit: AuditTrail

    def revoke(self, tx: Tx, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        """End or hold it. When somebody wanted that, what waits to replace it ends too: it may be a thief's."""
        if by != By.AUTHORITY.value:
            self._end_waiting(tx, serial, at, reason, by)
        return self._revoke(tx, serial, at, reason, by)

    def _revoke(self, tx: Tx, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        before = issued(tx, serial)
        statement = _HOLD if reason == HOLD else _REVOKE
        if not tx.execute(statement, serial=hex_of(serial), at=text_of(at), reason=reason):
            return before
        return self._changed(tx, at, by, "held" if reason == HOLD else "revoked", before, {"reason": reason})

    def _end_waiting(self, tx: Tx, serial: Serial, at: datetime, reason: str, by: str) -> None:
        for waiting in tx.column(_WAITING, serial=hex_of(serial)):
            successor = by_serial(tx, serial_of(waiting))
            if successor is not None and successor.status is Status.PLANNED:
                self.fail(tx, successor.plan.serial, at, "what it replaces was stopped", by)
            elif successor is not None:
                # Who holds a certificate suspects something; RFC 5280 §5.3.1 counts suspicions.
                self._revoke(tx, successor.plan.serial, at, "keyCompromise" if reason == HOLD else reason, by)

    def release(self, tx: Tx, serial: Serial, at: datetime, by: str) -> Record:
        before = issued(tx, serial)
        if not tx.execute(_RELEASE, serial=hex_of(serial)):
            return before
        return self._changed(tx, at, by, "released", before)

    def fail(self, tx: Tx, serial: Serial, at: datetime, why: str, by: str) -> None:
        before = by_serial(tx, serial)
        if before is not None and tx.execute(_FAIL, serial=hex_of(serial), at=text_of(at)):
            self._changed(tx, at, by, "failed", before, {"why": why})

    def settle(self, tx: Tx, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        """The successor takes the place of the one it replaces, which is revoked unless it has ended anyway."""
        successor = issued(tx, serial)
        replaced = successor.plan.replaces
        if replaced is None:
            raise RequestConflict(f"serial {hex_of(serial)} replaces nothing")
        if tx.one("SELECT 1 AS one FROM certificates WHERE serial = :serial AND in_place = 1", serial=hex_of(serial)):
            return successor
        if successor.status is not Status.VALID:
            raise RequestConflict(f"serial {hex_of(serial)} is {successor.status}: it cannot replace another")
        old = issued(tx, replaced)
        if old.plan.not_after >= at:
            self._revoke(tx, replaced, at, reason, by)
        tx.execute("UPDATE certificates SET in_place = 0 WHERE serial = :serial", serial=hex_of(replaced))
        refuse_taken_place(tx, successor)
        tx.execute("UPDATE certificates SET in_place = 1 WHERE serial = :serial", serial=hex_of(serial))
        self.audit.append(tx, at, by, "settled", hex_of(serial), {"replaces": hex_of(replaced), "reason": reason})
        return successor

    def _changed(
        self, tx: Tx, at: datetime, by: str, act: str, before: Record, detail: Mapping[str, Any] | None = None
    ) -> Record:
        after = by_serial(tx, before.plan.serial)
        assert after is not None
        plan, serial = after.plan, hex_of(after.plan.serial)
        standing = {"before": before.status.value, "after": after.status.value}
        version = self.audit.append(tx, at, by, act, serial, standing | dict(detail or {}))
        tx.execute(
            "DELETE FROM crl_entries WHERE issuer = :issuer AND serial = :serial", issuer=plan.issuer, serial=serial
        )
        if after.revoked_at is not None:
            entry = crl.entry(RevokedEntry(plan.serial, after.revoked_at, after.reason or "unspecified"))
            tx.execute(
                "INSERT INTO crl_entries (issuer, serial, not_after, entry)"
                " VALUES (:issuer, :serial, :not_after, :entry)"
                " ON CONFLICT (issuer, serial) DO UPDATE SET entry = excluded.entry",
                issuer=plan.issuer, serial=serial, not_after=text_of(plan.not_after), entry=entry,
            )  # fmt: skip
        tx.execute(
            "INSERT INTO status_changes (version, issuer, serial, at) VALUES (:version, :issuer, :serial, :at)",
            version=version, issuer=plan.issuer, serial=serial, at=text_of(at),
        )  # fmt: skip
        return after


def refuse_taken_place(tx: Tx, record: Record) -> None:
    taken = tx.one(
        "SELECT serial FROM certificates WHERE subscriber = :subscriber AND profile = :profile AND in_place = 1",
        subscriber=record.plan.subscriber,
        profile=record.plan.profile,
    )
    if taken is not None:
        raise ActiveCertificateExists(f"serial {taken['serial']} has taken the place meanwhile")


def refuse_stranger(tx: Tx, serial: Serial, subscriber: str, profile: str) -> None:
    """Only the one in place can be replaced, by its own subscriber, and by one successor at a time."""
    old = tx.one(
        "SELECT 1 AS one FROM certificates WHERE serial = :serial AND subscriber = :subscriber AND profile = :profile"
        " AND in_place = 1 AND status IN ('valid', 'held')",
        serial=hex_of(serial), subscriber=subscriber, profile=profile,
    )  # fmt: skip
    if old is None:
        raise NotFound(f"serial {hex_of(serial)} is not this subscriber's {profile} certificate in place")
    waiting = tx.one(
        "SELECT serial FROM certificates WHERE replaces = :serial AND status IN ('planned', 'valid', 'held')",
        serial=hex_of(serial),
    )
    if waiting is not None:
        raise ActiveCertificateExists(f"serial {waiting['serial']} already waits to replace {hex_of(serial)}")


def lapsed(tx: Tx, held_before: datetime) -> list[Serial]:
    """Certificates on hold since before then, and not past their end."""
    rows = tx.all(
        "SELECT serial FROM certificates WHERE status = 'held' AND revoked_at <= :before AND not_after >= :before"
        " ORDER BY revoked_at LIMIT 500",
        before=text_of(held_before),
    )
    return [serial_of(row["serial"]) for row in rows]


def below(tx: Tx, issuer: str, now: datetime, after: Serial) -> list[Serial]:
    """The next of what `issuer` has issued that is valid or held and not past its end, by serial number."""
    serials = tx.column(
        "SELECT serial FROM certificates WHERE issuer = :issuer AND serial > :after AND status IN ('valid', 'held')"
        " AND not_after >= :now ORDER BY serial LIMIT 100",
        issuer=issuer,
        after=hex_of(after),
        now=text_of(now),
    )
    return [serial_of(serial) for serial in serials]


def changes_after(tx: Tx, version: int) -> tuple[int, frozenset[Serial] | None]:
    """The newest version, and which serials changed since `version`; None when that is too long ago to know."""
    row = tx.one("SELECT min(version) AS oldest, max(version) AS newest FROM status_changes")
    if row is None or row["newest"] is None:
        return version, frozenset()
    if row["newest"] < version:  # an older database was restored under a running worker
        return int(row["newest"]), None
    rows = tx.all(
        "SELECT serial FROM status_changes WHERE version > :version ORDER BY version LIMIT :most",
        version=version,
        most=CHANGES_KEPT,
    )
    known = version >= row["oldest"] and len(rows) < CHANGES_KEPT
    return int(row["newest"]), frozenset(serial_of(row["serial"]) for row in rows) if known else None


def forget_changes(tx: Tx, before: datetime) -> None:
    """Drop what every worker has read long since; never the newest, which says how far we are."""
    tx.execute(
        "DELETE FROM status_changes WHERE at < :before AND version < (SELECT max(version) FROM status_changes) - :kept",
        before=text_of(before),
        kept=CHANGES_KEPT,
    )
