"""A journey begun in one conversation and finished in another of the same customer: offered, moved, left behind."""

from dataclasses import replace
from datetime import timedelta

import pytest

from handlers.bank import BankCustomer, CustomerNumber
from handlers.message import Choice, Reply
from handlers.moving import LATELY
from tests.handlers.test_notices import D30
from tests.talking import House, Talk

MOVE = "이어서 하기"


def two(house: House) -> tuple[Talk, Talk]:
    """김데모 in a browser and at KakaoTalk: two conversations that know nothing of each other yet."""
    return house.talk("kim", "web", "browser"), house.talk("kim", "kakao", "kakao-1")


async def known(talk: Talk) -> Talk:
    """Linked, and with nothing open."""
    await talk.walk("details")
    await talk.says("취소", "common.cancelled")
    await talk.service.delivering.work()
    await talk.hears()
    return talk


async def test_begun_on_the_web_and_finished_at_kakaotalk(house: House) -> None:
    web, kakao = two(house)
    await web.walk("place")
    await kakao.says("인증서 발급하고 싶어요", "enroll.prepare.ask")  # nobody knows yet who that is
    await kakao.walk("code")
    said = await kakao.says(await kakao.code(), "common.left_elsewhere", "enroll.details.ask")
    assert "웹에서 하시던 '인증서 발급" in said
    await kakao.presses(MOVE, "common.moved_here", "enroll.details.ask")  # the code of a moment ago is still good
    await kakao.presses("네, 맞아요", "enroll.place.ask", at="enroll.place")  # the terms were agreed to on the web
    assert "카카오톡에서" in await web.hears("notice.linked", "common.moved_away", at=None)
    assert web.at is None
    await kakao.walk(None)
    assert len(await kakao.certificates()) == 1
    [moved] = await house.rows("SELECT subject FROM audit WHERE act = 'journey moved'")
    assert moved["subject"] == kakao.demo.number


async def test_a_code_and_a_page_are_not_carried_over(house: House) -> None:
    web, kakao = two(house)
    await known(kakao)
    await web.walk("page")
    page = web.page()
    codes = len(await web.codes())
    await kakao.says("안녕", "common.greeting", "common.left_elsewhere")
    await kakao.presses(MOVE, "common.moved_here", "identity.code.ask")
    state = await kakao.state()
    assert not {"proof", "link", "factor", "passed"} & state["flow"]["data"].keys()
    assert len(await kakao.codes()) == codes + 1
    await kakao.says(await kakao.code(), "enroll.details.ask")
    # The page that is still open in the browser comes to nothing.
    await web.hears()
    refused = await page.submit({"otp": "123456"})
    assert getattr(refused, "error", None) == "link_gone"
    await kakao.presses("네, 맞아요", "enroll.review.ask")
    await kakao.walk(None)
    assert len(await kakao.certificates()) == 1


async def test_from_kakaotalk_to_telegram_and_back_to_the_web(house: House) -> None:
    web, kakao = two(house)
    telegram = house.talk("kim", "telegram", "telegram-1")
    for talk in (web, telegram):
        await known(talk)
    await kakao.walk("terms")
    await telegram.says("메뉴", "common.help", "common.left_elsewhere")
    assert "카카오톡에서" in telegram.replies[-1].text
    await telegram.presses(MOVE, "common.moved_here", "identity.code.ask")
    await telegram.says(await telegram.code(), "enroll.details.ask")
    await telegram.walk("place")
    assert "텔레그램에서" in await web.says("인증서 발급하고 싶어요", "common.left_elsewhere", "enroll.prepare.ask")
    await web.presses(MOVE, "common.moved_here", "identity.code.ask")
    await web.walk(None)
    assert len(await web.certificates()) == 1
    for talk in (kakao, telegram):
        await talk.hears()
        assert (talk.at, talk.replies[-1].key) == (None, "notice.issued")


async def test_renewal_goes_on_with_where_it_will_be_kept(house: House) -> None:
    web, kakao = two(house)
    await known(kakao)
    await web.walk(None)
    house.clock.forward(days=D30)
    await web.presses(Choice("start:renew", ""))
    await web.walk("place")
    await web.presses(web.valued("place=usb"), "renew.review.ask")
    await known_again(kakao)
    await kakao.says("갱신할래요", "common.left_elsewhere", "renew.how.ask")
    await kakao.presses(MOVE, "common.moved_here", "renew.how.ask")
    await kakao.presses(kakao.valued("how=identity"), "identity.code.ask")
    await kakao.says(await kakao.code(), "renew.review.ask")
    assert "USB" in kakao.replies[-1].text


async def known_again(talk: Talk) -> None:
    await talk.says("내 인증서")
    while talk.answered.flow is not None:
        await talk.step()
    await talk.service.delivering.work()
    await talk.hears()


@pytest.mark.parametrize("why", ["long ago", "another account", "nothing answered", "being issued", "unlinked"])
async def test_what_is_not_offered(house: House, why: str) -> None:
    web, kakao = two(house)
    await known(kakao)
    if why == "another account":
        await web.walk("place")
        await web.presses(Choice("place=this_pc", ""))
        await web.presses("계좌 바꾸기")
        other = house.service.demo_bank.customer("lee")
        assert other is not None
        await web.says(other.accounts[0])
        await web.says(other.name)
    elif why == "nothing answered":
        await known(web)
        await web.presses(Choice("start:enroll", ""))
        await web.presses("준비됐어요")
    elif why == "being issued":
        await web.walk("page")
        await web.page().submit()
    else:
        await web.walk("place")
    if why == "long ago":
        house.clock.forward(seconds=LATELY.total_seconds() + 60)
        told = Reply("k", "소식이에요.")  # which is no sign of the customer
        await house.service.conversation.notify("web", "kim", web.customer, "news", lambda draft: told)
    if why == "unlinked":
        await kakao.presses(Choice("start:status:unlink", ""))
        await kakao.presses(kakao.valued("unlink=yes"))
    await house.service.delivering.work()
    await kakao.hears()
    await kakao.says("안녕", "common.greeting")
    await kakao.presses(Choice("move:enroll", MOVE), "common.old_button", "common.menu")
    await web.hears()
    assert web.at is not None


async def test_nobody_takes_over_what_is_somebody_elses(house: House) -> None:
    web = house.talk("kim", "web", "browser")
    await web.walk("place")
    stranger = await known(house.talk("lee", "kakao", "kakao-2"))
    await stranger.presses(Choice("move:enroll", MOVE), "common.old_button", "common.menu")
    assert (await web.state())["flow"]["step"] == "place"


async def test_what_was_answered_for_another_customer_does_not_go_on_as_this_ones(house: House) -> None:
    web, kakao = two(house)
    await known(web)
    lee = house.talk("lee").demo
    await web.walk("code", account=lee.accounts[0], name=lee.name)  # somebody tries another's account there
    await known(kakao)
    await kakao.says("안녕", "common.greeting")


async def test_offered_once_a_journey_and_not_over_another_one(house: House) -> None:
    web, kakao = two(house)
    await known(kakao)
    await web.walk("place")
    await kakao.says("인증서 발급하고 싶어요", "common.left_elsewhere", "enroll.prepare.ask")
    offered = kakao.button(MOVE)
    await kakao.walk("code")
    await kakao.says(await kakao.code(), "enroll.details.ask")
    await kakao.says("취소", "common.cancelled")
    await kakao.says("알림 설정", "reminders.what.ask")
    await kakao.presses(offered, "common.old_button", "reminders.what.ask")


async def test_pressed_twice_it_moves_once(house: House) -> None:
    web, kakao = two(house)
    await known(kakao)
    await web.walk("place")
    await kakao.says("안녕", "common.greeting", "common.left_elsewhere")
    button = kakao.button(MOVE)
    codes = len(await kakao.codes())
    await kakao.presses(button, "common.moved_here", "identity.code.ask")
    await kakao.presses(button, "common.old_button", "identity.code.ask")
    assert len(await kakao.codes()) == codes + 1


async def test_what_waits_behind_something_short_is_offered_too(house: House) -> None:
    web, kakao = two(house)
    await known(kakao)
    await web.walk("place")
    await web.says("상담원", "person.wish.ask")
    await kakao.says("안녕", "common.greeting", "common.left_elsewhere")
    await kakao.presses(MOVE, "common.moved_here", "identity.code.ask")
    await web.hears()
    assert web.at == "person.wish"
    await web.says("취소", "common.cancelled")


async def test_killed_before_the_old_conversation_was_told(house: House) -> None:
    web, kakao = two(house)
    await known(kakao)
    await web.walk("place")
    await kakao.says("안녕", "common.greeting", "common.left_elsewhere")
    house.clock.now += timedelta(seconds=1)
    await kakao.send("kakao:move", MOVE, "move:enroll")
    await house.restart()
    for _ in range(2):
        await house.service.delivering.work()
    await web.hears("common.moved_away")


@pytest.mark.parametrize("moves", [True, False])
async def test_to_a_phone_that_changed_meanwhile_goes_no_code(
    house: House, monkeypatch: pytest.MonkeyPatch, moves: bool
) -> None:
    """Looked up by the old number; asked for a code again elsewhere, or after a night."""
    web, kakao = two(house)
    await known(kakao)
    await web.walk("place")
    look_up, codes = house.service.demo_bank.by_number, len(await kakao.codes())

    async def changed(number: CustomerNumber) -> BankCustomer | None:
        found = await look_up(number)
        return found and replace(found, phone_changed_at=house.clock() - timedelta(hours=1))

    monkeypatch.setattr(house.service.demo_bank, "by_number", changed)
    if moves:
        await kakao.says("안녕", "common.greeting", "common.left_elsewhere")
        await kakao.presses(MOVE, "common.moved_here", "identity.stop.phone_changed", at=None)
    else:
        house.clock.forward(days=1)
        await web.presses(web.valued("place=this_pc"), at=None)
        assert web.replies[-1].key == "identity.stop.phone_changed"
    assert len(await kakao.codes()) == codes
