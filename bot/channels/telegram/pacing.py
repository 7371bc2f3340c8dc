"""When a message may go out: Telegram's limits, kept by us, and its "wait", obeyed.

A limit is a window that slides: at most so many in any such span, so that Telegram, counting as it likes, never counts
more. A 429 does not say whether it means one chat or all of them. It is everybody's when we were at the limit for all,
when another chat was told so too, and when it is short and the chat was not at its own limit: that costs little.
Else it is the chat's alone, so that one does not silence the others for long.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from bot.jobs.pacing import Window

OVERALL_SPAN: Final = 1.0
CHAT_BURST: Final = 3
CHAT_SPAN: Final = 3.0
"""One a second in a chat; a turn of three bubbles need not drip."""
SHORT: Final = 5.0
"""Seconds everybody can wait for one chat."""
_MOST_CHATS: Final = 10_000


class Pace:
    """Times are seconds of `clock`, a monotonic one."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.overall, self.clock = Window(per_second, OVERALL_SPAN), clock
        self._chats: dict[str, Window] = {}
        self._told: dict[str, float] = {}
        self._all_until = 0.0
        self._strikes = 0

    def told_to_wait(self, chat: str) -> float:
        """Seconds during which nothing at all may be sent there."""
        return max(self.told_all(), self._told.get(chat, 0.0) - self.clock())

    def told_all(self) -> float:
        """Seconds during which nothing at all may be called."""
        return max(0.0, self._all_until - self.clock())

    async def turn(self, chat: str) -> None:
        """Wait until a message may go to `chat`."""
        while True:
            if pause := self.told_to_wait(chat):
                await asyncio.sleep(pause)
                continue
            now = self.clock()
            window = self._window(chat, now)
            # First the chat's place, then everybody's: a place taken ahead of time would keep the others waiting.
            if (chat_at := window.next(now)) > now:
                await asyncio.sleep(chat_at - now)
                continue
            at = self.overall.next(now)
            window.take(at)
            self.overall.take(at)
            if at > now:
                await asyncio.sleep(at - now)
            if not self.told_to_wait(chat):
                return

    def wait_for(self, chat: str, seconds: float) -> None:
        """Telegram said 429 with `retry_after` for something sent to `chat`."""
        now = self.clock()
        others = any(until > now for told, until in self._told.items() if told != chat)
        self._told[chat] = max(self._told.get(chat, 0.0), now + seconds)
        at_its_limit = self._window(chat, now).full(now)
        if others or (not at_its_limit and (seconds <= SHORT or self.overall.full(now))):
            self.wait_for_all(seconds)
        if len(self._told) > _MOST_CHATS:
            self._told = {told: until for told, until in self._told.items() if until > now}

    def wait_for_all(self, seconds: float) -> None:
        self._all_until = max(self._all_until, self.clock() + seconds)

    def out_of_reach(self) -> None:
        """Telegram could not be connected to: everybody waits, longer each time."""
        if self.clock() >= self._all_until:
            self._strikes += 1
            self.wait_for_all(min(30.0, 2.0 ** (self._strikes - 2)))

    def reached(self) -> None:
        self._strikes = 0

    def _window(self, chat: str, now: float) -> Window:
        window = self._chats.get(chat)
        if window is None:
            if len(self._chats) >= _MOST_CHATS:
                self._chats = {name: one for name, one in self._chats.items() if not one.idle(now)}
            window = self._chats[chat] = Window(CHAT_BURST, CHAT_SPAN)
        return window
