"""A reminder on its way: by one way after another, looked at once more before it goes out, never before a code."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.reminders import Phones, drain
from bot.gateways.notices import Notice
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.jobs.telling import TRIES
from bot.storage import reminders
from bot.storage.bubbles import Bubbles
from handlers.bank import BankCustomer
from handlers.message import Choice
from tests.handlers.test_notices import D30
from tests.talking import House, Talk

TOKEN = "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Way:
    """A way beside the chats that fails as told, then takes everything."""

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.sent = list(faults), list[Notice]()

    async def send(self, to: BankCustomer, notice: Notice) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(notice)


@pytest.fixture
def settings() -> dict[str, object]:
    return {"telegram_token": TOKEN}


def ways(house: House, **gateways: Way) -> None:
    house.service.telling.gateways = gateways


async def due(talk: Talk) -> None:
    """A certificate, thirty days before its end; what was said so far is heard."""
    await talk.walk(None)
    await talk.service.delivering.work()
    await talk.hears()
    talk.house.clock.forward(days=D30)
    assert await talk.service.reminding.work() == 1


async def outbox(house: House) -> list[tuple[str, str]]:
    rows = await house.rows("SELECT channel, state FROM outbox WHERE kind = 'reminder' ORDER BY id")
    return [(row["channel"], row["state"]) for row in rows]


async def test_who_is_reached_in_a_messenger_gets_no_sms(house: House) -> None:
    talk = house.talk("kim", "telegram")
    ways(house, sms=(sms := Way()))
    await due(talk)
    assert await house.service.telling.work() == 1
    await talk.hears("reminder.ahead")
    assert sms.sent == []


async def test_a_page_nobody_may_look_at_is_not_enough(house: House) -> None:
    talk = house.talk("kim", "web")
    ways(house, sms=(sms := Way()))
    await due(talk)
    await house.service.telling.work()
    await talk.hears("reminder.ahead")
    assert [one.template for one in sms.sent] == ["reminder.ahead"]
    assert await outbox(house) == [("chat", "sent"), ("sms", "sent")]


async def test_a_messenger_that_gives_up_later_leads_to_the_next_way(house: House) -> None:
    """The customer has blocked the bot: the sender finds out when it sends."""
    talk = house.talk("kim", "telegram")
    ways(house, sms=(sms := Way()))
    await due(talk)
    await house.service.telling.work()
    bubbles = Bubbles(house.service.database, "telegram", house.clock)
    for _ in range(2):  # a worker that dies in between does it again
        await bubbles.bury(await bubbles.claim(200), "out of reach")
    await house.service.telling.work()
    await house.service.telling.work()
    assert len(sms.sent) == 1
    await talk.hears("reminder.ahead")


async def test_the_next_way_where_one_refuses_or_keeps_failing(house: House) -> None:
    talk = house.talk("kim", "web")
    telling = house.service.telling
    telling.ways = ("chat", "alimtalk", "sms", "email")
    telling.rates = dict.fromkeys(telling.ways, 100)
    telling.turnstiles = dict.fromkeys(telling.ways, telling.turnstiles["sms"])
    refuses, fails, takes = Way(SmsRefused()), Way(*(SmsUnavailable() for _ in range(TRIES))), Way()
    ways(house, alimtalk=refuses, sms=fails, email=takes)
    await due(talk)
    for _ in range(TRIES - 1):
        await telling.work()
        assert takes.sent == []
        house.clock.forward(seconds=30)
    await telling.work()
    assert len(takes.sent) == 1
    assert await outbox(house) == [("chat", "sent"), ("alimtalk", "sent"), ("sms", "sent"), ("email", "sent")]


async def test_no_way_left_is_a_dead_letter(house: House) -> None:
    talk = house.talk("kim", "web")
    ways(house, sms=Way(SmsRefused()))
    await due(talk)
    await house.service.telling.work()
    assert await outbox(house) == [("chat", "sent"), ("sms", "dead")]


@pytest.mark.parametrize("event", ["revoked", "held", "stopped", "later stage"])
async def test_what_happened_since_it_was_queued(house: House, event: str) -> None:
    talk = house.talk("kim", "web")
    ways(house, sms=(sms := Way()))
    await due(talk)
    [record] = await talk.certificates()
    serial = f"{record.plan.serial:040x}"
    if event in ("revoked", "held"):
        reason = "certificateHold" if event == "held" else "superseded"
        await house.service.certificates.revoke(record.plan.serial, house.clock(), reason)
    if event == "stopped":
        await talk.presses(Choice(f"remind:stop:{serial}", ""), "reminder.stopped")
    if event == "later stage":
        house.clock.forward(days=27)
        await house.service.reminding.work()
    await house.service.telling.work()
    assert len(sms.sent) == (1 if event == "later stage" else 0)


async def test_at_night_it_waits_for_the_morning(house: House) -> None:
    talk = house.talk("kim", "web")
    ways(house, sms=(sms := Way()))
    await due(talk)
    house.clock.forward(hours=11)  # 21:30
    await house.service.telling.work()
    assert sms.sent == []
    house.clock.forward(hours=11)
    await house.service.telling.work()
    assert sms.sent == []
    house.clock.forward(hours=1)
    await house.service.telling.work()
    assert len(sms.sent) == 1


async def test_the_stop_switch_keeps_what_is_queued(house: House) -> None:
    talk = house.talk("kim", "web")
    ways(house, sms=(sms := Way()))
    await due(talk)
    database = house.service.database
    await database.run(reminders.switch, "off", house.clock())
    assert await house.service.telling.work() == 0
    await database.run(reminders.switch, "on", house.clock())
    await house.service.telling.work()
    assert len(sms.sent) == 1


async def test_a_killed_sender_is_followed_by_another(house: House) -> None:
    """It died after the provider had taken the message: the same key again, which the provider knows."""
    talk = house.talk("kim", "web")
    ways(house, sms=(sms := Way()))
    await due(talk)
    telling: Any = house.service.telling
    real, telling._tell = telling._tell, _die
    with pytest.raises(ExceptionGroup):
        await telling.work()
    telling._tell = real
    assert await telling.work() == 0  # still under its lease
    house.clock.now += timedelta(minutes=3)
    await telling.work()
    assert len({one.key for one in sms.sent}) == 1


async def _die(*_: object) -> None:
    raise OSError("gone")


async def test_a_code_does_not_wait_behind_reminders(house: House) -> None:
    talk = house.talk("kim", "web")
    await due(talk)
    await talk.presses(Choice("start:enroll", ""))
    await talk.walk("code")
    assert len(await talk.code()) == 6
    assert await outbox(house) == [("chat", "queued")]


async def test_a_provider_that_thinks_long_is_asked_for_many_at_once(tmp_path: Path) -> None:
    """A pace of 100 a second cannot be reached one after the other."""
    together = asyncio.Barrier(50)

    class Slow(Phones):
        async def send(self, to: BankCustomer, notice: Notice) -> None:
            await together.wait()  # nobody is answered before fifty have asked
            await super().send(to, notice)

    phones = Slow(0)
    await drain(tmp_path, 100, 100, phones)
    assert len(phones.keys) == 100
