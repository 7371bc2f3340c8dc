"""Empties the outbox: at least once, with growing pauses, the payload forgotten once delivered."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.gateways.sms import SmsGateway, SmsRefused, SmsUnavailable
from bot.sealing import SealBroken, Sealer
from bot.storage import outbox
from bot.storage.database import Database
from bot.storage.effects import SMS
from bot.storage.outbox import Item

log = logging.getLogger(__name__)

DEADLINE = 15.0
"""Seconds for one delivery."""
AT_ONCE = int(outbox.LEASE.total_seconds() / DEADLINE)
"""As many as are surely tried within the lease, so that nobody else takes one over meanwhile."""

Deliver = Callable[[Item, dict[str, Any]], Awaitable[None]]


class Undeliverable(Exception):
    """Trying again would not help."""


class NotYet(Exception):
    """To be looked at again at `at`; this was no attempt."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class Delivering:
    """`by_kind` delivers an item whose payload was opened; SMS is built in."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        sms: SmsGateway,
        clock: Callable[[], datetime],
        by_kind: Mapping[str, Deliver],
    ) -> None:
        self.database, self.sealer, self.sms, self.clock = database, sealer, sms, clock
        self.by_kind = {SMS: self._send_sms, **by_kind}

    async def work(self) -> int:
        """Deliver what is due now; how many items were tried."""
        return await self.promptly() + await self.beside()

    async def promptly(self) -> int:
        """What nobody shall wait for: codes, what is said in the chats."""
        tried = 0
        while items := await self.database.run(outbox.claim, self.clock(), AT_ONCE):
            for item in items:
                await self._deliver(item)
            tried += len(items)
        return tried

    async def beside(self) -> int:
        """Word beside the chats: on its own, because a provider or a mail server may keep it waiting."""
        tried = 0
        while items := await self.database.run(
            outbox.claim, self.clock(), AT_ONCE, outbox.LEASE, None, outbox.REACH
        ):  # fmt: skip
            await asyncio.gather(*(self._deliver(item) for item in items))
            tried += len(items)
        return tried

    async def _deliver(self, item: Item) -> None:
        now = self.clock()
        try:
            opened = json.loads(self.sealer.open(item.kind, item.payload, item.key.encode()))
            async with asyncio.timeout(DEADLINE):
                await self.by_kind.get(item.kind, _by_nobody)(item, opened)
        except NotYet as later:
            await self.database.run(outbox.postpone, item.id, item.attempts, later.at)
        except (Undeliverable, SmsRefused, SealBroken) as error:
            log.warning("given up", extra={"outbox": item.id, "kind": item.kind, "error": type(error).__name__})
            await self.database.run(outbox.bury, item.id, item.attempts, now, type(error).__name__)
        except Exception as error:
            if not isinstance(error, SmsUnavailable):
                log.exception("not delivered", extra={"outbox": item.id, "kind": item.kind})
            wait = error.after if isinstance(error, SmsUnavailable) else 0
            pause = timedelta(seconds=max(wait, min(300, 2**item.attempts)))
            await self.database.run(outbox.retry, item.id, item.attempts, now + pause, type(error).__name__)
        else:
            await self.database.run(outbox.done, item.id, item.attempts, now)

    async def _send_sms(self, item: Item, opened: dict[str, Any]) -> None:
        await self.sms.send(opened["phone"], opened["text"], item.key)


async def _by_nobody(item: Item, opened: dict[str, Any]) -> None:  # noqa: ARG001 - as every `Deliver`
    raise Undeliverable(f"nobody delivers {item.kind}")
