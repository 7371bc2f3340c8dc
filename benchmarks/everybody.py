"""A bank that knows everybody, for customers who are to be issued something.

`CERTTALK_BANK=benchmarks.everybody:bank`: account number n belongs to customer n, who has a phone of their own and a
token that takes any code. `CERTTALK_SMS=benchmarks.everybody:sms`: text messages are lines of a file in the data
folder, which the customers read.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from bot.settings import Settings
from handlers.bank import BankCustomer, CustomerNumber, Half

NAME: Final = "김데모"
SENT: Final = "text-messages"


def account(number: int) -> str:
    return f"00021{number:09d}"


def phone(number: int) -> str:
    return f"0100{number:07d}"


class Everybody:
    async def by_account(self, account: str) -> BankCustomer | None:
        return self._customer(int(account[5:]))

    async def by_number(self, number: CustomerNumber) -> BankCustomer | None:
        return self._customer(int(number.removeprefix("LOAD")))

    def _customer(self, number: int) -> BankCustomer:
        return BankCustomer(
            CustomerNumber(f"LOAD{number:09d}"), "personal", NAME, "KIM DEMO", account(number), phone(number),
            internet_banking=True, factors=("otp",),
        )  # fmt: skip

    async def card_size(self, _number: CustomerNumber) -> int:
        return 0

    async def card_answers(self, _number: CustomerNumber, _cells: Mapping[int, tuple[Half, str]]) -> bool:
        return False

    async def otp_step(self, _number: CustomerNumber, _code: str, now: datetime) -> int | None:
        return int(now.timestamp()) // 30

    async def charge(self, _number: CustomerNumber, _won: int, _request_id: str) -> bool:
        return True


class Lines:
    def __init__(self, path: Path) -> None:
        self.path = path

    async def send(self, phone: str, text: str, key: str) -> None:  # noqa: ARG002 - a double is the same code
        line = f"{phone} {' '.join(text.split())}\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)


def bank(_settings: Settings) -> Everybody:
    return Everybody()


def sms(settings: Settings) -> Lines:
    return Lines(settings.data / SENT)
