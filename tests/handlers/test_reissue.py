"""Reissue as customers walk it: five reasons, the old end, the right word in the revocation list."""

import pytest

from handlers.flow import Accepted
from handlers.message import Choice
from tests.talking import Talk

REISSUE = Choice("start:reissue", "재발급")


@pytest.fixture
async def owner(talk: Talk) -> Talk:
    return await talk.walk(None)


async def to_why(talk: Talk) -> None:
    await talk.presses(REISSUE, "identity.code.ask", at="reissue.code")
    await talk.says(await talk.code(), "reissue.why.ask")


async def standing(talk: Talk) -> list[tuple[str, str | None]]:
    rows = await talk.house.rows("SELECT status, reason FROM certificates ORDER BY planned_at")
    return [(row["status"], row["reason"]) for row in rows]


@pytest.mark.parametrize(
    ("why", "button", "reason"),
    [
        ("forgotten", "비밀번호를 잊었어요", "superseded"), ("broken", "파일이 열리지 않아요", "superseded"),
        ("moved", "기기를 바꿨어요", "superseded"), ("lost", "잃어버렸어요", "keyCompromise"),
        ("leaked", "남이 알게 된 것 같아요", "keyCompromise"),
    ],
)  # fmt: skip
async def test_each_reason(owner: Talk, why: str, button: str, reason: str) -> None:
    [old] = await owner.certificates()
    await to_why(owner)
    await owner.presses(button, f"reissue.why.means.{why}", "enroll.place.ask")
    stops = reason == "keyCompromise"
    words = await owner.presses("이 PC", "reissue.review.ask_stops" if stops else "reissue.review.ask")
    assert "2027년 11월 22일" in words
    assert button in words
    assert await standing(owner) == [("valid", None)]
    await owner.presses("재발급하기", *(("reissue.stopped",) if stops else ()), "enroll.page.ask")
    assert await standing(owner) == [("held", "certificateHold") if stops else ("valid", None)]
    assert isinstance(await owner.page().submit(key=1), Accepted)
    await owner.page().done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    assert await standing(owner) == [("revoked", reason), ("valid", None)]
    await owner.presses("나중에 할게요", "identity.places.ask")
    await owner.presses("홈택스", "identity.places.ask")
    await owner.presses("다 했어요", "reissue.done")
    [new] = await owner.certificates()
    assert new.plan.not_after == old.plan.not_after
    assert new.plan.replaces == old.plan.serial
    assert "재발급됐어요" in (await owner.sms())[0]
    assert "홈택스" in await owner.presses(Choice("start:status", ""), "status.done")


async def test_given_up_after_the_old_one_was_stopped(owner: Talk) -> None:
    await to_why(owner)
    await owner.presses("잃어버렸어요", "reissue.why.means.lost", "enroll.place.ask")
    await owner.presses("이 PC", "reissue.review.ask_stops")
    await owner.presses("재발급하기", "reissue.stopped", "enroll.page.ask")
    await owner.says("취소", "reissue.stop.stopped")
    assert owner.labels == ["재발급", "되살리기", "폐지하기"]
    await owner.presses("재발급", "identity.code.ask")
    await owner.says(await owner.code(), "reissue.why.ask")
    await owner.presses("잃어버렸어요", "reissue.why.means.lost", "enroll.place.ask")
    await owner.presses("이 PC", "reissue.review.ask")
    await owner.presses("재발급하기", "enroll.page.ask")  # it is stopped already
    assert isinstance(await owner.page().submit(key=1), Accepted)
    await owner.page().done()
    assert await standing(owner) == [("revoked", "keyCompromise"), ("valid", None)]


@pytest.mark.everywhere
async def test_changes_at_the_review(owner: Talk) -> None:
    await to_why(owner)
    await owner.presses("잃어버렸어요", "reissue.why.means.lost", "enroll.place.ask")
    await owner.presses("USB", "reissue.review.ask_stops")
    await owner.presses("이유 바꾸기", "reissue.why.ask")
    await owner.says("비밀번호를 잊었어요", "reissue.why.means.forgotten", "reissue.review.ask")
    await owner.presses("보관할 곳 바꾸기", "enroll.place.ask")
    assert "휴대폰" in await owner.presses("휴대폰", "reissue.review.ask")


async def test_the_proof_lapses_and_holds_for_this_only(owner: Talk) -> None:
    await to_why(owner)
    owner.house.clock.forward(minutes=11)
    await owner.presses("기기를 바꿨어요", "identity.lapsed", "identity.code.ask")
    await owner.says(await owner.code(), "reissue.why.ask")


async def test_what_has_ended_is_issued_anew(owner: Talk) -> None:
    owner.house.clock.forward(days=366)
    await owner.presses(REISSUE, "identity.account.ask")
    await owner.says("000-21-1101-011", "identity.name.ask")
    await owner.says("김데모", "identity.code.ask")
    await owner.says(await owner.code(), "reissue.stop.expired")
    assert owner.labels[0] == "인증서 발급"


async def test_a_bank_that_does_not_answer_changes_nothing(owner: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    from handlers.bank import BankUnavailable

    async def silent(*_: object) -> None:
        raise BankUnavailable

    await to_why(owner)
    with monkeypatch.context() as patch:
        patch.setattr(type(owner.service.demo_bank), "by_number", silent)
        await owner.presses("기기를 바꿨어요", "reissue.why.means.moved", "enroll.place.ask")
        await owner.presses("이 PC")
    await owner.presses(Choice("cmd:retry", ""))
    assert owner.at is not None
    assert owner.at.startswith("reissue.")
    assert await standing(owner) == [("valid", None)]


async def test_what_is_looked_up_takes_no_number(owner: Talk) -> None:
    await owner.presses(Choice("start:reissue", ""), "identity.code.ask", progress=(1, 7))
    await owner.says(await owner.code(), "reissue.why.ask", progress=(2, 7))
    await owner.presses(owner.valued("why=moved"), "reissue.why.means.moved", "enroll.place.ask", progress=(3, 7))
