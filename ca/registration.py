"""The registration authority: the order of effects between a wish and a certificate.

    prepare and lint → store the plan → sign the stored bytes → store the certificate

Killed between any two steps, the plan is there and `reconcile` finishes it with the same bytes. Nothing that was
signed is unknown to the store, and one request has one certificate however often it is asked for.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar, TypeVarTuple
from weakref import WeakValueDictionary

from ca import revocation
from ca.authority import CertificateAuthority, Enrollment
from ca.errors import BadRequest, LintFailed, NotFound, ProfileError, RequestConflict, SignerUnavailable
from ca.ports import CertificateStore, Record, Serial, Status
from ca.revocation import By

T = TypeVar("T")
Args = TypeVarTuple("Args")

AT_A_TIME: Final = 8
"""Prepared or signed in one turn of the loop."""
UNFINISHED_FOR: Final = timedelta(hours=24)
"""An older plan is not finished any more: its customer has gone, or has asked again."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    finished: tuple[Serial, ...] = ()
    failed: tuple[Serial, ...] = ()


class RegistrationAuthority:
    """Async over a store; time is an argument. What takes time signs in a thread, so the event loop stays free."""

    def __init__(self, authority: CertificateAuthority, store: CertificateStore) -> None:
        self.authority = authority
        self._store = store
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._desk = asyncio.Semaphore(AT_A_TIME)
        self._withdrawn: set[str] = set()
        """Revoked issuing CAs of whose certificates none is left, but for what is just being signed: see `_finish`."""

    async def enroll(self, wanted: Enrollment, now: datetime) -> Record:
        """The certificate of this request; asked again, the same one.

        Raises `RequestConflict` when the request id is known with other content or has failed, any other
        `RequestRefused`, `LintFailed`, or whatever the store raises: then ask again with the same request id.
        """
        lock = self._locks.setdefault(wanted.request_id, asyncio.Lock())
        async with lock:
            # A known request is found by the store, in the same commit.
            plan = await self._in_turn(self.authority.prepare, wanted, now)
            return await self._finish(await self._store.plan(plan), now)

    async def _in_turn(self, work: Callable[[*Args], T], *args: *Args) -> T:
        """What takes less time than the way to a thread and back. Of many who come at once `AT_A_TIME` are served in a
        turn of the loop: so everybody else is answered in between, and still many share a commit."""
        async with self._desk:
            done = work(*args)
            await asyncio.sleep(0)
        return done

    async def _finish(self, record: Record, now: datetime) -> Record:
        if record.status is Status.FAILED:
            raise RequestConflict("this request has failed; ask under a new id")
        if record.status is not Status.PLANNED:
            return record
        serial, issuer = record.plan.serial, record.plan.issuer
        issued = await self._store.complete(serial, await self._signed(record), now)
        # Revoked while this one was signed, and the sweep may have passed already.
        return await self._end_below(issuer, serial, now) if issuer in self.authority.withdrawn() else issued

    async def _signed(self, record: Record) -> bytes:
        # RSA and tokens take milliseconds, in which others are answered.
        if self.authority.issuer(record.plan.issuer).key.takes_time:
            return await asyncio.to_thread(self.authority.sign, record)
        return await self._in_turn(self.authority.sign, record)

    async def reconcile(self, now: datetime, left_for: timedelta = timedelta(0)) -> Reconciled:
        """Finish or fail what was left unfinished for that long: call at start, before serving, and now and then.

        What cannot be signed for the moment stays as it is.
        """
        finished: list[Serial] = []
        failed: list[Serial] = []
        for record in await self._store.unfinished():
            serial = record.plan.serial
            # One of the future was planned by a clock that was wrong: its author is not at it.
            if timedelta(0) <= now - record.plan.planned_at < left_for:
                continue
            why = "not finished within a day" if now - record.plan.planned_at >= UNFINISHED_FOR else ""
            if not why:
                try:
                    await self._finish(record, now)
                except (LintFailed, ProfileError) as error:
                    why = f"lint: {error}"
                except (SignerUnavailable, RequestConflict):  # or somebody beside us has decided meanwhile
                    continue
            if why:
                await self._store.fail(serial, now, why)
            (failed if why else finished).append(serial)
        return Reconciled(tuple(finished), tuple(failed))

    async def status(self, serial: Serial) -> Record:
        """Raises `NotFound`."""
        record = await self._store.by_serial(serial)
        if record is None:
            raise NotFound(f"no certificate {serial:040x}")
        return record

    async def settle(self, serial: Serial, reason: str, now: datetime, by: By = By.AUTHORITY) -> Record:
        """A successor that its subscriber has kept takes its place; the one it replaces is revoked in the same commit.

        Until then both are valid, so that nobody is without a certificate whose files were lost on the way. Doing it
        again changes nothing. Raises `NotFound`, `RequestConflict`, `ActiveCertificateExists`.
        """
        revocation.check(reason, by)
        return await self._store.settle(serial, now, reason, by.value)

    async def revoke(self, serial: Serial, reason: str, now: datetime, by: By = By.AUTHORITY) -> Record:
        """End a certificate for good; revoking again changes nothing. `reason` as in `ca.revocation`."""
        revocation.check(reason, by)
        await self._issued(serial)
        return await self._store.revoke(serial, now, reason, by.value)

    async def hold(self, serial: Serial, now: datetime, by: By = By.AUTHORITY) -> Record:
        """Suspend a certificate; `release` undoes it, half a year without that makes it final."""
        await self._issued(serial)
        return await self._store.revoke(serial, now, "certificateHold", by.value)

    async def release(self, serial: Serial, now: datetime, by: By = By.AUTHORITY) -> Record:
        if (await self._issued(serial)).status is not Status.HELD:
            raise BadRequest("not on hold")
        return await self._store.release(serial, now, by.value)

    async def lapse(self, now: datetime) -> tuple[Serial, ...]:
        """Revoke what was on hold for too long; which those are."""
        over = await self._store.lapsed(now - revocation.HOLD_LASTS)
        for serial in over:
            await self._store.revoke(serial, now, revocation.LAPSED, By.AUTHORITY.value)
        return tuple(over)

    async def withdraw(self, now: datetime) -> int:
        """Revoke what revoked issuing CAs have issued, each subscriber told; how many. Idempotent, so call it often.

        RFC 5280 §6.1: no path leads through a revoked CA, so none of it is worth anything to a relying party.
        """
        revoked = 0
        for name in self.authority.withdrawn().keys() - self._withdrawn:
            after = Serial(0)
            while serials := await self._store.below(name, now, after):
                await asyncio.gather(*(self._end_below(name, serial, now) for serial in serials))
                revoked, after = revoked + len(serials), serials[-1]
            self._withdrawn.add(name)
        return revoked

    async def _end_below(self, issuer: str, serial: Serial, now: datetime) -> Record:
        reason = revocation.below(self.authority.withdrawn()[issuer].reason)
        return await self._store.revoke(serial, now, reason, By.OPERATOR.value)

    async def _issued(self, serial: Serial) -> Record:
        record = await self.status(serial)
        if record.der is None:
            raise NotFound(f"{serial:040x} was never issued")
        return record
