"""A `CertificateStore` in memory that behaves as the contract says, and can die before or after any of its steps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ca.errors import ActiveCertificateExists, KeyReused, NotFound, RequestConflict
from ca.ports import Plan, Record, Serial, Status, SubscriberId

ACTIVE = {Status.PLANNED, Status.VALID, Status.HELD}


class Killed(Exception):
    """The process ended here."""


class MemoryStore:
    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.steps: list[str] = []
        self.kill_at: str | None = None
        """`before plan`, `after complete` …: raised once."""

    def _step(self, step: str) -> None:
        self.steps.append(step)
        if step == self.kill_at:
            self.kill_at = None
            raise Killed(step)

    async def plan(self, plan: Plan) -> Record:
        self._step("before plan")
        known = next((r for r in self.records.values() if r.plan.request_id == plan.request_id), None)
        if known is not None:
            if known.plan.request_digest != plan.request_digest:
                raise RequestConflict
            return known
        for record in self.records.values():
            if record.plan.public_key_sha256 == plan.public_key_sha256:
                raise KeyReused
            mine = record.plan.subscriber == plan.subscriber and record.plan.profile == plan.profile
            if (
                mine
                and plan.replaces != record.plan.serial
                and record.status in ACTIVE
                and record.plan.not_after >= plan.planned_at
            ):
                raise ActiveCertificateExists
        self.records[plan.serial] = Record(plan, Status.PLANNED)
        self._step("after plan")
        return self.records[plan.serial]

    async def complete(self, serial: Serial, der: bytes, at: datetime) -> Record:
        self._step("before complete")
        record = self.records[serial]
        if record.status is Status.PLANNED:
            self.records[serial] = replace(record, status=Status.VALID, der=der, issued_at=at)
        self._step("after complete")
        return self.records[serial]

    async def fail(self, serial: Serial, at: datetime, why: str) -> None:
        if self.records[serial].status is Status.PLANNED:
            self.records[serial] = replace(self.records[serial], status=Status.FAILED, revoked_at=at)

    async def unfinished(self) -> Sequence[Record]:
        return [r for r in self.records.values() if r.status is Status.PLANNED]

    async def by_serial(self, serial: Serial) -> Record | None:
        return self.records.get(serial)

    async def by_request(self, request_id: str) -> Record | None:
        self._step("before by_request")
        found = next((r for r in self.records.values() if r.plan.request_id == request_id), None)
        self._step("after by_request")
        return found

    async def active(self, subscriber: SubscriberId) -> Sequence[Record]:
        return [
            r
            for r in self.records.values()
            if r.plan.subscriber == subscriber and r.status in {Status.VALID, Status.HELD}
        ]

    async def revoke(self, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        record = self.records.get(serial)
        if record is None:
            raise NotFound
        if record.status in {Status.VALID, Status.HELD}:
            status = Status.HELD if reason == "certificateHold" else Status.REVOKED
            at = record.revoked_at or at
            self.records[serial] = replace(record, status=status, revoked_at=at, reason=reason)
        return self.records[serial]

    async def release(self, serial: Serial, at: datetime, by: str) -> Record:
        record = self.records[serial]
        self.records[serial] = replace(record, status=Status.VALID, revoked_at=None, reason=None)
        return self.records[serial]

    async def settle(self, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        successor = self.records[serial]
        if successor.plan.replaces is None:
            raise RequestConflict
        await self.revoke(successor.plan.replaces, at, reason, by)
        return successor

    async def below(self, issuer: str, now: datetime, after: Serial) -> Sequence[Serial]:
        alive = (r for r in self.records.values() if r.status in {Status.VALID, Status.HELD})
        serials = (r.plan.serial for r in alive if r.plan.issuer == issuer and r.plan.not_after >= now)
        return sorted(serial for serial in serials if serial > after)

    async def lapsed(self, held_before: datetime) -> Sequence[Serial]:
        held = (r for r in self.records.values() if r.status is Status.HELD)
        return [r.plan.serial for r in held if r.revoked_at is not None and r.revoked_at <= held_before]
