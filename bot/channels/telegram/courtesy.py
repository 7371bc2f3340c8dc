"""Calls that nobody would miss: a tap's answer, "typing", a keyboard taken away, a message deleted.

They wait for nothing and are never repeated; none is made to a chat where Telegram told us to wait. Their failure
troubles nobody: a late answer ("query is too old") breaks no dialogue. Only a deletion is waited for, as it is of
secrets, and a file that was sent to us: these are tried for some seconds, and what came of it is told.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from telegram.error import BadRequest, NetworkError, TelegramError

from bot.channels.splitting import units
from bot.channels.telegram.bot import QuietBot
from bot.channels.telegram.pacing import Pace
from bot.channels.telegram.request import ToldToWait
from bot.channels.telegram.writing import MOST_TEXT, NO_PREVIEW

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 500
"""Calls in the background; more are left out."""
DELETIONS: Final = 3
"""Times a message is to be deleted before it is told that it was not."""
FETCHES: Final = 2
LONGEST: Final = 10.0
"""Seconds a deletion or a file waits when told to; the chat's next message waits with it."""


class Courtesy:
    def __init__(self, bot: QuietBot, pace: Pace) -> None:
        self.bot, self.pace = bot, pace
        self._tasks: set[asyncio.Task[bool]] = set()

    def answer(self, chat: int, callback_id: str, text: str | None = None) -> None:
        """Stop the button's spinner."""
        self._soon(chat, self.bot.call("answerCallbackQuery", callback_query_id=callback_id, text=text))

    def typing(self, chat: int) -> None:
        self._soon(chat, self.bot.call("sendChatAction", chat_id=chat, action="typing"))

    def chosen(self, chat: int, message_id: int, text: str | None, label: str) -> None:
        """The question keeps what was chosen and loses its buttons."""
        shown = f"{text}\n\n» {label}" if text and label else ""
        if shown and units(shown) <= MOST_TEXT:
            self._soon(
                chat,
                self.bot.call(
                    "editMessageText", chat_id=chat, message_id=message_id, text=shown, link_preview_options=NO_PREVIEW
                ),
            )
        else:
            self.spent(chat, message_id)

    def spent(self, chat: int, message_id: int) -> None:
        """The message loses its buttons."""
        self._soon(chat, self.bot.call("editMessageReplyMarkup", chat_id=chat, message_id=message_id))

    async def delete(self, chat: int, message_id: int) -> bool:
        """Whether the message is gone."""
        reason = "told to wait"
        for again in range(DELETIONS):
            if (pause := self.pace.told_to_wait(str(chat))) > LONGEST:
                break
            await asyncio.sleep(pause or again)
            try:
                await self.bot.call("deleteMessage", chat_id=chat, message_id=message_id)
            except BadRequest as error:
                # Of an earlier try whose answer was lost, or by the customer's own hand.
                if "to delete not found" in error.message.lower():
                    return True
                reason = "refused"
                break
            except ToldToWait as error:
                self.pace.wait_for(str(chat), error.seconds)
            except NetworkError as error:
                reason = type(error).__name__
            except TelegramError as error:
                reason = type(error).__name__
                break
            else:
                return True
        log.warning("not deleted", extra={"error": reason})
        return False

    async def fetch(self, chat: int, file_id: str) -> bytes | None:
        """A customer's file; None where it is not to be had."""
        for _ in range(FETCHES):
            if (pause := self.pace.told_to_wait(str(chat))) > LONGEST:
                break
            await asyncio.sleep(pause)
            try:
                found = await self.bot.get_file(file_id)
                return bytes(await found.download_as_bytearray())
            except ToldToWait as error:
                self.pace.wait_for(str(chat), error.seconds)
            except (TelegramError, ValueError, TypeError) as error:
                log.warning("file not fetched", extra={"error": type(error).__name__})
                break
        return None

    async def leave(self, chat: int, text: str) -> None:
        """Say why, and leave a group."""
        for method, more in (("sendMessage", {"text": text, "link_preview_options": NO_PREVIEW}), ("leaveChat", {})):
            if not self.pace.told_to_wait(str(chat)):
                await self._quietly(chat, self.bot.call(method, chat_id=chat, **more))

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for task in self._tasks:
            task.cancel()

    def _soon(self, chat: int, call: Coroutine[Any, Any, Any]) -> None:
        if self.pace.told_to_wait(str(chat)) or len(self._tasks) >= MOST_AT_ONCE:
            call.close()
            return
        task = asyncio.create_task(self._quietly(chat, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, chat: int, call: Coroutine[Any, Any, Any]) -> bool:
        try:
            await call
        except ToldToWait as error:
            self.pace.wait_for(str(chat), error.seconds)
        except TelegramError as error:
            # Too old, not modified, gone: all the same to the customer.
            log.debug("left out", extra={"error": type(error).__name__})
        else:
            return True
        return False
