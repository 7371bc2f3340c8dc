"""Asking for updates: what one of them does is nobody else's trouble, and Telegram is not asked without a pause."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from telegram.error import Conflict

from bot.channels.telegram import polling
from bot.channels.telegram.polling import Polling

Json = Mapping[str, Any]


class Telegram:
    """Updates until they are confirmed; a question that finds none stays open."""

    def __init__(self, updates: Iterable[Json]) -> None:
        self.updates, self.asked = list(updates), 0

    async def raw_updates(self, offset: int, limit: int, seconds: int) -> list[Json]:
        self.asked += 1
        await asyncio.sleep(0)
        numbered = [one for one in self.updates if isinstance(one.get("update_id"), int)]
        self.updates = [one for one in self.updates if one not in numbered or one["update_id"] >= offset]
        if not self.updates:
            await asyncio.sleep(seconds)
        return self.updates[:limit]


@contextlib.asynccontextmanager
async def asking(telegram: polling.Source, take: polling.Take) -> Any:
    asking = Polling(telegram, take)
    task = asyncio.create_task(asking.run())
    try:
        yield asking
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for turn in asking._under_way.values():
            turn.cancel()
        await asking.close()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PATIENCE", 0.02)


async def until(true: Any) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - as a person would look
            await asyncio.sleep(0.005)


async def test_one_that_fails_holds_up_nobody() -> None:
    """More wait behind it than one answer holds."""
    telegram, taken = Telegram({"update_id": n} for n in range(1, 301)), set[int]()

    async def take(update: Json) -> None:
        if update["update_id"] == 1:
            raise RuntimeError("poisoned")
        taken.add(update["update_id"])

    async with asking(telegram, take):
        await until(lambda: len(taken) == 299)
        await until(lambda: not telegram.updates)


async def test_one_that_takes_its_time_is_not_confirmed_and_the_others_are_taken_once() -> None:
    telegram, taken, goes_on = Telegram({"update_id": n} for n in range(1, 51)), list[int](), asyncio.Event()

    async def take(update: Json) -> None:
        if update["update_id"] == 7:
            await goes_on.wait()
        taken.append(update["update_id"])

    async with asking(telegram, take):
        await until(lambda: len(taken) == 49 and telegram.asked > 3)
        assert [one["update_id"] for one in telegram.updates] == list(range(7, 51))
        goes_on.set()
        await until(lambda: not telegram.updates)
    assert sorted(taken) == list(range(1, 51))


@pytest.mark.parametrize("odd", [{}, {"update_id": "7"}, {"update_id": 2**31}, {"update_id": 10**30}])
async def test_what_cannot_be_confirmed_is_passed_over(odd: Json) -> None:
    telegram, taken = Telegram([odd, {"update_id": 5}]), list[int]()

    async def take(update: Json) -> None:
        taken.append(update["update_id"])

    async with asking(telegram, take):
        await until(lambda: taken == [5])
        asked = telegram.asked
        await asyncio.sleep(0.2)
        assert telegram.asked - asked < 20
        telegram.updates.append({"update_id": 6})
        await until(lambda: taken == [5, 6])


async def test_two_processes_take_turns_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question ends the other's, as Telegram has it; both are answered in between."""
    monkeypatch.setattr(polling, "GIVING_WAY", 0.01)
    monkeypatch.setattr(polling, "WORST", 0.64)
    conflicts = answered = 0
    asks: dict[object, asyncio.Future[None]] = {}

    class One:
        """Asks the same Telegram as the other one."""

        async def raw_updates(self, offset: int, limit: int, seconds: int) -> list[Json]:
            nonlocal conflicts, answered
            for other in [one for one in asks if one is not self]:
                asks.pop(other).set_result(None)
            mine = asks[self] = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(mine), 0.005)
                conflicts += 1
                raise Conflict("Conflict: terminated by other getUpdates request")
            answered += 1
            return [{"update_id": answered}]

    async def take(_: Json) -> None:
        await asyncio.sleep(0)

    async with asking(One(), take), asking(One(), take):
        await asyncio.sleep(1.2)
    assert 2 <= conflicts <= 14
    assert answered > 50


async def test_ids_may_begin_anew_after_a_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    telegram, taken = Telegram([{"update_id": 900}]), list[int]()

    async def take(update: Json) -> None:
        taken.append(update["update_id"])

    async with asking(telegram, take) as polls:
        await until(lambda: taken == [900] and not telegram.updates)
        polls._last_came -= polling.QUIET + 1
    telegram.updates.append({"update_id": 3})
    task = asyncio.create_task(polls.run())
    await until(lambda: taken == [900, 3])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
