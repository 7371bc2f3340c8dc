"""How reminders are wished, in the chat; what is wished is what happens."""

from datetime import timedelta

import pytest

from handlers.message import Choice
from handlers.stages import Wishes
from tests.handlers.test_notices import D30, remind
from tests.talking import House, Talk

OPEN = Choice("start:reminders", "알림 설정")


async def wishes(talk: Talk) -> Wishes | None:
    from bot.storage.reminders import Book

    return await Book(talk.service.database).wishes(talk.customer)


async def test_who_is_nobody_yet_has_nothing_to_wish(talk: Talk) -> None:
    await talk.says("안녕하세요")
    await talk.presses(OPEN, "reminders.stop.nobody")
    assert talk.answered.flow is None


@pytest.mark.parametrize("channel", ["web", "console"])
async def test_days_hour_and_place(house: House, channel: str) -> None:
    talk = await house.talk("kim", channel).walk(None)
    words = await talk.presses(OPEN, "reminders.what.ask", at="reminders.what")
    assert "만료 30·14·7·3·1일 전, 당일, 다음 날, 9시(서울 시각)" in words
    await talk.presses("알려 줄 날", "reminders.days.ask", at="reminders.days")
    await talk.says("열흘 전", "reminders.days.error.format", "reminders.days.ask")
    words = await talk.says("7, 1, 당일", "reminders.changed", "reminders.what.ask")
    assert "만료 7·1일 전, 당일, 9시" in words
    await talk.presses("알려 줄 시각", "reminders.hour.ask")
    await talk.says("밤 11시", "reminders.hour.error.night", "reminders.hour.ask")
    await talk.says("오후 3시", "reminders.changed", "reminders.what.ask")
    await talk.presses("내가 있는 곳", "reminders.zone.ask")
    words = await talk.presses("런던", "reminders.changed", "reminders.what.ask")
    assert "15시(런던 시각)" in words
    await talk.presses("이대로 좋아요", "reminders.done")
    assert await wishes(talk) == Wishes((7, 1, 0), hour=15, zone="london")


async def test_a_wish_is_told_before_it_is_asked_which_kind_it_is(talk: Talk) -> None:
    await talk.walk(None)
    await talk.presses(OPEN, "reminders.what.ask")
    await talk.says("7일 전에만 알려줘", "reminders.changed", "reminders.what.ask")
    await talk.says("오전 10시에", "reminders.changed", "reminders.what.ask")
    await talk.says("밤 11시에", "reminders.hour.ask")
    await talk.says("저녁 8시", "reminders.changed", "reminders.what.ask")
    await talk.says("이대로 좋아요", "reminders.done")
    assert await wishes(talk) == Wishes((7,), hour=20)


async def test_leaving_half_way_keeps_what_was_chosen(talk: Talk) -> None:
    await talk.walk(None)
    await talk.presses(OPEN, "reminders.what.ask")
    await talk.presses("알려 줄 시각", "reminders.hour.ask")
    await talk.presses("20:00", "reminders.changed", "reminders.what.ask")
    await talk.presses("알려 줄 날", "reminders.days.ask")
    await talk.says("수수료가 얼마예요?", "faq.faq_fee.answer", "reminders.days.ask", at="reminders.days")
    await talk.says("뒤로", at="reminders.what")
    await talk.says("취소", "common.cancelled")
    assert await wishes(talk) == Wishes(hour=20)
    talk.house.clock.forward(days=334)  # thirty days before, half past ten in the morning
    await remind(talk)
    await talk.hears()
    assert talk.replies == ()
    talk.house.clock.forward(hours=10)
    await remind(talk)
    await talk.hears("reminder.ahead")


async def test_the_settings_by_their_name(talk: Talk) -> None:
    await talk.walk(None)
    await talk.says("알림 설정", "reminders.what.ask")
    await talk.says("취소", "common.cancelled")
    await talk.says("알림설정", "reminders.what.ask")


@pytest.mark.everywhere
async def test_all_off_and_on_again(talk: Talk) -> None:
    await talk.walk(None)
    await talk.presses(OPEN, "reminders.what.ask")
    await talk.presses("모두 끄기", "reminders.done_stopped")
    await talk.hears()
    talk.house.clock.forward(days=D30 + 20)
    await remind(talk)
    await talk.hears()
    assert talk.replies == ()
    await talk.presses(OPEN, "reminders.what.ask_stopped")
    words = await talk.presses("다시 켜기", "reminders.done")
    assert "만료 30·14·7·3·1일 전, 당일, 다음 날, 9시(서울 시각)에 알려" in words
    talk.house.clock.forward(days=6)
    await remind(talk)
    await talk.hears("reminder.ahead")


async def test_another_restart_before_every_message(house: House) -> None:
    talk = await house.talk().walk(None)
    house.restarts = True
    await talk.presses(OPEN, "reminders.what.ask")
    await talk.presses("먼저 받을 곳", "reminders.way.ask")
    await talk.presses("문자", "reminders.changed", "reminders.what.ask")
    house.restarts = False
    before = len(await talk.sms())
    house.clock.forward(days=D30)
    await remind(talk)
    await talk.hears()
    assert (talk.replies, len(await talk.sms())) == ((), before + 1)  # by SMS first, and that was enough


async def test_stopping_leads_to_the_settings(talk: Talk) -> None:
    await talk.walk(None)
    await talk.hears()
    talk.house.clock.forward(days=D30)
    await remind(talk)
    await talk.hears("reminder.ahead")
    await talk.presses("그만 받기", "reminder.stopped")
    await talk.presses("알림 설정", "reminders.what.ask")


async def test_a_certificate_from_elsewhere_is_its_conversations(house: House) -> None:
    """Only that conversation is told, by the issuer's name, and may have wishes without being known to the bank."""
    from bot.storage import reminders

    talk, other = house.talk("kim"), house.talk("lee")
    for one in (talk, other):
        await one.says("안녕하세요")
    now = house.clock()
    await house.service.database.run(
        lambda tx: reminders.follow(
            tx, "elsewhere:1", talk.customer, "yessign", now + timedelta(days=40), now, ours=False
        )
    )
    await talk.presses(OPEN, "reminders.what.ask")
    await talk.presses("이대로 좋아요", "reminders.done")
    await other.presses(OPEN, "reminders.stop.nobody")
    await other.presses(Choice("remind:stop:elsewhere:1", ""), "reminder.stopped")  # says so, changes nothing
    house.clock.forward(days=11)
    await remind(talk)
    words = await talk.hears("reminder.elsewhere")
    assert "yessign" in words
    assert "29일 뒤" in words
    await talk.presses("내일 다시", "reminder.tomorrow")
    house.clock.forward(days=1)
    await remind(talk)
    await talk.hears("reminder.elsewhere")
    await talk.presses("그만 받기", "reminder.stopped")
    house.clock.forward(days=20)
    await remind(talk)
    await talk.hears()
    assert talk.replies == ()
