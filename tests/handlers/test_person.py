"""A person is wanted: the talk so far goes along, with the customer's words masked."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.person import open_at
from tests.talking import Talk


async def test_a_message_for_a_person(talk: Talk) -> None:
    await talk.says("상담원 바꿔 주세요", "person.wish.ask", at="person.wish", progress=(1, 1))
    words = await talk.says("계좌 000-21-1101-011 이 안 돼요", "person.done", at=None)
    [kept] = await talk.house.rows("SELECT reference, wish, until_seq, customer FROM handovers")
    assert kept["reference"] in words
    assert "이 안 돼요" in kept["wish"]
    assert "1101" not in kept["wish"]
    history = await talk.service.conversations.history(talk.customer, 0)
    assert kept["until_seq"] == history[-1].seq


async def test_just_connect_me(talk: Talk) -> None:
    await talk.says("상담원", "person.wish.ask")
    await talk.presses("그냥 연결해 주세요", "person.done")
    assert (await talk.house.rows("SELECT wish FROM handovers")) == [{"wish": ""}]


async def test_outside_working_hours_a_message_is_taken(talk: Talk) -> None:
    talk.house.clock.forward(hours=12)
    await talk.says("상담원", "person.wish.ask_closed")
    assert talk.service.texts["ko"]("bank.phone") in talk.replies[0].text
    await talk.says("내일 전화 주세요", "person.done_closed")


async def test_the_same_request_twice_hands_over_once(talk: Talk) -> None:
    await talk.says("상담원")
    await talk.send("web:wish", "카드가 없어요")
    await talk.send("web:wish", "카드가 없어요")
    assert len(await talk.house.rows("SELECT * FROM handovers")) == 1


async def test_a_long_wish_is_cut(talk: Talk) -> None:
    await talk.says("상담원")
    await talk.says("가" * 5000, "person.done")
    [kept] = await talk.house.rows("SELECT wish FROM handovers")
    assert len(kept["wish"]) == 1000


@pytest.mark.parametrize(
    ("day", "hour", "minute", "open_"),
    [
        (23, 0, 0, True),
        (23, 8, 59, True),
        (23, 9, 0, False),
        (22, 23, 59, False),
        (27, 5, 0, True),
        (28, 3, 0, False),
        (29, 3, 0, False),
    ],
)
def test_working_hours_are_korean(day: int, hour: int, minute: int, open_: bool) -> None:
    """23 November 2026 is a Monday; nine in the morning in Korea is midnight UTC."""
    at = datetime(2026, 11, day, hour, minute, tzinfo=UTC)
    assert open_at(at) is open_
    assert open_at(at + timedelta(days=7)) is open_
