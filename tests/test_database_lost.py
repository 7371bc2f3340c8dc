"""PostgreSQL loses every single COMMIT of a page and of a message once on its way there and once on its way back.

The customer says the same again, as every channel does after an error; nothing is lost, done twice or halved.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bot.storage.database import DatabaseUnavailable
from handlers.message import Choice
from tests.dying import AGAIN, Death, Mortal, Ordeal, T, whole
from tests.engines import fresh_database
from tests.storage.test_postgres import Wire
from tests.talking import House


@pytest.fixture
async def lossy(postgres: str) -> AsyncIterator[Wire]:
    proxy = Wire(fresh_database(postgres))
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
def settings(lossy: Wire) -> dict[str, object]:
    return {"database_url": lossy.url, "sms_per_hour": 60, "code_seconds": 600, "proof_minutes": 60, "link_minutes": 60}


class Losing(Ordeal):
    """The process lives on; its database does not answer."""

    def __init__(self, house: House, wire: Wire) -> None:
        super().__init__(house)
        self.wire = wire

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
