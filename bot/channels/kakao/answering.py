"""From a skill call to its answer, always in time.

Calls of one customer are answered one after another. One that takes longer than KakaoTalk waits goes on by itself: its
answer goes to the callback address where there is one, and else is shown with the next turn or at the button "go on
reading". How the call came (today: HTTP, `bot.web.kakao`) is not known here.
"""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from bot.channels.kakao import writing
from bot.channels.kakao.callback import Callbacks
from bot.channels.kakao.files import FileLinks
from bot.channels.kakao.reading import Heard
from bot.channels.kakao.writing import Ink, Response
from bot.service import Service
from bot.storage.database import DatabaseError
from bot.storage.shown import Seat, Shown
from bot.web.guard import Pace
from handlers import masking
from handlers.bank import BankUnavailable
from handlers.conversation import TooBusy
from handlers.draft import Draft
from handlers.message import Answered, Choice, Incoming, Reply
from handlers.texts import Texts
from handlers.wording import say

log = logging.getLogger(__name__)

CHANNEL: Final = "kakao"
IN_TIME: Final = 4.2
"""Seconds after which a call is answered without its turn; KakaoTalk waits five, and the way back takes some."""
CALLBACK_LIFE: Final = 55.0
"""Seconds after the call in which its callback address is used; it is good for a minute (ai_chatbot_callback_guide)."""
DOUBLE_TAP: Final = timedelta(seconds=10)
"""A button of a step pressed again within this is the same tap; later it is one on an old message."""
LAST_WORDS: Final = 5.0
_MOST_LATE: Final = 1000
"""Turns that go on unanswered; more are refused at once."""


@dataclass(slots=True)
class Waiting:
    """Whoever waits for a turn. Once they are `gone`, `callback` is where its answer may still go."""

    began: float
    gone: bool = False
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Bubbles to show, each with its `seq`, and whether the mark is already behind the last one."""

    bubbles: Sequence[tuple[int, Reply]]
    locale: str | None
    marked: bool = True


class Kakao:
    """The channel over a service, while it is `running()`."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service = service
        self.shown = Shown(
            service.database, CHANNEL, service.addresses, service.conversations, service.clock
        )  # fmt: skip
        self.callbacks = Callbacks(settings.kakao_callback_hosts.split())
        self.files = FileLinks(service)
        self.pace = Pace(settings.messages_per_minute, burst=settings.messages_per_minute)
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Response]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.callbacks.running():
            try:
                yield
            finally:
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=LAST_WORDS)
                for task in self._tasks:
                    task.cancel()

    async def answer(self, heard: Heard, request: str | None, began: float) -> Response:
        """The response to a call that `began` (monotonic seconds); `request` names its delivery. Never raises."""
        texts = self._texts(heard.locale)
        if heard.wish == "check":
            return writing.response([writing.plain(texts("kakao.check"))])
        if not self.pace.allows(heard.address) or len(self._tasks) >= _MOST_LATE:
            return writing.response([writing.plain(texts("common.too_busy"))])
        waiting = Waiting(began)
        task = asyncio.create_task(self._in_order(heard, request, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=max(0.0, began + IN_TIME - time.monotonic()))
        if task.done():
            return task.result()
        waiting.gone, waiting.callback = True, self.callbacks.take(heard.callback)
        log.info("late", extra={"callback": waiting.callback is not None})
        if waiting.callback is not None:
            return {"version": "2.0", "useCallback": True, "data": {"text": texts("kakao.wait")}}
        ink = Ink(texts, "late", self.files.url, self.service.settings.kakao_block)
        return writing.response([writing.plain(texts("kakao.late"))], [writing.more_button(ink)])

    # -- one call after another ---------------------------------------------------------------------------------

    async def _in_order(self, heard: Heard, request: str | None, waiting: Waiting) -> Response:
        lock = self._orders.get(heard.address)
        if lock is None:
            lock = self._orders[heard.address] = asyncio.Lock()
        async with lock:
            try:
                return await self._answer(heard, request, waiting)
            except (BankUnavailable, DatabaseError, TooBusy) as error:
                log.warning("not now", extra={"error": type(error).__name__})
            except Exception:
                log.exception("a turn failed")
            return writing.response([writing.plain(self._texts(heard.locale)("common.too_busy"))])

    async def _answer(self, heard: Heard, request: str | None, waiting: Waiting) -> Response:
        seat = await self.shown.seat(heard.address)
        match heard.wish:
            case "more" | "done":
                words = await self._unread(heard, seat, request)
            case "file":
                words = await self._file(heard, seat)
            case _:
                words = await self._turn(heard, seat, request)
        bubbles = _without_old_questions(_without_old_reminders(words.bubbles))
        settings = self.service.settings
        ink = Ink(
            self._texts(words.locale), str(bubbles[-1][0]), self.files.url, settings.kakao_block, self._picture(),
        )  # fmt: skip
        answer, count = writing.respond([reply for _, reply in bubbles], ink)
        if count < len(bubbles) or not words.marked:
            await self.shown.mark(seat, bubbles[count - 1][0])
        # Nothing awaits between this look and the end of the task: either it is in time, or it knows that it is not.
        if waiting.gone and not await self._called_back(answer, waiting):
            await self.shown.mark(seat, bubbles[0][0] - 1)
        return answer

    async def _called_back(self, answer: Response, waiting: Waiting) -> bool:
        url, in_time = waiting.callback, time.monotonic() < waiting.began + CALLBACK_LIFE
        return url is not None and in_time and await self.callbacks.send(url, answer)

    # -- what to show -------------------------------------------------------------------------------------------

    async def _turn(self, heard: Heard, seat: Seat, request: str | None) -> Words:
        if heard.choice is None and masking.gives_away(heard.text):
            await self._warn(heard, seat, request)
        answered = await self._handled(heard, seat, request)
        first = answered.first_seq + bool(answered.said)
        missed = await self.shown.unread(seat, first - bool(answered.said))
        new = ((first + n, reply) for n, reply in enumerate(answered.replies))
        return Words([*((one.seq, one.reply) for one in missed if one.reply), *new], answered.locale)

    async def _handled(self, heard: Heard, seat: Seat, request: str | None) -> Answered:
        """The turn, once: for a delivery that comes again, and for a tap that was made twice."""
        said = Incoming(
            CHANNEL, seat.address, seat.customer, _by_request(heard, request or self.service.new_id()),
            heard.text, heard.choice, heard.locale,
        )  # fmt: skip
        if heard.nonce and "=" in (heard.choice or "").partition(":")[0]:
            answered = await self.service.conversation.handle(replace(said, message_id=_by_tap(heard)))
            if answered.at is None or self.service.clock() - answered.at <= DOUBLE_TAP:
                return answered
        return await self.service.conversation.handle(said)

    async def _unread(self, heard: Heard, seat: Seat, request: str | None) -> Words:
        """What waits to be shown; where nothing does, the open step once more, or that its page has not finished."""
        unread = await self.shown.unread(seat)
        if not unread:
            choice = "cmd:continue" if heard.wish == "more" else None
            return await self._turn(replace(heard, wish="turn", choice=choice), seat, request)
        locale = await self.service.conversation.locale(seat.customer)
        return Words([(one.seq, one.reply) for one in unread if one.reply], locale, marked=False)

    async def _file(self, heard: Heard, seat: Seat) -> Words:
        service = self.service
        texts = self._texts(await service.conversation.locale(seat.customer))
        found = await service.documents.content(heard.file or "", seat.customer, service.clock())
        key = "kakao.file.gone" if found is None else "kakao.file.here"
        choices = (Choice("cmd:continue", texts("common.choice.continue")),)
        reply = Reply(key, texts(key), choices, document=found[0] if found else None)
        return Words([(seat.shown, reply)], texts.locale)

    async def _warn(self, heard: Heard, seat: Seat, request: str | None) -> None:
        """A secret was typed, and nobody but the customer can take it out of the chat."""

        def word(draft: Draft) -> Reply:
            return say(draft.texts, "kakao.secret")

        name = f"{_by_request(heard, request or self.service.new_id())}:secret"
        await self.service.conversation.notify(CHANNEL, seat.address, seat.customer, name, word, heard.locale)

    def _picture(self) -> str:
        """The greeting's picture, where KakaoTalk can fetch it."""
        at = self.service.settings.public_url
        return f"{at}/static/kakao/welcome.png" if at.startswith("https://") else ""

    def _texts(self, locale: str | None) -> Texts:
        return self.service.texts.get(locale or "") or self.service.texts[self.service.locale]


def _without_old_reminders(bubbles: Sequence[tuple[int, Reply]]) -> list[tuple[int, Reply]]:
    """Of several of one certificate only the last: the days that the others count have passed."""
    last = {_reminds_of(reply): seq for seq, reply in bubbles}
    return [(seq, reply) for seq, reply in bubbles if not (of := _reminds_of(reply)) or last[of] == seq]


def _reminds_of(reply: Reply) -> str:
    """The serial number of the certificate that a bubble reminds of; empty for any other bubble."""
    values = (one.value.split(":") for one in reply.choices if one.value.startswith("remind:"))
    return next((parts[2] for parts in values if len(parts) == 3), "")


def _without_old_questions(bubbles: Sequence[tuple[int, Reply]]) -> list[tuple[int, Reply]]:
    """Only the last bubble may ask a step's question: the others' are past."""
    *before, end = bubbles

    def kept(reply: Reply) -> Reply:
        return replace(reply, choices=tuple(one for one in reply.choices if "=" not in one.value.partition(":")[0]))

    return [*((seq, kept(reply)) for seq, reply in before), end]


def _by_request(heard: Heard, request: str) -> str:
    return f"{CHANNEL}:{_digest(request, heard.choice or '', heard.text)}"


def _by_tap(heard: Heard) -> str:
    return f"{CHANNEL}:tap:{heard.nonce}:{_digest(heard.choice or '')}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


@contextlib.asynccontextmanager
async def beside(service: Service) -> AsyncIterator[Kakao | None]:
    """KakaoTalk for as long as the service runs, where its secret is set."""
    if not service.settings.kakao_secret.get_secret_value():
        yield None
        return
    kakao = Kakao(service)
    async with kakao.running():
        yield kakao
