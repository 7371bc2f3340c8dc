"""Text messages: the port every SMS provider's adapter implements.

The caller is the outbox: it tries again on `SmsUnavailable` with the same key and gives up on `SmsRefused`.

SmsFailure
├── SmsRefused        this number or text will never be taken; trying again is useless
└── SmsUnavailable    no answer, too many at once, provider down: try again later
"""

from typing import Protocol


class SmsFailure(Exception):
    """Base; neither number nor text belongs into the message, which goes to the log."""


class SmsRefused(SmsFailure):
    pass


class SmsUnavailable(SmsFailure):
    """`after` is how many seconds to wait where the provider says so, else 0."""

    def __init__(self, reason: str = "", after: int = 0) -> None:
        super().__init__(reason)
        self.after = after


class SmsGateway(Protocol):
    async def send(self, phone: str, text: str, key: str) -> None:
        """Hand one message over. `phone` is digits only, as registered (`01012345678`).

        `key` names the message: a provider that is sent the same key again must not deliver it twice.
        """
