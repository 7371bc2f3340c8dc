"""The Bot API of our own refuses what Telegram refuses, with its words; and it loses nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from tests.telegram.person import NothingToTap, Person
from tests.telegram.server import TOKEN, BotApi
from tests.telegram.updates import SECRET_HEADER
from tests.telegram.world import Clock

NOW = 1_795_400_000.0


class Bot:
    """A bare client: what a method answers, whole."""

    def __init__(self, api: BotApi, http: aiohttp.ClientSession) -> None:
        self.api, self.http = api, http

    async def __call__(self, method: str, token: str = TOKEN, **given: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.api.url}/bot{token}/{method}", json=given) as answer:
            told = dict(await answer.json())
            assert told["ok"] is (answer.status == 200)
            return told

    async def refused(self, method: str, **given: Any) -> str:
        told = await self(method, **given)
        assert not told["ok"], told
        return f"{told['error_code']} {told['description']}"


@pytest_asyncio.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi(clock=Clock(NOW)).serving() as one:
        yield one


@pytest_asyncio.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with aiohttp.ClientSession() as http:
        yield Bot(api, http)


@pytest.fixture
def kim(api: BotApi) -> Person:
    kim = api.person()
    kim.says("/start")
    return kim


def keyboard(**button: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "네"} | button]]}


# -- refusals ---------------------------------------------------------------------------------------------------------

SENDING = [
    ({"text": ""}, "400 Bad Request: message text is empty"),
    ({"text": " \n\u200b"}, "400 Bad Request: message text is empty"),
    ({"text": "가" * 4097}, "400 Bad Request: message is too long"),
    ({"text": "😀" * 2049}, "400 Bad Request: message is too long"),
    ({"chat_id": 1}, "400 Bad Request: chat not found"),
    ({"chat_id": "x"}, "400 Bad Request: chat not found"),
    ({"chat_id": ""}, "400 Bad Request: chat_id is empty"),
    ({"reply_markup": keyboard(callback_data="가" * 21 + "ab")}, "400 Bad Request: BUTTON_DATA_INVALID"),
    ({"reply_markup": keyboard(callback_data="")}, "400 Bad Request: BUTTON_DATA_INVALID"),
    ({"reply_markup": keyboard()}, "400 Bad Request: can't parse inline keyboard button: Text buttons are unallowed"),
    ({"reply_markup": {"inline_keyboard": [[{"text": "", "callback_data": "a"}]]}}, "400 Bad Request: inline keyboard"),
    ({"reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "a"}] * 9]}}, "400 Bad Request: REPLY_MAR"),
    ({"reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]] * 101}}, "400 Bad Request: REPLY_"),
    ({"reply_markup": "{"}, "400 Bad Request: can't parse reply keyboard markup JSON object"),
    ({"reply_markup": keyboard(url="http://localhost:8710/s/x")}, "400 Bad Request: inline keyboard button URL 'http:"),
    ({"reply_markup": keyboard(url="ftp://a.kr")}, "400 Bad Request: inline keyboard button URL 'ftp:"),
    ({"reply_markup": keyboard(web_app={"url": "http://a.kr"})}, "400 Bad Request: inline keyboard button Web App URL"),
    ({"text": "<b>a", "parse_mode": "HTML"}, "400 Bad Request: can't parse entities: Can't find end tag"),
    ({"text": "<x>a</x>", "parse_mode": "HTML"}, "400 Bad Request: can't parse entities: Unsupported start tag \"x\""),
    ({"text": "a_b", "parse_mode": "Markdown"}, "400 Bad Request: can't parse entities: Can't find end of the entity"),
    ({"text": "a.", "parse_mode": "MarkdownV2"}, "400 Bad Request: can't parse entities: Character '.' is reserved"),
    ({"parse_mode": "BBCode"}, "400 Bad Request: unsupported parse_mode"),
    ({"entities": [{"type": "bold", "offset": 0, "length": 9}]}, "400 Bad Request: can't parse entities"),
    ({"text": "😀", "entities": [{"type": "bold", "offset": 1, "length": 1}]}, "400 Bad Request: can't parse entities"),
    ({"text": "\ud83d"}, "400 Bad Request: strings must be encoded in UTF-8"),
    ({"reply_parameters": {"message_id": 999_999}}, "400 Bad Request: message to be replied not found"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), SENDING)
async def test_a_message_that_telegram_refuses(bot: Bot, kim: Person, given: dict[str, Any], words: str) -> None:
    assert (await bot.refused("sendMessage", **({"chat_id": kim.user.id, "text": "안녕"} | given))).startswith(words)
    assert kim.heard() == []


async def test_what_is_just_within_the_limits_passes(bot: Bot, kim: Person) -> None:
    most = {"inline_keyboard": [[{"text": "a", "callback_data": "가" * 21 + "b"}] * 8] * 12}
    for text in ("가" * 4096, "😀" * 2048, f"<b>{'가' * 4096}</b>"):
        mode = {"parse_mode": "HTML"} if text.startswith("<") else {}
        assert (await bot("sendMessage", chat_id=kim.user.id, text=text, reply_markup=most, **mode))["ok"]
    local = keyboard(url="http://127.0.0.1:8710/s/x")
    assert (await bot("sendMessage", chat_id=str(kim.user.id), text="a", reply_markup=json.dumps(local)))["ok"]
    told = await bot(
        "sendMessage", chat_id=kim.user.id, text="<b>a</b> &lt;<a href='http://a.kr'>b</a>", parse_mode="html"
    )
    assert told["result"]["text"] == "a <b"
    assert [one["type"] for one in told["result"]["entities"]] == ["bold", "text_link"]


async def test_who_cannot_be_written_to(bot: Bot, api: BotApi, kim: Person) -> None:
    stranger = api.person("모르는이")
    assert (await bot.refused("sendMessage", chat_id=stranger.user.id, text="a")).startswith("403 Forbidden: bot can't")
    kim.blocks()
    assert (
        await bot.refused("sendMessage", chat_id=kim.user.id, text="a") == "403 Forbidden: bot was blocked by the user"
    )
    assert api.updates.history[-1]["my_chat_member"]["new_chat_member"]["status"] == "kicked"


async def test_token_and_method(bot: Bot) -> None:
    assert (await bot("getMe", token="1:no"))["error_code"] == 401
    assert await bot.refused("sendTelepathy") == "404 Not Found: method not found"
    assert (await bot("GETME"))["result"]["is_bot"] is True


async def test_an_edit_changes_something_of_ours(bot: Bot, kim: Person) -> None:
    sent = (await bot("sendMessage", chat_id=kim.user.id, text="가", reply_markup=keyboard(callback_data="a")))[
        "result"
    ]
    which = {"chat_id": kim.user.id, "message_id": sent["message_id"]}
    same = {"text": "가", "reply_markup": keyboard(callback_data="a")}
    assert "message is not modified" in await bot.refused("editMessageText", **which, **same)
    assert (await bot("editMessageReplyMarkup", **which))["ok"]
    assert kim.buttons() == []
    assert "message is not modified" in await bot.refused("editMessageReplyMarkup", **which)
    assert (await bot("editMessageText", **which, text="나"))["result"]["text"] == "나"
    theirs = {"chat_id": kim.user.id, "message_id": kim.shown()[0]["message_id"]}
    assert "can't be edited" in await bot.refused("editMessageText", **theirs, text="a")
    assert "message to edit not found" in await bot.refused(
        "editMessageText", chat_id=kim.user.id, message_id=9, text="a"
    )


async def test_a_message_can_be_deleted_for_two_days(bot: Bot, api: BotApi, kim: Person) -> None:
    mine, other = kim.says("1234"), kim.says("5678")
    assert (await bot("deleteMessage", chat_id=kim.user.id, message_id=mine["message_id"]))["ok"]
    assert "message to delete not found" in await bot.refused(
        "deleteMessage", chat_id=kim.user.id, message_id=mine["message_id"]
    )
    api.clock.forward(48 * 3600 + 1)
    late = {"chat_id": kim.user.id, "message_id": other["message_id"]}
    assert "message can't be deleted" in await bot.refused("deleteMessage", **late)
    assert [one["text"] for one in kim.shown()] == ["/start", "5678"]


async def test_a_tap_is_answered_once_and_in_time(bot: Bot, api: BotApi, kim: Person) -> None:
    await bot("sendMessage", chat_id=kim.user.id, text="가", reply_markup=keyboard(callback_data="a"))
    first, second = kim.taps("네"), kim.taps("네")
    assert (await bot("answerCallbackQuery", callback_query_id=first.id, text="네"))["ok"]
    again = await bot.refused("answerCallbackQuery", callback_query_id=first.id)
    api.clock.forward(61)
    late = await bot.refused("answerCallbackQuery", callback_query_id=second.id)
    assert again == late
    assert "query is too old" in late
    assert "MESSAGE_TOO_LONG" in await bot.refused("answerCallbackQuery", callback_query_id="1", text="가" * 201)
    with pytest.raises(NothingToTap):
        kim.taps("아니요")


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        ("sendDocument", {"document": "AbC"}, "wrong file identifier"),
        ("sendDocument", {}, "there is no document"),
        ("getFile", {"file_id": "AbC"}, "invalid file_id"),
        ("sendChatAction", {"action": "singing"}, "wrong parameter action"),
        ("setMyCommands", {"commands": [{"command": "Help", "description": "a"}]}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": [{"command": "help", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ("setMyCommands", {"commands": [], "language_code": "kor"}, "invalid language code"),
        ("setChatMenuButton", {"menu_button": {"type": "web_app", "web_app": {"url": "http://a.kr"}}}, "Only HTTPS"),
        ("setWebhook", {"url": "http://bank.kr/hook"}, "An HTTPS URL must be provided"),
        ("setWebhook", {"url": "https://bank.kr:8710/hook"}, "only on ports"),
        ("setWebhook", {"url": "https://bank.kr/hook", "secret_token": "a b"}, "unallowed characters"),
        ("setWebhook", {"url": "https://bank.kr/hook", "secret_token": "a" * 257}, "too long"),
    ],
)
async def test_other_refusals(bot: Bot, kim: Person, method: str, given: dict[str, Any], words: str) -> None:
    assert words in await bot.refused(method, chat_id=kim.user.id, **given)


async def test_files_go_both_ways_unchanged(bot: Bot, api: BotApi, kim: Person) -> None:
    form = aiohttp.FormData(quote_fields=False, fields={"chat_id": str(kim.user.id), "caption": "가"})
    form.add_field("document", bytes(range(256)), filename="김데모.p12", content_type="application/x-pkcs12")
    async with bot.http.post(f"{api.url}/bot{TOKEN}/sendDocument", data=form) as answer:
        sent = (await answer.json())["result"]
    assert sent["document"]["file_name"] == "김데모.p12"
    assert kim.octets(kim.heard()[-1]) == bytes(range(256))
    again = (await bot("sendDocument", chat_id=kim.user.id, document=sent["document"]["file_id"]))["result"]
    assert again["document"] == sent["document"]
    theirs = kim.sends_document("a.der", b"\x30\x03")["document"]["file_id"]
    path = (await bot("getFile", file_id=theirs))["result"]["file_path"]
    async with bot.http.get(f"{api.url}/file/bot{TOKEN}/{path}") as answer:
        assert await answer.read() == b"\x30\x03"


async def test_commands_are_kept_per_scope_and_language(bot: Bot) -> None:
    korean = [{"command": "help", "description": "도움말"}]
    await bot("setMyCommands", commands=korean, language_code="ko")
    await bot("setMyCommands", commands=[], scope={"type": "all_group_chats"})
    assert (await bot("getMyCommands", language_code="ko"))["result"] == korean
    assert (await bot("getMyCommands"))["result"] == []
    await bot("deleteMyCommands", language_code="ko")
    assert (await bot("getMyCommands", language_code="ko"))["result"] == []


# -- updates ----------------------------------------------------------------------------------------------------------


async def test_an_update_comes_again_until_it_is_confirmed(bot: Bot, api: BotApi, kim: Person) -> None:
    kim.says("둘")
    first = (await bot("getUpdates"))["result"]
    assert first == (await bot("getUpdates"))["result"]
    assert [one["message"]["text"] for one in first] == ["/start", "둘"]
    assert first[0]["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    after = first[0]["update_id"] + 1
    assert [one["update_id"] for one in (await bot("getUpdates", offset=after))["result"]] == [after]
    assert (await bot("getUpdates", offset=after + 1))["result"] == []
    api.updates.jump(-50_000)
    kim.says("셋")
    assert [one["message"]["text"] for one in (await bot("getUpdates", offset=after + 1))["result"]] == ["셋"]


async def test_a_long_poll_wakes_and_there_is_one_of_them(bot: Bot, api: BotApi) -> None:
    kim = api.person()
    first = asyncio.create_task(bot("getUpdates", timeout=20))
    while not api.updates._poller:  # noqa: ASYNC110
        await asyncio.sleep(0)
    second = asyncio.create_task(bot("getUpdates", timeout=20))
    assert (await first)["error_code"] == 409
    kim.says("일어나요")
    assert [one["message"]["text"] for one in (await second)["result"]] == ["일어나요"]


async def test_what_comes_only_when_asked_for(bot: Bot, api: BotApi, kim: Person) -> None:
    await bot("getUpdates", allowed_updates=["callback_query"])
    kim.says("안 들려요")
    assert [one["message"]["text"] for one in (await bot("getUpdates"))["result"]] == ["/start"]


async def test_a_webhook_is_tried_until_it_answers(bot: Bot, api: BotApi, kim: Person) -> None:
    came: list[tuple[int, str | None]] = []
    all_here = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        came.append(((await request.json())["update_id"], request.headers.get(SECRET_HEADER)))
        if len(came) == 4:
            all_here.set()
        return web.Response(status=500 if len(came) < 3 else 200)

    application = web.Application()
    application.router.add_post("/hook", hook)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.updates.pause = 0.01
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        assert (await bot("setWebhook", url=url, secret_token="s3cret_-"))["ok"]
        kim.says("둘")
        await asyncio.wait_for(all_here.wait(), 10)
        first = api.updates.history[0]["update_id"]
        assert came == [(first, "s3cret_-")] * 3 + [(first + 1, "s3cret_-")]
        told = (await bot("getWebhookInfo"))["result"]
        assert told["url"] == url
        assert "500" in told["last_error_message"]
        assert "webhook is active" in await bot.refused("getUpdates")
        await bot("deleteWebhook")
        assert (await bot("getUpdates"))["result"] == []
    finally:
        await runner.cleanup()


# -- faults -----------------------------------------------------------------------------------------------------------


async def test_who_was_told_to_wait_and_calls_is_counted(
    bot: Bot, api: BotApi, kim: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("tests.telegram.faults.time.monotonic", lambda: now[0])
    lee = api.person("이샘플")
    lee.says("/start")
    api.faults.add("wait", "send*", seconds=5, per_chat=True)
    told = await bot("sendMessage", chat_id=kim.user.id, text="a")
    assert (told["error_code"], told["parameters"]) == (429, {"retry_after": 5})
    assert (await bot("sendMessage", chat_id=lee.user.id, text="a"))["ok"]
    assert api.faults.impatient == []
    now[0] += 1
    assert (await bot("sendMessage", chat_id=kim.user.id, text="a"))["error_code"] == 429
    assert api.faults.impatient == [("sendMessage", kim.user.id)]
    now[0] += 5
    assert (await bot("sendMessage", chat_id=kim.user.id, text="a"))["ok"]


async def test_a_lost_answer_was_a_sent_message(bot: Bot, api: BotApi, kim: Person) -> None:
    api.faults.add("reset_before", "sendMessage")
    api.faults.add("reset_after", "sendMessage")
    api.faults.add("error", "sendMessage", code=502)
    for text in ("하나", "둘"):
        with pytest.raises(aiohttp.ClientError):
            await bot("sendMessage", chat_id=kim.user.id, text=text)
    assert await bot.refused("sendMessage", chat_id=kim.user.id, text="셋") == "502 Bad Gateway"
    assert [one["text"] for one in kim.heard()] == ["둘"]
    assert [one.outcome for one in api.called("sendMessage")] == ["reset_before", "reset_after", "502"]
    assert len(api.holding("둘")) == 1
