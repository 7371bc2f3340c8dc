"""Telegram's limits as windows, and whom a 429 silences. Time is moved, not waited for."""

import asyncio

import pytest

from bot.channels.telegram import pacing
from bot.channels.telegram.pacing import Pace


class Time:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(pacing.asyncio, "sleep", self.sleep)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def sends(pace: Pace, time: Time, chats: list[str]) -> list[float]:
    at = []
    for chat in chats:
        await pace.turn(chat)
        at.append(time.now)
    return at


def most(at: list[float], span: float) -> int:
    return max(sum(one <= other < one + span - 1e-9 for other in at) for one in at)


async def test_no_second_sees_more_than_thirty(time: Time) -> None:
    at = await sends(Pace(30, time), time, [str(n) for n in range(200)])
    assert most(at, 1.0) == 30
    assert at[-1] - at[0] == pytest.approx(6.0)


async def test_a_chat_has_one_a_second_after_a_small_burst(time: Time) -> None:
    at = await sends(Pace(30, time), time, ["a"] * 12)
    assert most(at, 3.0) == 3
    assert at[-1] - at[0] <= 12


@pytest.mark.parametrize(
    ("before", "seconds", "all_wait"),
    [(0, 2, True), (0, 30, False), (3, 2, False), (3, 30, False)],
)
async def test_whom_a_429_silences(time: Time, before: int, seconds: float, all_wait: bool) -> None:
    pace = Pace(30, time)
    await sends(pace, time, ["a"] * before)
    pace.wait_for("a", seconds)
    assert pace.told_to_wait("a") == seconds
    assert (pace.told_to_wait("b") > 0) is all_wait
    pace.wait_for("b", seconds)
    assert pace.told_to_wait("c") == seconds  # two chats heard it: it is everybody's


async def test_nobody_is_sent_to_while_told_to_wait(time: Time) -> None:
    pace = Pace(30, time)
    pace.wait_for_all(7)
    assert await sends(pace, time, ["a"]) == [1007.0]


async def test_out_of_reach_waits_longer_each_time(time: Time) -> None:
    pace, waits = Pace(30, time), []
    for _ in range(8):
        pace.out_of_reach()
        waits.append(pace.told_to_wait("a"))
        await asyncio.sleep(waits[-1])
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
    pace.reached()
    pace.out_of_reach()
    assert pace.told_to_wait("a") == 0.5


async def test_memory_of_chats_is_bounded(time: Time) -> None:
    pace = Pace(100_000, time)
    for n in range(30_000):
        await pace.turn(str(n))
        time.now += 0.001
    assert len(pace._chats) <= 10_001
