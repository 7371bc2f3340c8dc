"""Text messages over the provider that takes 알림톡 too: short ones as SMS, longer ones as LMS."""

from typing import Final

from bot.gateways.provider import Dispatch, Message
from bot.gateways.sms import SmsRefused

SHORT: Final = 90
LONG: Final = 2000
"""Octets a Korean phone counts (KS X 1001: two for a Hangul) of an SMS and of an LMS."""


class ProviderSms:
    """Implements `bot.gateways.sms.SmsGateway`."""

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch = dispatch

    async def send(self, phone: str, text: str, key: str) -> None:
        octets = length(text)
        if octets > LONG or not (phone.isascii() and phone.isdigit()):
            raise SmsRefused("too long, or no number")
        await self.dispatch.hand(Message(key, "sms" if octets <= SHORT else "lms", phone, text))


def length(text: str) -> int:
    """Octets as a phone counts them."""
    return len(text.encode("cp949", errors="replace"))
