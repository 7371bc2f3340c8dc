"""Asking Telegram for updates, and telling it which ones we have: only those that are committed.

`getUpdates` takes an offset as "I have everything before". PTB's own updater says so as soon as it has them in memory,
and a crash then loses them; here an update comes again until its turn is on disk. A slow turn keeps nobody waiting:
the next question goes out with the first unfinished id, and what is under way already is passed over.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from telegram.error import Conflict, InvalidToken, TimedOut

from bot.channels.telegram.pacing import Pace
from bot.channels.telegram.request import ToldToWait
from bot.storage.database import DatabaseError
from handlers.bank import BankUnavailable
from handlers.conversation import TooBusy

log = logging.getLogger(__name__)

LONG: Final = 25
"""Seconds Telegram keeps the question open while there is nothing."""
MOST: Final = 100
PATIENCE: Final = 0.5
"""Seconds unfinished turns are waited for before it is asked for more …"""
SOON: Final = 0.05
"""… and while more comes: whoever writes now does not wait for somebody whose turn takes long."""
MOST_UNDER_WAY: Final = 500
WORST: Final = 30.0
GIVING_WAY: Final = 2.0
"""Seconds another process is left alone at first. A question ends the other's: longer each time, up to `WORST`."""
ALONE: Final = 120.0
"""Seconds without a conflict after which there is no other process any more."""
QUIET: Final = 86_400.0
"""Seconds after which ids may begin anew (Telegram: after a week without any): then it is asked for all there is."""
REMEMBERED: Final = 4096
"""Ids of updates that are over, so that one that comes again is passed over and a late one of a lower id is not."""
GIVEN_UP: Final = 8
"""Times an update is taken in vain before it is let go, so that it cannot hold up all others for ever."""
HIGHEST_ID: Final = 2**31 - 1
"""Telegram's ids have 32 bits; to confirm a higher one would confirm all that are still to come."""

PASSING: Final = (BankUnavailable, DatabaseError, TooBusy)
"""What may go well the next time, and is tried as long as it takes."""

Take = Callable[[Mapping[str, Any]], Awaitable[None]]


class Source(Protocol):
    async def raw_updates(self, offset: int, limit: int, seconds: int) -> list[Mapping[str, Any]]: ...


class Polling:
    def __init__(self, bot: Source, take: Take, pace: Pace) -> None:
        self.bot, self.take, self.pace = bot, take, pace
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._open: set[int] = set()
        """Received and not committed."""
        self._closed: OrderedDict[int, None] = OrderedDict()
        """Committed, or let go, lately."""
        self._failed: dict[int, int] = {}
        self._highest = self._offset = 0
        self._last_came = time.monotonic()
        self._gave_way, self._conflict_at = 0.0, -ALONE
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled."""
        pause = 0.0
        while True:
            await asyncio.sleep(max(pause, self.pace.told_all()))
            asked, waits = time.monotonic(), not self._open
            try:
                updates = await self._ask()
            except ToldToWait as error:
                pause = 0.0
                self.pace.wait_for_all(error.seconds)
                self._say("telegram asks to wait", seconds=error.seconds)
            except Conflict as error:
                # Another process, or a webhook. Not we are to end it: it may be the one that works.
                pause = self._give_way()
                word = "webhook" if "webhook" in error.message.lower() else "another process polls with this token"
                self._say("telegram gives the messages to somebody else: certtalk telegram check", cause=word)
            except InvalidToken:
                pause = WORST
                self._say("telegram refuses the token: certtalk telegram check")
            except TimedOut:
                pause = 0.0
            except Exception as error:  # noqa: BLE001 - whatever an answer holds, it is asked again
                pause = min(WORST, pause * 2 or 0.5)
                self._say("telegram does not answer", error=type(error).__name__)
                self._anew()  # it may be another server by then, which counts from one
            else:
                if self._trouble and time.monotonic() - self._conflict_at > ALONE:
                    log.info("telegram answers again")
                    self._trouble = ""
                news = self._begin(updates)
                await self._settle(SOON if news else PATIENCE, full=not news and len(updates) == MOST)
                # What cannot be confirmed comes again at once; and a server may not wait until there is something.
                at_once = waits and time.monotonic() - asked < PATIENCE
                pause = PATIENCE if not news and not self._open and (updates or at_once) else 0.0

    async def close(self) -> None:
        """Let the turns under way end; what is not committed comes again."""
        tasks = list(self._under_way.values())
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _give_way(self) -> float:
        """Seconds. Having been answered in between is no sign that the other one is gone."""
        now = time.monotonic()
        longer = self._gave_way * 2 if now - self._conflict_at < ALONE else 0.0
        self._gave_way, self._conflict_at = min(WORST, max(GIVING_WAY, longer)), now
        return self._gave_way

    async def _ask(self) -> list[Mapping[str, Any]]:
        if time.monotonic() - self._last_came > QUIET:
            self._anew()
        return await self.bot.raw_updates(self._offset, MOST, 0 if self._open else LONG)

    def _anew(self) -> None:
        """Ask for all there is, whatever its ids. Nothing is confirmed by that, and what is over is known again."""
        self._offset = self._highest = 0

    def _begin(self, updates: list[Mapping[str, Any]]) -> bool:
        """Start the turns of those that are not under way. Whether one was seen for the first time."""
        news = False
        for update in updates:
            number = update.get("update_id")
            if not isinstance(number, int) or isinstance(number, bool) or number > HIGHEST_ID:
                log.warning("an update without an id of Telegram's")
                continue
            self._last_came = time.monotonic()
            self._highest = max(self._highest, number)
            if number in self._closed:
                continue  # an earlier one is open, or the server does not know what it was told
            news = news or number not in self._open
            self._open.add(number)
            if number not in self._under_way:
                self._under_way[number] = asyncio.create_task(self._one(number, update))
        return news

    async def _settle(self, patience: float, *, full: bool) -> None:
        """Wait `patience` seconds for what is under way; then all before the first unfinished one may be forgotten.

        `full`: as many as one answer holds are waiting behind it.
        """
        while self._under_way:
            done, _ = await asyncio.wait(self._under_way.values(), timeout=patience)
            if not done or len(self._under_way) < MOST_UNDER_WAY:
                break
        if full:  # nobody else would be heard: what failed once is not waited for
            for number in self._failed.keys() & self._open:
                log.error("an update that fails is let go, as a hundred wait behind it")
                self._over(number)
        if self._highest:
            self._offset = min(self._open, default=self._highest + 1)

    async def _one(self, number: int, update: Mapping[str, Any]) -> None:
        try:
            await self.take(update)
        except PASSING as error:
            log.warning("not now", extra={"error": type(error).__name__})
            await asyncio.sleep(PATIENCE)
        except Exception:
            self._failed[number] = self._failed.get(number, 0) + 1
            log.exception("a turn failed", extra={"times": self._failed[number]})
            if self._failed[number] >= GIVEN_UP:
                self._over(number)
            else:
                await asyncio.sleep(min(WORST, 0.5 * 2 ** self._failed[number]))
        else:
            self._over(number)
        finally:
            self._under_way.pop(number, None)

    def _over(self, number: int) -> None:
        self._open.discard(number)
        self._closed[number] = None
        if len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)
        self._failed.pop(number, None)

    def _say(self, message: str, **more: object) -> None:
        """Trouble is told when it begins, not at every question."""
        if self._trouble != message:
            self._trouble = message
            log.warning(message, extra=more)
