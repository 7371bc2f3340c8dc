"""OCSP answers signed in advance: by the octets of the request, dropped when the status changes, kept fresh.

Most clients send the same few octets for a certificate, so the hot path is one look-up by them; what it finds was
signed when somebody first asked, or by `work`. Every worker reads the table of status changes each second and drops
what it said about those serials; when that table cannot be read for a while, nothing prepared is given out at all. So
all workers agree within `TRUSTED`. Answers with a nonce are signed on demand, and `unknown` is never kept: the serial
may be issued the next moment. A token signs in a thread, and while it is away relying parties are asked to come later.
"""

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from bot.storage.database import DatabaseError
from ca import ocsp
from ca.errors import LintFailed, SignerUnavailable
from ca.ports import Serial, Standing, Status
from ca.registration import RegistrationAuthority

log = logging.getLogger(__name__)

MOST: Final = 50_000
"""Answers kept, about 1 KiB each; the one not asked for longest goes first."""
LONGEST: Final = 256
"""Octets of a request whose answer is kept. One question is about a hundred; whoever sends thousands of long ones, each
different, finds no room here."""
FRESH: Final = ocsp.LIFETIME / 4
"""Older ones are signed anew in the background."""
TRUSTED: Final = timedelta(seconds=4)
"""How long the last look at the status changes is good for."""
SHOWN_WITHIN: Final = TRUSTED + timedelta(seconds=1)
"""A revocation is in every worker's answers by then: they look each second."""
AT_A_TIME: Final = 200
"""Signed anew in one turn of the job, so that it never holds up the loop for long."""

_REFUSED: Final = len(ocsp.Refusal.INTERNAL_ERROR.response())


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Prepared:
    """A signed answer as it goes out. `etag` is over its octets, `certain` False for a refusal or an `unknown`."""

    der: bytes
    etag: str
    made_at: datetime
    valid_until: datetime
    serials: tuple[Serial, ...] = ()
    certain: bool = False


class Statuses(Protocol):
    """`bot.storage.certificates.Certificates`."""

    async def standings(self, serials: Sequence[Serial]) -> Mapping[Serial, Standing]: ...

    async def changes_after(self, version: int) -> tuple[int, frozenset[Serial] | None]: ...


class Answering:
    def __init__(self, registration: RegistrationAuthority, statuses: Statuses, clock: Callable[[], datetime]) -> None:
        self.registration, self.statuses, self.clock = registration, statuses, clock
        self._kept: OrderedDict[bytes, Prepared] = OrderedDict()
        self._requests: defaultdict[Serial, set[bytes]] = defaultdict(set)
        self._version = 0
        self._withdrawn: frozenset[str] = frozenset()
        self._looked_at: datetime | None = None
        self._troubled = False

    def prepared(self, request: bytes) -> Prepared | None:
        """What was signed for exactly this request and still holds; None: ask `answer`."""
        found = self._kept.get(request)
        if found is None or self._looked_at is None:
            return None
        now = self.clock()
        if now - self._looked_at > TRUSTED or now >= found.valid_until:
            return None
        return found

    async def answer(self, request: bytes) -> Prepared:
        """A DER OCSPResponse to whatever was sent. Raises nothing: without database or signer it says tryLater,
        internalError where no answer would be right.
        """
        if found := self.prepared(request):
            self._kept.move_to_end(request)
            return found
        try:
            made = await self._signed(request)
        except (DatabaseError, SignerUnavailable) as error:
            if not self._troubled:  # once, not for each of thousands a second
                log.warning("OCSP answers tryLater: %s", error)
            self._troubled = True
            # RFC 6960 §2.3: the service is there, but cannot answer for the moment.
            return self._refused(ocsp.Refusal.TRY_LATER)
        self._troubled = False
        return made

    async def work(self) -> None:
        """Drop what was said about serials whose status has changed; sign the oldest answers anew."""
        looked_at = self.clock()
        self._version, changed = await self.statuses.changes_after(self._version)
        withdrawn = frozenset(self.registration.authority.withdrawn())
        if changed is None or withdrawn != self._withdrawn:
            self._forget_all()
            changed = frozenset()
        self._withdrawn = withdrawn
        for serial in changed:
            self.forget(serial)
        self._looked_at = looked_at
        ageing = [request for request, one in self._kept.items() if looked_at - one.made_at >= FRESH]
        for request in ageing[:AT_A_TIME]:
            await self._signed(request)

    def forget(self, serial: Serial) -> None:
        """Nothing said about this serial is said again."""
        for request in self._requests.pop(serial, set()):
            self._kept.pop(request, None)

    def _forget_all(self) -> None:
        self._kept.clear()
        self._requests.clear()

    async def _signed(self, request: bytes) -> Prepared:
        asked = self.registration.authority.read_ocsp(request)
        if isinstance(asked, ocsp.Refusal):
            return self._refused(asked)
        version, now = self._version, self.clock().replace(microsecond=0)
        standings = await self.statuses.standings(asked.serials)
        sign = self.registration.authority.sign_ocsp
        try:
            if asked.signer.key.takes_time:
                der = await asyncio.to_thread(sign, asked, standings, now)
            else:
                der = sign(asked, standings, now)
        except LintFailed as error:  # the signer has ended, or somebody was at the rows
            log.error("no OCSP answer: %s", error)  # noqa: TRY400 - the findings say it all
            self._kept.pop(request, None)
            return self._refused(ocsp.Refusal.INTERNAL_ERROR)
        certain = len(der) > _REFUSED and all(
            serial in standings and standings[serial].status is not Status.PLANNED for serial in asked.serials
        )
        made = Prepared(
            der, f'"{sha256(der).hexdigest()}"', now, ocsp.valid_until(asked.signer, now), asked.serials, certain
        )
        # While we looked, the job may have read of a change that our look came too early for.
        usual = asked.questions.nonce is None and len(request) <= LONGEST
        if certain and usual and version == self._version:
            self._keep(request, made)
        return made

    def _keep(self, request: bytes, made: Prepared) -> None:
        self._kept[request] = made
        for serial in made.serials:
            self._requests[serial].add(request)
        while len(self._kept) > MOST:
            oldest, dropped = self._kept.popitem(last=False)
            for serial in dropped.serials:
                self._requests[serial].discard(oldest)
                if not self._requests[serial]:
                    del self._requests[serial]

    def _refused(self, refusal: ocsp.Refusal) -> Prepared:
        now = self.clock()
        return Prepared(refusal.response(), "", now, now)
