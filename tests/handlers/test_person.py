"""A person is wanted: the talk so far goes along, with the customer's words masked."""

import pytest

from handlers.counter import NoSuchHandover, TakenBySomebodyElse
from handlers.message import Choice
from tests.talking import House, Talk


@pytest.mark.everywhere
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


async def wanted(talk: Talk) -> str:
    """A person is wanted; the reference."""
    await talk.says("상담원", "person.wish.ask")
    await talk.presses("그냥 연결해 주세요", "person.done")
    handed = await talk.service.counter.open_for(talk.customer)
    assert handed is not None
    return handed.reference


async def test_the_place_in_the_line(house: House) -> None:
    kim, lee = house.talk("kim"), house.talk("lee")
    assert "바로 다음" in (await talk_to_a_person(kim))
    assert "앞에 1분" in (await talk_to_a_person(lee))
    assert "앞에 1분" in await lee.says("상담원", "person.stop.waiting")
    await kim.says("상담원", "person.stop.waiting")
    await kim.presses("상담 기다리지 않기", "person.left")
    assert "바로 다음" in await lee.says("상담원", "person.stop.waiting")
    assert [one.customer for one in await house.service.counter.list()] == [lee.customer]


async def talk_to_a_person(talk: Talk) -> str:
    await talk.says("상담원", "person.wish.ask")
    return await talk.presses("그냥 연결해 주세요", "person.done")


async def test_nobody_else_takes_a_place_out_of_the_line(house: House) -> None:
    kim, lee = house.talk("kim"), house.talk("lee")
    reference = await wanted(kim)
    await lee.says("안녕하세요")
    await lee.presses(Choice(f"desk:leave:{reference}", ""), "person.left")
    assert await house.service.counter.open_for(kim.customer) is not None


@pytest.mark.parametrize("channel", ["web", "console", "telegram"])
async def test_a_person_takes_over_and_gives_back(house: House, channel: str) -> None:
    talk = await house.talk("kim", channel).walk("details")
    reference = await wanted_in_flow(talk)
    counter = talk.service.counter
    await counter.say(reference, "park", "무엇을 도와드릴까요?", "1")
    await counter.say(reference, "park", "무엇을 도와드릴까요?", "1")
    words = await talk.hears("person.taken", "person.said")
    assert "무엇을 도와드릴까요?" in words
    for said in ("네 맞아요", "수수료가 얼마예요?", "계좌 000-21-1101-011 이 안 돼요", "상담원", "뒤로"):
        await talk.says(said)
        assert talk.replies == ()
    _, history = await counter.show(reference)
    assert [one.text for one in history if one.author == "customer"][-5:][:2] == ["네 맞아요", "수수료가 얼마예요?"]
    assert not any("1101" in one.text for one in history)
    for _ in range(2):
        await counter.give_back(reference, "park")
    await talk.hears("person.closed", "enroll.details.ask", at="enroll.details")
    with pytest.raises(NoSuchHandover):
        await counter.say(reference, "park", "또 있나요?", "2")
    acts = await talk.house.rows("SELECT act FROM audit WHERE actor = 'park' ORDER BY seq")
    assert [row["act"] for row in acts] == ["conversation taken", "conversation given back"]


async def wanted_in_flow(talk: Talk) -> str:
    await talk.says("상담원", "person.wish.ask")
    await talk.presses("그냥 연결해 주세요", "person.done", "enroll.details.ask")
    handed = await talk.service.counter.open_for(talk.customer)
    assert handed is not None
    return handed.reference


async def test_the_customer_ends_it(talk: Talk) -> None:
    reference = await wanted(talk)
    await talk.service.counter.take_over(reference, "park")
    await talk.hears("person.taken")
    await talk.says("취소", "person.left")
    await talk.says("수수료가 얼마예요?", "faq.faq_fee.answer")
    with pytest.raises(NoSuchHandover):
        await talk.service.counter.take_over(reference, "park")


async def test_what_cannot_wait_is_answered_all_the_same(talk: Talk) -> None:
    await talk.walk("details")
    reference = await wanted_in_flow(talk)
    await talk.service.counter.take_over(reference, "park")
    await talk.hears("person.taken")
    await talk.says("인증서를 잃어버렸어요")
    assert talk.replies != ()
    assert (await talk.state())["clerk"] == reference


async def test_one_clerk_at_a_time(talk: Talk) -> None:
    reference = await wanted(talk)
    counter = talk.service.counter
    await counter.take_over(reference, "park")
    await talk.hears("person.taken")
    for act in (counter.take_over(reference, "choi"), counter.give_back(reference, "choi")):
        with pytest.raises(TakenBySomebodyElse, match="park"):
            await act
    with pytest.raises(NoSuchHandover):
        await counter.show("00000-0000")


async def test_a_clerk_in_another_process(house: House) -> None:
    """As the verbs are: the customer's service says it, whatever channel."""
    talk = house.talk("kim", "console")
    reference = await wanted(talk)
    async with house.another() as other:
        await other.counter.say(reference, "park", "안녕하세요", "1")
        await other.counter.give_back(reference, "park")
    await talk.hears("person.taken", "person.said", "person.closed")
    await talk.says("고마워요", "common.thanks")


async def test_a_channel_that_must_answer_says_that_it_was_heard(house: House) -> None:
    """KakaoTalk wants an answer to every message."""
    talk = house.talk("kim", "kakao")
    reference = await wanted(talk)
    await talk.service.counter.take_over(reference, "park")
    await talk.hears("person.taken")
    await talk.says("카드가 없어요", "person.noted")
