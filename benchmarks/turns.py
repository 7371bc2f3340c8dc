"""Durable turns a second: `python -m benchmarks.turns [seconds per row]`.

A turn is one message of a customer with its answer, committed with fsync before it is answered.
The service is the real one (`python -m bot serve`), alone on one core; the client, on another, speaks HTTP over
kept-open connections, one customer each. In the same run: bare commits, bare Starlette answers, turns without HTTP.
"""

import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.measuring import bare_commits, in_fast_loop, machine, measured, pin, table
from benchmarks.serving import CLIENT, SERVER, real_service
from benchmarks.visitors import CUSTOMERS, HEADS, TURNS, Barely, Visitor, bare_server, visits
from bot.app import running
from bot.settings import load_settings
from handlers.message import CustomerId, Incoming


@asynccontextmanager
async def _in_process(data: Path) -> AsyncIterator[Callable[[int], Callable[[], Awaitable[object]]]]:
    """The same turns without HTTP."""
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


async def main(seconds: float) -> None:
    alone = pin(CLIENT)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        folder = Path(made)
        with real_service(folder) as (port, process):
            rows += [row async for row in visits("turns over HTTP", process, seconds, lambda: Visitor(port))]
        with bare_server(folder) as (port, process):
            rows += [row async for row in visits("bare Starlette", process, seconds, lambda: Barely(port))]
        pin(SERVER)
        async with _in_process(folder / "inside") as caller:
            for customers in CUSTOMERS:
                result = await measured(customers, seconds, caller)
                rows.append(["turns without HTTP", str(customers), *result.cells(), "", ""])
        rows.append(["bare sqlite3 commits", "1", *bare_commits(folder / "bare.db", seconds).cells(), "", ""])
    table(f"Durable turns ({'one core for the server' if alone else 'one core for all'})", HEADS, rows)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
