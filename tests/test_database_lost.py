"""PostgreSQL goes away in the middle of everything: at every single COMMIT on both ways, then again and again.

The customer says the same again, as every channel does after an error; nothing is lost, done twice or halved.
`CERTTALK_TEST_FLAPPING=600` goes on for so many seconds.
"""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from bot.storage.database import DatabaseUnavailable
from ca.ports import Record
from handlers.message import Choice
from tests.dying import AGAIN, Death, Mortal, Ordeal, T, enroll, hold_and_release, reissue, revoke, whole
from tests.engines import Wire
from tests.talking import House

FLAPPING = float(os.environ.get("CERTTALK_TEST_FLAPPING", "8"))
THERE, AWAY = 3.0, 1.0
"""Seconds."""


@pytest.fixture
def settings(lossy: Wire) -> dict[str, object]:
    patient = {"code_seconds": 600, "proof_minutes": 60, "link_minutes": 60}
    return {"database_url": lossy.url, "sms_per_hour": 60, "certificates_per_day": 100, **patient}


class OverTheWire(Ordeal):
    """The process lives on; its database does not answer."""

    def __init__(self, house: House, wire: Wire) -> None:
        super().__init__(house)
        self.wire = wire


class Losing(OverTheWire):
    """Every COMMIT, one after the other."""

    async def dying_at(self, fatal: int, act: Callable[[], Awaitable[T]], *, after: bool) -> T:
        self.wire.pass_commits, self.wire.lose_commits, self.wire.swallow = fatal - 1, 1, not after
        try:
            result = await act()
        except DatabaseUnavailable as error:
            raise Death from error
        finally:
            lost, self.wire.lose_commits = not self.wire.lose_commits, 0
        if lost:  # a delivery notes that it failed, and is tried again
            raise Death
        return result

    async def again(self) -> None:
        self.deaths += 1
        self.house.clock.forward(seconds=31)
        for sql in AGAIN:
            await self.house.write(sql)


async def test_every_commit_of_a_page_is_lost_on_both_ways(house: House, lossy: Wire) -> None:
    walked = await house.talk("kim").walk("page")
    talk = Mortal.born(house, "kim")
    talk.answered, talk.replies, talk._count = walked.answered, walked.replies, 1000
    talk.ordeal = Losing(house, lossy)
    await talk.through_the_page(0)
    await talk.presses(Choice("works=later", ""), at=None)
    assert talk.at is None
    await whole(house)
    [row] = await house.rows("SELECT status FROM certificates")
    assert row["status"] == "valid"
    assert talk.ordeal.deaths >= 20


# -- there for three seconds, away for one ----------------------------------------------------------------------------


class Patience(OverTheWire):
    """Asks again until it is answered; also when something was lost that a job keeps for its next turn."""

    async def through(self, act: Callable[[], Awaitable[T]]) -> T:
        until = time.monotonic() + 60
        while True:
            losses = self.wire.losses
            with contextlib.suppress(DatabaseUnavailable):
                result = await act()
                if self.wire.losses == losses:
                    return result
            self.deaths += 1
            assert time.monotonic() < until, "it is back, and nothing is answered"
            await asyncio.sleep(0.02)


class Patient(Mortal):
    """A customer who knows the messages that were on the phone already."""

    known = 0
    pause = 1  # one may wait for five seconds while the other says a lot, and a code holds for ten minutes

    async def code(self) -> str:
        while len(codes := await self.ordeal.through(self.codes)) <= self.known:
            self.house.clock.forward(seconds=1)
            await self.write(AGAIN[0])
            await self.ordeal.through(self.service.delivering.work)
        self.known = len(codes)
        return codes[0]

    async def hears(self, *keys: str, at: str | None = None) -> str:
        before = self.replies
        heard = await super().hears(*keys, at=at)
        self.replies = self.replies or before  # heard already, when what was lost was somebody else's
        return heard

    async def certificates(self) -> list[Record]:
        return await self.ordeal.through(super().certificates)

    async def write(self, sql: str) -> None:
        await self.ordeal.through(lambda: self.house.write(sql))

    async def lives(self, keys: Iterator[int]) -> None:
        for journey in (enroll, hold_and_release, reissue, revoke):
            for sql in AGAIN:
                await self.write(sql)
            await journey(self, next(keys))


@contextlib.asynccontextmanager
async def flapping(wire: Wire) -> AsyncIterator[asyncio.Event]:
    """Away from the middle of a COMMIT on: connections are cut and refused, or nothing comes through, by turns."""
    ended = asyncio.Event()

    async def flap() -> None:
        until = time.monotonic() + FLAPPING
        for silent in itertools.cycle((False, True)):
            await asyncio.sleep(THERE)
            wire.lose_commits, wire.swallow = 1, silent
            while wire.lose_commits:  # noqa: ASYNC110 - the proxy counts them in its own time
                await asyncio.sleep(0.001)
            wire.silent, wire.refuse = silent, not silent
            if not silent:
                wire.cut()
            await asyncio.sleep(AWAY)
            wire.cut()  # what was swallowed cannot come any more
            wire.silent = wire.refuse = False
            if time.monotonic() >= until:
                ended.set()
                return

    task = asyncio.create_task(flap())
    try:
        yield ended
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_database_that_comes_and_goes(house: House, lossy: Wire) -> None:
    keys, lives = itertools.count(), 0
    # With cards: a token's digits would be of yesterday where several move one clock.
    talks = [Patient.born(house, who) for who in ("kim", "smith")]
    for talk in talks:
        talk.ordeal = Patience(house, lossy)
    async with flapping(lossy) as ended:
        while not ended.is_set():
            await asyncio.gather(*(talk.lives(keys) for talk in talks))
            lives += len(talks)
            house.clock.forward(hours=3)  # so many a day, and no more
    print(f"{lives} lives, {sum(talk.ordeal.deaths for talk in talks)} times asked again")
    await whole(house)
    certificates = await house.rows("SELECT status FROM certificates")
    assert [row["status"] for row in certificates] == ["revoked"] * 2 * lives
