"""A certificate's whole life across journeys: what one of them leaves is what the next one finds."""

import pytest

from handlers.message import Choice
from tests.talking import House, Talk

PLACES = Choice("start:status:places", "등록한 곳")
REISSUE = Choice("start:reissue", "재발급")


@pytest.fixture
async def owner(talk: Talk) -> Talk:
    return await talk.walk(None)


async def reissue(talk: Talk, key: int) -> None:
    """For a forgotten password, up to the list of places."""
    await talk.presses(REISSUE, "identity.code.ask")
    await talk.says(await talk.code(), "reissue.why.ask")
    await talk.presses(talk.valued("why=forgotten"))
    await talk.presses(talk.valued("place=this_pc"))
    await talk.presses(talk.valued("review=confirm"), "enroll.page.ask")
    page = talk.page()
    await page.submit(key=key)
    await page.done()
    await talk.presses(talk.valued("works=later"))


@pytest.mark.everywhere
async def test_places_not_gone_through_are_remembered_over_two_replacements(owner: Talk) -> None:
    await owner.presses(PLACES, "identity.places.ask")
    await owner.says("우리은행")
    await owner.presses("홈택스")
    await owner.presses("다 했어요", "status.done_places")
    await reissue(owner, 1)
    await owner.presses("홈택스")
    await owner.presses("다 했어요", "reissue.done")
    words = await owner.presses(Choice("start:status", ""), "status.done")
    assert "등록한 곳: 홈택스\n다시 등록할 곳: 우리은행\n" in words
    owner.house.clock.forward(days=1)
    await reissue(owner, 2)
    assert [reply.key for reply in owner.replies] == ["identity.places.ask_again"]
    assert set(owner.labels[:2]) == {"우리은행", "홈택스"}


@pytest.mark.parametrize("pressed", ["start:revoke:not_me", "start:revoke:hold"])
async def test_who_wants_it_stopped_is_not_held_up_by_another_wish(owner: Talk, pressed: str) -> None:
    await owner.presses(Choice("start:revoke:revoke", ""), "identity.code.ask")
    await owner.says(await owner.code(), "revoke.reason.ask")
    await owner.presses(Choice(pressed, ""), "identity.code.ask", at="revoke.code")
    await owner.says(await owner.code(), "revoke.done_held")
    [row] = await owner.house.rows("SELECT status FROM certificates")
    assert row["status"] == "held"


async def test_the_same_button_twice_is_one_journey(owner: Talk) -> None:
    await owner.presses(Choice("start:revoke:hold", ""), "identity.code.ask")
    await owner.presses(Choice("start:revoke:hold", ""), "common.already_here", "identity.code.ask")
    assert len([sms for sms in await owner.sms() if "정지" in sms]) == 1


async def test_another_document_while_places_are_ticked_asks_first(owner: Talk) -> None:
    await owner.presses(PLACES, "identity.places.ask")
    await owner.presses(Choice("start:status:calendar", ""), "common.switch")
    await owner.presses("달력에 넣기(.ics)", "status.handed_calendar", "status.done_next")


async def test_what_is_stopped_already_need_not_be_stopped_first(owner: Talk) -> None:
    await owner.presses(Choice("start:revoke:hold", ""), "identity.code.ask")
    await owner.says(await owner.code(), "revoke.done_held")
    await owner.presses("폐지하기", "identity.code.ask")
    await owner.says(await owner.code(), "revoke.reason.ask")
    await owner.presses("잃어버렸어요", "revoke.confirm.ask")
    assert owner.labels == ["폐지하기", "그대로 두기"]
    await owner.presses("그대로 두기", "revoke.stop.kept")
    await owner.presses(REISSUE, "identity.code.ask")
    await owner.says(await owner.code(), "reissue.why.ask")
    await owner.presses("잃어버렸어요")
    await owner.presses("이 PC", "reissue.review.ask")
    await owner.presses("재발급하기", "enroll.page.ask")


async def test_days_that_are_typed_are_no_button(owner: Talk) -> None:
    await owner.presses(Choice("start:reminders", ""), "reminders.what.ask")
    await owner.presses("알려 줄 날", "reminders.days.ask")
    words = await owner.says("30, 7", "reminders.changed", "reminders.what.ask")
    assert "만료 30·7일 전, 9시" in words


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("폰을 잃어버렸어요", "revoke.wish"), ("인증서 모두 멈춰줘", "revoke.code"),
        ("제가 한 게 아니에요", "revoke.code"),
        ("효력회복", "revoke.code"), ("정지 풀어줘", "revoke.code"),
        ("되살려 주세요", "revoke.code"), ("정지 풀어 주세요", "revoke.code"), ("휴대폰 찾았어요", "revoke.code"),
        ("please release my certificate", "revoke.code"), ("this was not me", "revoke.code"),
        ("release my certificate", "revoke.code"), ("인증서 정지", "revoke.wish"), ("막아줘", "revoke.wish"),
        ("알림 꺼줘", "reminders.what"), ("turn off reminders", "reminders.what"), ("재발급", "reissue.code"),
        ("비밀번호 바꾸기", "change_password.which"), ("USB로 복사", "copy.which"), ("백업해줘", "backup.which"),
        ("다른 은행 인증서 등록", "register.way"), ("등록한 곳 보여줘", "status.places"),
        ("공용 PC 정리", "cleanup.which"),
        ("연결 풀어줘", "status.unlink"), ("unlink", "status.unlink"),
    ],
)  # fmt: skip
async def test_a_wish_in_words_reaches_its_journey(owner: Talk, said: str, step: str) -> None:
    await owner.says(said, at=step)


@pytest.mark.parametrize("said", ["갱신할래", "내 인증서 보여줘"])
async def test_what_is_answered_at_once(owner: Talk, said: str) -> None:
    words = await owner.says(said)
    assert owner.replies[0].key in {"renew.stop.too_early", "status.done"}, words


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("인증서 정지", "revoke.wish.ask"), ("도둑맞았어요", "revoke.wish.ask"),
        ("제가 한 게 아니에요", "identity.account.ask"),
        ("갱신할래", "common.switch"), ("재발급해줘", "common.switch"), ("알림 설정", "common.switch"),
        ("비밀번호 바꾸기", "common.switch"), ("USB로 복사", "common.switch"),
    ],
)  # fmt: skip
async def test_also_in_the_middle_of_another_journey(talk: Talk, said: str, key: str) -> None:
    await talk.walk("name")
    await talk.says(said)
    assert talk.replies[0].key == key


async def test_help_leads_to_what_the_menu_is_too_short_for(talk: Talk) -> None:
    await talk.says("도움말", "common.help")
    for choice in talk.choices:
        if choice.value.startswith("start:"):
            await talk.presses(choice)
            assert not talk.replies[0].key.startswith("common."), choice
            await talk.says("취소")


async def test_english_counts_one_day(house: House) -> None:
    texts = house.service.texts["en"]
    asked = {"today": False, "after": False, "hour": 9, "place": "Seoul"}
    assert texts("reminders.when", days=[1], **asked).startswith("1 day before")
    assert texts("reminders.when", days=[7, 1], **asked).startswith("7, 1 days before")


@pytest.mark.parametrize(("locale", "expected"), [("ko", "내일("), ("en", "ends tomorrow (")])
async def test_one_day_is_said_as_people_say_it(house: House, locale: str, expected: str) -> None:
    words = house.service.texts[locale]("reminder.ahead", kind="X", left=1, until=house.clock())
    assert expected in words
