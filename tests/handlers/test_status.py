"""My certificates: what is shown to whom, what can be taken along, where it is registered, whose a chat is."""

import re
from datetime import UTC, date, datetime

import pytest
from cryptography import x509
from icalendar import Calendar

from handlers.message import Choice
from tests.talking import House, Talk

MINE = Choice("start:status", "내 인증서")


@pytest.fixture
async def owner(talk: Talk) -> Talk:
    return await talk.walk(None)


async def document(talk: Talk) -> bytes:
    handed = next(reply.document for reply in talk.replies if reply.document)
    await talk.service.delivering.work()
    found = await talk.service.documents.content(handed.id, talk.customer, talk.service.clock())
    assert found is not None
    assert found[0] == handed
    return found[1]


@pytest.mark.everywhere
async def test_what_i_have(owner: Talk) -> None:
    words = await owner.presses(MINE, "status.done")
    assert "개인용 인증서 · 쓸 수 있어요" in words
    assert "2027년 11월 22일까지 (364일 남음)" in words
    # Four lines of eight pairs: no screen is so narrow that it breaks one of them.
    assert re.search(r"지문\(SHA-256\):\n(([0-9A-F]{2}:){8}\n){3}([0-9A-F]{2}:){7}[0-9A-F]{2}\n", words)
    assert "김*모 님과 연결" in words
    assert "2027년 2월 21일까지" in words
    assert owner.labels == [
        "재발급", "분실·정지·폐지", "인증서 파일(.cer)", "달력에 넣기(.ics)", "등록한 곳", "알림 설정", "연결 풀기",
    ]  # fmt: skip
    assert owner.at is None


@pytest.mark.parametrize("said", ["내 인증서 보여줘", "인증서 조회", "show my certificates"])
async def test_asked_for_in_words(owner: Talk, said: str) -> None:
    await owner.says(said, "status.done")


async def test_the_next_action_follows_the_state(owner: Talk) -> None:
    owner.house.clock.now = datetime(2027, 10, 22, 14, 59, tzinfo=UTC)  # a minute before the 23rd in Korea
    await owner.presses(MINE, "identity.account.ask")
    await owner.says("000-21-1101-011", "identity.name.ask")
    await owner.says("김데모", "identity.code.ask")
    await owner.says(await owner.code(), "status.done")
    assert "갱신하기" not in owner.labels
    owner.house.clock.forward(minutes=2)
    await owner.presses(MINE, "status.done")
    assert owner.labels[0] == "갱신하기"
    owner.house.clock.now = datetime(2027, 11, 22, 14, 59, 50, tzinfo=UTC)
    assert "(오늘까지)" in await owner.presses(MINE, "status.done")
    owner.house.clock.forward(minutes=1)
    assert "만료됐어요" in await owner.presses(MINE, "status.done")
    assert owner.labels[0] == "인증서 발급"


async def test_a_link_lets_look_for_ninety_days(owner: Talk) -> None:
    owner.house.clock.forward(days=89)
    await owner.presses(MINE, "status.done")
    owner.house.clock.forward(days=2)
    await owner.presses(MINE, "identity.account.ask")
    await owner.says("000-21-1101-011", "identity.name.ask")
    await owner.says("김데모", "identity.code.ask")
    await owner.says("왜 인증번호가 필요해요?", at="status.code")
    await owner.says(await owner.code(), "status.done")


@pytest.mark.everywhere
async def test_the_public_file(owner: Talk) -> None:
    await owner.presses(MINE, "status.done")
    await owner.presses("인증서 파일(.cer)", "status.handed_file", "status.done_next")
    [record] = await owner.certificates()
    assert await document(owner) == record.der
    assert x509.load_der_x509_certificate(await document(owner)).serial_number == record.plan.serial
    stranger = owner.house.talk("lee")
    handed = next(reply.document for reply in owner.replies if reply.document)
    assert await owner.service.documents.content(handed.id, stranger.customer, owner.service.clock()) is None


async def test_the_calendar(owner: Talk) -> None:
    await owner.presses(MINE, "status.done")
    await owner.presses("달력에 넣기(.ics)", "status.handed_calendar", "status.done_next")
    content = await document(owner)
    events = list(Calendar.from_ical(content).walk("VEVENT"))
    assert [one.decoded("dtstart") for one in events] == [date(2027, 10, 23), date(2027, 11, 22)]
    assert [len(one.walk("VALARM")) for one in events] == [1, 2]
    assert "김" not in content.decode()
    uids = {str(one["uid"]) for one in events}
    await owner.presses(Choice("start:status:calendar", ""), "status.handed_calendar", "status.done_next")
    assert {str(one["uid"]) for one in Calendar.from_ical(await document(owner)).walk("VEVENT")} == uids


async def test_where_it_is_registered_is_remembered(owner: Talk) -> None:
    await owner.presses(Choice("start:status:places", ""), "identity.places.ask", at="status.places")
    await owner.presses("홈택스", "identity.places.ask")
    assert "✓ 홈택스" in owner.labels
    await owner.says("한빛저축은행", "identity.places.ask")
    await owner.says("수수료는 얼마예요?", "faq.faq_fee.answer", "identity.places.ask")
    await owner.presses("카드사", "identity.places.ask")
    await owner.presses("✓ 카드사", "identity.places.ask")
    await owner.says("가" * 31, "identity.places.error.too_long", "identity.places.ask")
    assert "2군데" in await owner.presses("다 했어요", "status.done_places")
    await owner.house.restart()
    assert "홈택스, 한빛저축은행" in await owner.presses(MINE, "status.done")


async def test_unlinked_it_is_nobodys(owner: Talk) -> None:
    await owner.presses(Choice("start:status:unlink", ""), "status.unlink.ask")
    await owner.presses("그대로 두기", "status.stop.still_linked")
    await owner.presses(Choice("start:status:unlink", ""), "status.unlink.ask")
    await owner.presses("연결 풀기", "status.done_unlinked")
    await owner.presses(MINE, "identity.account.ask")
    await owner.says("취소", "common.cancelled")
    await owner.presses(Choice("start:status:unlink", ""), "status.stop.not_linked")


async def test_one_customer_a_conversation(owner: Talk) -> None:
    lee = owner.service.demo_bank.customer("lee")
    assert lee is not None
    owner.demo = lee
    await owner.presses(Choice("start:enroll", ""), "enroll.prepare.ask")
    await owner.walk("details")
    rows = await owner.house.rows("SELECT number FROM known_as WHERE customer = :customer", customer=owner.customer)
    assert [row["number"] for row in rows] == ["DEMO0002"]
    await owner.says("취소", "common.cancelled")
    assert "이*플" in await owner.presses(MINE, "status.stop.none")


async def test_nobody_sees_anothers(house: House) -> None:
    await house.talk().walk(None)
    lee = house.talk("lee")
    await lee.presses(MINE, "identity.account.ask")
    await lee.says("000-21-1102-034", "identity.name.ask")
    await lee.says("이샘플", "identity.code.ask")
    words = await lee.says(await lee.code(), "status.stop.none")
    assert "이*플" in words


async def test_what_nobody_kept_is_not_shown(talk: Talk) -> None:
    await talk.walk("page")
    await talk.page().submit()
    await talk.says("취소", "common.cancelled")
    await talk.presses(MINE, "status.stop.none")


@pytest.mark.parametrize("value", ["start:status:all", "start:revoke:x", "start:no", "start:enroll:x"])
async def test_no_button_begins_what_is_not_there(talk: Talk, value: str) -> None:
    await talk.presses(Choice(value, "x"), "common.old_button", "common.menu")
