"""Ways to a customer beside the chats: text messages, 알림톡, e-mail. One port; each way is an adapter.

`CERTTALK_NOTICE_ORDER` says which way is tried first. A way that says `SmsRefused` will never reach this customer with
this notice: the next one is tried at once. `SmsUnavailable` is tried again a few times before that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.gateways.sms import SmsGateway
from handlers.bank import BankCustomer


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be said, as a sentence and as its template with values (알림톡 sends registered templates)."""

    key: str
    """Names the notice; a provider that gets it again must not deliver it twice."""
    template: str
    """The text key, such as `reminder.ahead`."""
    locale: str
    text: str = field(repr=False)
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)


class NoticeGateway(Protocol):
    async def send(self, to: BankCustomer, notice: Notice) -> bool:
        """Hand one notice over. False when whether it arrives is told later: handed over again, it is refused if lost.

        Raises `bot.gateways.sms.SmsFailure`.
        """


class BySms:
    """Text messages, over the gateway that codes take too."""

    def __init__(self, sms: SmsGateway) -> None:
        self.sms = sms

    async def send(self, to: BankCustomer, notice: Notice) -> bool:
        await self.sms.send(to.phone, notice.text, f"sms:{notice.key}")
        return True
