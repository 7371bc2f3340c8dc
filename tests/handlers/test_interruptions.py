"""What may come at any step: back, cancel, start over, help, another language or journey, an old button, a pause."""

import json
import re

import pytest

from handlers.bank import BankUnavailable
from handlers.flow import Accepted
from handlers.message import Choice
from tests.talking import House, Talk, unsure

STEPS = ("prepare", "kind", "account", "name", "code", "details", "terms", "place", "review", "page", "works")
BACK_TO = {
    "prepare": "prepare", "kind": "prepare", "account": "kind", "name": "account", "code": "name", "details": "name",
    "terms": "details", "place": "terms", "review": "place", "page": "review", "works": "works",
}  # fmt: skip
"""A proof is not asked again by going back, and what is done cannot be undone by it."""


def asks(talk: Talk) -> str:
    """The key of the question at the step where the talk stands."""
    return re.sub(r".*\.(account|name|code)\.ask", r"identity.\1.ask", f"{talk.at}.ask")


@pytest.mark.parametrize("step", STEPS)
async def test_back(talk: Talk, step: str) -> None:
    await talk.walk(step)
    await talk.says("뒤로")
    assert talk.at == f"enroll.{BACK_TO[step]}"
    first = ["common.first_step"] if BACK_TO[step] == step else []
    assert [reply.key for reply in talk.replies] == [*first, asks(talk)]
    await talk.walk(None)
    assert len(await talk.certificates()) == 1


async def test_all_the_way_back_and_on_again(talk: Talk) -> None:
    await talk.walk("page")
    for _ in STEPS:
        await talk.says("뒤로")
    assert talk.at == "enroll.prepare"
    await talk.walk("page")
    assert len(await talk.codes()) == 1  # the proof still held


@pytest.mark.parametrize("step", STEPS)
async def test_cancel_leaves_nothing_behind(talk: Talk, step: str) -> None:
    await talk.walk(step)
    # At the last step the certificate is there already: that is an end, and nothing is undone.
    await talk.says("취소할게요", *(("guide.after", "enroll.done") if step == "works" else ("common.cancelled",)))
    state = await talk.state()
    assert (talk.at, state["flow"], state["paused"]) == (None, None, None)
    await talk.says("취소", "common.nothing_to_cancel")


@pytest.mark.parametrize("step", STEPS)
async def test_start_over(talk: Talk, step: str) -> None:
    await talk.walk(step)
    await talk.says("처음부터", "common.restarted", "enroll.prepare.ask", at="enroll.prepare")
    assert (await talk.state())["flow"]["data"] == {}


@pytest.mark.parametrize("step", STEPS)
async def test_help_keeps_the_place(talk: Talk, step: str) -> None:
    await talk.walk(step)
    await talk.says("도움말", "common.help_in_flow", asks(talk), at=f"enroll.{step}")


@pytest.mark.parametrize("step", STEPS)
async def test_another_language_keeps_the_step(talk: Talk, step: str) -> None:
    await talk.walk(step)
    progress = talk.replies[-1].progress
    await talk.says("언어", "common.language")
    await talk.presses("English", "common.language_changed", asks(talk), at=f"enroll.{step}", progress=progress)
    assert not re.search("[가-힣]{2}", talk.replies[-1].text)
    await talk.says("한국어로", "common.language_changed", asks(talk), at=f"enroll.{step}")
    assert re.search("[가-힣]{2}", talk.replies[-1].text)


@pytest.mark.parametrize("step", STEPS)
async def test_a_question_and_the_same_step_again(talk: Talk, step: str) -> None:
    await talk.walk(step)
    await talk.says("비밀번호는 몇 자리예요?", "faq.faq_password_rules.answer", asks(talk), at=f"enroll.{step}")
    assert not [choice for reply in talk.replies[:-1] for choice in reply.choices]  # nothing that leads away
    await talk.says(unsure(), "common.did_you_mean", asks(talk), at=f"enroll.{step}")
    await talk.presses(talk.labels[0], f"faq.{talk.choices[0].value[6:]}.answer", asks(talk), at=f"enroll.{step}")
    await talk.walk(None)


@pytest.mark.parametrize("step", STEPS)
async def test_a_person_and_back(talk: Talk, step: str) -> None:
    await talk.walk(step)
    question = asks(talk)
    await talk.says("상담원", "person.wish.ask", at="person.wish")
    await talk.says("취소", "common.cancelled_back", question, at=f"enroll.{step}")
    await talk.says("상담원 연결해줘", "person.wish.ask")
    await talk.says("휴대폰 번호가 바뀌었어요", "person.done", question, at=f"enroll.{step}")


@pytest.mark.parametrize("step", STEPS)
async def test_small_talk_keeps_the_place(talk: Talk, step: str) -> None:
    await talk.walk(step)
    if step != "name":
        await talk.says("안녕하세요", "common.hello_again", asks(talk), at=f"enroll.{step}")
    await talk.says("고마워요", "common.thanks", asks(talk), at=f"enroll.{step}")


@pytest.mark.parametrize("step", STEPS)
async def test_the_same_journey_again_goes_on(talk: Talk, step: str) -> None:
    await talk.walk(step)
    await talk.presses(Choice("start:enroll", "인증서 발급"), "common.already_here", asks(talk), at=f"enroll.{step}")
    await talk.presses("처음부터", "common.restarted", "enroll.prepare.ask", at="enroll.prepare")


# -- another journey --------------------------------------------------------------------------------------------------


async def test_another_journey_is_asked_about_first(talk: Talk) -> None:
    await talk.says("상담원", "person.wish.ask")
    await talk.presses(Choice("start:enroll", "인증서 발급"), "common.switch", at="person.wish")
    await talk.presses("하던 일 계속", "person.wish.ask")
    await talk.presses(Choice("start:enroll", "인증서 발급"), "common.switch")
    await talk.presses("인증서 발급", "enroll.prepare.ask", at="enroll.prepare")
    await talk.says("취소", "common.cancelled")


async def test_the_journey_that_waits_is_gone_back_to(talk: Talk) -> None:
    await talk.walk("review")
    await talk.says("상담원", "person.wish.ask")
    await talk.presses(
        Choice("start:enroll", "인증서 발급"), "common.already_here", "enroll.review.ask", at="enroll.review"
    )
    await talk.says("취소", "common.cancelled")
    assert (await talk.state())["paused"] is None


async def test_of_two_that_wait_none_is_forgotten(talk: Talk) -> None:
    """A certificate is stopped in the middle of a journey, and a person is wanted in the middle of that."""
    await talk.walk("review")
    await talk.says("분실", "revoke.wish.ask")
    await talk.says("상담원", "person.wish.ask")
    await talk.house.restart()
    await talk.says("취소", "common.cancelled_back", "revoke.wish.ask", at="revoke.wish")
    await talk.says("취소", "common.cancelled_back", "enroll.review.ask", at="enroll.review")
    await talk.walk(None)
    assert len(await talk.certificates()) == 1


async def test_a_page_goes_on_while_two_others_came_in_between(talk: Talk) -> None:
    await talk.walk(None)
    await talk.presses(Choice("start:reissue", ""), "identity.code.ask")
    await talk.presses(Choice("start:revoke:hold", ""), "identity.code.ask")
    await talk.presses("휴대폰도 없어요", "revoke.page.ask")
    page = talk.page()
    await talk.says("상담원", "person.wish.ask")
    await page.submit()
    await page.done("revoke.done_held", "person.wish.ask", at="person.wish")
    await talk.says("취소", "common.cancelled_back", "identity.code.ask", at="reissue.code")


async def test_a_page_below_two_others_goes_on_and_they_wait(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    await talk.says("분실", "revoke.wish.ask")
    await talk.says("상담원", "person.wish.ask")
    assert isinstance(await page.submit(), Accepted)
    await page.done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask", at="enroll.works")
    await talk.presses("나중에 할게요", "guide.after", "enroll.done", "person.wish.ask", at="person.wish")
    await talk.says("취소", "common.cancelled_back", "revoke.wish.ask", at="revoke.wish")
    await talk.says("취소", "common.cancelled")


async def test_an_old_switch_throws_nothing_away(talk: Talk) -> None:
    await talk.says("상담원")
    await talk.presses(Choice("start:enroll", "인증서 발급"), "common.switch")
    switch = talk.button("인증서 발급")
    await talk.presses(switch, "enroll.prepare.ask")
    await talk.walk("review")
    await talk.presses(switch, "common.already_here", "enroll.review.ask", at="enroll.review")


# -- old buttons ------------------------------------------------------------------------------------------------------


async def test_an_old_button_shows_where_we_are(talk: Talk) -> None:
    await talk.walk("kind")
    old = talk.button("사업자용 (유료)")
    await talk.walk("terms")
    await talk.presses(old, "common.old_button", "enroll.terms.ask", at="enroll.terms")
    assert (await talk.state())["flow"]["data"]["kind"] == "personal"
    await talk.says("취소")
    await talk.presses(old, "common.old_button", "common.menu")


@pytest.mark.parametrize(
    "value", ["", "x", "means:nothing", "lang:xx", "start:nothing", "switch:x", "a=b", "kind:", "=", "~"]
)
async def test_a_button_nobody_made(talk: Talk, value: str) -> None:
    await talk.walk("kind")
    await talk.presses(Choice(value, "x"), "common.old_button", "enroll.kind.ask", at="enroll.kind")


async def test_the_irreversible_button_works_once(talk: Talk) -> None:
    await talk.walk("review")
    confirm = talk.button("발급하기")
    await talk.says("뒤로", "enroll.place.ask")
    await talk.presses("USB", "enroll.review.ask")
    await talk.presses(confirm, "common.old_button", "enroll.review.ask", at="enroll.review")
    fresh = talk.button("발급하기")
    assert fresh.value != confirm.value
    await talk.presses(fresh, "enroll.page.ask")
    await talk.presses(fresh, "common.old_button", "enroll.page.ask")
    assert len(await talk.house.rows("SELECT * FROM links")) == 1


@pytest.mark.parametrize("forged", ["review=confirm", "review=confirm~", "review=confirm~forged", "review=change_x"])
async def test_the_irreversible_button_cannot_be_made_up(talk: Talk, forged: str) -> None:
    await talk.walk("review")
    await talk.presses(Choice(forged, "발급하기"), "common.old_button", "enroll.review.ask", at="enroll.review")


# -- a pause ----------------------------------------------------------------------------------------------------------


async def test_welcome_back_after_half_an_hour(talk: Talk) -> None:
    await talk.walk("account")
    talk.house.clock.forward(minutes=29)
    await talk.says("000-21-1101-011", "identity.name.ask")
    talk.house.clock.forward(minutes=31)
    words = await talk.says("김데모", "common.welcome_back", "identity.code.ask")
    assert "인증서 발급" in words


@pytest.mark.parametrize("step", ["details", "terms", "place", "review", "page"])
async def test_after_two_days_a_code_and_then_the_same_step(talk: Talk, step: str) -> None:
    """The journey is there tomorrow; its proof is not. What else was answered is not asked again."""
    await talk.walk(step)
    last = talk.choices[0]
    talk.house.clock.forward(days=2)
    await talk.house.restart()
    await talk.presses(last, "common.welcome_back", "identity.lapsed", "identity.code.ask", at="enroll.code")
    await talk.says(await talk.code(), asks(talk).replace("identity.code", f"enroll.{step}"), at=f"enroll.{step}")
    await talk.walk(None)


async def test_commands_do_not_wait_for_a_code(talk: Talk) -> None:
    await talk.walk("review")
    talk.house.clock.forward(days=2)
    await talk.says("도움말", "common.welcome_back", "common.help_in_flow", "enroll.review.ask")
    await talk.says("취소", "common.cancelled")


async def test_a_journey_of_an_older_version_starts_over(talk: Talk) -> None:
    await talk.walk("terms")
    for broken in ({"version": 0}, {"step": "gone"}, {"flow": "gone"}):
        await talk.walk("terms")
        state = await talk.state()
        state["flow"] |= broken
        await put_state(talk, state)
        await talk.says("네", "common.outdated")
        assert (await talk.state())["flow"] is None


async def put_state(talk: Talk, state: dict[str, object]) -> None:
    await talk.house.write(
        "UPDATE conversations SET state = :state WHERE customer = :customer",
        state=talk.house.service.sealer.seal("conversation", json.dumps(state).encode(), talk.customer.encode()),
        customer=talk.customer,
    )  # fmt: skip


# -- what does not work -----------------------------------------------------------------------------------------------


async def test_the_bank_does_not_answer(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk.walk("code")
    code, before = await talk.code(), await talk.state()

    async def silent(*asked: object) -> None:
        raise BankUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(talk.service.demo_bank, "by_number", silent)
        await talk.says(code, "common.bank_unavailable", at="enroll.code")
        after = await talk.state()
        assert after["flow"] == before["flow"]
        await talk.presses("다시 해 보기", "identity.code.ask")
    await talk.says(code, "enroll.details.ask")


async def test_the_bank_does_not_answer_the_page(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk.walk("page")
    page = talk.page()
    right = await page.factor()

    async def silent(*asked: object) -> None:
        raise BankUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(talk.service.demo_bank, "by_number", silent)
        result = await page.submit(right)
        assert result.error == "unavailable"  # type: ignore[union-attr]
    assert talk.service.texts["ko"]("page.error.unavailable")
    await page.submit(right)
    assert len(await talk.certificates()) == 1


async def test_three_failures_offer_ways_out_and_start_counting_anew(house: House) -> None:
    talk = await house.talk().walk("kind")
    for _ in range(2):
        for word in ("흠", "음", "글쎄"):
            await talk.says(word)
        assert [reply.key for reply in talk.replies] == ["enroll.kind.error.not_offered", "common.stuck"]
    await talk.presses("상담원 연결", "person.wish.ask")
