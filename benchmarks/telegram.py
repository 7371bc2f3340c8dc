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
from pathlib import Path

from benchmarks.measuring import cpu_seconds, in_fast_loop, machine, pin, table
from benchmarks.turns import CLIENT, TURNS, make_ca, served
from tests.live import free_port
from tests.telegram.person import Person
from tests.telegram.server import TOKEN, BotApi

PEOPLE = 300
"""Enough to keep one core busy, when each is told at most one thing a second."""
READING = 0.3
"""Seconds."""
QUIET = 1.0
"""Seconds without a call after which everybody has been answered."""
WIRES = {
    "aiohttp (ours)": "",
    "httpx (PTB's default)": """
import bot.channels.telegram.transport as transport
from telegram.request import HTTPXRequest
transport.Wire = lambda connections=64: HTTPXRequest(connection_pool_size=connections)
""",
}
SERVE = "import sys\n{wire}\nfrom bot.cli import main\nsys.exit(main(sys.argv[1:]))"


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
            self._says(one)

    def _answered(self, chat_id: int) -> None:
        """Read on until nothing more comes, then say the next thing: one turn may have several bubbles."""
        if chat_id in self.reading:
            self.reading[chat_id].cancel()
        if self.talking:
            loop = asyncio.get_running_loop()
            self.reading[chat_id] = loop.call_later(READING, self._goes_on, chat_id)

    def _goes_on(self, chat_id: int) -> None:
        if self.talking:
            self._says(Person(self.api.world, self.api.updates, self.api.world.users[chat_id]))

    def _says(self, person: Person) -> None:
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


async def measure(folder: Path, mode: str, wire: str, seconds: float) -> tuple[float, float, float]:
    """Turns a processor second, turns a second, calls a turn."""
    api, port = BotApi(), free_port()
    passphrase = folder / "passphrase"
    passphrase.write_text("for a benchmark only\n", "utf-8")
    passphrase.chmod(0o600)
    async with api.serving():
        environment = {
            "CERTTALK_DEMO": "false", "CERTTALK_CA_KEY": "p-256", "CERTTALK_CA_PASSPHRASE_FILE": str(passphrase),
            "CERTTALK_BANK": "benchmarks.bare:bank", "CERTTALK_SMS": "benchmarks.bare:sms",
            "CERTTALK_MESSAGES_PER_MINUTE": "6000", "CERTTALK_LOG_LEVEL": "warning",
            "CERTTALK_TELEGRAM_TOKEN": TOKEN, "CERTTALK_TELEGRAM_API_URL": api.url, "CERTTALK_TELEGRAM_MODE": mode,
            "CERTTALK_TELEGRAM_PER_SECOND": "100000",
        }  # fmt: skip
        if mode == "webhook":
            environment["CERTTALK_TELEGRAM_WEBHOOK_SECRET"] = "for-a-benchmark-only"
        await asyncio.to_thread(make_ca, folder / "data", environment)
        command = [
            sys.executable,
            "-c",
            SERVE.format(wire=wire),
            "serve",
            "--data",
            str(folder / "data"),
            "--port",
            str(port),
        ]
        server = served(command, port, environment, folder / "serve.log")
        process = await asyncio.to_thread(server.__enter__)
        try:
            crowd = Crowd(api, PEOPLE)
            crowd.begin()  # a warm start: the first message of a customer makes rows and templates
            await asyncio.sleep(2)
            await crowd.silence()
            said, calls, spent = crowd.said, len(api.log), cpu_seconds(process) or 0.0
            crowd.begin()
            await asyncio.sleep(seconds)
            wall = seconds
            await crowd.silence()
            spent = (cpu_seconds(process) or 0.0) - spent
            turns, calls = crowd.said - said, len(api.log) - calls
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
    return turns / spent if spent else 0.0, turns / wall, calls / turns


async def main(seconds: float) -> None:
    pin(CLIENT)
    rows: list[list[str]] = []
    ours = 0.0
    for mode, (name, wire) in itertools.product(("polling", "webhook"), WIRES.items()):
        with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as folder:
            per_cpu, rate, calls = await measure(Path(folder), mode, wire, seconds)
        ours = ours if wire else per_cpu
        rows.append([f"{mode}, {name}", f"{per_cpu:,.0f}", f"{ours / per_cpu:.2f}", f"{rate:,.0f}", f"{calls:.1f}"])
    heads = ("", "turns a CPU second", "ours is × as many", "a second", "calls a turn")
    table("Turns through Telegram", heads, rows)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0))
