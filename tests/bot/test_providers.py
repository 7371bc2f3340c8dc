"""알림톡 and text messages over a provider: once each, whatever breaks; lost ones by the next way; to whom, when."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.gateways.alimtalk import ByAlimtalk
from bot.gateways.alimtalk_templates import MOST, Template, TemplatesWrong, load_templates
from bot.gateways.provider import Dispatch, Message
from bot.gateways.signed_post import SignedPost
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.gateways.sms_provider import ProviderSms, length
from bot.gateways.solapi import Solapi
from bot.storage.sendings import Sendings
from tests.bot.test_telling import due, outbox
from tests.providers import DROP, KEY, PFID, SECRET, SENDER, FakeReceiver, FakeSolapi
from tests.talking import Clock, House

PHONE = "01055550000"
SHIPPED = load_templates(None, "https://cert.example.com")
SAMPLE = {"bank": "행복은행", "kind": "개인용", "left": "7", "until": "2027년 10월 20일"}


def coded(origin: str = "https://cert.example.com") -> dict[tuple[str, str], Template]:
    from dataclasses import replace

    shipped = load_templates(None, origin)
    return {at: replace(one, code=f"KA01TP_{at[0]}_{at[1]}".replace(".", "_")) for at, one in shipped.items()}


@pytest_asyncio.fixture
async def solapi() -> AsyncIterator[FakeSolapi]:
    fake = FakeSolapi(Clock(), {one.code: one.content for one in coded().values()})
    async with fake.serving():
        yield fake


@pytest_asyncio.fixture
async def desk(house: House, solapi: FakeSolapi) -> AsyncIterator[House]:
    """A house whose alimtalk and SMS go to the fake provider."""
    solapi.clock, service = house.clock, house.service
    provider = Solapi(KEY, SECRET, PFID, SENDER, house.clock, solapi.origin)
    service.dispatch = Dispatch(provider, Sendings(service.database), house.clock, PHONE)
    sms: Any = ProviderSms(service.dispatch)
    telling = service.telling
    telling.ways = ("chat", "alimtalk", "sms")
    telling.rates = dict.fromkeys(telling.ways, 100)
    telling.turnstiles = dict.fromkeys(telling.ways, telling.turnstiles["sms"])
    from bot.gateways.notices import BySms

    telling.gateways = {"alimtalk": ByAlimtalk(service.dispatch, coded(), telling.texts), "sms": BySms(sms)}
    from bot.jobs.following import Following

    service.following = Following(
        {"alimtalk": provider, "sms": provider, "lms": provider},
        Sendings(service.database),
        house.clock,
        telling.lost_later,
    )
    yield house


async def state(house: House) -> list[tuple[str, str]]:
    return [
        (r["kind"], r["state"]) for r in await house.rows("SELECT kind, state FROM sendings ORDER BY asked_at, key")
    ]


# -- a reminder by 알림톡 -------------------------------------------------------------------------------------------


async def test_a_reminder_goes_by_alimtalk_as_registered(desk: House, solapi: FakeSolapi) -> None:
    await due(talk := desk.talk("kim", "web"))
    await desk.service.telling.work()
    await talk.hears("reminder.ahead")
    [message] = solapi.messages.values()
    assert message["type"] == "ATA"
    left = message["kakaoOptions"]["variables"]["#{남은날}"]
    assert f"{left}일 뒤" in talk.replies[-1].text
    assert await outbox(desk) == [("chat", "sent"), ("alimtalk", "sent")]
    desk.clock.forward(seconds=11)
    assert await desk.service.following.work() == 1
    assert await state(desk) == [("alimtalk", "arrived")]


async def test_what_kakaotalk_could_not_deliver_goes_by_sms(desk: House, solapi: FakeSolapi) -> None:
    solapi.fate = "3104"
    await due(desk.talk("kim", "web"))
    await desk.service.telling.work()
    desk.clock.forward(seconds=11)
    assert desk.service.following is not None
    await desk.service.following.work()
    assert await outbox(desk) == [("chat", "sent"), ("alimtalk", "sent"), ("sms", "queued")]
    [message] = solapi.messages.values()
    for _ in range(2):  # told again after a crash, it queues nothing twice
        await desk.service.telling.lost_later(message["customFields"]["key"].removeprefix("alimtalk:"), "alimtalk")
    await desk.service.telling.work()
    assert [kind for kind, _ in solapi.sent] == ["ATA", "LMS"]
    assert await outbox(desk) == [("chat", "sent"), ("alimtalk", "sent"), ("sms", "sent")]
    assert await state(desk) == [("alimtalk", "lost"), ("lms", "taken")]


async def test_not_at_night_even_when_it_was_lost_in_the_evening(desk: House, solapi: FakeSolapi) -> None:
    solapi.fate = "3104"
    await due(desk.talk("kim", "web"))
    await desk.service.telling.work()
    desk.clock.forward(hours=11)
    await desk.service.following.work()
    await desk.service.telling.work()
    assert [kind for kind, _ in solapi.sent] == ["ATA"]
    desk.clock.forward(hours=12)
    await desk.service.telling.work()
    assert [kind for kind, _ in solapi.sent] == ["ATA", "LMS"]


async def test_in_test_mode_only_the_operator_is_written_to(desk: House, solapi: FakeSolapi) -> None:
    await due(desk.talk("kim", "web"))
    await desk.service.telling.work()
    assert {to for _, to in solapi.sent} == {PHONE}


async def test_without_a_registered_template_the_next_way(desk: House, solapi: FakeSolapi) -> None:
    gateway: Any = desk.service.telling.gateways["alimtalk"]
    gateway.templates = SHIPPED  # no code yet
    await due(desk.talk("kim", "web"))
    await desk.service.telling.work()
    assert [kind for kind, _ in solapi.sent] == ["LMS"]


async def test_too_many_at_once_is_nobodys_attempt(desk: House, solapi: FakeSolapi) -> None:
    solapi.faults, solapi.retry_after = [429] * 5, "30"
    await due(desk.talk("kim", "web"))
    for _ in range(5):
        await desk.service.telling.work()
        desk.clock.forward(seconds=31)
    assert solapi.messages == {}
    await desk.service.telling.work()
    assert [kind for kind, _ in solapi.sent] == ["ATA"]


# -- once, whatever breaks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [DROP, 500, 503, 429])
async def test_after_a_break_the_provider_is_asked_before_it_is_sent_again(
    desk: House, solapi: FakeSolapi, fault: int | str
) -> None:
    dispatch = desk.service.dispatch
    assert dispatch is not None
    message = Message("sms:code:1", "sms", PHONE, "인증번호 123456")
    solapi.faults = [fault]
    with pytest.raises(SmsUnavailable):
        await dispatch.hand(message)
    desk.clock.forward(seconds=2)
    await dispatch.hand(message)
    await dispatch.hand(message)
    assert len(solapi.messages) == 1
    assert solapi.asked.count("GET /messages/v4/list") == 1
    assert await state(desk) == [("sms", "taken")]


async def test_what_is_refused_stays_refused(desk: House, solapi: FakeSolapi) -> None:
    dispatch = desk.service.dispatch
    assert dispatch is not None
    solapi.faults = [400]
    for _ in range(2):
        with pytest.raises(SmsRefused):
            await dispatch.hand(Message("k", "sms", PHONE, "하나"))
    assert solapi.asked == ["POST /messages/v4/send"]


async def test_a_wrong_key_is_not_the_messages_fault(desk: House, solapi: FakeSolapi) -> None:
    provider = Solapi(KEY, "another secret, quite wrong", PFID, SENDER, desk.clock, solapi.origin)
    with pytest.raises(SmsUnavailable):
        await provider.send(Message("k", "sms", PHONE, "하나"))


async def test_neither_number_nor_word_in_a_log_or_the_table(
    desk: House, solapi: FakeSolapi, caplog: pytest.LogCaptureFixture
) -> None:
    dispatch = desk.service.dispatch
    assert dispatch is not None
    solapi.faults = [DROP]
    message = Message("sms:code:2", "sms", PHONE, "인증번호 135790")
    with caplog.at_level(logging.DEBUG), pytest.raises(SmsUnavailable) as caught:
        await dispatch.hand(message)
    told = caplog.text + repr(caught.value) + repr(message) + str(await desk.rows("SELECT * FROM sendings"))
    assert PHONE not in told
    assert "135790" not in told
    assert caught.value.__cause__ is None


# -- the signed POST ----------------------------------------------------------------------------------------------


async def test_the_signed_post(house: House) -> None:
    receiver = FakeReceiver()
    async with receiver.serving():
        provider = SignedPost(receiver.url, SECRET, house.clock)
        dispatch = Dispatch(provider, Sendings(house.service.database), house.clock)
        filled = coded()["ko", "reminder.ahead"].fill(SAMPLE)
        assert filled is not None
        message = Message("alimtalk:r1", "alimtalk", PHONE, filled.text, filled)
        receiver.faults = [DROP, 503]
        for _ in range(2):
            with pytest.raises(SmsUnavailable):
                await dispatch.hand(message)
        await dispatch.hand(message)
        [taken] = receiver.taken.values()
        assert taken["template"]["buttons"] == [{"name": "인증서 창구 열기", "link": "https://cert.example.com/"}]
        receiver.fates = {"id-alimtalk:r1": "lost", "somebody else's": "lost"}
        assert await provider.results({"id-alimtalk:r1"}) == {"id-alimtalk:r1": "lost"}
        with pytest.raises(SmsUnavailable):
            await SignedPost(receiver.url, "another secret, quite wrong", house.clock).send(message)


# -- templates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", SHIPPED)
def test_a_shipped_template_fits(at: tuple[str, str]) -> None:
    filled = SHIPPED[at].fill(SAMPLE)
    assert filled is not None
    assert "#{" not in filled.text
    assert len(filled.text) <= MOST
    assert all("?" not in button.link and "/s/" not in button.link for button in filled.buttons)


@pytest.mark.parametrize("missing", ["", "#{은행}", "가" * 61, "두\n줄"])
def test_a_value_that_does_not_fit_is_not_sent(missing: str) -> None:
    assert SHIPPED["ko", "reminder.ahead"].fill({**SAMPLE, "kind": missing}) is None


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        '[ko.a]\ncontent = "#{모름}"',
        f'[ko.a]\ncontent = "{"가" * 1001}"',
        '[ko.a]\ncontent = "가"\nbuttons = [{ name = "열다섯글자가넘는이름의버튼이에요", link = "https://a.example" }]',
        '[ko.a]\ncontent = "가"\nbuttons = [{ name = "가", link = "javascript:1" }]',
        '[ko.a]\ncontent = "#{열린"',
        '[ko.a]\ntext = "가"',
        '[variables]\n"가" = "account"',
    ],
)
def test_templates_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (file := tmp_path / "templates.toml").write_text(text, "utf-8")
    with pytest.raises(TemplatesWrong):
        load_templates(file, "https://cert.example.com")


# -- short and long ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "octets"), [("가" * 45, 90), ("a" * 90, 90), ("가" * 45 + "a", 91), ("", 0)])
def test_octets_as_a_phone_counts_them(text: str, octets: int) -> None:
    assert length(text) == octets
