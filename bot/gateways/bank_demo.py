"""A bank to try things with: invented customers, the same `BankRegister` a real bank's adapter implements.

The customers are `demo_customers.toml`. What a customer would hold in the hand (security card, OTP token) is
derived from a key by HMAC, so no secret is stored and every start shows the same card.
"""

import base64
import hmac
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, Protocol

import pyotp
from pyotp.exceptions import OTPVerificationError

from handlers.bank import BankCustomer, CustomerKind, CustomerNumber, Factor, Half

CARD_CELLS: Final = 30
OTP_SECONDS: Final = 30


class Ledger(Protocol):
    """Remembers the fees taken; lives in storage, so that a restart takes none twice."""

    async def charge(self, number: CustomerNumber, won: int, request_id: str) -> bool:
        """Write the fee down once per `request_id`.

        True when it is written (now or before); False when `request_id` was another customer's or amount.
        """


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """A row of the table. `accounts` and `phone` are written with hyphens, as a person reads them."""

    id: str
    number: CustomerNumber
    kind: CustomerKind
    name: str
    accounts: tuple[str, ...]
    phone: str
    english_name: str | None = None
    card: Literal["open", "locked"] | None = None
    otp: bool = False
    changed_days_ago: int | None = None
    internet_banking: bool = True
    other_certificate: str | None = None
    balance: int = 1_000_000
    locale: str | None = None

    @property
    def phone_digits(self) -> str:
        """The phone as the register and the SMS gateway know it."""
        return _digits(self.phone)

    @property
    def name_key(self) -> str:
        return f"demo.{self.id}.name"

    @property
    def note_key(self) -> str:
        return f"demo.{self.id}.note"

    @property
    def factors(self) -> tuple[Factor, ...]:
        usable: list[Factor] = []
        if self.otp:  # the stronger of the two: a code is used once, a card cell for years
            usable.append("otp")
        if self.card == "open":
            usable.append("card")
        return tuple(usable)


@cache
def demo_customers() -> tuple[DemoCustomer, ...]:
    """The table, in its own order."""
    table: dict[str, dict[str, Any]] = tomllib.loads((files(__package__) / "demo_customers.toml").read_text("utf-8"))
    return tuple(DemoCustomer(id=who, **row | {"accounts": tuple(row["accounts"])}) for who, row in table.items())


def _digits(written: str) -> str:
    return written.replace("-", "")


class DemoBank:
    """`key` is secret and at least 16 octets; `now` is aware time; nothing here ever raises `BankUnavailable`."""

    def __init__(self, key: bytes, now: Callable[[], datetime], ledger: Ledger) -> None:
        if len(key) < 16:
            raise ValueError("the demo bank's key is shorter than 16 octets")
        self._key = key
        self._now = now
        self._ledger = ledger
        self._by_id = {c.id: c for c in demo_customers()}
        self._by_number = {c.number: c for c in demo_customers()}
        self._by_account = {_digits(a): c for c in demo_customers() for a in c.accounts}

    # What the counter asks: `handlers.bank.BankRegister`.

    async def by_account(self, account: str) -> BankCustomer | None:
        found = self._by_account.get(account)
        return None if found is None else self._as_registered(found, account)

    async def by_number(self, number: CustomerNumber) -> BankCustomer | None:
        found = self._by_number.get(number)
        return None if found is None else self._as_registered(found, _digits(found.accounts[0]))

    async def card_size(self, number: CustomerNumber) -> int:
        """0 when the customer has no card."""
        found = self._by_number.get(number)
        return CARD_CELLS if found is not None and found.card else 0

    async def card_answers(self, number: CustomerNumber, cells: Mapping[int, tuple[Half, str]]) -> bool:
        found = self._by_number.get(number)
        right = found is not None and found.card == "open" and len(cells) > 0
        for cell, (half, answer) in cells.items():  # every half is compared, also after a wrong one
            digits = self._cell(number, cell)
            expected = digits[:2] if half == "front" else digits[2:]
            right &= (
                hmac.compare_digest(expected.encode(), answer.encode("ascii", "replace")) and 1 <= cell <= CARD_CELLS
            )
        return right

    async def otp_step(self, number: CustomerNumber, code: str, now: datetime) -> int | None:
        found = self._by_number.get(number)
        if found is None or not found.otp or len(code) != 6 or not code.isascii():
            return None
        token = self._token(number)
        # RFC 6238 §5.2: at most one step of delay. pyotp's own window would accept the next code as well.
        for moment in (now, now - timedelta(seconds=OTP_SECONDS)):
            with suppress(OTPVerificationError):
                return token.verify_and_get_timecode(code, for_time=moment)
        return None

    async def charge(self, number: CustomerNumber, won: int, request_id: str) -> bool:
        """Each fee is held against the whole balance: a visitor cannot use a demo account up."""
        found = self._by_number.get(number)
        return found is not None and 0 <= won <= found.balance and await self._ledger.charge(number, won, request_id)

    # What the customer holds in the hand: the demo desk.

    def customers(self) -> Sequence[DemoCustomer]:
        return demo_customers()

    def customer(self, who: str) -> DemoCustomer | None:
        return self._by_id.get(who)

    def card_serial(self, who: str) -> str | None:
        """Eight digits as `1234-5678`, or None without a card."""
        found = self._by_id.get(who)
        if found is None or found.card is None:
            return None
        return (
            f"{self._number(10_000, 'serial', found.number, 1):04}-{self._number(10_000, 'serial', found.number, 2):04}"
        )

    def card_cells(self, who: str) -> dict[int, str] | None:
        """Cell number from 1 → its four digits; a locked card is still in the customer's hand. None without one."""
        found = self._by_id.get(who)
        if found is None or found.card is None:
            return None
        return {cell: self._cell(found.number, cell) for cell in range(1, CARD_CELLS + 1)}

    def otp_now(self, who: str, now: datetime) -> tuple[str, int] | None:
        """What the token shows and for how many seconds still, or None without a token."""
        found = self._by_id.get(who)
        if found is None or not found.otp:
            return None
        return self._token(found.number).at(now), OTP_SECONDS - int(now.timestamp()) % OTP_SECONDS

    # Derivation.

    def _as_registered(self, found: DemoCustomer, account: str) -> BankCustomer:
        changed = found.changed_days_ago
        return BankCustomer(
            number=found.number,
            kind=found.kind,
            name=found.name,
            english_name=found.english_name,
            account=account,
            phone=found.phone_digits,
            internet_banking=found.internet_banking,
            phone_changed_at=None if changed is None else self._now() - timedelta(days=changed),
            factors=found.factors,
            locked_factors=("card",) if found.card == "locked" else (),
            other_certificate=found.other_certificate,
            email=f"{found.id}@customers.example",  # RFC 2606: nobody's
        )

    def _cell(self, number: CustomerNumber, cell: int) -> str:
        return f"{self._number(10_000, 'cell', number, cell):04}"

    def _number(self, below: int, *what: object) -> int:
        return int.from_bytes(self._derived(*what)[:8]) % below

    def _token(self, number: CustomerNumber) -> pyotp.TOTP:
        secret = self._derived("otp", number)[:20]  # RFC 4226 §4 R6: 160 bits
        return pyotp.TOTP(base64.b32encode(secret).decode(), interval=OTP_SECONDS)

    def _derived(self, *what: object) -> bytes:
        return hmac.digest(self._key, "\0".join(map(str, what)).encode(), "sha256")
