"""발급, when something is not as it was answered first: another kind, another account, no to the terms, a change."""

import pytest

from handlers.flow import Accepted
from tests.talking import House, Talk

SECOND = "000-24-1101-022"
"""The other account of 김데모."""


@pytest.mark.parametrize(
    ("who", "wrong", "told"), [("kim", "business", "other_personal"), ("park", "personal", "other_business")]
)
async def test_the_other_kind_of_account(house: House, who: str, wrong: str, told: str) -> None:
    talk = await house.talk(who).walk("name", kind=wrong)
    await talk.says(talk.demo.name, f"enroll.kind.{told}", "enroll.kind.ask", at="enroll.kind")
    assert await talk.sms() == []
    await talk.walk("page")
    assert isinstance(await talk.page().submit(), Accepted)


async def test_not_enrolled_in_internet_banking(house: House) -> None:
    talk = await house.talk("choi").walk("name")
    await talk.says("최가상", "enroll.stop.not_enrolled")
    assert "상담원 연결" in talk.labels
    assert talk.at is None
    assert await talk.sms() == []


async def test_details_that_are_wrong_begin_at_the_account(talk: Talk) -> None:
    await talk.walk("details")
    await talk.presses("아니요", "enroll.details.again", "identity.account.ask", at="enroll.account")
    await talk.says("뒤로", "enroll.kind.ask")
    await talk.walk("review")


async def test_the_terms_in_full_and_declined(talk: Talk) -> None:
    await talk.walk("terms")
    full = await talk.presses("전체 약관 보기", "terms.full", "enroll.terms.ask", at="enroll.terms")
    assert "13." in full
    await talk.presses("동의하지 않아요", "enroll.stop.terms_declined")
    assert talk.at is None
    assert await talk.house.rows("SELECT * FROM agreements") == []


async def test_the_agreement_is_kept_with_what_was_shown(talk: Talk) -> None:
    await talk.walk("place")
    [kept] = await talk.house.rows("SELECT number, version, locale FROM agreements")
    assert kept == {"number": "DEMO0001", "version": talk.service.texts["ko"]("terms.version"), "locale": "ko"}


async def test_another_place_and_nothing_else_again(talk: Talk) -> None:
    await talk.walk("review")
    sent = len(await talk.codes())
    await talk.presses("보관할 곳 바꾸기", "enroll.place.ask")
    words = await talk.presses("USB", "enroll.review.ask", at="enroll.review")
    assert "보관할 곳: USB" in words
    assert len(await talk.codes()) == sent
    await talk.presses("발급하기", "enroll.page.ask")
    assert ((await talk.page().shown()) or {})["place"] == "usb"


async def test_the_same_place_again_changes_nothing(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("보관할 곳 바꾸기", "enroll.place.ask")
    await talk.presses("이 PC", "enroll.review.ask")
    await talk.says("뒤로", "enroll.place.ask")


async def test_another_account_voids_the_code(talk: Talk) -> None:
    """What the code was sent for is no longer what is asked for: it holds for nothing else."""
    await talk.walk("review")
    await talk.presses("계좌 바꾸기", "identity.account.ask")
    await talk.says(SECOND, "identity.name.ask")
    await talk.says("김데모", "identity.code.ask")
    assert len(await talk.codes()) == 2
    shown = await talk.says(await talk.code(), "enroll.details.ask")
    assert "022" in shown
    review = await talk.presses("네, 맞아요", "enroll.review.ask", at="enroll.review")
    assert "022" in review
    await talk.walk("page")
    assert isinstance(await talk.page().submit(), Accepted)


async def test_the_same_account_again_needs_no_second_code(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("계좌 바꾸기", "identity.account.ask")
    await talk.says("00021 1101011", "enroll.review.ask")
    assert len(await talk.codes()) == 1


async def test_another_kind_and_back_to_the_first(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("종류 바꾸기", "enroll.kind.ask")
    await talk.presses("사업자용 (유료)", "enroll.fee.ask")
    await talk.presses("네, 진행할게요", "identity.account.ask")
    await talk.says("000-21-1101-011", "identity.name.ask")
    await talk.says("김데모", "enroll.kind.other_personal", "enroll.kind.ask")
    await talk.presses("개인용 (무료)", "identity.account.ask")
    await talk.says("000-21-1101-011", "identity.name.ask")
    await talk.says("김데모", "enroll.details.ask")  # the code still holds for exactly this
    await talk.presses("네, 맞아요", "enroll.review.ask")
    assert len(await talk.codes()) == 1


async def test_the_same_kind_again_changes_nothing(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("종류 바꾸기", "enroll.kind.ask")
    await talk.presses("개인용 (무료)", "enroll.review.ask")


@pytest.mark.parametrize("change", ["종류 바꾸기", "계좌 바꾸기", "보관할 곳 바꾸기"])
async def test_back_from_a_change_is_the_review_again(talk: Talk, change: str) -> None:
    await talk.walk("review")
    await talk.presses(change)
    await talk.says("뒤로", "enroll.review.ask", at="enroll.review")
    await talk.says("뒤로", "enroll.place.ask")
    assert len(await talk.codes()) == 1


async def test_back_in_the_middle_of_a_change_of_account(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("계좌 바꾸기", "identity.account.ask")
    await talk.says(SECOND, "identity.name.ask")
    await talk.says("뒤로", "identity.account.ask")
    await talk.says("뒤로", "enroll.kind.ask")
    await talk.presses("개인용 (무료)", "identity.name.ask")  # the account was answered, its holder was not
    await talk.says("김데모", "identity.code.ask")
    await talk.says(await talk.code(), "enroll.details.ask")
    await talk.presses("네, 맞아요", "enroll.review.ask")
