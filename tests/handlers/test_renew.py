"""Renewal as customers walk it: from thirty days before the end until that day, with the old key or as oneself."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ca.ports import Status
from handlers.flow import Accepted, PageForm, Refused
from handlers.message import Choice
from handlers.renew import challenge
from tests.talking import House, R, Talk, csr

RENEW = Choice("start:renew", "갱신하기")
OPENS = datetime(2027, 10, 22, 15, tzinfo=UTC)
"""Midnight in Korea, thirty days before 22 November 2027, when what the tests issue ends."""


@pytest.fixture
def settings() -> dict[str, object]:
    return {"link_days": 366}


@pytest.fixture
async def owner(talk: Talk) -> Talk:
    """김데모 on the first day on which renewal is open, in the conversation where the certificate was issued."""
    await talk.walk(None)
    talk.house.clock.now = OPENS
    return talk


async def signed(talk: Talk, *, key: int = 0, new: int = 1, link: str = "", over: str = "") -> PageForm:
    """What the page sends: the old certificate, and a signature by the key `key` over the request for the key `new`."""
    page = talk.page()
    [record] = await talk.house.rows("SELECT der FROM certificates WHERE status = 'valid' AND in_place = 1")
    private = ec.derive_private_key(1_000_003 + key, ec.SECP256R1())
    message = challenge(link or page.link_id) + base64.b64decode(csr(new if not over else int(over)))
    signature = private.sign(message, ec.ECDSA(hashes.SHA256()))
    old = {"certificate": base64.b64encode(record["der"]).decode(), "signature": base64.b64encode(signature).decode()}
    return PageForm(page.link_id, {"csr": csr(new), "r": R, "old": old})


async def sign(talk: Talk, *, key: int = 0, new: int = 1, link: str = "", over: str = "") -> Accepted | Refused:
    """Send it."""
    form = await signed(talk, key=key, new=new, link=link, over=over)
    result, _ = await talk.service.conversation.submit(talk.channel, talk.demo.id, talk.customer, form)
    return result


async def to_the_page(talk: Talk, how: str = "인증서 파일과 비밀번호로") -> None:
    await talk.presses(RENEW, "renew.how.ask")
    if how == "인증서 파일과 비밀번호로":
        await talk.presses(how, "enroll.place.ask", at="renew.place")
    else:
        await talk.presses(how, "identity.code.ask", at="renew.code")
        await talk.says(await talk.code(), "enroll.place.ask")
    words = await talk.presses("이 PC", "renew.review.ask")
    assert "2027년 11월 22일에서 2028년 11월 22일로" in words
    await talk.presses("갱신하기", "renew.page.ask")


async def standing(talk: Talk) -> list[tuple[str, int, str | None]]:
    rows = await talk.house.rows("SELECT status, in_place, reason FROM certificates ORDER BY planned_at")
    return [(row["status"], row["in_place"], row["reason"]) for row in rows]


@pytest.mark.everywhere
async def test_with_the_old_key_and_nothing_else(owner: Talk) -> None:
    await to_the_page(owner)
    codes = len(await owner.codes())
    shown = await owner.page().shown()
    assert shown is not None
    assert (shown["purpose"], shown["factor"]) == ("renew", None)
    assert base64.b64decode(shown["old"]["challenge"]) == challenge(owner.page().link_id)
    accepted = await sign(owner)
    assert isinstance(accepted, Accepted)
    assert await sign(owner) == accepted  # its answer was lost
    assert await standing(owner) == [("valid", 1, None), ("valid", 0, None)]
    await owner.page().done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    assert await standing(owner) == [("revoked", 0, "superseded"), ("valid", 1, None)]
    words = await owner.presses("나중에 할게요", "renew.done")
    assert "2028년 11월 22일까지" in words
    [record] = await owner.certificates()
    assert record.plan.not_after == datetime(2028, 11, 22, 14, 59, 59, tzinfo=UTC)
    assert len(await owner.codes()) == codes
    assert "갱신됐어요" in (await owner.sms())[0]


@pytest.mark.everywhere
async def test_as_oneself_when_the_old_file_is_gone(owner: Talk) -> None:
    await to_the_page(owner, "문자와 보안카드·OTP로")
    page = owner.page()
    refused = await page.submit({"cells": {}}, key=1)
    assert isinstance(refused, Refused)
    assert isinstance(await page.submit(key=1), Accepted)
    await page.done()
    assert [status for status, _, _ in await standing(owner)] == ["revoked", "valid"]


async def test_a_conversation_that_is_not_known_shows_a_code_first(owner: Talk) -> None:
    stranger = owner.house.talk("kim", "console", customer="another")
    await stranger.presses(RENEW, "identity.account.ask")
    await stranger.says("000-21-1101-011", "identity.name.ask")
    await stranger.says("김데모", "identity.code.ask")
    await stranger.says(await stranger.code(), "enroll.place.ask", at="renew.place")


async def test_the_wrong_key_renews_nothing(owner: Talk) -> None:
    await to_the_page(owner)
    for wrong in ({"key": 5}, {"link": "another"}, {"over": "2"}):
        assert await sign(owner, **wrong) == Refused("old_wrong")  # type: ignore[arg-type]
    for odd in ({}, {"old": "x"}, {"old": {"certificate": "%", "signature": ""}}, {"old": {}}):
        result, _ = await owner.service.conversation.submit(
            "web", "kim", owner.customer, PageForm(owner.page().link_id, {"csr": csr(1), "r": R, **odd})
        )
        assert result == Refused("bad_request")
    assert await standing(owner) == [("valid", 1, None)]


async def test_a_certificate_held_meanwhile_is_not_renewed(owner: Talk) -> None:
    await to_the_page(owner)
    await owner.house.write("UPDATE certificates SET status = 'held'")
    page = owner.page().link_id
    [record] = await owner.house.rows("SELECT der FROM certificates")
    old = {"certificate": base64.b64encode(record["der"]).decode(), "signature": "AA=="}
    form = PageForm(page, {"csr": csr(1), "r": R, "old": old})
    result, _ = await owner.service.conversation.submit("web", "kim", owner.customer, form)
    assert result == Refused("not_replaceable", final=True)
    await owner.says("취소", "common.cancelled")
    await owner.presses(RENEW, "renew.stop.held")
    assert owner.labels[:2] == ["되살리기", "재발급"]


async def test_what_finally_fails_on_the_page_is_said_in_the_chat_once(owner: Talk) -> None:
    await to_the_page(owner, "문자와 보안카드·OTP로")
    page = owner.page()
    factor = await page.factor()
    await owner.house.write("UPDATE certificates SET status = 'revoked', in_place = 0")
    assert await page.submit(factor, key=1) == Refused("not_replaceable", final=True)
    assert await page.submit(factor, key=1) == Refused("not_replaceable", final=True)
    words = await owner.hears("common.page_refused", at="renew.page")
    assert "상태가 바뀌어서" in words
    await owner.presses("취소", "common.cancelled")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (datetime(2027, 10, 22, 14, 59, tzinfo=UTC), "renew.stop.too_early"),
        (datetime(2027, 10, 22, 15, 0, tzinfo=UTC), "renew.how.ask"),
        (datetime(2027, 11, 22, 14, 59, 30, tzinfo=UTC), "renew.how.ask"),
        (datetime(2027, 11, 22, 15, 0, tzinfo=UTC), "renew.stop.too_late"),
    ],
)
async def test_open_from_the_thirtieth_day_to_the_last(owner: Talk, now: datetime, said: str) -> None:
    owner.house.clock.now = now
    words = await owner.presses(RENEW, said)
    if said == "renew.stop.too_early":
        assert "2027년 10월 23일부터" in words
        assert "달력에 넣기(.ics)" in owner.labels
    if said == "renew.stop.too_late":
        assert owner.labels[0] == "인증서 발급"


async def test_who_has_none(talk: Talk) -> None:
    await talk.presses(RENEW, "identity.account.ask")
    await talk.says("000-21-1101-011", "identity.name.ask")
    await talk.says("김데모", "identity.code.ask")
    await talk.says(await talk.code(), "renew.stop.none")


class TestLeapDay:
    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {"link_days": 366}

    async def test_a_leap_day_becomes_the_day_before(self, talk: Talk) -> None:
        talk.house.clock.now = datetime(2027, 3, 2, 3, tzinfo=UTC)
        await talk.walk(None)
        [record] = await talk.certificates()
        assert record.plan.not_after == datetime(2028, 2, 29, 14, 59, 59, tzinfo=UTC)
        talk.house.clock.now = datetime(2028, 2, 29, 1, tzinfo=UTC)
        await talk.presses(RENEW, "renew.how.ask")
        await talk.presses("인증서 파일과 비밀번호로", "enroll.place.ask")
        await talk.presses("USB", "renew.review.ask")
        await talk.presses("갱신하기", "renew.page.ask")
        assert isinstance(await sign(talk), Accepted)
        await talk.page().done()
        [record] = await talk.certificates()
        assert record.plan.not_after == datetime(2029, 2, 28, 14, 59, 59, tzinfo=UTC)

    async def test_over_the_end_of_a_year(self, talk: Talk) -> None:
        talk.house.clock.now = datetime(2027, 1, 1, 3, tzinfo=UTC)
        await talk.walk(None)
        talk.house.clock.now = datetime(2027, 12, 31, 14, 50, tzinfo=UTC)  # ten to midnight in Korea
        await talk.presses(RENEW, "renew.how.ask")
        await talk.presses("인증서 파일과 비밀번호로", "enroll.place.ask")
        talk.house.clock.now = datetime(2027, 12, 31, 15, 1, tzinfo=UTC)
        await talk.presses("USB", "renew.review.ask")
        await talk.presses("갱신하기", "renew.page.ask")
        assert await sign(talk) == Refused("not_replaceable", final=True)  # the day is over

    async def test_a_clock_set_back_renews_nothing(self, talk: Talk) -> None:
        await talk.walk(None)
        talk.house.clock.now = OPENS
        await talk.presses(RENEW, "renew.how.ask")
        await talk.presses("인증서 파일과 비밀번호로", "enroll.place.ask")
        await talk.presses("USB", "renew.review.ask")
        await talk.presses("갱신하기", "renew.page.ask")
        talk.house.clock.forward(days=-2)
        assert isinstance(await sign(talk), Refused)
        assert [status for status, _, _ in await standing(talk)] == ["valid"]


async def test_in_the_middle_back_a_question_another_channel(owner: Talk) -> None:
    await owner.presses(RENEW, "renew.how.ask")
    await owner.says("갱신하면 남은 기간은 어떻게 되나요?", at="renew.how")
    await owner.presses("인증서 파일과 비밀번호로", "enroll.place.ask")
    await owner.says("뒤로", "renew.how.ask")
    await owner.says("1", "enroll.place.ask")
    owner.switches = True
    await owner.presses("이 PC", "renew.review.ask")
    await owner.presses("보관할 곳 바꾸기", "enroll.place.ask")
    await owner.presses("휴대폰", "renew.review.ask")
    await owner.presses("갱신하기", "renew.page.ask")
    await owner.presses("새 링크 받기", "enroll.page.replaced", "renew.page.ask")
    assert isinstance(await sign(owner), Accepted)
    await owner.page().done("enroll.kept_there", "guide.install.phone.other",
                            "enroll.works.ask")  # fmt: skip


async def test_left_unkept_the_old_one_stays_and_it_can_be_done_again(owner: Talk) -> None:
    await to_the_page(owner)
    assert isinstance(await sign(owner), Accepted)
    await owner.says("취소", "common.cancelled")
    await to_the_page(owner)
    assert isinstance(await sign(owner, new=2), Accepted)
    await owner.page().done()
    assert await standing(owner) == [
        ("revoked", 0, "superseded"), ("revoked", 0, "superseded"), ("valid", 1, None),
    ]  # fmt: skip


async def test_nobody_kept_it_in_a_day(owner: Talk) -> None:
    await to_the_page(owner)
    assert isinstance(await sign(owner), Accepted)
    owner.house.clock.forward(days=2)
    await owner.service.cleaning.work()
    assert await standing(owner) == [("valid", 1, None), ("revoked", 0, "superseded")]


async def test_the_places_of_the_old_one_are_asked_about(owner: Talk) -> None:
    await owner.presses(Choice("start:status:places", ""), "identity.places.ask")
    await owner.presses("정부24", "identity.places.ask")
    await owner.presses("다 했어요", "status.done_places")
    await to_the_page(owner)
    await sign(owner)
    await owner.page().done()
    await owner.presses("나중에 할게요", "renew.places.ask_again", at="renew.places")
    assert owner.labels[0] == "정부24"
    await owner.presses("정부24", "renew.places.ask_again")
    assert owner.labels[0] == "✓ 정부24"
    await owner.presses("다 했어요", "renew.done")


async def test_a_business_certificate_is_renewed_for_its_fee(house: House) -> None:
    park = await house.talk("park").walk(None)
    house.clock.now = OPENS
    await park.presses(RENEW, "renew.how.ask")
    await park.presses("인증서 파일과 비밀번호로", "enroll.place.ask")
    assert "55,000원" in await park.presses("이 PC", "renew.review.ask")
    await park.presses("갱신하기", "renew.page.ask")
    assert isinstance(await sign(park), Accepted)
    [fees] = await house.rows("SELECT count(*) AS n FROM demo_fees")
    assert fees["n"] == 2


async def test_killed_between_kept_and_settled(owner: Talk) -> None:
    await to_the_page(owner)
    await sign(owner)
    link, service = owner.page().link_id, owner.service
    record = await service.certificates.by_request(link)
    assert record is not None
    result = {"serial": f"{record.plan.serial:040x}", "until": record.plan.not_after.isoformat(), "document": None}
    await service.links.finish(link, result, service.clock())
    await owner.house.restart()  # killed here: the page is done, nothing has followed
    assert [status for status, _, _ in await standing(owner)] == ["valid", "valid"]
    await owner.service.cleaning.take_on()
    await owner.service.cleaning.take_on()
    assert [status for status, _, _ in await standing(owner)] == ["revoked", "valid"]
    [current] = await owner.certificates()
    assert current.status is Status.VALID
