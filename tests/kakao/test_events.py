"""Speaking first to channel friends: KakaoTalk comes for the words; who is no friend hears it by the next way."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.channels.kakao.centre import blocks
from bot.channels.kakao.reading import read
from bot.gateways.events import ByEvent, EventApi
from bot.gateways.provider import Dispatch
from bot.jobs.following import Following
from bot.storage.sendings import Sendings
from handlers.wording import say
from tests.bot.test_telling import Way, outbox
from tests.handlers.test_notices import D30
from tests.kakao.calls import BOT, call
from tests.kakao.channel import Person, client, kakao, person, settings  # noqa: F401 - fixtures
from tests.providers import DROP, FakeEvents
from tests.talking import House

REST_KEY = "0123456789abcdef0123456789abcdef"
NAME = "certtalk_notice"


@pytest.fixture
async def events(house: House) -> AsyncIterator[FakeEvents]:
    fake = FakeEvents(BOT, REST_KEY, NAME)
    async with fake.serving():
        provider, kept = EventApi(BOT, REST_KEY, NAME, fake.origin), Sendings(house.service.database)
        telling = house.service.telling
        telling.nudges = {"kakao": ByEvent(Dispatch(provider, kept, house.clock))}
        house.service.following = Following({"event": provider}, kept, house.clock, telling.lost_later)
        yield fake


async def due(house: House) -> Way:
    """A certificate from KakaoTalk, thirty days before its end; the SMS way is watched."""
    talk = house.talk("kim", "kakao")
    await talk.walk(None)
    await house.service.delivering.work()
    house.clock.forward(days=D30)
    assert await house.service.reminding.work() == 1
    house.service.telling.gateways = {"sms": (sms := Way())}
    return sms


async def test_a_friend_hears_it_in_kakaotalk(house: House, events: FakeEvents) -> None:
    sms = await due(house)
    await house.service.telling.work()
    [request] = events.requests
    events.friends = {request["user"][0]["id"]}
    house.clock.forward(seconds=11)
    assert house.service.following is not None
    assert await house.service.following.work() == 1
    await house.service.telling.work()
    assert sms.sent == []
    assert await outbox(house) == [("chat", "sent")]
    assert await house.rows("SELECT kind, state FROM sendings") == [{"kind": "event", "state": "arrived"}]


async def test_who_is_no_friend_hears_it_by_the_next_way(house: House, events: FakeEvents) -> None:
    sms = await due(house)
    await house.service.telling.work()
    assert sms.sent == []
    house.clock.forward(seconds=11)
    assert house.service.following is not None
    await house.service.following.work()
    await house.service.telling.work()
    assert len(sms.sent) == 1
    assert await outbox(house) == [("chat", "sent"), ("sms", "sent")]


@pytest.mark.parametrize("fault", [DROP, 500, 400])
async def test_an_event_whose_fate_is_unknown_is_never_sent_again(
    house: House, events: FakeEvents, fault: int | str
) -> None:
    sms, events.faults = await due(house), [fault]
    for _ in range(3):
        await house.service.telling.work()
        house.clock.forward(seconds=10)
    assert len(events.requests) == (1 if fault == DROP else 0)
    assert len(sms.sent) == 1


async def test_a_messenger_that_pushes_needs_no_event(house: House, events: FakeEvents) -> None:
    telling: Any = house.service.telling
    telling.pushed = frozenset({"kakao"})
    await due(house)
    await telling.work()
    assert events.requests == []


async def test_the_events_block_shows_what_was_not_shown(house: House, person: Person) -> None:  # noqa: F811
    name = next(one for one in blocks(house.service.settings, house.service.texts["ko"]) if one["event"] == NAME)
    heard = read(call("", block=name["block"]))
    assert heard.wish == "more"
    assert read(call("", block=house.service.texts["en"]("operator.kakao.block.notices"))).wish == "more"
    assert read(call("알림", block="폴백 블록")).wish == "turn"
    await person.says("안녕하세요")
    customer, texts = await person.customer(), house.service.texts["ko"]
    await house.service.conversation.notify(
        "kakao", person.user, customer, "k1", lambda d: say(d.texts, "notice.unkept")
    )
    assert texts("notice.unkept") in await person.says("", block=name["block"], trigger="EVENT")
    assert texts("notice.unkept") not in await person.says("", block=name["block"], trigger="EVENT")
