"""A Bot API server of another make: it forgets fields, knows few methods, and answers in its own way.

Ours (`tests.telegram.server`) refuses what Telegram refuses; this one is lax and odd, as stand-ins are.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from bot.channels.telegram import polling
from bot.channels.telegram.checking import check
from bot.settings import load_settings
from handlers.draft import Draft
from handlers.message import Reply
from handlers.texts import load_texts
from tests.talking import MONDAY, House, house  # noqa: F401
from tests.telegram.channel import running, until

TOKEN = "1:another-make"
KIM = {"id": 7, "is_bot": False, "first_name": "김데모", "last_name": None, "language_code": None}
CHAT = {"id": 7, "type": "private", "title": None}


UNKNOWN: dict[str, Callable[[], web.Response]] = {
    "404": lambda: web.json_response({"detail": "Not Found"}, status=404),
    "500": lambda: web.json_response({"message": "not supported"}, status=500),
    "405": lambda: web.Response(status=405, text="Method Not Allowed"),
    "true": lambda: web.json_response({"ok": True, "result": True}),
}
"""What a method that is not there is answered with."""


class Odd:
    def __init__(self, missing: str) -> None:
        self.missing, self.url = UNKNOWN[missing], ""
        self.waiting: list[dict[str, Any]] = []
        self.asked = 0
        self.said: list[dict[str, str]] = []
        self.files: list[bytes] = []
        self._ids = itertools.count(1)

    def says(self, text: str) -> None:
        message = {"message_id": 1, "from": KIM, "chat": CHAT, "date": 1, "text": text, "contact": None}
        self.put(message=message, callback_query=None, edited_message=None)

    def sends_sticker(self) -> None:
        message = {"message_id": 1, "from": KIM, "chat": CHAT, "text": None, "pinned_message": None, "sticker": {}}
        self.put(message=message)

    def taps(self, data: str) -> None:
        """Without the message's id, date and buttons."""
        self.put(callback_query={"id": "1", "from": KIM, "message": {"chat": CHAT}, "data": data})

    def put(self, **kinds: Any) -> None:
        self.waiting.append({"update_id": next(self._ids), **kinds})

    async def called(self, request: web.Request) -> web.Response:
        given = await request.post()
        match request.match_info["method"]:
            case "getMe":
                return web.json_response({"result": {"id": 1}, "ok": True})
            case "getUpdates":  # at once, each update once, whatever the offset
                self.asked += 1
                updates, self.waiting = self.waiting, []
                return web.json_response({"ok": True, "result": updates, "description": None})
            case "sendMessage":
                self.said.append({name: str(value) for name, value in given.items()})
                return web.json_response({"ok": True, "result": None})
            case "sendDocument" if not isinstance(given["document"], str):
                self.files.append(given["document"].file.read())
                sent = {"message_id": 2, "document": {"file_id": "its-own"}}
                return web.json_response({"ok": True, "result": sent})
            case "sendDocument":
                return web.json_response({"detail": "a file is needed"}, status=422)
            case "deleteMessage":
                return web.json_response({"ok": False, "description": "Bad Request: nothing there"})
            case _:
                return self.missing()


@pytest.fixture(params=["404"])
async def odd(request: pytest.FixtureRequest) -> AsyncIterator[Odd]:
    """Behind a path."""
    one = Odd(request.param)
    application = web.Application()
    application.router.add_post(f"/behind/bot{TOKEN}/{{method}}", one.called)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/behind/"
    yield one
    await runner.cleanup()


@pytest.fixture
def settings(odd: Odd) -> dict[str, object]:
    return {"telegram_token": TOKEN, "telegram_api_url": odd.url, "telegram_per_second": 10_000}


@pytest.mark.parametrize("odd", ["404", "500"], indirect=True)
async def test_customers_are_served_all_the_same(odd: Odd, house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(polling, "PATIENCE", 0.02)
    async with running(house, monkeypatch, arranged=False) as telegram:
        for act, word in (
            (lambda: odd.says("/start"), "무엇을 도와드릴까요"),
            (lambda: odd.taps("start:enroll"), "준비되셨나요"),
            (lambda: odd.taps("prepare=ready"), "어떤 인증서가 필요하세요"),
            (odd.sends_sticker, "글로 적어 주시거나"),
            (lambda: odd.says("비밀번호: Hunter2!x"), "지우지 못했어요"),
        ):
            before = len(odd.said)
            act()
            await until(lambda: any(word in one["text"] for one in odd.said[before:]), word)  # noqa: B023
        asked = odd.asked
        await asyncio.sleep(0.2)
        assert odd.asked - asked < 20
        assert telegram.bot.recognised


async def test_a_file_is_uploaded_again_where_its_id_is_not_taken(
    odd: Odd, house: House, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    async with running(house, monkeypatch, arranged=False) as telegram:
        odd.says("안녕")
        await until(lambda: odd.said)
        service = house.service
        [to] = await house.rows("SELECT customer FROM addresses WHERE channel = 'telegram'")
        kept = await service.documents.keep("AZaz09_-AZaz09_-AZaz09", to["customer"], "a.p12", "a/b", b"0", MONDAY)

        def word(_: Draft) -> Reply:
            return Reply("enroll.done", "여기요", document=kept)

        for number in (1, 2):
            await service.conversation.notify("telegram", "7", to["customer"], f"file:{number}", word)
            await until(lambda: len(odd.files) == number)  # noqa: B023
        await telegram.sender.idle()
        assert odd.files == [b"0", b"0"]


@pytest.mark.parametrize("odd", UNKNOWN, indirect=True)
async def test_what_it_does_not_say_is_told_by_the_check(odd: Odd) -> None:
    settings = load_settings(None, telegram_token=TOKEN, telegram_api_url=odd.url)
    for mend in (False, True):
        found = await check(settings, load_texts(), mend=mend, now=MONDAY)
        assert {one.check for one in found} == {"telegram", "telegram_way", "telegram_commands", "telegram_pages"}
