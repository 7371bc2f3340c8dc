"""A bank's register with a deadline on every question: what takes longer is `BankUnavailable`."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from handlers.bank import BankCustomer, BankRegister, BankUnavailable, CustomerNumber, Half

PATIENCE: Final = 4.0
T = TypeVar("T")


class PatientBank:
    """`BankRegister` around another one; `seconds` is how long a person may be kept waiting."""

    def __init__(self, bank: BankRegister, seconds: float = PATIENCE) -> None:
        self.bank, self.seconds = bank, seconds

    async def _soon(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self.seconds):
                return await answer
        except (TimeoutError, OSError) as error:
            raise BankUnavailable from error

    async def by_account(self, account: str) -> BankCustomer | None:
        return await self._soon(self.bank.by_account(account))

    async def by_number(self, number: CustomerNumber) -> BankCustomer | None:
        return await self._soon(self.bank.by_number(number))

    async def card_size(self, number: CustomerNumber) -> int:
        return await self._soon(self.bank.card_size(number))

    async def card_answers(self, number: CustomerNumber, cells: Mapping[int, tuple[Half, str]]) -> bool:
        return await self._soon(self.bank.card_answers(number, cells))

    async def otp_step(self, number: CustomerNumber, code: str, now: datetime) -> int | None:
        return await self._soon(self.bank.otp_step(number, code, now))

    async def charge(self, number: CustomerNumber, won: int, request_id: str) -> bool:
        return await self._soon(self.bank.charge(number, won, request_id))
