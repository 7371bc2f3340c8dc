"""Secrets typed into a Telegram chat: deleted while they are used, and found nowhere afterwards."""

import asyncio
from pathlib import Path

import pytest

from bot.channels.telegram.transport import Telegram
from bot.logs import _TELLTALES
from ca import pkcs12
from tests.handlers.test_in_chat import PASSWORD, factor
from tests.talking import House, Talk, house  # noqa: F401
from tests.telegram.channel import api, telegram, until  # noqa: F401
from tests.telegram.person import NothingToTap, Person
from tests.telegram.server import TOKEN, BotApi


@pytest.fixture
def settings(api: BotApi) -> dict[str, object]:  # noqa: F811
    at = {"telegram_token": TOKEN, "telegram_api_url": api.url, "telegram_per_second": 10_000}
    return at | {"in_chat_secrets": True}


@pytest.fixture
async def person(api: BotApi, telegram: Telegram, house: House) -> Person:  # noqa: F811
    """김데모's client at the step before the secrets."""
    person = api.person()
    demo = house.service.demo_bank.customer("kim")
    assert demo is not None
    person.says("발급")
    for answer, word in (
        ("준비됐어요", "준비되셨나요"), ("개인용 (무료)", "어떤 인증서"), (demo.accounts[0], "계좌번호를 적어"),
        (demo.name, "예금주 이름"),
    ):  # fmt: skip
        await hears(person, word)
        try:
            person.taps(answer)
        except NothingToTap:
            person.says(answer)
    await hears(person, "6자리 인증번호")
    await house.service.delivering.work()
    person.says(await house.talk().code())
    for answer, word in (
        ("네, 맞아요", "맞나요"), ("동의해요", "동의하시나요"), ("휴대폰", "어디에 보관"), ("발급하기", "이대로 발급"),
        ("알고 계속할게요", "보안 페이지를 열 수 없어요"),
    ):  # fmt: skip
        await hears(person, word)
        person.taps(answer)
    await hears(person, "이어서 적어")
    return person


async def hears(person: Person, word: str) -> None:
    await until(lambda: word in str(person.heard()[-1:]), f"{word} after {person.heard()[-1:]}")


async def digits(house: House, person: Person) -> str:  # noqa: F811
    [row] = await house.rows("SELECT customer FROM addresses WHERE channel = 'telegram'")
    talk = Talk(house, house.talk().demo, "telegram", row["customer"])
    await talk.hears()
    return await factor(talk)


async def test_a_certificate_whose_secrets_are_nowhere(
    person: Person, api: BotApi, house: House, telegram: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture  # noqa: F811
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    typed = [await digits(house, person), PASSWORD, PASSWORD]
    sent = []
    for text, word in zip(typed, ("새 비밀번호", "한 번 더", "모두 끝났어요"), strict=True):
        sent.append(person.says(text)["message_id"])
        await hears(person, word)
    await until(lambda: not set(sent) & person.chat.messages.keys(), "still in the chat")
    await telegram.sender.idle()
    [document] = [one["document"] for one in person.heard() if "document" in one]
    content = api.world.files[document["file_id"]].octets
    assert document["file_name"].startswith("공동인증서")
    assert pkcs12.read(content, PASSWORD).r is not None
    calls = str([(one.method, one.given) for one in api.log])
    # What `logs.configure` keeps quiet even at `debug` is left out.
    told = [record for record in caplog.records if record.name.partition(".")[0] not in _TELLTALES]
    logs = "".join(f"{record.getMessage()} {record.__dict__}" for record in told)
    await house.stop()
    stored = b"".join(file.read_bytes() for file in house.data.rglob("*") if file.is_file())
    assert PASSWORD not in calls + logs
    assert PASSWORD.encode() not in stored
    assert f'"{typed[0]}"'.encode() not in stored
    await house.start()


async def test_what_cannot_be_deleted_is_told(person: Person, api: BotApi, house: House) -> None:  # noqa: F811
    api.faults.add("error", "deleteMessage", code=400)
    person.says(await digits(house, person))
    await until(lambda: any("지우지 못" in str(one) for one in person.heard()[-3:]))


async def test_a_secret_is_deleted_whichever_way_it_came(
    person: Person, api: BotApi, house: House, telegram: Telegram, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    typed = await digits(house, person)
    old = next(one["message_id"] for one in person.shown() if not one["from"]["is_bot"])
    person.edits(old, typed)
    await hears(person, "읽지 않고 지웠어요")
    assert old not in person.chat.messages
    file = api.world.keep("card.txt", "text/plain", b"x")
    sent = person.sends({"document": file.shown(), "caption": typed})["message_id"]
    await until(lambda: sent not in person.chat.messages)
    # Told to wait, then a fault: tried again, in time and not before.
    api.faults.add("wait", "deleteMessage", times=1, seconds=1)
    api.faults.add("error", "deleteMessage", times=1, code=502)

    async def nothing_known(*_: object) -> bool:
        return False

    # As after a crash between the turn and its deletion: the step has moved on, the history still knows.
    monkeypatch.setattr(telegram.receiver, "_is_secret", nothing_known)
    sent = person.says(typed)["message_id"]
    await hears(person, "새 비밀번호")
    await until(lambda: sent not in person.chat.messages)
    assert api.faults.impatient == []
    assert typed not in str(person.chat.messages)


async def test_a_picture_of_a_card_is_deleted_and_told(person: Person, api: BotApi, house: House) -> None:  # noqa: F811
    typed = await digits(house, person)
    as_file = api.world.keep("card.jpg", "image/jpeg", b"\xff\xd8")
    for sends in (person.sends_photo, lambda: person.sends({"document": as_file.shown()}), person.sends_voice):
        sent = sends()["message_id"]
        await until(lambda sent=sent: sent not in person.chat.messages, "still in the chat")
        await hears(person, "보지 않고 지웠어요")
    api.faults.add("error", "deleteMessage", code=400)
    person.sends_photo()
    await hears(person, "지우지 못했어요")
    api.faults.clear()
    person.says(typed)
    await hears(person, "새 비밀번호")  # where we were


async def test_the_last_word_many_times_is_one_certificate(
    person: Person, api: BotApi, house: House, telegram: Telegram  # noqa: F811
) -> None:  # fmt: skip
    """Sixteen first deliveries at once, then each again under its own id and under new ones."""
    for text, word in ((await digits(house, person), "새 비밀번호"), (PASSWORD, "한 번 더")):
        person.says(text)
        await hears(person, word)
    said = person.says(PASSWORD)
    first = next(one for one in reversed(api.updates.history) if one.get("message", {}).get("text") == PASSWORD)
    assert first["message"]["message_id"] == said["message_id"]
    again = [first | {"update_id": first["update_id"] + 1000 + n} for n in range(16)]
    await asyncio.gather(*(telegram.receiver.take(one) for one in [first] * 16 + again))
    await asyncio.gather(*(telegram.receiver.take(one) for one in [first] * 16 + again))
    assert len(await house.rows("SELECT serial FROM certificates")) == 1
    await telegram.sender.idle()
    assert len([one for one in person.heard() if "document" in one]) == 1
    assert PASSWORD not in str(await house.rows("SELECT body FROM messages"))
