"""Through a Bot API server that refuses what Telegram refuses: in, out, and what comes between."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.channels.telegram.transport import Telegram
from bot.storage import outbox
from bot.storage.bubbles import Bubble
from handlers.draft import Draft
from handlers.effects import KeepDocument
from handlers.message import Document, Reply
from tests.elsewhere import Institution, der
from tests.talking import House, house  # noqa: F401
from tests.telegram.channel import PATIENCE, api, running, settings, telegram, until  # noqa: F401
from tests.telegram.person import Person
from tests.telegram.server import TOKEN, BotApi


@pytest.fixture
async def person(api: BotApi, telegram: Telegram) -> AsyncIterator[Person]:  # noqa: F811
    """김데모's client; no call may have been refused for its form."""
    yield api.person()
    refused = [one for one in api.log if one.outcome == "400"]
    assert [(one.method, one.given) for one in refused] == []


async def last(person: Person, word: str) -> str:
    """The newest bubble, once it holds `word`."""
    await until(lambda: any(word in one.get("text", "") for one in person.heard()[-2:]), word)
    return str(person.heard()[-1].get("text", ""))


async def test_a_journey_begins_and_an_old_button_is_told(person: Person, api: BotApi) -> None:  # noqa: F811
    person.says("/start")
    await last(person, "무엇을 도와드릴까요")
    person.taps("인증서 발급")
    await last(person, "준비되셨나요")
    tap = person.taps("준비됐어요")
    await last(person, "어떤 인증서가 필요하세요")
    await until(lambda: tap.answers)
    question = next(one for one in person.heard() if "준비되셨나요" in one["text"])
    await until(lambda: "» 준비됐어요" in person.chat.messages[question["message_id"]]["text"])
    again = person.taps_data("prepare=ready", question["message_id"])
    await last(person, "어떤 인증서가 필요하세요")
    await until(lambda: again.answers)
    assert "이미 지난 단계" in again.answers[0]["text"]
    assert all("link_preview_options" in one.given for one in api.called("sendMessage"))


async def test_the_same_update_is_answered_once(person: Person, api: BotApi, telegram: Telegram) -> None:  # noqa: F811
    user = person.user.shown()
    update = {
        "update_id": 77,
        "message": {
            "message_id": 1, "date": 1, "chat": {"id": person.user.id, "type": "private"}, "from": user, "text": "안녕",
        },
    }  # fmt: skip
    person.user.started = True
    await asyncio.gather(*(telegram.receiver.take(update) for _ in range(16)))
    telegram.receiver._committed.clear()  # as after a restart
    for _ in range(4):
        await telegram.receiver.take(update)
    await telegram.sender.idle()
    assert len(person.heard()) == 1


async def test_what_is_no_text_is_answered_kindly(person: Person) -> None:
    person.sends_sticker()
    await last(person, "글로 적어 주시거나")
    person.sends_contact()
    await last(person, "고마워요")
    person.sends_contact(own=False)
    await last(person, "다른 분의 연락처")


async def test_a_key_is_deleted_unread_and_a_password_too(person: Person, api: BotApi) -> None:  # noqa: F811
    key = person.sends_document("signPri.key", b"0\x82")
    await last(person, "개인키가 든 파일")
    said = person.says("비밀번호: Hunter2!x")
    await last(person, "그 메시지를 지웠어요")
    assert not {key["message_id"], said["message_id"]} & person.chat.messages.keys()
    assert api.called("getFile") == []


async def test_a_certificate_is_read_registered_and_its_holder_masked(person: Person, house: House) -> None:  # noqa: F811
    person.sends_document("signCert.der", b"not one")
    await last(person, "찾지 못했어요")
    person.sends_document("signCert.cer", der(Institution().subscriber()))
    shown = await last(person, "금융결제원(yessign)")
    assert "홍*동 님의 인증서" in shown
    person.taps("등록하기")
    await last(person, "등록했어요")
    [kept] = await house.rows("SELECT e.holder, a.channel FROM elsewhere e JOIN addresses a ON a.customer = e.customer")
    assert kept == {"holder": "홍*동", "channel": "telegram"}


async def test_a_key_under_a_public_name_is_deleted_and_a_reissue_offered(person: Person, house: House) -> None:  # noqa: F811
    sent = person.sends_document("signCert.der", b"\x30\x82\x01\x00\x02\x01\x00" + bytes(100))
    await last(person, "개인키가 든 파일")
    assert sent["message_id"] not in person.chat.messages
    person.taps("재발급")
    assert await house.rows("SELECT id FROM elsewhere") == []


async def test_whoever_blocked_us_is_out_of_reach_until_they_write(
    person: Person, house: House, telegram: Telegram  # noqa: F811
) -> None:  # fmt: skip
    person.says("안녕")
    await until(person.heard)
    person.blocks()

    async def unreachable() -> bool:
        rows = await house.rows("SELECT unreachable_at FROM addresses WHERE channel = 'telegram'")
        return rows[0]["unreachable_at"] is not None

    async with asyncio.timeout(PATIENCE):
        while not await unreachable():  # noqa: ASYNC110 - it is the database that changes
            await asyncio.sleep(0.01)
    person.says("다시 왔어요")
    await until(lambda: len(person.heard()) >= 2)
    assert not await unreachable()


async def test_nothing_is_called_while_told_to_wait_and_nothing_is_lost(
    house: House, api: BotApi, telegram: Telegram  # noqa: F811
) -> None:  # fmt: skip
    person = api.person()
    api.faults.add("wait", "sendMessage", seconds=1, times=1)
    person.says("안녕")
    await until(person.heard)
    sends = api.called("sendMessage")
    assert [one.outcome for one in sends] == ["429", "200"]
    assert sends[1].at - sends[0].at >= 1.0


async def test_a_lost_answer_is_not_sent_twice(house: House, api: BotApi, telegram: Telegram) -> None:  # noqa: F811
    person = api.person()
    api.faults.add("reset_after", "sendMessage", times=1)
    person.says("안녕")
    await until(person.heard)
    await telegram.sender.idle()
    assert len(person.heard()) == 1
    rows = await house.rows("SELECT state, last_error FROM outbox WHERE kind = 'bubble'")
    assert rows == [{"state": "sent", "last_error": "maybe delivered"}]


async def test_a_fault_of_the_server_is_tried_again(house: House, api: BotApi, telegram: Telegram) -> None:  # noqa: F811
    person = api.person()
    api.faults.add("error", "sendMessage", times=1)
    person.says("안녕")
    await until(person.heard)
    assert [one.outcome for one in api.called("sendMessage")][-1] == "200"
    assert len(person.heard()) == 1


async def test_a_message_that_always_fails_holds_up_the_next_ones_for_minutes_only(
    house: House, api: BotApi, telegram: Telegram, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr("bot.channels.telegram.sending.LONGEST_PAUSE", 0.001)
    person, service = api.person(), house.service
    person.says("안녕")
    await until(person.heard)
    [row] = await house.rows("SELECT customer, address FROM addresses WHERE channel = 'telegram'")
    api.faults.add("error", "sendDocument", times=None)

    def a_file(draft: Draft) -> Reply:
        draft.effects.append(KeepDocument("d", "k.p12", "application/x-pkcs12", b"file"))
        return Reply("k", "먼저 읽을 글. " * 600, document=Document("d", "k.p12", "application/x-pkcs12", 4))

    for name, word in (("file", a_file), ("next", lambda _: Reply("n", "다음 말"))):
        await service.conversation.notify("telegram", row["address"], row["customer"], name, word)
    await until(lambda: "도착했는지" in str(person.heard()[-1:]))  # and the file is to be had again, at a button
    texts = [str(one.get("text"))[:6] for one in person.heard()[1:]]
    assert texts == ["먼저 읽을 ", "먼저 읽을 ", "다음 말", "방금 보낸 "]
    await telegram.sender.idle()
    [dead] = await service.database.read(outbox.standing, "dead")
    assert (dead.channel, dead.error) == ("telegram", "fails each time")
    # An operator sends it on its way again: what has arrived of it does not come twice.
    api.faults.clear()
    await service.database.run(outbox.revive, dead.key, service.clock())
    telegram.sender.look_soon()
    await until(lambda: "document" in person.heard()[-1])
    await telegram.sender.idle()
    assert len(person.heard()) == 6


async def test_where_everything_fails_nothing_is_given_up(
    house: House, api: BotApi, telegram: Telegram, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr("bot.channels.telegram.sending.LONGEST_PAUSE", 0.001)
    person = api.person()
    failing = api.faults.add("error", "send*", times=None)
    person.says("안녕")
    person.says("도움말")
    await until(lambda: failing.seen > 30)
    api.faults.clear()
    await until(lambda: len(person.heard()) == 2)
    assert await house.service.database.read(outbox.standing, "dead") == []
    assert "안녕하세요" in str(person.heard()[0])


async def test_what_was_not_sent_goes_out_after_a_restart(
    house: House, api: BotApi, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    person = api.person()
    api.faults.add("wait", "sendMessage", seconds=600, times=1)
    async with running(house, monkeypatch):
        person.says("안녕")
        await until(lambda: api.called("sendMessage"))
    assert person.heard() == []
    api.faults._waiting.clear()
    await house.restart()
    async with running(house, monkeypatch):
        await until(person.heard)
    assert len(person.heard()) == 1


async def test_the_pace_of_one_chat_is_kept(house: House, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    person = api.person()
    async with running(house, monkeypatch, burst=3):
        for _ in range(5):
            person.says("안녕")
        await until(lambda: len(person.heard()) == 5)
    assert api.most_in(2.9, a_chat=True) <= 3


async def test_whoever_writes_faster_than_it_goes_out_takes_nobody_elses_room(
    house: House, api: BotApi, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr("bot.channels.telegram.sending.MOST_HELD", 10)
    monkeypatch.setattr("bot.channels.telegram.receiving.MOST_WAITING", 5)
    kim, lee = api.person(), api.person("이데모")
    async with running(house, monkeypatch, burst=1):
        for _ in range(40):
            kim.says("안녕")
        await until(lambda: not api.updates.queue)
        lee.says("안녕")
        await until(lee.heard)


async def test_what_finds_no_room_keeps_its_order(
    house: House, api: BotApi, telegram: Telegram, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr("bot.channels.telegram.sending.MOST_HELD", 2)
    monkeypatch.setattr("bot.channels.telegram.receiving.MOST_WAITING", 1000)
    person = api.person()
    api.faults.add("slow", "sendMessage", times=None, seconds=0.01)
    said = ["/start", "/help", "수수료가 얼마예요?", "유효기간은 얼마나 돼요?"] * 4
    for text in said:
        person.says(text)
    await until(lambda: len(person.heard()) >= len(said))
    await in_order(house, person)


async def test_what_is_said_while_the_outbox_is_looked_through_is_not_overtaken(
    house: House, api: BotApi, telegram: Telegram, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr("bot.channels.telegram.sending.MOST_HELD", 1)
    person, claim = api.person(), telegram.sender.bubbles.claim
    await stored(house, person, "안녕")
    await telegram.sender.idle()
    looked, free, send = asyncio.Event(), asyncio.Event(), telegram.sender._send

    async def when_free(bubble: Bubble, *, plain: bool) -> None:
        await free.wait()
        await send(bubble, plain=plain)

    async def one_is_said_meanwhile(room: int) -> list[Bubble]:
        claimed = await claim(room)
        if not claimed and telegram.sender._behind and not looked.is_set():
            await stored(house, person, "유효기간은 얼마나 돼요?")
            looked.set()
        return claimed

    monkeypatch.setattr(telegram.sender.bubbles, "claim", one_is_said_meanwhile)
    monkeypatch.setattr(telegram.sender, "_send", when_free)
    await stored(house, person, "수수료가 얼마예요?")
    await stored(house, person, "영업시간이 어떻게 되나요?")  # no room: it stays in the outbox
    free.set()
    await asyncio.wait_for(looked.wait(), PATIENCE)
    await stored(house, person, "OTP가 뭐예요?")
    await in_order(house, person)


async def stored(at: House, person: Person, text: str) -> None:
    """Says it, and returns when its turn is stored."""

    async def turns() -> int:
        return len(await at.rows("SELECT seq FROM messages WHERE author = 'customer'"))

    before = await turns()
    person.says(text)
    while await turns() == before:  # noqa: ASYNC110 - by hand, as `until` asks nothing that is awaited
        await asyncio.sleep(0.005)


async def in_order(at: House, person: Person) -> None:
    """What was heard is what the history says, in its order."""
    [to] = await at.rows("SELECT customer FROM addresses WHERE channel = 'telegram'")
    history = await at.service.conversations.history(to["customer"], 0)
    replies = [one.reply.told for one in history if one.reply is not None]
    await until(lambda: [one["text"] for one in person.heard()] == replies)


async def test_a_group_is_left_with_a_word(house: House, api: BotApi, telegram: Telegram) -> None:  # noqa: F811
    person = api.person()
    group = api.world.group("가족", person.user)
    person.says("인증서", group)
    await until(lambda: api.called("leaveChat"))
    assert "1:1" in str(api.called("sendMessage")[0].given["text"])


async def test_commands_are_set_in_every_language(api: BotApi, telegram: Telegram) -> None:  # noqa: F811
    assert {locale for _, locale in api.world.commands} == {"", "ko", "en"}


async def test_the_token_is_in_no_log_and_in_no_repr(
    house: House, api: BotApi, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    async with running(house, monkeypatch) as telegram:  # noqa: F811
        api.faults.add("reset", times=3)
        api.person().says("안녕")
        await asyncio.sleep(0.2)
        assert TOKEN not in repr(telegram.bot)
    ours = [record for record in caplog.records if record.name.startswith("bot.")]
    assert TOKEN not in "".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
