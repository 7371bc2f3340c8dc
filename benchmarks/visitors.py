"""Customers over HTTP, each on a kept-open connection: what they say, and how long it takes to be answered.

They do what people do up to the first SMS: ask, begin to enrol, look around, ask in the middle, give an account,
cancel.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring import Measured, cpu_seconds, measured
from benchmarks.serving import served
from tests.live import free_port

TURNS = (
    {"text": "수수료가 얼마예요?"},
    {"choice": "start:enroll"},
    {"choice": "prepare=pc"},
    {"choice": "prepare=ready"},
    {"text": "개인용"},
    {"text": "유효기간은 얼마나 돼요?"},
    {"text": "000-21-1101-011"},
    {"text": "뒤로"},
    {"text": "취소"},
    {"text": "how do I back up my certificate?"},
)
"""What is typed has to be understood; that is more than people ask for, as they mostly press buttons."""
CUSTOMERS = (1, 16, 64)
HEADS = ("", "at once", "a second", "p50 ms", "p95 ms", "p99 ms", "CPU ms each", "client's")
"""The last column is the processor time of the client, which has a core to itself: far from one, it holds up nobody."""


class Visitor:
    """One browser: a session cookie and its token."""

    def __init__(self, port: int) -> None:
        self.port, self.headers = port, f"Host: 127.0.0.1:{port}\r\n"
        self.turns = itertools.cycle(TURNS)
        self.numbers = itertools.count()

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def enter(self) -> None:
        """Open the chat page, as a browser would."""
        await self.connect()
        head, body = await self.ask(f"GET / HTTP/1.1\r\n{self.headers}\r\n".encode())
        cookie = re.search(r"set-cookie: ([^;]+)", head, re.IGNORECASE)
        token = re.search(rb'"csrf": ?"([^"]+)"', body)
        if cookie is None or token is None:
            raise AssertionError(head)
        self.headers += (
            f"Origin: http://127.0.0.1:{self.port}\r\nCookie: {cookie[1]}\r\n"
            f"X-CSRF-Token: {token[1].decode()}\r\nContent-Type: application/json\r\n"
        )

    async def say(self) -> None:
        said = {"id": f"benchmark-{next(self.numbers):08d}", **next(self.turns)}
        await self.post("/chat/say", json.dumps(said).encode())

    async def post(self, path: str, content: bytes) -> bytes:
        request = f"POST {path} HTTP/1.1\r\n{self.headers}Content-Length: {len(content)}\r\n\r\n"
        head, body = await self.ask(request.encode() + content)
        assert head.startswith("HTTP/1.1 200"), (head, body)
        return body

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert length, head
        return head, await self.reader.readexactly(int(length[1]))


class Barely(Visitor):
    """Says one thing again and again to the least an application can do (`benchmarks.bare`)."""

    async def enter(self) -> None:
        await self.connect()

    async def say(self) -> None:
        await self.post("/", json.dumps({"id": "benchmark-00000000", "text": "수수료가 얼마예요?"}).encode())


@contextmanager
def bare_server(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of `benchmarks.bare` on the service's core."""
    port = free_port()
    with served([sys.executable, "-m", "benchmarks.bare", str(port)], port, {}, folder / "bare.log") as process:
        yield port, process


async def entered(make: Callable[[], Visitor], customers: int) -> list[Visitor]:
    """So many visitors, warm: the first message of a customer makes rows and templates."""
    visitors = [make() for _ in range(customers)]
    for visitor in visitors:
        await visitor.enter()
        await visitor.say()
    return visitors


async def visits(
    name: str, process: int, seconds: float, make: Callable[[], Visitor], many: Iterable[int] = CUSTOMERS
) -> AsyncIterator[list[str]]:
    """A row under `HEADS` for every number of customers who speak as fast as they are answered."""
    for customers in many:
        visitors = await entered(make, customers)
        before = spent(process)
        result = await measured(customers, seconds, lambda n: visitors[n].say)  # noqa: B023 - awaited here
        yield line(name, customers, result, before, spent(process))
        for visitor in visitors:
            visitor.writer.close()


def spent(process: int) -> tuple[float, float]:
    """Processor seconds of a server, and of this client, so far."""
    return cpu_seconds(process) or 0.0, time.process_time()


def line(
    name: str, customers: int, result: Measured, before: tuple[float, float], after: tuple[float, float]
) -> list[str]:
    each = (f"{1000 * (b - a) / len(result.each):.3f}" for a, b in zip(before, after, strict=True))
    return [name, str(customers), *result.cells(), *each]
