"""Questions outside a journey: sure ones answered, unsure ones asked back, unknown ones kept, masked, for people."""

import itertools
import re

import pytest

from handlers.message import Choice
from tests.talking import Talk, unsure


async def test_a_sure_question(talk: Talk) -> None:
    await talk.says("비밀번호는 몇 자리예요?", "faq.faq_password_rules.answer", at=None)
    assert talk.labels[-2:] == ["도움됐어요", "아쉬워요"]
    related = talk.choices[0]
    await talk.presses(related)
    assert talk.replies[0].key != "common.old_button"


@pytest.mark.everywhere
async def test_an_unsure_question_is_asked_back(talk: Talk) -> None:
    await talk.says(unsure(), "common.did_you_mean")
    assert 2 <= len(talk.labels) <= 4
    assert talk.labels[-1] == "여기에 없어요"
    await talk.presses(talk.labels[0], f"faq.{talk.choices[0].value[6:]}.answer")
    await talk.says(unsure(), "common.did_you_mean")
    await talk.presses("여기에 없어요", "common.none_of_these")
    assert "상담원 연결" in talk.labels


async def test_an_answer_may_start_what_solves_it(talk: Talk) -> None:
    await talk.says("발급하려면 뭐가 필요해요?", "faq.faq_prerequisites.answer")
    await talk.presses("인증서 발급", "enroll.prepare.ask")


@pytest.mark.parametrize("locale", ["ko", "en"])
async def test_what_help_suggests_is_understood(talk: Talk, locale: str) -> None:
    suggested = re.findall(r"['\"]([^'\"]{6,})['\"]", talk.service.texts[locale]("common.help"))
    assert len(suggested) == 2
    for said in suggested:
        await talk.says(said)
        assert re.fullmatch(r"enroll\.prepare\.ask|faq\.faq_forgot_password\.answer", talk.replies[0].key), said
        await talk.says("취소")


async def test_a_wish_starts_its_journey(talk: Talk) -> None:
    await talk.says("인증서 발급하고 싶어요", "enroll.prepare.ask")


@pytest.mark.parametrize(
    "nonsense", [("화성에 가고 싶어요", "피자 먹고 싶다", "오늘 날씨 어때요", "asdf qwer", "점심 추천")]
)
async def test_not_understood_is_never_said_twice_the_same_way(talk: Talk, nonsense: tuple[str, ...]) -> None:
    heard = []
    for said in nonsense:
        await talk.says(said)
        heard.append(talk.replies[0].text)
        assert "상담원 연결" in talk.labels
    assert all(one != other for one, other in itertools.pairwise(heard))


async def test_what_nobody_could_answer_is_kept_masked(talk: Talk) -> None:
    await talk.says("제 계좌 000-21-1101-011 로 피자 주문해 주세요", "common.not_understood")
    await talk.says("비밀번호: hunter22 화성", "common.did_you_mean")
    kept = await talk.house.rows("SELECT words, customer FROM unanswered ORDER BY at")
    assert len(kept) == 2
    assert "피자 주문해 주세요" in kept[0]["words"]
    assert not any(secret in str(kept) for secret in ("1101", "hunter22"))


async def test_after_an_answer_counting_begins_anew(talk: Talk) -> None:
    await talk.says("화성에 가고 싶어요", "common.not_understood")
    await talk.says("비밀번호는 몇 자리예요?", "faq.faq_password_rules.answer")
    await talk.says("화성에 가고 싶어요", "common.not_understood")


@pytest.mark.parametrize(
    ("button", "thanks", "helpful"), [("도움됐어요", "rated_up", 1), ("아쉬워요", "rated_down", 0)]
)
async def test_feedback_is_kept(talk: Talk, button: str, thanks: str, helpful: int) -> None:
    await talk.says("비밀번호는 몇 자리예요?")
    pressed = talk.button(button)
    await talk.presses(pressed, f"common.{thanks}")
    assert ("상담원 연결" in talk.labels) == (helpful == 0)
    kept = await talk.house.rows("SELECT slug, helpful FROM feedback")
    assert kept == [{"slug": "faq_password_rules", "helpful": helpful}]


async def test_feedback_on_nothing_is_not_kept(talk: Talk) -> None:
    await talk.presses(Choice("rate:up:faq_nothing", ""))
    assert await talk.house.rows("SELECT * FROM feedback") == []


async def test_feedback_in_the_middle_of_a_journey_keeps_the_place(talk: Talk) -> None:
    await talk.says("비밀번호는 몇 자리예요?")
    liked = talk.button("도움됐어요")
    await talk.walk("place")
    await talk.presses(liked, "common.rated_up", "enroll.place.ask", at="enroll.place")


async def test_english_questions_are_answered_in_the_language_of_the_talk(talk: Talk) -> None:
    await talk.says("what are the password rules?", "faq.faq_password_rules.answer")
    assert any("가" <= c <= "힣" for c in talk.replies[0].text)
    await talk.says("English please", "common.language_changed")
    await talk.says("비밀번호는 몇 자리예요?", "faq.faq_password_rules.answer")
    assert not any("가" <= c <= "힣" for c in talk.replies[0].text)


@pytest.mark.parametrize(
    ("said", "key"),
    [("안녕", "common.greeting"), ("고마워요", "common.thanks"), ("도움말", "common.help"), ("뒤로", "common.menu"),
     ("처음부터", "common.menu"), ("취소", "common.nothing_to_cancel")],
)  # fmt: skip
async def test_words_that_are_no_questions(talk: Talk, said: str, key: str) -> None:
    await talk.says(said, key, at=None)
    assert talk.choices or key == "common.thanks"


async def test_of_two_wishes_the_first_is_answered_and_the_other_offered(talk: Talk) -> None:
    await talk.says("비밀번호 규칙이 뭐예요? 백업은 어떻게 해요?", at=None)
    assert talk.replies[0].key == "faq.faq_password_rules.answer"
    assert talk.replies[-1].key == "common.also_asked"
    await talk.presses(talk.replies[-1].choices[0], "faq.faq_backup.answer")


async def test_what_is_urgent_comes_first(talk: Talk) -> None:
    await talk.says("인증서 수수료가 얼마예요? 그리고 휴대폰을 잃어버렸어요", at=None)
    assert talk.replies[0].key == "faq.faq_lost.answer"


async def test_the_number_to_call_is_said(talk: Talk) -> None:
    assert "1588-9999" in await talk.says("전화번호", "person.wish.ask")


async def test_an_angry_complaint_in_the_middle_of_a_journey(talk: Talk) -> None:
    await talk.walk("kind")
    await talk.says("시발 로그인이 안된다고", "common.did_you_mean", "enroll.kind.ask", at="enroll.kind")
    assert {"안 보여요", "비밀번호 분실", "만료됐어요"} <= set(talk.labels)


async def test_another_wish_in_the_middle_of_a_journey(talk: Talk) -> None:
    await talk.walk("account")
    await talk.says("usb에 복사", "common.switch", at="enroll.account")
    await talk.presses("하던 일 계속", "identity.account.ask")
    assert "맥" in await talk.says("맥북에서도 되나요", "faq.faq_pc_steps.answer", "identity.account.ask")


async def test_a_journey_is_not_left_on_a_guess(talk: Talk) -> None:
    await talk.says("인증서 발급하고 싶어요", "enroll.prepare.ask")
    await talk.says("지금 진행하던 거 취소하고 싶어요 그만할래요", "common.did_you_mean", "enroll.prepare.ask")
