"""Turns through Telegram a processor second: `python -m benchmarks.telegram [seconds per row]`.

The service is the real one (`python -m bot serve`), alone on one core. The Bot API server of the tests is on the other,
with people who say the next thing as soon as they are answered, each at Telegram's pace of a chat. Every turn is an
update fetched or brought, a commit with fsync, and the calls that answer it, over real HTTP; a tap is answered and its
question edited besides. What differs in the rows is how updates come, and the HTTP client under python-telegram-bot:
ours on aiohttp, or its own default on httpx.
"""

import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.measuring import in_fast_loop, machine, pin, table
from benchmarks.serving import CLIENT, real_service
from benchmarks.visitors import TURNS, spent
from bot.channels.telegram.pacing import CHAT_SPAN
from tests.telegram.person import Person
from tests.telegram.server import TOKEN, BotApi

PEOPLE = 300
"""Enough to keep one core busy, when each is told at most one thing a second."""
READING = 0.3
"""Seconds."""
QUIET = CHAT_SPAN + 0.5
"""Seconds without a call after which everybody has been answered: nobody's bubble waits longer for its place."""
WIRES = {
    "aiohttp (ours)": "",
    "httpx (PTB's default)": """
import bot.channels.telegram.transport as transport
from telegram.request import HTTPXRequest
transport.Wire = lambda connections=64: HTTPXRequest(connection_pool_size=connections)
""",
}


class Crowd:
    """People at one server; `said` counts what they said, each one a turn."""

    def __init__(self, api: BotApi, count: int) -> None:
        self.api, self.said = api, 0
        self.people = [api.person(f"손님{number}") for number in range(count)]
        self.turns = {one.user.id: itertools.cycle(TURNS) for one in self.people}
        self.talking = False
        self.reading: dict[int, asyncio.TimerHandle] = {}
        api.world.on_said = self._answered

    def begin(self) -> None:
        self.talking = True
        for one in self.people:
            self.says_next(one)

    def _answered(self, chat_id: int) -> None:
        """Read on until nothing more comes, then say the next thing: one turn may have several bubbles."""
        if chat_id in self.reading:
            self.reading[chat_id].cancel()
        if self.talking:
            loop = asyncio.get_running_loop()
            self.reading[chat_id] = loop.call_later(READING, self._goes_on, chat_id)

    def _goes_on(self, chat_id: int) -> None:
        if self.talking:
            self.says_next(Person(self.api.world, self.api.updates, self.api.world.users[chat_id]))

    def says_next(self, person: Person) -> None:
        self.said += 1
        turn = next(self.turns[person.user.id])
        if "choice" in turn:
            person.taps_data(turn["choice"], max(person.chat.messages, default=0))
        else:
            person.says(turn["text"])

    async def silence(self) -> None:
        """Until the service has answered everything and rests."""
        self.talking, before = False, -1
        while before != len(self.api.log):
            before = len(self.api.log)
            await asyncio.sleep(QUIET)


class Talking:
    """A service and a crowd that talk to each other, warm."""

    def __init__(self, api: BotApi, port: int, process: int, people: int) -> None:
        self.api, self.port, self.process, self.crowd = api, port, process, Crowd(api, people)

    async def go_on(self, seconds: float) -> int:
        """Talk for so long, until the last one is answered. How many turns it were."""
        said = self.crowd.said
        self.crowd.begin()
        await asyncio.sleep(seconds)
        await self.crowd.silence()
        return self.crowd.said - said


@asynccontextmanager
async def through_telegram(
    folder: Path, mode: str, code: str = "", settings: Mapping[str, str] | None = None, people: int = PEOPLE
) -> AsyncIterator[Talking]:
    """`settings` and `code` as of `real_service`."""
    api = BotApi()
    given = {
        "telegram_token": TOKEN, "telegram_mode": mode, "telegram_per_second": "100000",
        **({"telegram_webhook_secret": "for-a-benchmark-only"} if mode == "webhook" else {}),
        **(settings or {}),
    }  # fmt: skip
    async with api.serving():
        server = real_service(folder, given | {"telegram_api_url": api.url}, code)
        port, process = await asyncio.to_thread(server.__enter__)  # it asks this loop's server while it starts
        try:
            talking = Talking(api, port, process, people)
            await talking.go_on(2)  # a warm start: the first message of a customer makes rows and templates
            yield talking
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)


async def main(seconds: float) -> None:
    pin(CLIENT)
    rows: list[list[str]] = []
    ours = 0.0
    for mode, (name, wire) in itertools.product(("polling", "webhook"), WIRES.items()):
        with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as folder:
            async with through_telegram(Path(folder), mode, wire) as talking:
                before, calls = spent(talking.process), len(talking.api.log)
                turns = await talking.go_on(seconds)
                after, calls = spent(talking.process), len(talking.api.log) - calls
        server, client = (b - a for a, b in zip(before, after, strict=True))
        ours = ours if wire else turns / server
        rows.append([
            f"{mode}, {name}", f"{turns / server:,.0f}", f"{ours / (turns / server):.2f}", f"{turns / seconds:,.0f}",
            f"{calls / turns:.1f}", f"{1000 * server / turns:.3f}", f"{1000 * client / turns:.3f}",
        ])  # fmt: skip
    heads = (
        "", "turns a CPU second", "ours is × as many", "a second", "calls a turn", "CPU ms each", "client's",
    )  # fmt: skip
    table("Turns through Telegram", heads, rows)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0))
