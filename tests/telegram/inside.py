"""The service in this process with Telegram beside it, over real HTTP to a Bot API server of our own.

`bot_api` is that server, `inside` starts the service, `http` is for whoever drives people over `/control`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx2
import pytest
import pytest_asyncio

from bot.channels.telegram import pacing, transport
from bot.channels.telegram.transport import Telegram
from bot.web.application import Application
from tests.outside import Outside, Start
from tests.telegram.control import controlled
from tests.telegram.server import TOKEN, BotApi
from tests.telegram.updates import SECRET_HEADER

SECRET = "webhook-secret_for-tests-only"


@pytest_asyncio.fixture
async def bot_api() -> AsyncIterator[BotApi]:
    one = BotApi()
    controlled(one)
    async with one.serving():
        yield one


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def settings_for(api: BotApi, mode: str) -> dict[str, str]:
    secret = {"telegram_webhook_secret": SECRET} if mode == "webhook" else {}
    return {"telegram_token": TOKEN, "telegram_api_url": api.url, "telegram_mode": mode} | secret


Inside = Callable[..., contextlib.AbstractAsyncContextManager[tuple[Outside, Telegram, httpx2.AsyncClient]]]


@pytest.fixture
def inside(start: Start, bot_api: BotApi, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """A service with Telegram beside it, and a browser; Telegram's pace in a chat is not what is looked at."""
    monkeypatch.setattr(pacing, "CHAT_BURST", 1000)

    @contextlib.asynccontextmanager
    async def started(
        mode: str = "polling",
    ) -> AsyncIterator[tuple[Outside, Telegram, httpx2.AsyncClient]]:
        given = settings_for(bot_api, mode) | {"telegram_per_second": 10_000}
        async with start(jobs=True, **given) as outside, transport.beside(outside.service) as telegram:
            assert telegram is not None
            outside.application = Application(outside.service, telegram)
            to_us = httpx2.ASGITransport(outside.application.asgi, raise_app_exceptions=False)
            base = outside.service.settings.public_url
            async with httpx2.AsyncClient(transport=to_us, base_url=base) as browser:
                yield outside, telegram, browser

    return started


async def deliver(browser: httpx2.AsyncClient, update: dict[str, Any]) -> int:
    answer = await browser.post(transport.WEBHOOK_PATH, json=update, headers={SECRET_HEADER: SECRET})
    return answer.status_code


async def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.002)


async def until_idle(outside: Outside) -> None:
    async with asyncio.timeout(30):
        while await outside.rows("SELECT id FROM outbox WHERE state = 'queued'"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
