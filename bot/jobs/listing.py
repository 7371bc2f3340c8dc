"""The revocation lists of each issuing CA: signed anew when something changed, and well before they end.

A revocation is in the list at the next look (every 20 s). The list in force is one row for all workers, so whoever asks
two of them never sees a number go back; what a worker keeps in memory is that row. Lists in parts are published beside
the full one, for as long as there is a row: certificates made under an earlier setting point to their parts.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from bot.storage.lists import Kept
from ca.partition import Partition, partitions
from ca.ports import Serial
from ca.recorded import SLACK
from ca.registration import RegistrationAuthority

LIFETIME: Final = timedelta(hours=24)
FRESH: Final = timedelta(hours=6)
RECHECKED: Final = timedelta(seconds=5)
"""After that a worker looks whether another one has published."""

EVERY: Final = timedelta(seconds=20)
SHOWN_WITHIN: Final = 3 * EVERY
"""A revocation is in the list by then: a look, the signing of a long list, `RECHECKED`."""


class Shelf(Protocol):
    """Where lists are made from and kept: `bot.storage.lists.Lists`."""

    async def version(self, issuer: str) -> int: ...

    async def entries(
        self, issuer: str, since: datetime, first: Serial | None, behind: Serial | None
    ) -> Sequence[bytes]: ...

    async def next_number(self, name: str, now: datetime) -> int: ...

    async def keep(self, kept: Kept) -> None: ...

    async def get(self, name: str, unless: int = 0) -> Kept | None: ...

    async def heads(self) -> Sequence[Kept]: ...


class Listing:
    def __init__(self, registration: RegistrationAuthority, shelf: Shelf, clock: Callable[[], datetime]) -> None:
        self.registration, self.shelf, self.clock = registration, shelf, clock
        self._seen: dict[str, tuple[Kept, datetime]] = {}
        self._publishing = asyncio.Lock()

    async def work(self) -> None:
        """Publish what is missing, has changed, or is getting old."""
        async with self._publishing:
            in_force = {one.name: one for one in await self.shelf.heads()}
            for name, (issuer, partition) in self._names(list(in_force)).items():
                await self._publish(name, issuer, partition, in_force.get(name))

    async def of(self, name: str) -> Kept | None:
        """The list in force under this name, made now if there is none yet; None for a name that is not ours."""
        now = self.clock()
        kept, looked_at = self._seen.get(name, (None, now))
        if kept is not None and now - looked_at < RECHECKED:
            return kept
        found = await self.shelf.get(name, unless=kept.number if kept else 0) or kept
        if found is None:
            # Only what is or was published has an address in a certificate.
            if name not in self._names([]):
                return None
            await self.work()
            found = await self.shelf.get(name)
        if found is not None:
            self._seen[name] = found, now
        return found

    def _names(self, published: Sequence[str]) -> dict[str, tuple[str, Partition | None]]:
        """Every list there is to be: issuer and part by name."""
        authority = self.registration.authority
        names: dict[str, tuple[str, Partition | None]] = {}
        for issuer in authority.issuers:
            names[issuer] = issuer, None
            for partition in partitions(authority.places.crl_partitions):
                names[issuer + partition.suffix] = issuer, partition
        for name in published:
            for issuer in authority.issuers:
                if name.startswith(f"{issuer}.") and (part := Partition.read(name.removeprefix(issuer))):
                    names[name] = issuer, part
        return names

    async def _publish(self, name: str, issuer: str, partition: Partition | None, in_force: Kept | None) -> None:
        # The time that will stand in the list, which never goes back behind what was recorded.
        now = self.registration.authority.recorded.after(self.clock()).replace(microsecond=0)
        version = await self.shelf.version(issuer)
        # One of the future was made under a clock that was wrong: nobody takes it before its time.
        if in_force and in_force.version == version and -SLACK <= now - in_force.this_update < FRESH:
            return
        first, behind = (partition.first, partition.behind) if partition else (None, None)
        # RFC 5280 §3.3: an entry stays until a list made after its certificate has ended has shown it, for its life.
        since = min(in_force.this_update, now) - LIFETIME if in_force else now - LIFETIME
        entries = await self.shelf.entries(issuer, since, first, behind)
        number = await self.shelf.next_number(name, now)
        # In a thread: tens of megabytes are hashed without holding up the event loop.
        der = await asyncio.to_thread(
            self.registration.authority.sign_crl, issuer, entries, number, now, LIFETIME, partition
        )
        digest = (await asyncio.to_thread(sha256, der)).hexdigest()
        await self.shelf.keep(Kept(name, number, version, now, now + LIFETIME, digest, der))
        self._seen.pop(name, None)
