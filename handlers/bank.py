"""The bank's customer register, as the counter needs it. A real bank writes one adapter of `BankRegister`.

`CustomerNumber` is the bank's own customer number; it is what the VID is computed over. The resident
registration number has no place here: the port has no field for it (Personal Information Protection Act §24-2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType, Protocol

CustomerNumber = NewType("CustomerNumber", str)
CustomerKind = Literal["personal", "business"]
Factor = Literal["card", "otp"]
Half = Literal["front", "back"]


class BankUnavailable(Exception):
    """The bank's register did not answer in time. Nothing was changed; the customer may try again."""


class CustomerGone(Exception):
    """The register no longer knows a customer whose journey is under way."""


@dataclass(frozen=True, slots=True)
class BankCustomer:
    """What the register says of one customer. Names are NFC; `phone` is digits only, as registered."""

    number: CustomerNumber
    kind: CustomerKind
    name: str
    english_name: str | None
    account: str
    phone: str
    internet_banking: bool
    phone_changed_at: datetime | None = None
    factors: tuple[Factor, ...] = ()
    """Second factors that may be used now, the stronger first. A locked or missing card is not listed."""
    locked_factors: tuple[Factor, ...] = ()
    """After too many errors, at the bank. While the token is, the card does not do in its place."""
    other_certificate: str | None = None
    """Display name of the institution whose valid certificate this customer holds, if the bank knows of one."""
    email: str | None = field(default=None, repr=False)
    """An address the bank has on record for notices, if it has one; nothing is proven by it."""


@dataclass(frozen=True, slots=True)
class CellChallenge:
    """Two halves of two cells of a security card: `positions` are (cell number from 1, which half)."""

    positions: tuple[tuple[int, Half], tuple[int, Half]]


class BankRegister(Protocol):
    """Every method may raise `BankUnavailable`. Numbers of won are integers including VAT."""

    async def by_account(self, account: str) -> BankCustomer | None:
        """`account` is digits only."""

    async def by_number(self, number: CustomerNumber) -> BankCustomer | None: ...

    async def card_size(self, number: CustomerNumber) -> int:
        """How many cells the customer's card has."""

    async def card_answers(self, number: CustomerNumber, cells: Mapping[int, tuple[Half, str]]) -> bool:
        """True when every half (two digits) is right. The bank sees the digits; nobody keeps them."""

    async def otp_step(self, number: CustomerNumber, code: str, now: datetime) -> int | None:
        """The 30-second time step that `code` belongs to (current or one before), or None. RFC 6238 §5.2."""

    async def charge(self, number: CustomerNumber, won: int, request_id: str) -> bool:
        """Take a fee once per `request_id`; False when the account has not enough."""
