"""Tells customers what was queued about their certificates' end: each way at its own pace, then the next way.

A reminder is said in every conversation of its customer. A messenger that pushes has then reached them; a page that
somebody may or may not look at has not, and the next way of `CERTTALK_NOTICE_ORDER` is taken as well. Shortly before
it goes out it is looked at once more: a certificate revoked, replaced or held since, a later stage, the night, and the
operator's pause each keep it back.

What a messenger gives up later (the customer blocked the bot) comes back here by `bot.storage.bubbles`.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from bot.gateways.notices import Notice, NoticeGateway
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.jobs.pacing import Turnstile
from bot.storage import outbox, reminders
from bot.storage.conversations import Place, places
from bot.storage.database import Database, Tx
from bot.storage.outbox import REMINDER, Item
from bot.storage.reminders import KEY, Standing
from handlers import stages
from handlers.bank import BankRegister, BankUnavailable, CustomerNumber
from handlers.conversation import Conversation
from handlers.message import Reply
from handlers.reminders import word
from handlers.texts import Texts

log = logging.getLogger(__name__)

CHAT: Final = "chat"
DEADLINE: Final = 15.0
"""Seconds for one delivery."""
SLOWEST: Final = 4
"""Seconds a provider may take on average before its pace is no longer reached."""
MOST_AT_ONCE: Final = 256
TRIES: Final = 3
"""How often a way is tried before the next one."""
TURN: Final = 30.0
"""Seconds after which a turn of the job ends, so that its health can be seen."""
LEASE: Final = timedelta(minutes=2)


class NotReached(Exception):
    """This way does not lead to this customer."""


@dataclass(frozen=True, slots=True)
class Looked:
    standing: Standing | None
    places: Sequence[Place]
    paused: bool


class Nudge(Protocol):
    async def nudge(self, address: str, key: str) -> None:
        """Make the messenger come for what is to be said there, once a `key`. Raises `bot.gateways.sms.SmsFailure`."""


class Telling:
    """`gateways` are the ways beside the chats; `rates` how many a second each way takes; `pushed` as elsewhere."""

    def __init__(
        self,
        database: Database,
        bank: BankRegister,
        conversation: Conversation,
        texts: Mapping[str, Texts],
        gateways: Mapping[str, NoticeGateway],
        ways: Sequence[str],
        rates: Mapping[str, int],
        pushed: frozenset[str],
        clock: Callable[[], datetime],
        default_locale: str,
    ) -> None:
        self.database, self.bank, self.conversation, self.texts = database, bank, conversation, texts
        self.gateways, self.ways, self.pushed, self.clock = gateways, ways, pushed, clock
        self.default_locale = default_locale
        self.rates = rates
        self.turnstiles = {way: Turnstile(rates[way]) for way in ways}
        self.on_more: Callable[[], None] = lambda: None
        """Called when a turn ended before the queue did."""
        self.nudges: Mapping[str, Nudge] = {}
        """Channels that wait to be asked, but can be made to ask."""

    async def work(self) -> int:
        """Tell what waits, all ways at once; how many were tried."""
        # What no way was found for by one way waits for the next: until nothing is left.
        told, until = 0, time.monotonic() + TURN
        while tried := sum(await asyncio.gather(*(self._drain(way, until) for way in self.ways))):
            told += tried
            if time.monotonic() >= until:
                self.on_more()
                break
        return told

    async def _drain(self, way: str, until: float) -> int:
        tried, free = 0, asyncio.Semaphore(min(SLOWEST * self.rates[way], MOST_AT_ONCE))
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < until and (items := await self._claim(way)):
                for item in items:
                    await free.acquire()
                    group.create_task(self._tell(item, way)).add_done_callback(lambda _: free.release())
                tried += len(items)
        return tried

    async def _claim(self, way: str) -> list[Item]:
        # As many as surely go out within the lease, so that nobody else takes one over meanwhile.
        limit = min(200, 16 + self.rates[way])

        def claim(tx: Tx) -> list[Item]:
            if reminders.switched_off(tx):
                return []
            return outbox.claim(tx, self.clock(), limit, LEASE, way, REMINDER)

        return await self.database.run(claim)

    async def _tell(self, item: Item, way: str) -> None:
        opened: dict[str, Any] = json.loads(item.payload)
        now = self.clock()
        at = max(now, datetime.fromisoformat(opened["said_for"]))
        try:
            looked = await self.database.read(_look, opened["serial"])
            standing = looked.standing
            if standing is None or not standing.wanted or standing.said != opened["stage"]:
                await self.database.run(outbox.bury, item.id, item.attempts, now, outbox.NOT_WANTED)
                return
            if looked.paused:
                await self.database.run(outbox.postpone, item.id, item.attempts, now)
                return
            if not stages.awake(at, standing.wishes):
                morning = stages.next_morning(at, standing.wishes)
                await self.database.run(outbox.postpone, item.id, item.attempts, morning)
                return
            if way == CHAT and way in opened.get("tried", ()):  # a messenger has given it up
                await self._next(item, opened, way)
                return
            if way == CHAT:
                await self._by_chat(item, standing, looked.places, at)
            else:
                await self._by_gateway(item, way, standing, looked.places, at)
        except (NotReached, SmsRefused):
            await self._next(item, opened, way)
        except Exception as error:
            if not isinstance(error, SmsUnavailable | BankUnavailable):
                log.exception("reminder not delivered", extra={"outbox": item.id, "way": way})
            if isinstance(error, SmsUnavailable) and error.after:  # too many at once is nobody's attempt
                await self.database.run(outbox.postpone, item.id, item.attempts, now + timedelta(seconds=error.after))
            elif item.attempts >= TRIES:
                await self._next(item, opened, way)
            else:
                pause = now + timedelta(seconds=2**item.attempts)
                await self.database.run(outbox.retry, item.id, item.attempts, pause, type(error).__name__)
        else:
            await self.database.run(outbox.done, item.id, item.attempts, self.clock())

    async def _by_chat(self, item: Item, standing: Standing, found: Sequence[Place], at: datetime) -> None:
        reached = False
        for place in found:
            if place.unreachable:
                continue
            pushes = place.channel in self.pushed
            if pushes:
                await self.turnstiles[CHAT].turn()
            async with asyncio.timeout(DEADLINE):
                await self.conversation.notify(
                    place.channel, place.address, place.customer, base_key(item.key),
                    lambda draft: word(draft.texts, standing.kind, standing.serial, standing.not_after, at,
                                       ours=standing.ours),
                )  # fmt: skip
            reached = reached or pushes
        if not reached and not await self._nudged(base_key(item.key), found):
            raise NotReached

    async def _nudged(self, key: str, found: Sequence[Place]) -> bool:
        """Whether some messenger will come for it: it costs something, so one is enough."""
        for place in found:
            nudge = self.nudges.get(place.channel)
            if nudge is not None and not place.unreachable:
                try:
                    async with asyncio.timeout(DEADLINE):
                        await nudge.nudge(place.address, f"{key}/{place.customer}")
                except SmsRefused:
                    continue
                return True
        return False

    async def _by_gateway(self, item: Item, way: str, standing: Standing, found: Sequence[Place], at: datetime) -> None:
        if not standing.ours or way not in self.gateways:
            raise NotReached
        customer = await self.bank.by_number(CustomerNumber(standing.owner))
        if customer is None:
            raise NotReached
        locale = (await self.conversation.locale(found[0].customer) if found else None) or self.default_locale
        t = self.texts[locale]
        said: Reply = word(t, standing.kind, standing.serial, standing.not_after, at)
        params = {"kind": standing.kind, "until": standing.not_after, "left": stages.days_left(standing.not_after, at)}
        text = t("reminder.sms", text=said.text)
        await self.turnstiles[way].turn()
        async with asyncio.timeout(DEADLINE):
            await self.gateways[way].send(customer, Notice(base_key(item.key), said.key, locale, text, params))

    async def _next(self, item: Item, opened: Mapping[str, Any], way: str) -> None:
        """On to the next way, in the transaction that closes this one."""
        tried = [*opened.get("tried", ()), way]
        left, now = self._left(tried), self.clock()

        def move(tx: Tx) -> None:
            if left:
                payload = json.dumps({**opened, "tried": tried}).encode()
                outbox.put_reminders(tx, [(f"{base_key(item.key)}~{len(tried)}", left[0], payload)], now)
                outbox.done(tx, item.id, item.attempts, now)
            else:
                outbox.bury(tx, item.id, item.attempts, now, "no way left")

        await self.database.run(move)

    def _left(self, tried: Collection[str]) -> Sequence[str]:
        """The ways that are set up and were not tried, in their order."""
        return [one for one in self.ways if one not in tried and (one == CHAT or one in self.gateways)]

    async def lost_later(self, key: str, way: str) -> None:
        """A provider took the reminder `key` and could not deliver it: the next way, as if it had said so at once."""
        found = KEY.fullmatch(key)
        if found is None:
            return
        now = self.clock()

        def move(tx: Tx) -> None:
            tried = outbox.channels(tx, key)
            left = self._left(tried)
            if way in tried and left:
                opened = {"serial": found[1], "stage": int(found[2]), "said_for": now.isoformat(), "tried": tried}
                outbox.put_reminders(tx, [(f"{key}~{len(tried)}", left[0], json.dumps(opened).encode())], now)

        await self.database.run(move)


def base_key(key: str) -> str:
    """The reminder's own key; rows of its later ways have a number after it."""
    return key.partition("~")[0]


def _look(tx: Tx, serial: str) -> Looked:
    standing = reminders.standing(tx, serial)
    found = places(tx, standing.owner, ours=standing.ours) if standing else ()
    return Looked(standing, found, reminders.switched_off(tx) is not None)
