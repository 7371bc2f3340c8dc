"""Lost, suspended, ended, released: two taps and one factor stop a certificate, from wherever its owner is."""

from datetime import UTC, datetime

import pytest

from ca.ports import Status
from handlers.flow import Accepted, Refused
from handlers.message import Choice
from tests.talking import House, Talk

LOST = Choice("start:revoke", "분실·정지·폐지")


async def status(talk: Talk) -> list[tuple[str, str | None]]:
    rows = await talk.house.rows("SELECT status, reason FROM certificates ORDER BY planned_at")
    return [(row["status"], row["reason"]) for row in rows]


@pytest.fixture
async def owner(talk: Talk) -> Talk:
    """김데모, who has a certificate, in the conversation where it was issued."""
    return await talk.walk(None)


async def hold(talk: Talk) -> str:
    await talk.presses(LOST, "revoke.wish.ask")
    await talk.presses("지금 멈추기", "identity.code.ask", at="revoke.code")
    return await talk.says(await talk.code(), "revoke.done_held")


@pytest.mark.parametrize("hour", [3, 12, 23])
async def test_two_taps_and_a_code_suspend_at_any_hour(owner: Talk, hour: int) -> None:
    owner.house.clock.now = datetime(2026, 12, 1, hour, tzinfo=UTC)
    consequences = await owner.presses(LOST, "revoke.wish.ask")
    assert "6개월" in consequences
    assert "되돌릴 수 없" in consequences
    await owner.presses("지금 멈추기", "identity.code.ask")
    words = await owner.says(await owner.code(), "revoke.done_held")
    assert await status(owner) == [("held", "certificateHold")]
    [row] = await owner.house.rows("SELECT detail FROM audit WHERE act = 'status wanted'")
    assert words.rpartition(" ")[2] in row["detail"]  # the reference that was read out


@pytest.mark.parametrize("word", ["분실", "분실신고", "막아줘", "정지해줘", "lost", "block it"])
async def test_one_word_leads_there(talk: Talk, word: str) -> None:
    await talk.says(word, "revoke.wish.ask")


@pytest.mark.parametrize(
    ("asked", "label"),
    [("수수료", "fee"), ("영업시간", "service_hours"), ("유효기간", "validity"),
     ("비밀번호를 잊었어요", "forgot_password"), ("맥북에서도 되나요", "pc_steps"), ("법인인데 수수료 얼마", "fee")],
)  # fmt: skip
async def test_a_question_on_the_way_is_answered_and_the_step_put_again(owner: Talk, asked: str, label: str) -> None:
    async def aside() -> None:
        before = owner.at
        await owner.says("도움말")
        question = owner.replies[-1].key
        await owner.says(asked, f"faq.faq_{label}.answer", question)
        assert owner.at == before

    await owner.presses(LOST, "revoke.wish.ask")
    await aside()
    await owner.presses("지금 멈추기", "identity.code.ask")
    await aside()
    await owner.presses("휴대폰도 없어요", "revoke.page.ask")
    await aside()
    await owner.says("취소", "common.cancelled")
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("폐지하기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.reason.ask")
    await aside()
    await owner.presses("더 쓰지 않아요", "revoke.confirm.ask")
    await aside()


async def test_who_is_not_known_here_says_who_they_are(house: House) -> None:
    await house.talk().walk(None)
    stranger = house.talk("kim", "console", customer="another")
    await stranger.presses(LOST, "revoke.wish.ask")
    assert stranger.labels == ["지금 멈추기", "내 인증서 모두 멈추기", "폐지하기", "되살리기"]
    await stranger.presses("내 인증서 모두 멈추기", "identity.account.ask")
    await stranger.says("000-21-1101-011", "identity.name.ask")
    await stranger.says("김데모", "identity.code.ask")
    await stranger.says(await stranger.code(), "revoke.done_held")
    assert await status(stranger) == [("held", "certificateHold")]


@pytest.mark.everywhere
async def test_without_the_phone_the_card_is_enough(owner: Talk) -> None:
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("지금 멈추기", "identity.code.ask")
    await owner.presses("휴대폰도 없어요", "revoke.page.ask")
    page = owner.page()
    shown = await page.shown()
    assert shown is not None
    assert shown["purpose"] == "prove"
    refused = await page.submit({"cells": {}})
    assert isinstance(refused, Refused)
    assert await status(owner) == [("valid", None)]
    await owner.says("다 했어요", "enroll.page.error.waiting", "revoke.page.ask")
    assert await page.submit() == Accepted()
    assert await page.submit() == Accepted()  # its answer was lost
    await page.done("revoke.done_held")
    assert await status(owner) == [("held", "certificateHold")]


async def test_a_page_that_was_opened_and_not_answered_proves_nothing(owner: Talk) -> None:
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("지금 멈추기", "identity.code.ask")
    await owner.presses("휴대폰도 없어요", "revoke.page.ask")
    await owner.page().done("revoke.page.ask")
    assert await status(owner) == [("valid", None)]


async def test_it_waits_for_nobody_else_and_then_goes_back(owner: Talk) -> None:
    await owner.presses(Choice("start:reissue", ""), "identity.code.ask", at="reissue.code")
    await owner.presses(Choice("start:revoke:not_me", ""), "identity.code.ask", at="revoke.code")
    await owner.says(await owner.code(), "revoke.done_held", "identity.code.ask", at="reissue.code")


@pytest.mark.everywhere
async def test_ended_for_good_only_after_asking_once_more(owner: Talk) -> None:
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("폐지하기", "identity.code.ask")
    assert "휴대폰도 없어요" not in owner.labels
    await owner.says(await owner.code(), "revoke.reason.ask")
    await owner.presses("더 쓰지 않아요", "revoke.confirm.ask")
    confirm = owner.button("폐지하기")
    assert "~" in confirm.value
    await owner.says("재발급하면 수수료가 얼마예요?", "faq.faq_fee.answer", "revoke.confirm.ask")
    await owner.presses(confirm, "common.old_button", "revoke.confirm.ask")  # each asking has its own button
    await owner.presses("폐지하기", "revoke.done_revoked")
    assert await status(owner) == [("revoked", "cessationOfOperation")]
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("지금 멈추기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.stop.none")


@pytest.mark.parametrize(
    ("why", "reason"),
    [("남이 알게 된 것 같아요", "keyCompromise"), ("이름이나 소속이 바뀌었어요", "affiliationChanged"),
     ("다른 이유", "unspecified")],
)  # fmt: skip
async def test_the_reason_is_the_lists_reason(owner: Talk, why: str, reason: str) -> None:
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("폐지하기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.reason.ask")
    await owner.presses(why)
    await owner.presses("폐지하기", "revoke.done_revoked")
    assert await status(owner) == [("revoked", reason)]


async def test_at_the_last_question_it_may_be_suspended_or_left(owner: Talk) -> None:
    await owner.presses(LOST, "revoke.wish.ask")
    await owner.presses("폐지하기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.reason.ask")
    await owner.presses("잃어버렸어요", "revoke.confirm.ask_lost")
    await owner.says("뒤로", "revoke.reason.ask")
    await owner.presses("잃어버렸어요", "revoke.confirm.ask_lost")
    await owner.presses("우선 멈추기", "revoke.done_held")
    assert await status(owner) == [("held", "certificateHold")]
    await owner.presses("폐지하기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.reason.ask")
    await owner.presses("다른 이유", "revoke.confirm.ask")
    await owner.presses("그대로 두기", "revoke.stop.kept")
    assert await status(owner) == [("held", "certificateHold")]


@pytest.mark.everywhere
async def test_released_with_both_factors_only(owner: Talk) -> None:
    await hold(owner)
    await owner.presses("되살리기", "identity.code.ask", at="revoke.code")
    await owner.says(await owner.code(), "revoke.page.ask")
    assert await status(owner) == [("held", "certificateHold")]
    page = owner.page()
    assert await page.submit() == Accepted()
    await page.done("revoke.done_released")
    assert await status(owner) == [("valid", None)]


async def test_a_code_that_is_too_old_opens_no_page(owner: Talk) -> None:
    await hold(owner)
    await owner.presses("되살리기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.page.ask")
    page = owner.page()
    owner.house.clock.forward(minutes=10)
    assert await page.submit() == Refused("proof_lapsed", final=True)
    await owner.says("아직이요", "identity.lapsed", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.page.ask")
    assert await owner.page().submit() == Accepted()


async def test_what_is_already_stopped_or_was_never_there(house: House, owner: Talk) -> None:
    await hold(owner)
    await owner.presses(Choice("start:revoke:hold", ""), "identity.code.ask")
    await owner.says(await owner.code(), "revoke.stop.already_held")
    other = house.talk("lee")
    await other.presses(LOST, "revoke.wish.ask")
    await other.presses("되살리기", "identity.account.ask")
    await other.says("000-21-1102-034", "identity.name.ask")
    await other.says("이샘플", "identity.code.ask")
    await other.says(await other.code(), "revoke.page.ask")
    await other.page().submit()
    await other.page().done("revoke.stop.not_held")


@pytest.mark.parametrize("who", ["han", "jung"])
async def test_a_locked_card_or_a_new_phone_does_not_keep_anybody_from_stopping(house: House, who: str) -> None:
    """한견본's card is locked, 정연습's phone number is a day old: a code for the one, the token for the other."""
    talk = house.talk(who)
    await talk.presses(LOST, "revoke.wish.ask")
    await talk.presses("지금 멈추기", "identity.account.ask")
    await talk.says(talk.demo.accounts[0], "identity.name.ask")
    if who == "han":
        await talk.says(talk.demo.name, "identity.code.ask")
        await talk.says(await talk.code(), "revoke.stop.none")
    else:
        await talk.says(talk.demo.name, "revoke.page.ask")
        assert await talk.codes() == []
        assert await talk.page().submit() == Accepted()
        await talk.page().done("revoke.stop.none")


async def test_everybody_known_hears_of_it_and_can_stop_it(house: House, owner: Talk) -> None:
    other = house.talk("kim", "console", customer="second")
    await other.presses(Choice("start:status", ""), "identity.account.ask")
    await other.says("000-21-1101-011", "identity.name.ask")
    await other.says("김데모", "identity.code.ask")
    await other.says(await other.code(), "status.done")
    await owner.hears("notice.linked")
    assert owner.labels == ["제가 한 게 아니에요", "상담원 연결"]
    await hold(owner)
    await other.hears("notice.held")
    await owner.presses("되살리기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.page.ask")
    await owner.page().submit()
    await owner.page().done("revoke.done_released")
    await house.service.delivering.work()
    await other.hears("notice.released")
    assert "다시 쓸 수 있게" in (await other.sms())[0]
    await other.presses("제가 한 게 아니에요", "identity.code.ask")
    await other.says(await other.code(), "revoke.done_held")
    assert await status(owner) == [("held", "certificateHold")]


async def test_nobody_stops_what_is_somebody_elses(house: House, owner: Talk) -> None:
    other = house.talk("lee")
    await other.presses(LOST, "revoke.wish.ask")
    await other.presses("내 인증서 모두 멈추기", "identity.account.ask")
    await other.says("000-21-1102-034", "identity.name.ask")
    await other.says("이샘플", "identity.code.ask")
    await other.says(await other.code(), "revoke.stop.none")
    assert await status(owner) == [("valid", None)]


async def test_killed_before_every_message_it_happens_once(owner: Talk) -> None:
    owner.house.restarts = True
    await hold(owner)
    [count] = await owner.house.rows("SELECT count(*) AS n FROM audit WHERE act = 'held'")
    assert count["n"] == 1
    assert (await owner.certificates())[0].status is Status.HELD


async def test_without_the_phone_in_a_conversation_that_is_not_known(house: House, owner: Talk) -> None:
    stranger = house.talk("kim", "console", customer="another")
    await stranger.presses(LOST, "revoke.wish.ask")
    await stranger.presses("지금 멈추기", "identity.account.ask")
    await stranger.says("000-21-1101-011", "identity.name.ask")
    await stranger.says("김데모", "identity.code.ask")
    await stranger.presses("휴대폰도 없어요", "revoke.page.ask")
    await stranger.page().submit()
    await stranger.page().done("revoke.done_held")
    assert await status(owner) == [("held", "certificateHold")]
