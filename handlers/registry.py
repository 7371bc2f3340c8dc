"""The registration authority as the counter sees it: what it issues, for whom, and why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from handlers.bank import BankCustomer
from handlers.message import CustomerId

PROVEN: Final = "proven"
"""In the evidence: since when it is known who asks, ISO 8601. What they stop later is not issued."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as the counter speaks of it."""

    serial: str
    not_after: datetime
    certificate: bytes
    chain: Sequence[bytes]
    folder: str


class Denied(Exception):
    """The registration authority says no: `code` is a word of `page.error.*`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Succession:
    """The new certificate takes the place of `serial` once it is kept; that one is then revoked because of `ends`.

    `ends` is RFC 5280 §5.3.1's name. The end stays, or is `extended` by a year.
    """

    serial: str
    ends: str
    extended: bool


class Registry(Protocol):
    """What journeys to a certificate want of the registration authority."""

    async def active_until(self, number: str, profile: str, customer: CustomerId, now: datetime) -> datetime | None:
        """Until when an active certificate of this profile lasts, if there is one; `withdraw_unkept`'s do not count."""

    async def check(
        self,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        asker: CustomerId,
        now: datetime,
        succession: Succession | None = None,
    ) -> None:
        """Raises `Denied` for whatever `enroll` would refuse; nothing is stored."""

    async def enroll(
        self,
        request_id: str,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        evidence: Mapping[str, str],
        now: datetime,
        succession: Succession | None = None,
    ) -> Issued:
        """Issue once per `request_id`. Raises `Denied`."""

    async def issued_for(self, request_id: str) -> bool: ...

    async def successor_end(self, serial: str, *, extended: bool) -> datetime:
        """When what succeeds `serial` would end. Raises `Denied`."""

    async def signed(self, serial: str, certificate: bytes, signature: bytes, message: bytes, now: datetime) -> bool:
        """Whether `message` was signed with the key of this very certificate, which is valid now."""

    async def order(self, number: str, profile: str) -> str:
        """Names the purchase of this customer's next certificate; the same until one is kept."""

    async def withdraw_unkept(self, number: str, profile: str, customer: CustomerId, now: datetime) -> None:
        """Revoke (superseded) what was issued and never kept, by this conversation or on a page that has expired."""
