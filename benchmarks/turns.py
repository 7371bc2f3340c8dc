"""Durable turns a second: `python -m benchmarks.turns [seconds per row]`.

A turn is one message of a customer with its answer, committed with fsync before it is answered. The customers here do
what people do up to the first SMS: ask, begin to enrol, look around, ask in the middle, give an account, cancel.
The service is the real one (`python -m bot serve`), alone on one core; the client, on another, speaks HTTP over
kept-open connections, one customer each. In the same run: bare commits, bare Starlette answers, turns without HTTP.
"""

import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.measuring import Measured, bare_commits, cpu_seconds, in_fast_loop, machine, measured, pin, table
from bot.app import running
from bot.settings import load_settings
from handlers.message import CustomerId, Incoming
from tests.live import ROOT, free_port

CUSTOMERS = (1, 16, 64)
SERVER, CLIENT = 0, 1
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


# -- the service over HTTP ----------------------------------------------------------------------------------------


class Visitor:
    """One browser: a kept-open connection, a session cookie and its token."""

    def __init__(self, port: int) -> None:
        self.port, self.headers = port, ""
        self.turns = itertools.cycle(TURNS)
        self.numbers = itertools.count()

    async def enter(self) -> None:
        """Open the chat page, as a browser would."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head, body = await self.ask(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        cookie = re.search(r"set-cookie: ([^;]+)", head, re.IGNORECASE)
        token = re.search(rb'"csrf": ?"([^"]+)"', body)
        if cookie is None or token is None:
            raise AssertionError(head)
        self.headers = (
            f"Host: 127.0.0.1:{self.port}\r\nOrigin: http://127.0.0.1:{self.port}\r\nCookie: {cookie[1]}\r\n"
            f"X-CSRF-Token: {token[1].decode()}\r\nContent-Type: application/json\r\n"
        )

    async def say(self) -> None:
        said = {"id": f"benchmark-{next(self.numbers):08d}", **next(self.turns)}
        head, body = await self.post("/chat/say", json.dumps(said).encode())
        assert head.startswith("HTTP/1.1 200"), (head, body)

    async def post(self, path: str, body: bytes) -> tuple[str, bytes]:
        request = f"POST {path} HTTP/1.1\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n"
        return await self.ask(request.encode() + body)

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert length, head
        return head, await self.reader.readexactly(int(length[1]))


def make_ca(data: Path, environment: dict[str, str]) -> None:
    """Outside the demo the CA is made before the service starts."""
    names = {name: value for name, value in os.environ.items() if not name.startswith("CERTTALK_")}
    passphrase = environment["CERTTALK_CA_PASSPHRASE_FILE"]
    command = [sys.executable, "-m", "bot", "ca", "init", "--yes", "--data", str(data)]
    command += ["--root-passphrase-file", passphrase]
    subprocess.run(command, cwd=ROOT, env=names | environment, check=True, capture_output=True)


@contextmanager
def served(command: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[int]:
    """A server on its own core; gives its process id."""
    names = {name: value for name, value in os.environ.items() if not name.startswith("CERTTALK_")}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=names | environment, stdout=out, stderr=out)
    try:
        pin(SERVER, process.pid)  # at once: threads take it over from the one that starts them
        _wait_for(port, process, log)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    import socket

    for _ in range(600):
        if process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError(log.read_text("utf-8"))


async def _visits(
    port: int, process: int, seconds: float, once: Callable[[Visitor], Awaitable[object]], page: bool
) -> AsyncIterator[tuple[int, Measured, float | None]]:
    for customers in CUSTOMERS:
        visitors = [Visitor(port) for _ in range(customers)]
        for visitor in visitors:
            if page:
                await visitor.enter()
            else:
                visitor.reader, visitor.writer = await asyncio.open_connection("127.0.0.1", port)
                visitor.headers = f"Host: 127.0.0.1:{port}\r\n"
            await once(visitor)  # a warm start: the first message of a customer makes rows and templates
        before = cpu_seconds(process)
        result = await measured(customers, seconds, lambda n: lambda: once(visitors[n]))  # noqa: B023 - awaited here
        after = cpu_seconds(process)
        spent = None if before is None or after is None else (after - before) / len(result.each)
        for visitor in visitors:
            visitor.writer.close()
        yield customers, result, spent


# -- the same turns without HTTP ----------------------------------------------------------------------------------


@asynccontextmanager
async def _in_process(data: Path) -> AsyncIterator[Callable[[int], Callable[[], Awaitable[object]]]]:
    settings = load_settings(None, data=data, ca_key="p-256")
    async with running(settings, jobs=False) as service:
        fresh = itertools.count()

        def caller(_: int) -> Callable[[], Awaitable[object]]:
            customer, turns, numbers = CustomerId(f"bench:{next(fresh)}"), itertools.cycle(TURNS), itertools.count()

            async def once() -> object:
                turn = next(turns)
                said = Incoming(
                    "web", customer, customer, f"web:{next(numbers)}", turn.get("text", ""), turn.get("choice")
                )
                return await service.conversation.handle(said)

            return once

        yield caller


# -- the table ----------------------------------------------------------------------------------------------------


def _line(what: str, customers: int, result: Measured, spent: float | None = None) -> list[str]:
    return [what, str(customers), *result.cells(), "" if spent is None else f"{1000 * spent:.3f}"]


async def main(seconds: float) -> None:
    alone = pin(CLIENT)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        folder = Path(made)
        passphrase = folder / "passphrase"
        passphrase.write_text("for a benchmark only\n", "utf-8")
        passphrase.chmod(0o600)
        port = free_port()
        environment = {
            "CERTTALK_DEMO": "false", "CERTTALK_CA_KEY": "p-256", "CERTTALK_CA_PASSPHRASE_FILE": str(passphrase),
            "CERTTALK_BANK": "benchmarks.bare:bank", "CERTTALK_SMS": "benchmarks.bare:sms",
            "CERTTALK_MESSAGES_PER_MINUTE": "6000", "CERTTALK_LOG_LEVEL": "warning",
        }  # fmt: skip
        make_ca(folder / "served", environment)
        command = [sys.executable, "-m", "bot", "serve", "--data", str(folder / "served"), "--port", str(port)]
        with served(command, port, environment, folder / "serve.log") as process:
            async for customers, result, spent in _visits(port, process, seconds, Visitor.say, page=True):
                rows.append(_line("turns over HTTP", customers, result, spent))
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.bare", str(port)]
        with served(command, port, {}, folder / "bare.log") as process:
            said = json.dumps({"id": "benchmark-00000000", "text": "수수료가 얼마예요?"}).encode()
            async for customers, result, spent in _visits(port, process, seconds, lambda v: v.post("/", said), False):
                rows.append(_line("bare Starlette", customers, result, spent))
        pin(SERVER)
        async with _in_process(folder / "inside") as caller:
            rows += [_line("turns without HTTP", n, await measured(n, seconds, caller)) for n in CUSTOMERS]
        rows.append(_line("bare sqlite3 commits", 1, bare_commits(folder / "bare.db", seconds)))
    heads = ("", "at once", "a second", "p50 ms", "p95 ms", "p99 ms", "CPU ms each")
    table(f"Durable turns ({'one core for the server' if alone else 'one core for all'})", heads, rows)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
