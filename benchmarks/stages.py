"""Where a turn's microseconds go: `python -m benchmarks.stages [seconds]`, at 64 customers at once.

The service is the real one, with a sampler inside. A timer of processor time looks a thousand times a second at what
the loop's thread is doing, and gives what that thread has used since the last look to the innermost function of a
stage named in `STAGES`. What the threads of the database use is read off their clocks. Looking costs some hundredths.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from benchmarks.kakao import KAKAO, Centre
from benchmarks.measuring import in_fast_loop, machine, measured, pin, table
from benchmarks.serving import CLIENT, real_service
from benchmarks.telegram import through_telegram
from benchmarks.visitors import CUSTOMERS, Visitor, entered

STAGES: Final = {
    "understanding": ("handlers/understanding/",),
    "words: templates, labels, buttons": ("handlers/texts.py", "handlers/wording.py", "handlers/josa.py", "/jinja2/"),
    "masking, reading kindly": ("handlers/masking.py", "handlers/forgiving.py"),
    "deciding: reception, journeys, state": ("handlers/",),
    "sealing, MAC": ("bot/sealing.py", "/hmac.py"),
    "to the database's threads and back": ("bot/storage/sqlite.py", "/aiosqlite/"),
    "the channel: reading, writing, JSON": ("bot/channels/", "bot/web/chat.py", "bot/web/kakao.py", "bot/web/room.py"),
    "storage": ("bot/storage/",),
    "guard: host, size, session, headers": ("bot/web/",),
    "Starlette, uvicorn": ("/starlette/", "/uvicorn/"),
    "aiohttp, python-telegram-bot": ("/aiohttp/", "/telegram/", "/yarl/", "/multidict/"),
}
"""By a part of the file's path, the first that fits; what is called from there and stands nowhere itself is in it."""
GARBAGE: Final = "collecting garbage"
LOOP: Final = "the loop, sockets, all else"
TICK: Final = 0.001


class Sampler:
    """Runs in the service's process; counts since the last SIGUSR1, which writes what was counted to `path`."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.spent: Counter[str] = Counter()
        self.stages: dict[CodeType, str | None] = {Sampler._collected.__code__: GARBAGE}
        self.last = time.thread_time()
        self.threads: dict[str, float] = {}
        gc.callbacks.append(self._collected)
        signal.signal(signal.SIGPROF, self._look)
        signal.signal(signal.SIGUSR1, self._tell)
        signal.setitimer(signal.ITIMER_PROF, TICK, TICK)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        now, stage = time.thread_time(), None
        while frame is not None and stage is None:
            stage, frame = self._stage(frame.f_code), frame.f_back
        self.spent[stage or LOOP] += now - self.last
        self.last = now

    def _stage(self, code: CodeType) -> str | None:
        if code not in self.stages:
            name = code.co_filename
            self.stages[code] = next((s for s, parts in STAGES.items() if any(part in name for part in parts)), None)
        return self.stages[code]

    def _collected(self, phase: str, _info: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if phase == "start":
            self._look(0, sys._getframe(1))
        else:
            now = time.thread_time()
            self.spent[GARBAGE] += now - self.last
            self.last = now

    def _tell(self, _signal: int, _frame: FrameType | None) -> None:
        now = {}
        for thread in threading.enumerate():
            if thread.ident is not None:
                now[thread.name] = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        others = {name: at - self.threads.get(name, 0.0) for name, at in now.items() if name != "MainThread"}
        told = {"loop": dict(self.spent), "threads": others}
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(told), "utf-8")
        draft.rename(self.path)
        self.spent.clear()
        self.threads, self.last = now, time.thread_time()


class Sampled:
    """The sampler from outside."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stages.json"
        self.code = f"from benchmarks.stages import Sampler\nSampler({str(self.path)!r})"

    async def since_last(self, process: int) -> dict[str, Any]:
        self.path.unlink(missing_ok=True)
        os.kill(process, signal.SIGUSR1)
        while not self.path.exists():  # noqa: ASYNC110 - a file rings no bell
            await asyncio.sleep(0.01)
        told: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return told


def rows(told: dict[str, Any], turns: int) -> dict[str, float]:
    """Microseconds a turn, by stage."""
    spent = {name: told["loop"].get(name, 0.0) for name in (*STAGES, GARBAGE, LOOP)}
    spent["the database's threads: SQL, commit, fsync"] = sum(told["threads"].values())
    return {name: 1e6 * seconds / turns for name, seconds in spent.items()}


async def over_http(make: Callable[[int, int], Visitor], settings: dict[str, str], seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        sampled = Sampled(Path(made))
        with real_service(Path(made), settings, sampled.code) as (port, process):
            visitors = await entered(lambda: make(port), CUSTOMERS[-1])
            await sampled.since_last(process)
            result = await measured(len(visitors), seconds, lambda n: visitors[n].say)
            return rows(await sampled.since_last(process), len(result.each))


async def telegram(seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        sampled = Sampled(Path(made))
        async with through_telegram(Path(made), "polling", sampled.code) as talking:
            await sampled.since_last(talking.process)
            turns = await talking.go_on(seconds)
            return rows(await sampled.since_last(talking.process), turns)


async def main(seconds: float) -> None:
    pin(CLIENT)
    columns = {
        "web chat": await over_http(Visitor, {}, seconds),
        "KakaoTalk": await over_http(Centre, KAKAO, seconds),
        "Telegram": await telegram(seconds),
    }
    told = [[stage, *(f"{column[stage]:.0f}" for column in columns.values())] for stage in columns["Telegram"]]
    told.append(["together", *(f"{sum(column.values()):.0f}" for column in columns.values())])
    table("Microseconds of processor time a turn", ("", *columns), told)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0))
