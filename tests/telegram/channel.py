"""The channel over a real service and a Bot API server of our own, within a test.

The clock of the house stands still; the sender's pace is real, but wide unless a test says otherwise.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.channels.telegram.transport import Telegram
from tests.talking import House
from tests.telegram.server import TOKEN, BotApi

PATIENCE = 10.0


async def until(true: Callable[[], Any], what: str = "") -> Any:
    """The first thing that holds; fails when nothing does for long."""
    ends = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < ends, what or "it never came to be"
        await asyncio.sleep(0.005)
    return found


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi().serving() as opened:
        yield opened


@pytest.fixture
def settings(api: BotApi) -> dict[str, object]:
    return {"telegram_token": TOKEN, "telegram_api_url": api.url, "telegram_per_second": 10_000}


@pytest.fixture
async def telegram(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telegram]:
    """Running, by polling, and arranged."""
    async with running(house, monkeypatch) as opened:
        yield opened


@contextlib.asynccontextmanager
async def running(
    house: House, monkeypatch: pytest.MonkeyPatch, burst: int = 1000, *, arranged: bool = True
) -> AsyncIterator[Telegram]:
    monkeypatch.setattr("bot.channels.telegram.pacing.CHAT_BURST", burst)
    telegram = Telegram(house.service)
    async with telegram.running():
        if arranged:
            await asyncio.wait_for(telegram.arranged.wait(), PATIENCE)
        yield telegram
