"""The current CRL of each issuing CA: signed anew when the list changed, and well before it ends.

A revocation is in the list at the next look (every 20 s). The number is durable and grows; the bytes are held in
memory, because any worker can make them again from the store.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ca.ports import CertificateStore, RevokedEntry
from ca.registration import RegistrationAuthority

LIFETIME: Final = timedelta(hours=24)
FRESH: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Listed:
    """A signed CRL: `der`, when it was made and until when it holds."""

    der: bytes
    number: int
    made_at: datetime
    next_update: datetime
    entries: tuple[RevokedEntry, ...]


class Listing:
    def __init__(
        self, registration: RegistrationAuthority, store: CertificateStore, clock: Callable[[], datetime]
    ) -> None:
        self.registration, self.store, self.clock = registration, store, clock
        self.current: dict[str, Listed] = {}

    async def work(self) -> None:
        for issuer in self.registration.authority.issuers:
            await self._refresh(issuer)

    async def of(self, issuer: str) -> Listed | None:
        """The CRL of an issuing CA, made now if this process has none yet; None for a name that is not ours."""
        if issuer not in self.registration.authority.issuers:
            return None
        if issuer not in self.current:
            await self._refresh(issuer)
        return self.current[issuer]

    async def _refresh(self, issuer: str) -> None:
        now = self.clock().replace(microsecond=0)
        entries = tuple(await self.store.revoked(issuer, now))
        known = self.current.get(issuer)
        if known is not None and known.entries == entries and now - known.made_at < FRESH:
            return
        number = await self.store.next_crl_number(issuer)
        der = self.registration.authority.sign_crl(issuer, entries, number, now, LIFETIME)
        self.current[issuer] = Listed(der, number, now, now + LIFETIME, entries)
