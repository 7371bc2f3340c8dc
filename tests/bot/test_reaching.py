"""Word of what was done, beside the chats: 알림톡 as registered, a text message where that is lost, and when."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bot.gateways.alimtalk_templates import load_templates
from bot.gateways.notices import BySms, Notice
from bot.gateways.sms import SmsRefused
from bot.gateways.sms_provider import ProviderSms
from bot.jobs.announcing import UNKEPT, put_notice
from bot.jobs.delivering import Delivering
from bot.jobs.reaching import LONGEST, TRIES, Reaching
from bot.storage import outbox
from ca.revocation import By
from handlers.bank import BankCustomer
from handlers.message import Choice, Reply
from handlers.texts import load_texts
from tests.providers import DROP, KEY, PFID, SECRET, SENDER, FakeSolapi
from tests.talking import Clock, House, Talk

PHONE = "01055550000"
SHIPPED = load_templates(None, "http://127.0.0.1:8710")
TEXTS = load_texts()


@pytest.fixture
async def solapi() -> AsyncIterator[FakeSolapi]:
    fake = FakeSolapi(Clock(), {f"{locale}.{name}": one.content for (locale, name), one in SHIPPED.items()})
    async with fake.serving():
        yield fake


@pytest.fixture
def settings(tmp_path: Path, solapi: FakeSolapi) -> dict[str, object]:
    """Every template is registered, under its own name."""
    text = files("locales").joinpath("kakao_templates.toml").read_text("utf-8")
    for locale, name in SHIPPED:
        text = text.replace(f'[{locale}."{name}"]\ncode = ""', f'[{locale}."{name}"]\ncode = "{locale}.{name}"')
    (file := tmp_path / "templates.toml").write_text(text, "utf-8")
    return {
        "alimtalk_provider": "solapi", "alimtalk_url": solapi.origin, "alimtalk_key": KEY, "alimtalk_secret": SECRET,
        "alimtalk_channel": PFID, "alimtalk_sender": SENDER, "alimtalk_templates": file, "alimtalk_test_phone": PHONE,
    }  # fmt: skip


@pytest.fixture
async def owner(house: House, solapi: FakeSolapi) -> Talk:
    """김데모 with a certificate; what was told of it so far is forgotten. Text messages go to the provider as well."""
    solapi.clock, service = house.clock, house.service
    assert service.dispatch is not None
    gateways: Any = service.telling.gateways
    gateways["sms"] = BySms(ProviderSms(service.dispatch))
    talk = await house.talk().walk(None)
    await service.delivering.work()
    await settled(house)
    solapi.messages.clear()
    return talk


async def settled(house: House) -> None:
    """What the provider took is asked for, and the rows that wait for it are looked at again."""
    assert house.service.following is not None
    for _ in range(3):
        house.clock.forward(seconds=40)
        await house.service.following.work()
        await house.service.delivering.work()


async def hold(talk: Talk, by: By = By.OPERATOR) -> None:
    [record] = await talk.certificates()
    await talk.service.registration.hold(record.plan.serial, talk.house.clock(), by)
    await talk.service.delivering.work()


async def suspend(talk: Talk) -> None:
    """By the customer's own word."""
    await talk.presses(Choice("start:revoke:hold", ""))
    while talk.answered.flow is not None:
        await talk.step()


async def rows(house: House) -> list[tuple[str, str]]:
    found = await house.rows("SELECT channel, state, payload FROM outbox WHERE kind = 'reach' ORDER BY id")
    assert all(row["payload"] is None for row in found if row["state"] == "sent")
    return [(row["channel"], row["state"]) for row in found]


async def test_what_was_done_goes_by_alimtalk_as_registered(owner: Talk, solapi: FakeSolapi) -> None:
    await suspend(owner)
    [message] = solapi.messages.values()
    assert (message["type"], message["to"]) == ("ATA", PHONE)
    assert message["kakaoOptions"]["templateId"] == "ko.notice.held"
    assert "개인용 인증서가 멈췄어요" in message["text"]
    assert (await rows(owner.house))[-1] == ("alimtalk", "queued")  # until it is known to have arrived
    await settled(owner.house)
    assert (await rows(owner.house))[-1] == ("alimtalk", "sent")
    assert len(solapi.messages) == 1


async def test_what_could_not_be_delivered_goes_as_a_text_message_at_night_too(
    owner: Talk, solapi: FakeSolapi
) -> None:  # fmt: skip
    solapi.fate = "3104"
    owner.house.clock.forward(hours=13)  # half past eleven in the evening
    await suspend(owner)
    await settled(owner.house)
    assert [kind for kind, _ in solapi.sent] == ["ATA", "LMS"]
    assert "멈췄어요" in list(solapi.messages.values())[-1]["text"]
    assert (await rows(owner.house))[-2:] == [("alimtalk", "sent"), ("sms", "sent")]


async def test_where_no_way_leads_there_each_is_tried_once(owner: Talk) -> None:
    service, tried = owner.service, list[str]()

    class Refusing:
        def __init__(self, way: str) -> None:
            self.way = way

        async def send(self, customer: BankCustomer, notice: Notice) -> bool:
            tried.append(self.way)
            raise SmsRefused("not there")

    ways = ("alimtalk", "email", "sms")
    gateways: Any = {way: Refusing(way) for way in ways}
    reaching = Reaching(service.database, service.sealer, service.bank, gateways, ways, {}, service.clock)
    delivering = Delivering(
        service.database, service.sealer, service.delivering.sms, service.clock, {outbox.REACH: reaching.deliver}
    )
    [record] = await owner.certificates()
    reply = Reply("notice.held", "개인용 인증서가 멈췄어요.")
    for _ in range(2):  # asked for twice, told once
        await reaching.reach("held:1", record.plan.subscriber, TEXTS["ko"], reply, {}, calm=False)
    for _ in range(4):
        await delivering.work()
    assert tried == list(ways)
    assert (await rows(owner.house))[-3:] == [("alimtalk", "sent"), ("email", "sent"), ("sms", "dead")]


async def test_without_a_registered_template_a_text_message(owner: Talk, solapi: FakeSolapi) -> None:
    alimtalk: Any = owner.service.telling.gateways["alimtalk"]
    alimtalk.templates = SHIPPED  # no code
    await suspend(owner)
    assert [kind for kind, _ in solapi.sent] == ["LMS"]


async def test_a_provider_that_stays_away(owner: Talk, solapi: FakeSolapi) -> None:
    solapi.faults = [503] * TRIES
    await suspend(owner)
    for _ in range(TRIES):
        owner.house.clock.forward(minutes=5)
        await owner.service.delivering.work()
    assert [kind for kind, _ in solapi.sent] == ["LMS"]


async def test_too_many_at_once_is_nobodys_attempt(owner: Talk, solapi: FakeSolapi) -> None:
    solapi.faults, solapi.retry_after = [429] * (TRIES + 1), "30"
    await suspend(owner)
    for _ in range(TRIES + 1):
        assert solapi.messages == {}
        owner.house.clock.forward(seconds=31)
        await owner.service.delivering.work()
    assert [kind for kind, _ in solapi.sent] == ["ATA"]


async def test_a_provider_that_hangs_holds_up_no_code(owner: Talk) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()

    class Hanging:
        async def send(self, to: BankCustomer, notice: Notice) -> bool:
            asked.set()
            await gate.wait()
            return True

    service, delivering = owner.service, owner.service.delivering
    service.telling.gateways["alimtalk"] = Hanging()  # type: ignore[index]
    [record] = await owner.certificates()
    await service.registration.hold(record.plan.serial, owner.house.clock(), By.OPERATOR)
    await delivering.promptly()
    beside = asyncio.create_task(delivering.beside())
    await asyncio.wait_for(asked.wait(), 10)
    await owner.send("web:again", choice="start:reissue")
    assert owner.at == "reissue.code"
    codes = len(await owner.codes())
    assert await delivering.promptly() > 0
    assert len(await owner.codes()) == codes + 1
    gate.set()
    await beside


async def test_a_lost_answer_sends_nothing_twice(owner: Talk, solapi: FakeSolapi) -> None:
    solapi.faults = [DROP]
    await suspend(owner)
    await owner.house.restart()
    solapi.clock = owner.house.clock
    await settled(owner.house)
    assert [kind for kind, _ in solapi.sent] == ["ATA"]


async def test_a_provider_that_never_says_is_believed_after_a_while(owner: Talk, solapi: FakeSolapi) -> None:
    solapi.fate = "3000"  # on its way, for ever
    await suspend(owner)
    looked = 0
    until = owner.house.clock() + LONGEST
    while owner.house.clock() < until:
        owner.house.clock.forward(minutes=10)
        looked += await owner.service.delivering.work()
    for _ in range(3):
        owner.house.clock.forward(hours=12)
        await owner.service.delivering.work()
    assert looked < 20
    assert (await rows(owner.house))[-1] == ("alimtalk", "sent")
    assert len(solapi.messages) == 1


async def test_what_nobody_has_just_done_waits_for_the_morning_everywhere(owner: Talk, solapi: FakeSolapi) -> None:
    house, serial = owner.house, (await owner.certificates())[0].plan.serial
    house.clock.forward(hours=10.4)  # just before nine in the evening
    solapi.fate = "3104"
    await house.service.database.run(put_notice, house.service.sealer, UNKEPT, f"{serial:040x}", house.clock())
    await house.service.delivering.work()
    house.clock.forward(minutes=12)
    await settled(house)
    assert [kind for kind, _ in solapi.sent] == ["ATA"]
    house.clock.forward(hours=12)
    await house.service.delivering.work()
    assert [kind for kind, _ in solapi.sent] == ["ATA", "LMS"]


@pytest.mark.parametrize("act", ["held", "released", "revoked"])
async def test_what_the_operator_does_is_told_on_all_channels(owner: Talk, solapi: FakeSolapi, act: str) -> None:
    service, clock = owner.service, owner.house.clock
    [record] = await owner.certificates()
    serial = record.plan.serial
    await owner.hears()
    if act == "revoked":
        await service.registration.revoke(serial, "privilegeWithdrawn", clock(), By.OPERATOR)
    else:
        await service.registration.hold(serial, clock(), By.OPERATOR)
        await service.registration.hold(serial, clock(), By.OPERATOR)  # again: nothing has changed
    if act == "released":
        await service.delivering.work()
        await owner.hears("notice.held_operator")
        solapi.messages.clear()
        clock.forward(seconds=5)
        await service.registration.release(serial, clock(), By.OPERATOR)
    await service.delivering.work()
    assert "은행에서" in await owner.hears(f"notice.{act}_operator")
    assert owner.labels == ["내 인증서", "상담원 연결"]
    [message] = solapi.messages.values()
    assert message["kakaoOptions"]["templateId"] == f"ko.notice.{act}_operator"


async def test_a_hold_that_has_lapsed_is_told_in_the_morning(owner: Talk, solapi: FakeSolapi) -> None:
    await hold(owner)
    await owner.hears()
    solapi.messages.clear()
    owner.house.clock.forward(days=184, hours=13)
    await owner.service.cleaning.work()
    await owner.service.delivering.work()
    await owner.hears()
    assert owner.replies == ()
    owner.house.clock.now += timedelta(hours=10)
    await owner.service.delivering.work()
    await owner.hears("notice.lapsed")
    assert [one["kakaoOptions"]["templateId"] for one in solapi.messages.values()] == ["ko.notice.lapsed"]


@pytest.mark.parametrize("locale", TEXTS)
def test_whatever_is_told_unasked_has_a_template(locale: str) -> None:
    told = {key for key in TEXTS[locale] if key.startswith("notice.")}
    assert told <= {name for language, name in SHIPPED if language == locale}
    variables = {name: one.variables.values() for (language, name), one in SHIPPED.items() if language == locale}
    assert {meaning for name in told for meaning in variables[name]} == {"bank", "kind", "until"}
