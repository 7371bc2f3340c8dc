"""Who is it: a code to the registered phone, then a security card or a token, with tries counted first.

One counter a factor and customer, shared by every channel, in the database: it survives a restart, and it is
committed before anything is compared, so that killing the process never gives a try back. Card cells and token
codes come from the secure page only.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from handlers.bank import BankCustomer, BankRegister, BankUnavailable, CellChallenge, CustomerNumber, Factor, Half
from handlers.effects import StartChallenge

LOOKUPS_AN_HOUR: Final = 10
ACCOUNT_LOOKUPS_AN_HOUR: Final = 30
CARD_TRIES: Final = 3
"""Two half-cells are a number below 10,000: fewer tries than anything else gets."""
CODES_A_LOCK: Final = 2
"""How many codes in a row may be mistyped to the end before no further one is sent."""
CODE_REST: Final = timedelta(hours=24)
"""Locked codes are given another chance after this: whoever knows an account and a name could lock them for good."""
ALONE: Final = " alone"
"""Behind a factor's name: its failures where nothing was proven before. They lock nothing else and rest as codes do."""
PHONE_REST: Final = timedelta(hours=72)
"""A number that changed less than this ago may be somebody else's: no code goes there."""

Verdict = Literal["right", "wrong", "locked", "expired"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows: how long a code lives, wrong answers before a lock, codes an hour."""

    code_life: timedelta
    tries: int
    codes_an_hour: int

    def of(self, factor: str) -> int:
        """Failures in a row after which a factor is locked for every channel."""
        if factor == "code":
            return CODES_A_LOCK * self.tries
        return min(CARD_TRIES, self.tries) if factor == "card" else self.tries


@dataclass(frozen=True, slots=True)
class Checked:
    verdict: Verdict
    left: int = 0
    """Tries that remain after a wrong one."""


@dataclass(frozen=True, slots=True)
class CodeTry:
    """A challenge whose try has just been counted. `tries` includes it."""

    code_hash: str
    bound_to: str
    expires_at: datetime
    used: bool
    tries: int
    failures: int
    """Failures in a row of the customer's codes, over all challenges and channels, including this one."""


class IdentityStore(Protocol):
    """Counters and challenges. Every method is one transaction of its own."""

    async def codes_since(self, number: CustomerNumber, since: datetime) -> int: ...

    async def try_code(self, challenge_id: str, now: datetime) -> CodeTry | None:
        """Count a try for the challenge and for the customer, then return what to compare with."""

    async def try_factor(
        self, number: CustomerNumber, factor: str, now: datetime, rest: timedelta | None = None
    ) -> int:
        """Count a failure beforehand; how many in a row that makes, none of them `rest` before the next."""

    async def give_back(self, number: CustomerNumber, factor: str) -> None:
        """Take back one counted try."""

    async def forgive(self, number: CustomerNumber, factor: str) -> None: ...

    async def failures(self, number: CustomerNumber, factor: str, since: datetime | None = None) -> int:
        """Failures in a row; none if the last one was before `since`."""

    async def open_cells(self, number: CustomerNumber, drawn: CellChallenge, now: datetime) -> CellChallenge:
        """The open challenge of this customer; `drawn` becomes it when there is none."""

    async def use_otp_step(self, number: CustomerNumber, step: int) -> bool:
        """True once a step, and never for an older one."""

    async def count_lookup(self, asker: str, now: datetime, window: timedelta) -> int:
        """How many look-ups `asker` has made in the window, with this one."""


class Identity:
    """`draw(n)` is a number below n and `mac(parts…)` a keyed hash: both come from outside the ring."""

    def __init__(
        self,
        store: IdentityStore,
        bank: BankRegister,
        draw: Callable[[int], int],
        mac: Callable[..., str],
        limits: Limits,
    ) -> None:
        self.store, self.bank, self.draw, self.mac, self.limits = store, bank, draw, mac, limits

    # -- the account ------------------------------------------------------------------------------------------

    async def may_look_up(self, asker: str, account: str, now: datetime) -> bool:
        """Counted for who asks and for the account asked about, so that many askers cannot try names on one account."""
        hour = timedelta(hours=1)
        if await self.store.count_lookup(asker, now, hour) > LOOKUPS_AN_HOUR:
            return False  # and takes nothing from those who may ask about this account
        asked_about = await self.store.count_lookup(f"account:{self.mac('account', account)}", now, hour)
        return asked_about <= ACCOUNT_LOOKUPS_AN_HOUR

    @staticmethod
    def phone_rests(customer: BankCustomer, now: datetime) -> datetime | None:
        """Until when no code goes to a number that was changed lately."""
        until = customer.phone_changed_at and customer.phone_changed_at + PHONE_REST
        return until if until and until > now else None

    async def usable_factor(self, customer: BankCustomer) -> Factor | None:
        """The second factor to ask for: the strongest the customer has, never a weaker one because it was locked."""
        if not customer.factors or "otp" in customer.locked_factors:
            return None
        strongest = customer.factors[0]
        failures = await self.store.failures(customer.number, strongest)
        return strongest if failures < self.limits.of(strongest) else None

    # -- the code to the phone --------------------------------------------------------------------------------

    async def code_locked(self, number: CustomerNumber, now: datetime) -> bool:
        """For a day, or until the operator unlocks it."""
        return await self.store.failures(number, "code", now - CODE_REST) >= self.limits.of("code")

    async def may_send_code(self, number: CustomerNumber, now: datetime) -> bool:
        return await self.store.codes_since(number, now - timedelta(hours=1)) < self.limits.codes_an_hour

    def start_code(
        self, challenge_id: str, customer: BankCustomer, bound_to: str, now: datetime, word: Callable[[str], str]
    ) -> StartChallenge:
        """Draw a code. `word(code)` is the SMS; the code is kept only as a keyed hash."""
        code = f"{self.draw(1_000_000):06d}"
        return StartChallenge(
            challenge_id=challenge_id,
            number=customer.number,
            bound_to=bound_to,
            code_hash=self.mac(challenge_id, code),
            expires_at=now + self.limits.code_life,
            phone=customer.phone,
            text=word(code),
        )

    async def check_code(self, challenge_id: str, bound_to: str, code: str, now: datetime) -> Checked:
        """Count, then compare. The caller commits `UseChallenge` with the turn that goes on."""
        attempt = await self.store.try_code(challenge_id, now)
        if attempt is None or attempt.used or now >= attempt.expires_at or attempt.bound_to != bound_to:
            return Checked("expired")
        if attempt.tries > self.limits.tries or attempt.failures > self.limits.of("code"):
            return Checked("locked")
        # Both sides are keyed hashes of equal length, so comparing them tells nothing of the code.
        if attempt.code_hash == self.mac(challenge_id, code):
            return Checked("right")
        left = min(self.limits.tries - attempt.tries, self.limits.of("code") - attempt.failures)
        return Checked("wrong", left) if left > 0 else Checked("locked")

    # -- the card and the token, from the secure page ---------------------------------------------------------

    async def cells(self, number: CustomerNumber, now: datetime) -> CellChallenge:
        """The same two half-cells until they are answered or the card is locked."""
        size = await self.bank.card_size(number)
        if size < 2:
            raise BankUnavailable  # the register contradicts itself: it lists a card without cells
        first = self.draw(size)
        second = (first + 1 + self.draw(size - 1)) % size
        drawn = CellChallenge(((first + 1, self._half()), (second + 1, self._half())))
        return await self.store.open_cells(number, drawn, now)

    def _half(self) -> Half:
        return "back" if self.draw(2) else "front"

    async def check_card(
        self, number: CustomerNumber, answers: Mapping[int, str], now: datetime, *, alone: bool = False
    ) -> Checked:
        """Count, then compare. The caller commits `CloseCells` with the turn that goes on.

        `alone`: no code was shown before, so anybody who knows account and name may be answering.
        """
        asked = (await self.cells(number, now)).positions
        given = {cell: (half, answers.get(cell, "")) for cell, half in asked}
        return await self._check(number, "card", now, lambda: self.bank.card_answers(number, given), alone=alone)

    async def check_otp(self, number: CustomerNumber, code: str, now: datetime, *, alone: bool = False) -> Checked:
        async def right() -> bool:
            step = await self.bank.otp_step(number, code, now)
            return step is not None and await self.store.use_otp_step(number, step)

        return await self._check(number, "otp", now, right, alone=alone)

    async def _check(
        self, number: CustomerNumber, factor: Factor, now: datetime, right: "RightOrNot", *, alone: bool
    ) -> Checked:
        allowed = self.limits.of(factor)
        counter, rest = (factor + ALONE, CODE_REST) if alone else (factor, None)
        failures = await self.store.try_factor(number, counter, now, rest)
        if failures > allowed:
            return Checked("locked")
        try:
            answered_right = await right()
        except BankUnavailable:
            # Nobody compared anything: that was no try.
            await self.store.give_back(number, counter)
            raise
        if answered_right:
            await self.store.forgive(number, counter)
            return Checked("right")
        return Checked("wrong", allowed - failures) if failures < allowed else Checked("locked")


def bound_to(*shown: str) -> str:
    """A digest of what a code was asked for: it is good for nothing else (OWASP transaction authorization 1.1)."""
    return hashlib.sha256("\x1f".join(shown).encode()).hexdigest()


class RightOrNot(Protocol):
    async def __call__(self) -> bool: ...
