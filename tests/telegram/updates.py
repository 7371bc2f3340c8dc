"""Updates on their way to the bot: one queue, emptied by long polls or by a webhook, never by both.

An update comes again until an `offset` beyond it confirms it, or until the webhook answers 2xx; a webhook's updates of
one chat wait for each other. Ids may be told to jump: an id is forgotten only after it was handed out, so that one
below the last offset (Telegram draws anew after a quiet week) is not lost.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.telegram.rules import Refused, bad

UNASKED = {"chat_member", "message_reaction", "message_reaction_count"}
"""Kinds that come only when they are named in `allowed_updates`."""
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


@dataclass
class Waiting:
    update: dict[str, Any]
    chat: int
    handed_out: int = 0


@dataclass
class Webhook:
    url: str
    secret: str = field(default="", repr=False)
    connections: int = 40
    last_error: tuple[int, str] | None = None
    ip: str = ""


class Updates:
    """`delivered` keeps (status, update id) of every call of the webhook."""

    def __init__(self, clock: Callable[[], float], *, pause: float = 0.05) -> None:
        self.clock, self.pause = clock, pause
        self.queue: list[Waiting] = []
        self.history: list[dict[str, Any]] = []
        self.webhook: Webhook | None = None
        self.allowed: list[str] = []
        self.delivered: list[tuple[int, int]] = []
        self.on_delivered: Callable[[int, int], None] = lambda _status, _id: None
        self.patience = 30.0
        self._next_id = 100_000
        self._news = asyncio.Event()
        self._poller: asyncio.Event | None = None
        self._pumps: dict[int, asyncio.Task[None]] = {}
        self._http: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(40)

    # -- from the people ----------------------------------------------------------------------------------------------

    def put(self, kind: str, content: dict[str, Any], chat: int) -> dict[str, Any]:
        """A new update under the next id."""
        self._next_id += 1
        return self.put_raw({"update_id": self._next_id, kind: content}, chat)

    def put_raw(self, update: dict[str, Any], chat: int = 0) -> dict[str, Any]:
        """Any update, under the id it has: one that came before, or one that never made sense."""
        self.history.append(update)
        kinds = set(update) - {"update_id"}
        if (self.allowed and not kinds & set(self.allowed)) or (not self.allowed and kinds & UNASKED):
            return update
        self.queue.append(Waiting(update, chat))
        self._news.set()
        self._pump()
        return update

    def again(self, update: dict[str, Any], chat: int = 0) -> None:
        """The same update once more."""
        self.put_raw(update, chat)

    def jump(self, by: int) -> None:
        self._next_id += by

    def shuffle(self, order: Callable[[list[Waiting]], None]) -> None:
        """Put what waits into another order."""
        order(self.queue)

    # -- long polls ---------------------------------------------------------------------------------------------------

    async def poll(self, offset: int, limit: int, timeout: float) -> list[dict[str, Any]]:
        if self.webhook is not None:
            raise Refused(
                409, "Conflict: can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first",
            )  # fmt: skip
        if self._poller is not None:
            self._poller.set()
            self._news.set()
        taken_over = self._poller = asyncio.Event()
        try:
            return await self._wait(taken_over, offset, limit, timeout)
        finally:
            if self._poller is taken_over:
                self._poller = None

    async def _wait(self, taken_over: asyncio.Event, offset: int, limit: int, timeout: float) -> list[dict[str, Any]]:
        if offset < 0:
            del self.queue[: max(0, len(self.queue) + offset)]
        else:
            self.queue[:] = [one for one in self.queue if one.update["update_id"] >= offset or not one.handed_out]
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while not self.queue and (left := until - loop.time()) > 0:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
            if taken_over.is_set():
                raise Refused(
                    409, "Conflict: terminated by other getUpdates request;"
                    " make sure that only one bot instance is running",
                )  # fmt: skip
        for one in self.queue[:limit]:
            one.handed_out += 1
        return [one.update for one in self.queue[:limit]]

    # -- the webhook --------------------------------------------------------------------------------------------------

    def set_webhook(self, url: str, secret: str, connections: int) -> None:
        self.drop_webhook()
        if not url:
            return
        parts = urlsplit(url)
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme != "https" and not loopback:  # for tests on this machine, unlike Telegram
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        if not parts.hostname:
            raise bad("bad webhook: Invalid URL host specified")
        if not loopback and (parts.port or 443) not in (443, 80, 88, 8443):
            raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        if len(secret) > 256:
            raise bad("secret token is too long")
        if secret and not all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in secret):
            raise bad("secret token contains unallowed characters")
        self.webhook = Webhook(url, secret, connections)
        self._slots = asyncio.Semaphore(connections)
        self._pump()

    def drop_webhook(self) -> None:
        self.webhook = None
        for task in self._pumps.values():
            task.cancel()
        self._pumps.clear()

    def _pump(self) -> None:
        if self.webhook is None:
            return
        for chat in {one.chat for one in self.queue} - set(self._pumps):
            self._pumps[chat] = asyncio.create_task(self._deliver(chat, self.webhook))

    async def _deliver(self, chat: int, webhook: Webhook) -> None:
        pause = self.pause
        while (one := next((one for one in self.queue if one.chat == chat), None)) is not None:
            async with self._slots:
                status = await self._post(webhook, one.update)
            self.delivered.append((status, one.update["update_id"]))
            self.on_delivered(status, one.update["update_id"])
            one.handed_out += 1
            if 200 <= status < 300:
                self.queue.remove(one)
                pause = self.pause
            else:
                webhook.last_error = (int(self.clock()), f"Wrong response from the webhook: {status}")
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)
        self._pumps.pop(chat, None)

    async def _post(self, webhook: Webhook, update: dict[str, Any]) -> int:
        """The status; 0 where there was none."""
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        headers = {SECRET_HEADER: webhook.secret} if webhook.secret else {}
        try:
            async with self._http.post(
                webhook.url, json=update, headers=headers, timeout=aiohttp.ClientTimeout(self.patience)
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def close(self) -> None:
        tasks = list(self._pumps.values())
        self.drop_webhook()
        if self._poller is not None:
            self._poller.set()
            self._news.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
