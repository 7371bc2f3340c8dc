"""The whole way to a certificate in a Telegram chat, and the button that issues pressed by many at once."""

import asyncio
import re
from typing import Any

import pytest

from bot.channels.telegram.transport import Telegram
from handlers.flow import PageForm
from handlers.message import CustomerId
from tests.talking import House, R, Talk, csr, house, talk  # noqa: F401
from tests.telegram.channel import PATIENCE, api, settings, telegram, until  # noqa: F401
from tests.telegram.person import Person
from tests.telegram.server import BotApi


async def to_the_review(person: Person, talk: Talk, telegram: Telegram) -> None:  # noqa: F811
    """As far as the question whether to issue."""

    async def bubble(word: str) -> None:
        await until(lambda: any(word in one.get("text", "") for one in person.heard()[-3:]), word)

    person.says("/start enroll")
    await bubble("준비되셨나요")
    person.taps("준비됐어요")
    await bubble("어떤 인증서가")
    person.taps("개인용")
    await bubble("계좌")
    person.says(talk.demo.accounts[0])
    await bubble("이름")
    person.says(talk.demo.name)
    await bubble("인증번호")
    await telegram.service.delivering.work()
    person.says(await talk.code())
    await bubble("맞나요?")
    person.taps("네, 맞아요")
    await bubble("동의하시나요")
    person.taps("동의해요")
    await bubble("보관할까요")
    person.taps("이 PC")
    await bubble("이대로 발급할까요")


async def customer_of(house: House, person: Person) -> CustomerId:  # noqa: F811
    found = await house.service.addresses.known("telegram", str(person.user.id))
    assert found is not None
    return found


async def test_a_certificate_and_its_file_in_the_chat(
    house: House, api: BotApi, talk: Talk, telegram: Telegram  # noqa: F811
) -> None:  # fmt: skip
    person = api.person()
    await to_the_review(person, talk, telegram)
    person.taps("발급하기")
    await until(lambda: any("보안 페이지" in one.get("text", "") for one in person.heard()[-2:]))
    address = str(person.user.id)
    customer = await customer_of(house, person)
    inner = Talk(house, talk.demo, "telegram", customer)
    seen = await house.service.conversations.history(customer, 0)
    inner.replies = tuple(one.reply for one in seen if one.reply is not None)
    page = inner.page()
    form = PageForm(page.link_id, {"csrf": "", "csr": csr(1), "r": R, "factor": await page.factor()})
    await house.service.conversation.submit("telegram", address, customer, form)
    octets = b"PK" + bytes(range(200))
    kept = await house.service.documents.keep(
        page.link_id, customer, "CertTalk-20261123.p12", "application/x-pkcs12", octets, house.clock()
    )
    record = await house.service.certificates.by_request(page.link_id)
    assert record is not None
    result: dict[str, Any] = {
        "serial": f"{record.plan.serial:040x}", "until": record.plan.not_after.isoformat(), "system": "windows",
        "document": {"id": kept.id, "filename": kept.filename, "media_type": kept.media_type, "size": kept.size},
    }  # fmt: skip
    api.faults.add("reset_after", "sendDocument", times=1)
    await house.service.links.finish(page.link_id, result, house.clock())
    await house.service.cleaning.take_on()
    await until(lambda: any(button["text"] == "파일 다시 받기" for _, button in person.buttons()))
    person.taps("파일 다시 받기")
    await until(lambda: len([one for one in person.heard() if "document" in one]) == 2)
    files = [one for one in person.heard() if "document" in one]
    assert [person.octets(one) for one in files] == [octets, octets]
    assert {one["document"]["file_name"] for one in files} == {"공동인증서-20261123.p12"}
    assert all("설치" in one["caption"] for one in files)
    assert not api.holding(talk.demo.accounts[0])


async def test_many_taps_on_issue_open_one_page(
    house: House, api: BotApi, talk: Talk, telegram: Telegram  # noqa: F811
) -> None:  # fmt: skip
    person = api.person()
    await to_the_review(person, talk, telegram)
    message, button = person.button("발급하기")
    turns = len(await house.rows("SELECT message_id FROM inbox"))
    for _ in range(16):
        person.taps_data(button["callback_data"], message["message_id"])
    async with asyncio.timeout(PATIENCE):
        while len(await house.rows("SELECT message_id FROM inbox")) < turns + 16:  # noqa: ASYNC110 - the database's
            await asyncio.sleep(0.02)
    await telegram.sender.idle()
    links = await house.rows("SELECT id FROM links")
    assert len(links) == 1
    # Not their answers, which are given without words where a busy machine takes too long for them.
    assert len(await house.rows("SELECT seq FROM messages WHERE body LIKE '%\"common.old_button\"%'")) == 15
    assert re.fullmatch(r"review=confirm~\S+", button["callback_data"])


async def test_a_turn_waits_for_the_earlier_ones_of_its_chat_only(telegram: Telegram) -> None:  # noqa: F811
    order: list[str] = []
    gate = asyncio.Event()

    async def slow() -> None:
        await gate.wait()
        order.append("first")

    async def quick(name: str) -> None:
        order.append(name)

    chats = telegram.receiver.chats
    one = asyncio.create_task(chats.in_order(1, slow()))
    await asyncio.sleep(0)
    two = asyncio.create_task(chats.in_order(1, quick("second")))
    await chats.in_order(2, quick("other"))
    gate.set()
    await asyncio.gather(one, two)
    assert order == ["other", "first", "second"]


@pytest.mark.parametrize("value", ["confirm", "confirm~stale"])
async def test_an_invented_confirmation_does_nothing(
    house: House, api: BotApi, telegram: Telegram, value: str  # noqa: F811
) -> None:  # fmt: skip
    person = api.person()
    said = person.says("안녕")
    await until(person.heard)
    tap = person.taps_data(f"review={value}", said["message_id"])
    await until(lambda: tap.answers)
    assert await house.rows("SELECT id FROM links") == []
