"""A provider of 알림톡 and text messages: the port, and handing it each message once.

A time-out says nothing about whether a message was taken, so nothing is ever sent again blindly: the provider is asked
for it by our own key first (`find`), or knows the key itself and does not deliver it twice.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from bot.gateways.alimtalk_templates import Filled
from bot.gateways.sms import SmsRefused
from bot.storage.sendings import Kind, Sendings

log = logging.getLogger(__name__)

Fate = Literal["arrived", "lost"]


@dataclass(frozen=True, slots=True)
class Message:
    """`to` is a phone's digits (an event's: the botUserKey); `text` what is read; `template` the one it follows."""

    key: str
    kind: Kind
    to: str = field(repr=False)
    text: str = field(repr=False)
    template: Filled | None = field(default=None, repr=False)


class Provider(Protocol):
    """Every method raises `SmsUnavailable` when the provider did not answer, or not now."""

    async def send(self, message: Message) -> str:
        """Hand it over; the provider's name for it. Raises `SmsRefused` when it will never be taken."""

    async def find(self, message: Message, since: datetime) -> str | None:
        """The provider's name for this `message.key`, if it was handed over after `since`."""

    async def results(self, ids: Collection[str]) -> Mapping[str, Fate]:
        """What became of these; those whose fate is open are not in it."""

    async def registered(self, code: str) -> Mapping[str, object] | None:
        """A registered template as `{"content", "approved"}`; None where the provider cannot say."""


class Dispatch:
    """`only_to` is the operator's own number in test mode: nobody else is written to."""

    def __init__(
        self, provider: Provider, sendings: Sendings, clock: Callable[[], datetime], only_to: str = ""
    ) -> None:
        self.provider, self.sendings, self.clock, self.only_to = provider, sendings, clock, only_to

    async def hand(self, message: Message) -> bool:
        """Hand it over, once for its key. True when it is known to have arrived. Raises `bot.gateways.sms.SmsFailure`.

        What was lost after it was taken is refused when it comes again.
        """
        if self.only_to:
            message = replace(message, to=self.only_to)
        known = await self.sendings.ask(message.key, message.kind, self.clock())
        if known is not None and known.state in ("taken", "arrived"):
            return known.state == "arrived"
        if known is not None and known.state == "lost":
            raise SmsRefused("was lost before")
        found = await self.provider.find(message, known.asked_at) if known is not None else None
        try:
            name = found or await self.provider.send(message)
        except SmsRefused:
            await self.sendings.close(message.key, "lost", self.clock())
            raise
        await self.sendings.taken(message.key, name, self.clock())
        return False
