"""The listening socket and what stands behind it: what speed hangs on, and what a stranger's connection may cost."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from bot import serving
from bot.serving import CannotListen, PortTaken, bound_socket, limit_the_process, server_for
from bot.web import wire

PATIENCE = 60
"""Seconds until a test gives up; nothing waits for them when all is well."""


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on such sockets only


def test_a_port_somebody_listens_on_is_refused_by_its_number() -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            bound_socket("127.0.0.1", port)


def test_an_address_of_another_computer_is_no_taken_port() -> None:
    with pytest.raises(CannotListen):
        bound_socket("192.0.2.1", 0)  # RFC 5737: nobody's


def test_no_core_file_and_a_descriptor_for_every_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_CORE: (resource.RLIM_INFINITY, 4096), resource.RLIMIT_NOFILE: (1024, 524_288)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    limit_the_process()
    assert limits[resource.RLIMIT_CORE] == (0, 4096)
    assert limits[resource.RLIMIT_NOFILE] == (2 * serving.CONNECTIONS, 524_288)


# -- strangers' connections -------------------------------------------------------------------------------------------


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers who calls, and with how much."""
    octets, more = 0, True
    while more:
        part = await receive()
        octets += len(part.get("body", b""))
        more = part.get("more_body", False)
    said = f"{scope['client'][0]} {scope['scheme']} {octets}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Caller:
    """Connects to a server over a real socket."""

    def __init__(self, port: int) -> None:
        self.port = port

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Streams]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def ask(self, request: bytes) -> bytes:
        """All that comes back until the connection is closed."""
        async with self.connected() as (reader, writer):
            writer.write(request)
            return await ended(reader)


async def ended(reader: asyncio.StreamReader) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while more := await asyncio.wait_for(reader.read(65536), PATIENCE):
            got += more
    return got


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    with bound_socket("127.0.0.1", 0) as listener:
        server = server_for(SimpleNamespace(asgi=application, close=lambda: None))  # type: ignore[arg-type]
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serve = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait on
            await asyncio.sleep(0)
        yield Caller(listener.getsockname()[1])
        server.should_exit = server.force_exit = True
        await serve


async def test_whoever_calls_is_who_is_connected_whatever_they_say(caller: Caller) -> None:
    """KakaoTalk's addresses are let in by this: a header would open that door to anybody."""
    lied = b"X-Forwarded-For: 219.249.231.41\r\nX-Forwarded-Proto: https\r\nForwarded: for=1.1.1.1\r\n"
    answer = await caller.ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lied + b"\r\n")
    assert answer.endswith(b"127.0.0.1 http 0")


async def test_a_head_without_end_is_refused(caller: Caller) -> None:
    for begun, more in ((b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-More: 1234567\r\n"), (b"GET /", b"a" * 16)):
        async with caller.connected() as (reader, writer):
            writer.write(begun)
            with contextlib.suppress(ConnectionError):
                for _ in range(64):  # 4 MiB
                    writer.write(more * 4096)
                    await writer.drain()
            # Refused in words, or the connection is gone before they could be read.
            assert (await ended(reader))[:12] in (b"HTTP/1.1 400", b"")
    assert (await caller.ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).endswith(b"http 0")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1",
    ],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
async def test_who_never_finishes_is_not_waited_for(
    caller: Caller, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ARRIVES_WITHIN", 0.05)
    assert await caller.ask(said) == b""


async def test_a_second_request_is_not_waited_for_either(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with caller.connected() as (reader, writer):
        writer.write(whole)
        await asyncio.wait_for(reader.readuntil(b"http 0"), PATIENCE)
        monkeypatch.setattr(wire, "ARRIVES_WITHIN", 0.05)
        writer.write(whole[:-2])
        assert await ended(reader) == b""


async def test_what_comes_in_pieces_is_answered_on_one_connection(caller: Caller) -> None:
    body = b"x" * 100_000
    async with caller.connected() as (reader, writer):
        for _ in range(3):
            head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 20_000 + b"\r\nContent-Length: 100000\r\n\r\n"
            for piece in (head[:10], head[10:15_000], head[15_000:], body[:1], body[1:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            await asyncio.wait_for(reader.readuntil(b"http 100000"), PATIENCE)
