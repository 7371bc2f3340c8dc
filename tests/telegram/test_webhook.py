"""The webhook: nobody without the secret is read, nothing is confirmed before it is on disk, nothing makes it fail."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from bot.channels.telegram.transport import Telegram
from bot.storage.database import DatabaseUnavailable
from bot.web.application import Application
from tests.talking import House, house  # noqa: F401
from tests.telegram.channel import api, telegram  # noqa: F401
from tests.telegram.server import TOKEN, BotApi
from tests.telegram.test_reading import message

SECRET = "a-secret_of_telegrams"
PATH = "/telegram/webhook"


@pytest.fixture
def settings(api: BotApi) -> dict[str, object]:  # noqa: F811
    return {
        "telegram_token": TOKEN, "telegram_api_url": api.url, "telegram_mode": "webhook",
        "telegram_webhook_secret": SECRET,
    }  # fmt: skip


@pytest.fixture
async def client(house: House, telegram: Telegram) -> AsyncIterator[httpx2.AsyncClient]:  # noqa: F811
    transport = httpx2.ASGITransport(Application(house.service, telegram).asgi, raise_app_exceptions=False)
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8710", headers=headers) as opened:
        yield opened


async def test_telegram_was_told_where_and_with_which_secret(api: BotApi, telegram: Telegram) -> None:  # noqa: F811
    [call] = api.called("setWebhook")
    assert call.given["url"] == f"http://127.0.0.1:8710{PATH}"
    assert call.given["secret_token"] == SECRET


async def test_an_update_is_taken_once_it_is_committed(client: httpx2.AsyncClient, house: House) -> None:  # noqa: F811
    assert (await client.post(PATH, json=message(text="안녕"))).status_code == 200
    assert len(await house.rows("SELECT 1 AS one FROM inbox WHERE channel = 'telegram'")) == 1
    assert (await client.get(PATH)).status_code == 405


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + "x", "\x80"])
async def test_without_the_secret_nothing_is_read(telegram: Telegram, house: House, secret: str) -> None:  # noqa: F811
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(part: dict[str, Any]) -> None:
        sent.append(part)

    headers = [(b"host", b"127.0.0.1"), (b"x-telegram-bot-api-secret-token", secret.encode("latin-1"))]
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip
    await Application(house.service, telegram).asgi(scope, receive, send)
    assert sent[0]["status"] == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"update_id": 1e999}', b"\xff\xfe", b"[" * 90_000, b'{"a":' * 40 + b"1" + b"}" * 40],
)
async def test_garbage_is_no_fault_of_ours(client: httpx2.AsyncClient, body: bytes) -> None:
    assert (await client.post(PATH, content=body)).status_code in (200, 400)


async def test_too_much_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await client.post(PATH, content=b"x" * (256 * 1024 + 1))).status_code == 413


@pytest.mark.parametrize(
    "odd",
    [
        {"update_id": 5, "message": {"chat": []}}, message(text=None), message(text="\x00\ud800 \u202e"),
        message(text="😀" * 4096), message(document={"file_id": 5}), {"update_id": 3, "callback_query": {}},
    ],
)  # fmt: skip
async def test_odd_updates_are_taken(client: httpx2.AsyncClient, odd: dict[str, Any]) -> None:
    assert (await client.post(PATH, content=json.dumps(odd))).status_code == 200


async def test_our_own_trouble_brings_it_again(
    client: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(house.service.conversations, "commit", away)
        assert (await client.post(PATH, json=message(text="안녕"))).status_code == 503
    assert (await client.post(PATH, json=message(text="안녕"))).status_code == 200
