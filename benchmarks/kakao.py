"""Turns at KakaoTalk: `python -m benchmarks.kakao [seconds per row]`.

The service is the real one (`python -m bot serve`) alone on one core; the client, on another, is the admin centre: one
skill call a turn over kept-open connections, each answered when its commit is on disk. The first rows call as fast as
they are answered; then at 50 calls a second, whether answered or not, as many customers do. The last is the least an
application can answer, asked by the same client.
"""

import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Measured, in_fast_loop, machine, pin, table
from benchmarks.serving import CLIENT, real_service
from benchmarks.visitors import HEADS, Barely, Visitor, bare_server, entered, line, spent, visits
from bot.channels.kakao.centre import PATH
from tests.kakao.calls import HEADER, KAKAO, SECRET, call

RATE = 50


class Centre(Visitor):
    """The admin centre's connection for one customer."""

    names = itertools.count()

    async def enter(self) -> None:
        self.user = f"user-{next(self.names)}"
        self.headers += f"{HEADER}: {SECRET}\r\nContent-Type: application/json\r\n"
        await self.connect()

    async def say(self) -> None:
        turn, number = next(self.turns), next(self.numbers)
        extra = {"choice": turn["choice"], "nonce": str(number)} if "choice" in turn else None
        asked = call(turn.get("text", ""), user=self.user, extra=extra)
        answer = await self.post(PATH, json.dumps(asked).encode())
        assert b'"outputs"' in answer, answer


async def at_a_rate(visitors: Sequence[Visitor], seconds: float) -> Measured:
    """Calls at `RATE` a second, each counted from when it was due."""
    each: list[float] = []
    began = time.perf_counter()

    async def one(visitor: Visitor, first: int) -> None:
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
        with real_service(Path(made), KAKAO) as (port, process):
            rows += [row async for row in visits("skill calls", process, seconds, lambda: Centre(port))]
            visitors = await entered(lambda: Centre(port), RATE)
            before = spent(process)
            result = await at_a_rate(visitors, 2 * seconds)
            rows.append(line(f"skill calls, {RATE} a second", RATE, result, before, spent(process)))
        with bare_server(Path(made)) as (port, process):
            rows += [row async for row in visits("bare Starlette", process, seconds, lambda: Barely(port), (64,))]
    table(f"Durable turns at KakaoTalk ({'one core for the server' if alone else 'one core for all'})", HEADS, rows)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
