"""How fast reminders go out by one way. Time is moved, not waited for."""

import asyncio

import pytest

from bot.jobs import pacing
from bot.jobs.pacing import Turnstile


class Time:
    """A clock that also stands for a busy machine: whoever sleeps wakes `late` seconds too late."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.late = 1000.0, 0.0
        monkeypatch.setattr(pacing.asyncio, "sleep", self.sleep)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + self.late


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def went(turnstile: Turnstile, time: Time, count: int) -> list[float]:
    at = []
    for _ in range(count):
        await turnstile.turn()
        at.append(time.now)
    return at


def most(at: list[float]) -> int:
    return max(sum(one <= other < one + 1 - 1e-9 for other in at) for one in at)


async def test_a_seconds_worth_at_once_then_no_second_sees_more(time: Time) -> None:
    at = await went(Turnstile(100, time), time, 1000)
    assert most(at) == 100
    assert at[-1] - at[0] == pytest.approx(9)


async def test_who_wakes_late_loses_no_more_than_that(time: Time) -> None:
    """Twenty milliseconds late each second: 98 of 100, and never more than 100 in a second."""
    time.late = 0.02
    at = await went(Turnstile(100, time), time, 1000)
    assert most(at) == 100
    assert at[-1] - at[0] == pytest.approx(9 * 1.02)


async def test_after_standing_still_what_became_free_goes_at_once(time: Time) -> None:
    turnstile = Turnstile(10, time)
    before = await went(turnstile, time, 1)
    time.now += 0.5
    before += await went(turnstile, time, 9)
    time.now += 0.9  # the process stood still: the first place is free again, the nine others are not yet
    after = await went(turnstile, time, 11)
    assert after[0] == pytest.approx(before[0] + 1.4)
    assert after[1] == pytest.approx(before[1] + 1.0)
    assert most(before + after) == 10


async def test_places_are_given_in_the_order_of_asking(time: Time) -> None:
    turnstile, order = Turnstile(1, time), list[int]()

    async def one(number: int) -> None:
        await turnstile.turn()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(one(number))
    assert order == [0, 1, 2, 3, 4]
