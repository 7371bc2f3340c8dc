"""What became of what a provider took: asked after ever longer pauses. A reminder that was lost takes its next way."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from bot.gateways.alimtalk import WAY
from bot.gateways.provider import Provider
from bot.gateways.sms import SmsFailure
from bot.jobs.telling import CHAT
from bot.storage.sendings import AT_ONCE, Kind, Sending, Sendings

log = logging.getLogger(__name__)


class Following:
    """`providers` by kind of message; `on_lost(key, way)` is told of a lost notice by the notice's own key."""

    def __init__(
        self,
        providers: Mapping[Kind, Provider],
        sendings: Sendings,
        clock: Callable[[], datetime],
        on_lost: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self.providers, self.sendings, self.clock, self.on_lost = providers, sendings, clock, on_lost

    async def work(self) -> int:
        """One turn of the job: of how many the end is known now."""
        closed = 0
        while opened := await self.sendings.open(self.clock()):
            for provider in dict.fromkeys(self.providers.values()):
                closed += await self._follow(provider, opened)
            if len(opened) < AT_ONCE:
                break
        return closed

    async def _follow(self, provider: Provider, opened: list[Sending]) -> int:
        theirs = {
            one.provider_id: one for one in opened if one.provider_id and self.providers.get(one.kind) is provider
        }
        try:
            fates = await provider.results(theirs.keys()) if theirs else {}
        except SmsFailure as error:
            log.info("results not told", extra={"error": str(error)})
            return 0
        for name, fate in fates.items():
            one = theirs[name]
            if fate == "lost":
                # The next way first: killed in between, it is asked again and queues nothing twice.
                if one.kind == WAY:
                    await self.on_lost(one.key.removeprefix(f"{WAY}:"), WAY)
                elif one.kind == "event":
                    await self.on_lost(one.key.removeprefix("event:").rpartition("/")[0], CHAT)
            await self.sendings.close(one.key, fate, self.clock())
        return len(fates)
