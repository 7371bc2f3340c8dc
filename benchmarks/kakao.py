"""Turns at KakaoTalk: `python -m benchmarks.kakao [seconds per row]`.

The service is the real one (`python -m bot serve`) alone on one core; the client, on another, is the admin centre: one
skill call a turn over kept-open connections, each answered when its commit is on disk. The first rows call as fast as
they are answered; the last at 50 calls a second, whether answered or not, as many customers do.
"""

import asyncio
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Measured, cpu_seconds, in_fast_loop, machine, measured, pin, table
from benchmarks.turns import CLIENT, CUSTOMERS, Visitor, make_ca, served
from bot.channels.kakao.centre import PATH
from tests.kakao.calls import KAKAO, SECRET, call
from tests.live import free_port

RATE = 50


class Centre(Visitor):
    """The admin centre's connection for one customer."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(port)
        self.user = f"user-{port}-{number}"

    async def enter(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.headers = (
            f"Host: 127.0.0.1:{self.port}\r\nX-CertTalk-Secret: {SECRET}\r\nContent-Type: application/json\r\n"
        )

    async def say(self) -> None:
        turn, number = next(self.turns), next(self.numbers)
        extra = {"choice": turn["choice"], "nonce": str(number)} if "choice" in turn else None
        asked = call(turn.get("text", ""), user=self.user, extra=extra)
        head, body = await self.post(PATH, json.dumps(asked).encode())
        answer = json.loads(body)
        assert head.startswith("HTTP/1.1 200"), (head, body)
        assert answer["template"]["outputs"], body


async def at_a_rate(visitors: list[Centre], seconds: float) -> Measured:
    """Calls at `RATE` a second, each counted from when it was due."""
    each: list[float] = []
    began = time.perf_counter()

    async def one(visitor: Centre, first: int) -> None:
        for number in itertools.count(first, len(visitors)):
            due = began + number / RATE
            if due > began + seconds:
                return
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await visitor.say()
            each.append(time.perf_counter() - due)

    await asyncio.gather(*(one(visitor, n) for n, visitor in enumerate(visitors)))
    return Measured(each, time.perf_counter() - began)


async def main(seconds: float) -> None:
    alone = pin(CLIENT)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        folder, port = Path(made), free_port()
        passphrase = folder / "passphrase"
        passphrase.write_text("for a benchmark only\n", "utf-8")
        passphrase.chmod(0o600)
        environment = {
            "CERTTALK_DEMO": "false", "CERTTALK_CA_KEY": "p-256", "CERTTALK_CA_PASSPHRASE_FILE": str(passphrase),
            "CERTTALK_BANK": "benchmarks.bare:bank", "CERTTALK_SMS": "benchmarks.bare:sms",
            "CERTTALK_MESSAGES_PER_MINUTE": "6000", "CERTTALK_LOG_LEVEL": "warning",
        } | {f"CERTTALK_{name.upper()}": value for name, value in KAKAO.items()}  # fmt: skip
        await asyncio.to_thread(make_ca, folder / "data", environment)
        command = [sys.executable, "-m", "bot", "serve", "--data", str(folder / "data"), "--port", str(port)]
        server = served(command, port, environment, folder / "serve.log")
        process = await asyncio.to_thread(server.__enter__)
        try:
            numbers = itertools.count()
            for customers in (*CUSTOMERS, RATE):
                visitors = [Centre(port, next(numbers)) for _ in range(customers)]
                for visitor in visitors:
                    await visitor.enter()
                    await visitor.say()  # a warm start: the first message of a customer makes rows and templates
                before = cpu_seconds(process) or 0.0
                paced = customers == RATE
                if paced:
                    result = await at_a_rate(visitors, 2 * seconds)
                else:
                    result = await measured(customers, seconds, lambda n: visitors[n].say)  # noqa: B023
                spent = (cpu_seconds(process) or 0.0) - before
                name = f"skill calls, {RATE} a second" if paced else "skill calls"
                rows.append([name, str(customers), *result.cells(), f"{1000 * spent / len(result.each):.3f}"])
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
    heads = ("", "at once", "a second", "p50 ms", "p95 ms", "p99 ms", "CPU ms each")
    table(f"Durable turns at KakaoTalk ({'one core for the server' if alone else 'one core for all'})", heads, rows)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
