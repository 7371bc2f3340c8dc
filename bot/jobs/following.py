"""What became of what a provider took: asked after ever longer pauses. A reminder that was lost takes its next way."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.gateways.alimtalk import WAY
from bot.gateways.provider import Provider
from bot.gateways.sms import SmsFailure
from bot.storage.sendings import AT_ONCE, Sendings, waiting

log = logging.getLogger(__name__)


class Following:
    """`on_lost(key, way)` is told of a lost 알림톡 by the notice's own key."""

    def __init__(
        self,
        provider: Provider,
        sendings: Sendings,
        clock: Callable[[], datetime],
        on_lost: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self.provider, self.sendings, self.clock, self.on_lost = provider, sendings, clock, on_lost

    async def work(self) -> int:
        """One turn of the job: of how many the end is known now."""
        closed = 0
        while open_ones := await self.sendings.open(self.clock()):
            by_name = waiting(open_ones)
            try:
                fates = await self.provider.results(by_name.keys())
            except SmsFailure as error:
                log.info("results not told", extra={"error": str(error)})
                break
            for name, fate in fates.items():
                one = by_name[name]
                if fate == "lost" and one.kind == WAY:
                    # The next way first: killed in between, it is asked again and queues nothing twice.
                    await self.on_lost(one.key.removeprefix(f"{WAY}:"), WAY)
                await self.sendings.close(one.key, fate, self.clock())
                closed += 1
            if len(open_ones) < AT_ONCE:
                break
        return closed
