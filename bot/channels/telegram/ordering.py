"""One update of a chat after the other, those of different chats at once.

A processor of python-telegram-bot's own kind. Its `Application` is not used to dispatch: that logs what a handler
raises and goes on, and then nobody could tell an update that was committed from one that must come again.
"""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final
from weakref import WeakValueDictionary

from telegram.ext import BaseUpdateProcessor

AT_ONCE: Final = 256
"""Updates under way; more wait."""


class PerChat(BaseUpdateProcessor):
    def __init__(self, at_once: int = AT_ONCE) -> None:
        super().__init__(at_once)
        self._chats: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def in_order(self, chat: int, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` when the chat's earlier ones are through. Waiting for them takes no place from other chats."""
        lock = self._chats.get(chat)
        if lock is None:
            lock = self._chats[chat] = asyncio.Lock()
        try:
            async with lock:
                await self.process_update(None, work)
        finally:
            work.close()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:  # noqa: ARG002 - PTB's
        await coroutine

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""
