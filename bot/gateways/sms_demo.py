"""Text messages of the demo: they land in an inbox that the demo desk shows as the customer's phone.

Only the demo register's impossible numbers are taken, so a demo never keeps a message of a real person.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from bot.gateways.sms import SmsRefused

IMPOSSIBLE: Final = "0100000"
"""No Korean mobile number begins 010-0000."""


class Inbox(Protocol):
    async def put(self, phone: str, text: str, key: str, at: datetime) -> None:
        """Keep a message; one whose `key` is there already changes nothing. `at` is aware UTC."""


class DemoSms:
    def __init__(self, inbox: Inbox, now: Callable[[], datetime]) -> None:
        self._inbox = inbox
        self._now = now

    async def send(self, phone: str, text: str, key: str) -> None:
        if not (phone.isascii() and phone.isdigit() and len(phone) == 11 and phone.startswith(IMPOSSIBLE)):
            raise SmsRefused("not a number of the demo")
        await self._inbox.put(phone, text, key, self._now())
