"""What a server, a gateway or a proxy answers, and what comes of it: never more than an error of the Bot API's kind."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

import pytest
from telegram.error import BadRequest, Conflict, EndPointNotFound, Forbidden, InvalidToken, NetworkError, TelegramError

from bot.channels.telegram.bot import QuietBot
from bot.channels.telegram.request import Interrupted, NotConnected, ToldToWait, Wire

TOKEN = "1:a-token-for-tests-only"


@contextlib.asynccontextmanager
async def answering(*octets: bytes) -> AsyncIterator[QuietBot]:
    """A bot whose server answers each request with these octets and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0)
        await reader.readexactly(length)
        writer.write(b"".join(octets))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bot = QuietBot(
        TOKEN, base_url=f"http://127.0.0.1:{port}/bot", base_file_url=f"http://127.0.0.1:{port}/file/bot",
        request=Wire(), get_updates_request=Wire(),
    )  # fmt: skip
    try:
        yield bot
    finally:
        await bot.request.shutdown()
        server.close()


def http(status: int, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status} Said", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


PAGE = b"<html><h1>Bad Gateway</h1><a href='/bot1:a-token-for-tests-only/x'>x</a></html>"


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (http(200, b'{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}'), Forbidden),
        (http(200, b'{"ok":false,"description":"Bad Request: chat not found"}'), BadRequest),
        (http(200, b'{"ok":false,"error_code":429,"parameters":{"retry_after":7}}'), ToldToWait),
        (http(200, b""), Interrupted),
        (http(204, b""), Interrupted),
        (http(200, PAGE), Interrupted),
        (http(200, b"[]"), Interrupted),
        (http(200, b"[" * 100_000), Interrupted),
        (http(301, b"", "Location: https://elsewhere.example/"), NetworkError),
        (http(400, b'{"ok":false,"error_code":400,"description":["no text"]}'), BadRequest),
        (http(401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}'), InvalidToken),
        (http(404, b'{"ok":false,"error_code":404,"description":"Not Found"}'), EndPointNotFound),
        (http(404, PAGE), EndPointNotFound),
        (http(409, b'{"ok":false,"error_code":409,"description":"Conflict: a webhook"}'), Conflict),
        (http(413, PAGE), BadRequest),
        (http(422, b'{"detail":[{"loc":["body","document"]}]}'), BadRequest),
        (http(429, PAGE), ToldToWait),
        (http(500, b'{"message":"not supported"}'), NetworkError),
        (http(502, PAGE), NetworkError),
        (http(503, b"\xff\xfe", "Content-Encoding: gzip"), Interrupted),
        (b"not HTTP at all\r\n\r\n", Interrupted),
        (b"", Interrupted),
    ],
)
async def test_whatever_comes_is_an_error_of_its_kind(
    octets: bytes, kind: type[TelegramError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with answering(octets) as bot:
        with pytest.raises(TelegramError) as raised:
            await bot.call("sendMessage", chat_id=1, text="가")
    assert type(raised.value) is kind
    assert TOKEN not in f"{raised.value}{raised.value!r}"
    assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (http(429, b'{"ok":false,"parameters":{"retry_after":7}}'), 7.0),
        (http(429, b"", "Retry-After: 9"), 9.0),
        (http(429, b"", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"), 3.0),
        (http(429, b'{"parameters":{"retry_after":-5}}'), 1.0),
        (http(500, b'{"ok":false,"parameters":{"retry_after":4}}'), 4.0),
    ],
)
async def test_how_long_to_wait(given: bytes, seconds: float) -> None:
    async with answering(given) as bot:
        with pytest.raises(ToldToWait) as told:
            await bot.call("sendMessage", chat_id=1, text="가")
    assert told.value.seconds == seconds


FINE = b'{ "ok" : true, "result": {"message_id": 5} }'


@pytest.mark.parametrize(
    "octets",
    [
        http(200, FINE),
        http(200, b'{"result":{"message_id":5},"description":null,"ok":true}'),
        http(200, gzip.compress(FINE), "Content-Encoding: gzip"),
        http(200, FINE, "Content-Type: text/plain", version="1.0"),
        http(201, FINE, "Connection: close"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2c\r\n" + FINE + b"\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_in_any_wrapping_is_understood(octets: bytes) -> None:
    async with answering(octets) as bot:
        for _ in range(3):  # the connection is gone each time
            assert await bot.call("sendMessage", chat_id=1, text="가") == {"message_id": 5}


async def test_nobody_there_has_seen_nothing() -> None:
    async with answering() as bot:
        pass
    with pytest.raises(NotConnected):
        await bot.call("sendMessage", chat_id=1, text="가")
    await bot.request.shutdown()


async def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with answering(http(200, FINE)) as bot:
        assert await bot.call("getMe") == {"message_id": 5}
