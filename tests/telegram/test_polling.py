"""Asking for updates: what one of them does is nobody else's trouble, and Telegram is not asked without a pause."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from telegram.error import Conflict, TelegramError

from bot.channels.telegram import polling
from bot.channels.telegram.pacing import Pace
from bot.channels.telegram.polling import Polling
from bot.channels.telegram.request import NotConnected

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
async def asking(telegram: polling.Source, take: polling.Take, pace: Pace | None = None) -> Any:
    asking = Polling(telegram, take, pace or Pace(10_000))
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


async def test_whoever_writes_while_another_turn_takes_long_is_heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PATIENCE", 3600.0)
    telegram, taken, goes_on = Telegram([{"update_id": 1}]), list[int](), asyncio.Event()

    async def take(update: Json) -> None:
        taken.append(update["update_id"])
        if len(taken) < 10:  # the next one writes when this one is heard
            telegram.updates.append({"update_id": len(taken) + 1})
        if update["update_id"] == 1:
            await goes_on.wait()

    async with asking(telegram, take):
        await until(lambda: taken == list(range(1, 11)))


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


class Once(Telegram):
    """Hands each update out once, whatever the offset; a question that finds none is answered at once."""

    async def raw_updates(self, offset: int, limit: int, seconds: int) -> list[Json]:
        self.asked += 1
        await asyncio.sleep(0)
        updates, self.updates = self.updates, []
        return updates


async def test_one_that_comes_late_is_taken_though_its_id_is_lower() -> None:
    telegram, taken = Once([{"update_id": 900}]), list[int]()

    async def take(update: Json) -> None:
        taken.append(update["update_id"])

    async with asking(telegram, take) as polls:
        await until(lambda: taken == [900] and polls._offset == 901)
        telegram.updates = [{"update_id": 899}, {"update_id": 900}]
        await until(lambda: taken == [900, 899] and not telegram.updates)
        await until(lambda: polls._offset == 901)


async def test_a_server_that_comes_back_and_counts_from_one_is_heard() -> None:
    class Restarted(Telegram):
        down = False

        async def raw_updates(self, offset: int, limit: int, seconds: int) -> list[Json]:
            if self.down:
                self.down = False
                raise NotConnected("refused")
            return await super().raw_updates(offset, limit, min(seconds, 0))

    telegram, taken = Restarted([{"update_id": 900}]), list[int]()

    async def take(update: Json) -> None:
        taken.append(update["update_id"])

    async with asking(telegram, take):
        await until(lambda: taken == [900] and not telegram.updates)
        telegram.down = True
        await until(lambda: not telegram.down)
        telegram.updates = [{"update_id": 1}]
        await until(lambda: taken == [900, 1] and not telegram.updates)
        telegram.updates = [{"update_id": 2}]
        await until(lambda: taken == [900, 1, 2] and not telegram.updates)


@pytest.mark.parametrize("error", [TelegramError("unreadable"), KeyError("result"), TypeError()])
async def test_no_answer_ends_the_asking(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "WORST", 0.01)
    telegram, taken = Telegram([]), list[int]()
    wrong = [error] * 3

    async def raw_updates(offset: int, limit: int, seconds: int) -> list[Json]:
        if wrong:
            raise wrong.pop()
        return await Telegram.raw_updates(telegram, offset, limit, seconds)

    async def take(update: Json) -> None:
        taken.append(update["update_id"])

    monkeypatch.setattr(telegram, "raw_updates", raw_updates)
    telegram.updates = [{"update_id": 1}]
    async with asking(telegram, take):
        await until(lambda: taken == [1])


async def test_a_server_that_answers_at_once_is_not_asked_without_a_pause() -> None:
    telegram = Once([])

    async def take(_: Json) -> None: ...

    async with asking(telegram, take):
        await asyncio.sleep(0.2)
        assert telegram.asked < 20


async def test_nothing_is_asked_while_all_are_told_to_wait() -> None:
    telegram, pace = Telegram([{"update_id": 1}]), Pace(10_000)

    async def take(_: Json) -> None:
        pace.wait_for_all(600)

    async with asking(telegram, take, pace):
        await until(lambda: pace.told_all() > 0)
        await asyncio.sleep(0.1)
        assert telegram.asked == 1
