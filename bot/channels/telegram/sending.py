"""Sends bubbles to Telegram: in order within a chat, at its pace, each one as seldom twice as can be.

What happened to a call decides what follows:

    sent                          closed
    429                           nobody is called while told to wait, then the same again; no attempt
    not connected, 5xx            the same again, later and later; no attempt, for a day; a 5xx for some minutes where
                                  Telegram takes another call for the chat: then a dead letter, and the next ones go
    connected, then no answer     perhaps delivered: closed as that; a file is offered again, at a button
    403, chat gone                the chat is out of reach, all of its bubbles are dead letters
    401                           nobody is called for a while: the token is refused
    other 4xx                     once more without its link button, then a dead letter
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from telegram import InputFile
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
    TimedOut,
)

from bot.channels.telegram import writing
from bot.channels.telegram.bot import QuietBot
from bot.channels.telegram.pacing import Pace
from bot.channels.telegram.request import Interrupted, NotConnected, ToldToWait
from bot.service import Service
from bot.storage.bubbles import LEASE, MAYBE, Bubble, Bubbles, unreachable
from bot.storage.database import DatabaseError
from bot.storage.outbox import OUT_OF_REACH
from handlers.draft import Draft
from handlers.message import Choice, Document, Reply

log = logging.getLogger(__name__)

CHANNEL: Final = "telegram"
MOST_HELD: Final = 2000
"""Bubbles in memory; more stay in the outbox."""
MOST_CLAIMED: Final = 200
OLDEST: Final = timedelta(days=1)
LONGEST_PAUSE: Final = 60.0
MOST_FAILURES: Final = 9
"""Tries of one bubble, three minutes in all, before it is asked whether it holds up the others alone."""
AGAIN: Final = "again:"
"""A button's value: send the history's message of that number once more."""
_MOST_FILES: Final = 1000
_TURN_OF_JOB: Final = 1.0
_REFUSED_TOKEN: Final = 30.0
_LAST_WORDS: Final = 2.0
"""Seconds in which what is being sent may still be sent."""
_GONE: Final = ("chat not found", "user is deactivated", "peer_id_invalid", "bot can't initiate")


class Sender:
    """Implements `bot.storage.bubbles.Pusher` while it is `running()`."""

    def __init__(self, service: Service, bot: QuietBot, pace: Pace) -> None:
        self.service, self.bot, self.pace = service, bot, pace
        self.bubbles = Bubbles(service.database, CHANNEL, service.clock)
        self._held: dict[str, Bubble] = {}
        self._chats: dict[str, deque[Bubble]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._sent: list[tuple[Bubble, str | None]] = []
        self._flush = asyncio.Event()
        self._look = asyncio.Event()
        self._files: OrderedDict[str, str] = OrderedDict()
        """What Telegram calls a document that it has already."""
        self._open = self._more = False
        self._behind = set[str]()
        """Chats of which something may be in the outbox that we do not hold: what is said next goes behind it."""

    # -- from the conversation --------------------------------------------------------------------------------

    def lease_until(self, now: datetime, address: str, queued: Callable[[], Sequence[str]]) -> datetime | None:
        if not self._open:
            return None
        full = len(self._held) >= MOST_HELD
        if full or (address in self._behind and any(key not in self._held for key in queued())):
            self._behind.add(address)
            self._more = True
            return None
        self._behind.discard(address)
        return now + LEASE

    def take(self, bubbles: Sequence[Bubble]) -> None:
        for bubble in bubbles:
            if (ours := self._held.get(bubble.key)) is not None:
                ours.attempts = bubble.attempts  # our own lease had run out: it is still sent once
                continue
            self._held[bubble.key] = bubble
            self._chats.setdefault(bubble.address, deque()).append(bubble)
            if bubble.address not in self._workers:
                self._workers[bubble.address] = asyncio.create_task(self._serve(bubble.address))

    def waiting(self, chat: str) -> int:
        """How many bubbles are held for a chat."""
        return len(self._chats.get(chat, ()))

    def look_soon(self) -> None:
        """There is something in the outbox that nobody holds."""
        self._look.set()

    # -- beside it --------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send until left; what is still held then is given back for the next start."""
        with contextlib.suppress(DatabaseError):
            self._behind.update(await self.bubbles.addresses())
        self._open = True
        self.service.conversations.pushers[CHANNEL] = self
        tasks = [asyncio.create_task(work()) for work in (self._claim, self._prolong, self._close)]
        try:
            yield
        finally:
            self._open = False
            self.service.conversations.pushers.pop(CHANNEL, None)
            if self._workers:
                await asyncio.wait(self._workers.values(), timeout=_LAST_WORDS)
            for task in (*tasks, *self._workers.values()):
                task.cancel()
            await asyncio.gather(*tasks, *self._workers.values(), return_exceptions=True)
            with contextlib.suppress(DatabaseError):
                await self._close_sent()
                await self.bubbles.give_back(self._held.values())

    async def idle(self) -> None:
        """Until everything held has been sent and closed."""
        while self._held or self._sent:  # noqa: ASYNC110 - for tests and benchmarks only
            await asyncio.sleep(0.005)

    async def _claim(self) -> None:
        """Take over what nobody holds: from a process that died, from one that does not send."""
        while True:
            self._look.clear()
            with contextlib.suppress(DatabaseError):
                if (room := min(MOST_CLAIMED, MOST_HELD - len(self._held))) > 0:
                    self._more = False
                    claimed = await self.bubbles.claim(room)
                    self.take(claimed)
                    self._more |= len(claimed) == room
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), _TURN_OF_JOB)

    async def _prolong(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 4)
            with contextlib.suppress(DatabaseError):
                await self.bubbles.prolong(list(self._held.values()))

    async def _close(self) -> None:
        """What was sent is closed together: while one commit is written the next ones gather."""
        while True:
            await self._flush.wait()
            self._flush.clear()
            try:
                await self._close_sent()
            except DatabaseError:
                await asyncio.sleep(_TURN_OF_JOB)
                self._flush.set()

    async def _close_sent(self) -> None:
        closing = self._sent[:]
        if closing:
            await self.bubbles.done(closing)
            del self._sent[: len(closing)]
            for bubble, _ in closing:
                self._held.pop(bubble.key, None)
            if self._more:
                self.look_soon()

    # -- one chat ---------------------------------------------------------------------------------------------

    async def _serve(self, chat: str) -> None:
        queue = self._chats[chat]
        pause, plain = 0.0, False
        try:
            while queue:
                bubble = queue[0]
                try:
                    await self._send(bubble, plain=plain)
                except ToldToWait as error:
                    self.pace.wait_for(chat, error.seconds)
                except NotConnected as error:
                    log.warning("telegram is out of reach", extra={"error": str(error)})
                    self.pace.out_of_reach()
                except (TimedOut, Interrupted) as error:
                    plain = False
                    queue.popleft()
                    self._finished(bubble, MAYBE)
                    log.warning("maybe delivered", extra={"outbox": bubble.key, "error": type(error).__name__})
                    await self._offer_again(bubble)
                except (Forbidden, ChatMigrated) as error:
                    await self._out_of_reach(chat, queue, error)
                except (BadRequest, EndPointNotFound) as error:
                    if isinstance(error, EndPointNotFound) and not self.bot.recognised:
                        self._token_refused()
                    elif any(word in error.message.lower() for word in _GONE):
                        await self._out_of_reach(chat, queue, error)
                    elif not plain:
                        plain = True
                        log.warning("refused, once more without a button for its link", extra={"outbox": bubble.key})
                    else:
                        plain = False
                        queue.popleft()
                        await self._given_up([bubble], "refused")
                except (InvalidToken, Conflict):
                    self._token_refused()
                except (NetworkError, DatabaseError) as error:
                    too_old = self.service.clock() - bubble.queued_at > OLDEST
                    if too_old or (bubble.blamed and isinstance(error, NetworkError)):
                        pause, plain = 0.0, False
                        queue.popleft()
                        await self._given_up([bubble], "too old" if too_old else "fails each time")
                        await self._offer_again(bubble)
                        continue
                    bubble.failures += isinstance(error, NetworkError)
                    if bubble.failures >= MOST_FAILURES and await self._takes_others(chat):
                        bubble.blamed = True  # and once more at once: all may have come back in between
                        continue
                    pause = min(LONGEST_PAUSE, pause * 2 or 1.0)
                    log.warning("not sent yet", extra={"outbox": bubble.key, "error": type(error).__name__})
                    await asyncio.sleep(pause)
                except TelegramError as error:
                    queue.popleft()
                    await self._given_up([bubble], type(error).__name__)
                else:
                    queue.popleft()
                    self._finished(bubble, None)
                    self.pace.reached()
                    pause, plain = 0.0, False
        except Exception:
            log.exception("a chat's bubbles wait for another process")
            for bubble in queue:
                self._held.pop(bubble.key, None)  # no longer prolonged: claimed again when the lease has ended
        finally:
            # Nothing awaits between here and the end of the task: what comes later starts another one.
            self._chats.pop(chat, None)
            self._workers.pop(chat, None)

    async def _takes_others(self, chat: str) -> bool:
        """Whether Telegram takes another call for this chat: then it fails over the message, and not altogether."""
        if self.pace.told_to_wait(chat):
            return False
        try:
            await self.bot.call("sendChatAction", chat_id=int(chat), action="typing")
        except ToldToWait as error:
            self.pace.wait_for(chat, error.seconds)
        except TelegramError:
            pass
        else:
            return True
        return False

    def _token_refused(self) -> None:
        log.error("telegram refuses the token: certtalk telegram check")
        self.pace.wait_for_all(_REFUSED_TOKEN)

    def _finished(self, bubble: Bubble, remark: str | None) -> None:
        self._sent.append((bubble, remark))
        self._flush.set()

    async def _out_of_reach(self, chat: str, queue: deque[Bubble], error: TelegramError) -> None:
        log.info("chat out of reach", extra={"error": type(error).__name__})
        await unreachable(self.service.database, CHANNEL, chat, self.service.clock())
        bubbles = list(queue)
        queue.clear()
        await self._given_up(bubbles, OUT_OF_REACH)

    async def _given_up(self, bubbles: Iterable[Bubble], reason: str) -> None:
        bubbles = list(bubbles)
        for bubble in bubbles:
            log.warning("given up", extra={"outbox": bubble.key, "error": reason})
            self._held.pop(bubble.key, None)
        await self.bubbles.bury(bubbles, reason)

    # -- one bubble -------------------------------------------------------------------------------------------

    async def _send(self, bubble: Bubble, *, plain: bool) -> None:
        reply = bubble.reply = bubble.reply or await self._read(bubble)
        if reply is None:
            log.warning("nothing to send", extra={"outbox": bubble.key})
            return
        locale = await self.service.conversation.locale(bubble.customer) if reply.document else None
        texts = self.service.texts[locale or self.service.locale]
        for call in writing.calls(reply, texts, self.service.links.app_url, plain=plain)[bubble.parts :]:
            await self.pace.turn(bubble.address)
            if call.document is None:
                await self._call(call, bubble.address)
            else:
                await self._send_document(call, call.document, bubble)
            bubble.parts += 1

    async def _call(self, call: writing.Call, chat: str, **more: Any) -> Mapping[str, Any]:
        return await self.bot.call(call.method, chat_id=int(chat), **call.arguments, **more)

    async def _send_document(self, call: writing.Call, document: Document, bubble: Bubble) -> None:
        """The same octets every time; Telegram's own copy where it has one."""
        arguments = dict(call.arguments)
        name = arguments.pop("filename")
        bare = writing.Call(call.method, arguments)
        if (known := self._files.get(document.id)) is not None:
            try:
                await self._call(bare, bubble.address, document=known)
            except BadRequest:
                del self._files[document.id]
            else:
                return
        found = await self.service.documents.content(document.id, bubble.customer, self.service.clock())
        if found is None:
            log.warning("the file is no longer kept", extra={"outbox": bubble.key})
            return
        try:
            await self.bot.call("sendChatAction", chat_id=int(bubble.address), action="upload_document")
        except ToldToWait:
            raise  # that goes for the file as well
        except TelegramError:
            log.debug("left out", extra={"outbox": bubble.key})
        sent = await self._call(bare, bubble.address, document=InputFile(found[1], filename=name))
        kept = sent.get("document")
        if isinstance(kept, dict) and isinstance(file_id := kept.get("file_id"), str):
            self._files[document.id] = file_id
            if len(self._files) > _MOST_FILES:
                self._files.popitem(last=False)

    async def _read(self, bubble: Bubble) -> Reply | None:
        found = await self.service.conversations.history(bubble.customer, bubble.seq - 1, 1)
        return found[0].reply if found and found[0].seq == bubble.seq else None

    async def _offer_again(self, bubble: Bubble) -> None:
        """A file that may not have arrived: the customer says whether it did."""
        if bubble.reply is None or bubble.reply.document is None:
            return

        def word(draft: Draft) -> Reply:
            choice = Choice(f"{AGAIN}{bubble.seq}", draft.texts("telegram.again.choice"))
            return Reply("telegram.again.offer", draft.texts("telegram.again.offer"), (choice,))

        await self.service.conversation.notify(CHANNEL, bubble.address, bubble.customer, f"maybe:{bubble.key}", word)
