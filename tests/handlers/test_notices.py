"""What is said unasked: that a certificate was issued, that one ends soon. An open journey is not disturbed by it."""

import re

import pytest

from handlers.message import Choice
from tests.talking import House, Talk

D30 = 336
"""Days from the tests' Monday to thirty days before what is issued on it ends."""


async def two_talks(house: House) -> tuple[Talk, Talk]:
    """The web chat, and a second conversation that has proven to be the same customer."""
    web, other = house.talk(), house.talk("kim", "console", customer="second")
    await other.walk("details")
    await other.says("취소")
    await web.walk("page")
    return web, other


async def test_the_other_conversation_hears_of_a_new_certificate(house: House) -> None:
    web, other = await two_talks(house)
    await other.presses(Choice("start:enroll", ""), "common.left_elsewhere", "enroll.prepare.ask")
    await web.page().submit()
    await house.service.delivering.work()
    await web.hears()
    assert web.replies == ()  # where it was issued, the page has just said so
    await other.hears("notice.issued", at="enroll.prepare")
    assert other.labels == ["제가 한 게 아니에요", "상담원 연결"]
    await other.presses("상담원 연결", "person.wish.ask")
    notices = [sms for sms in await web.sms() if "발급됐어요" in sms]
    assert len(notices) == 1


async def test_a_stranger_hears_nothing(house: House) -> None:
    web, _ = await two_talks(house)
    stranger = house.talk("lee")
    await stranger.says("안녕하세요")
    await web.page().submit()
    await house.service.delivering.work()
    await stranger.hears()
    assert stranger.replies == ()


async def test_notices_come_once_over_a_restart(house: House) -> None:
    web, other = await two_talks(house)
    await web.page().submit()
    await house.restart()
    for _ in range(2):
        await house.service.delivering.work()
    await other.hears("notice.linked", "notice.issued")


async def remind(talk: Talk) -> None:
    await talk.service.reminding.work()
    await talk.service.telling.work()


@pytest.mark.everywhere
async def test_a_reminder_with_its_three_buttons(talk: Talk) -> None:
    await talk.walk(None)
    await talk.hears()
    talk.house.clock.forward(days=D30)
    await remind(talk)
    words = await talk.hears("reminder.ahead")
    assert "28일 뒤" in words or "29일 뒤" in words or "30일 뒤" in words
    renew, tomorrow, stop = talk.choices
    assert (tomorrow.label, stop.label) == ("내일 다시", "그만 받기")
    await remind(talk)
    await talk.hears()
    assert talk.replies == ()  # once each
    await talk.presses(tomorrow, "reminder.tomorrow")
    talk.house.clock.forward(days=1)
    await remind(talk)
    await talk.hears("reminder.ahead")
    talk.house.clock.forward(days=1)
    await remind(talk)
    await talk.hears()
    assert talk.replies == ()
    talk.house.clock.forward(days=20)
    await remind(talk)
    await talk.hears("reminder.ahead")
    await talk.presses(renew)
    assert talk.at == "renew.account"  # it was linked long ago
    await talk.says("취소", "common.cancelled")
    await talk.presses(stop, "reminder.stopped")
    talk.house.clock.forward(days=10)
    await remind(talk)
    await talk.hears()
    assert talk.replies == ()


async def test_a_reminder_in_the_middle_of_a_journey(talk: Talk) -> None:
    await talk.walk(None)
    await talk.presses(Choice("start:enroll", ""), "enroll.prepare.ask")
    await talk.presses("준비됐어요", "enroll.kind.ask")
    talk.house.clock.forward(days=D30)
    await remind(talk)
    await talk.hears("reminder.ahead", at="enroll.kind")
    await talk.presses(talk.choices[1], "common.welcome_back", "reminder.tomorrow", "enroll.kind.ask", at="enroll.kind")


async def test_a_reminder_is_in_the_language_of_the_talk(house: House) -> None:
    talk = house.talk("smith")
    await talk.walk(None)
    await talk.hears()
    house.clock.forward(days=D30)
    await remind(talk)
    assert not re.search("[가-힣]", await talk.hears("reminder.ahead") + str(talk.labels))


async def test_nobody_stops_the_reminders_of_somebody_else(house: House) -> None:
    talk, stranger = await house.talk().walk(None), house.talk("lee")
    [record] = await talk.certificates()
    serial = f"{record.plan.serial:040x}"
    await stranger.walk("details")
    await stranger.presses(Choice(f"remind:stop:{serial}", "그만 받기"))
    house.clock.forward(days=D30)
    await talk.hears()
    await remind(talk)
    await talk.hears("reminder.ahead")
