"""A customer seen from outside: a Telegram client behind a small protocol, and what they hold in the hand.

`Client` is all that a Bot API server's own way of playing people has to offer; the rest is built on it.
"""

import asyncio
import base64
import re
import time
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, Protocol, TypeVar

import aiohttp
import httpx2
from cryptography import x509

from handlers.texts import Texts
from tests.outside import Key, page_of

T = TypeVar("T")
PATIENCE = 30.0
LOOK_EVERY = 0.02
Message = dict[str, Any]


class Client(Protocol):
    """A customer's Telegram client. Messages are the Bot API's objects."""

    async def says(self, text: str) -> None: ...
    async def taps(self, message_id: int, data: str) -> None: ...
    async def shown(self) -> list[Message]:
        """What stands in the chat, oldest first, after edits and deletes."""
        ...

    async def file(self, file_id: str) -> bytes: ...
    async def answers(self) -> list[str]:
        """What taps were answered with; nothing where the server does not tell."""
        ...

    async def blocks(self) -> None: ...


class OurClient:
    """A person of `tests.telegram.server`, over `/control`."""

    def __init__(self, http: aiohttp.ClientSession, url: str, person: int) -> None:
        self.http, self.url = http, f"{url}/control/{person}"

    async def act(self, name: str, **given: Any) -> Any:
        async with self.http.post(f"{self.url}/{name}", json=given) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise AssertionError(told)
            return told

    async def says(self, text: str) -> None:
        await self.act("says", text=text)

    async def taps(self, message_id: int, data: str) -> None:
        await self.act("taps_data", data=data, message_id=message_id)

    async def shown(self) -> list[Message]:
        return list(await self.act("shown"))

    async def file(self, file_id: str) -> bytes:
        return base64.b64decode(await self.act("file", file_id=file_id))

    async def answers(self) -> list[str]:
        return [one["text"] for tap in await self.act("answers") for one in tap["answers"]]

    async def blocks(self) -> None:
        await self.act("blocks")


async def ours(http: aiohttp.ClientSession, api: str, language: str) -> OurClient:
    """The driver for our own server."""
    async with http.post(f"{api}/control/new", json={"first_name": "김데모", "language_code": language}) as answer:
        return OurClient(http, api, await answer.json())


Driver = Callable[[aiohttp.ClientSession, str, str], Awaitable[Client]]


class Customer:
    """Says and taps by what sentences and buttons are called in `locales/`, and waits to see them."""

    def __init__(self, client: Client, texts: Texts) -> None:
        self.client, self.texts, self.mark = client, texts, 0

    async def says(self, text: str, *keys: str) -> list[Message]:
        self.mark = await self._newest()
        await self.client.says(text)
        return [await self.sees(key) for key in keys]

    async def taps(self, key: str, *keys: str) -> list[Message]:
        """Tap the newest button labelled as `key` says."""
        message, data = await self.button(key)
        return await self.taps_on(message, data, *keys)

    async def taps_on(self, message: Message, data: str, *keys: str) -> list[Message]:
        self.mark = await self._newest()
        await self.client.taps(message["message_id"], data)
        return [await self.sees(key) for key in keys]

    async def button(self, key: str) -> tuple[Message, str]:
        label = self.texts(key)

        def on(shown: list[Message]) -> tuple[Message, str] | None:
            for message in reversed(shown):
                for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
                    for one in row:
                        if one["text"] == label and "callback_data" in one:
                            return message, one["callback_data"]
            return None

        return await self._until(on, f"the button {label!r}")

    async def sees(self, key: str) -> Message:
        """The bot's message that says `key`, newer than what the customer did last."""
        words = telling(self.texts, key)

        def on(shown: list[Message]) -> Message | None:
            return next((one for one in shown if one["message_id"] > self.mark and words in said(one)), None)

        return await self._until(on, f"{key} ({words!r})")

    async def sees_document(self) -> Message:
        return await self._until(
            lambda shown: next((one for one in shown if "document" in one and one["from"]["is_bot"]), None), "a file"
        )

    async def _newest(self) -> int:
        return max((one["message_id"] for one in await self.client.shown()), default=0)

    async def _until(self, found: Callable[[list[Message]], T | None], what: str) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            shown = await self.client.shown()
            if (one := found(shown)) is not None:
                return one
            if time.monotonic() > deadline:
                last = "\n".join(f"{one['message_id']}: {said(one)}" for one in shown[-6:])
                raise AssertionError(f"{what} never came after {self.mark}; last was\n{last}")
            await asyncio.sleep(LOOK_EVERY)


def said(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "")


def telling(texts: Texts, key: str) -> str:
    """The longest run of a sentence's words that is always the same."""
    template = dict(texts.items())[key]
    without = re.sub(r"\{%-? *if .*?endif *-?%\}|\{\{.*?\}\}|\{%.*?%\}", "\0", template, flags=re.DOTALL)
    return max(re.split(r"[\0\n]", without), key=len).strip()


def link_of(message: Message) -> str:
    """The address behind the button, or in the words."""
    for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
        for one in row:
            if url := one.get("url") or one.get("web_app", {}).get("url"):
                return str(url)
    found = re.search(r"https?://\S+", said(message))
    assert found, message
    return found[0]


class Hand:
    """What a demo customer holds in the hand: phone, card, and a browser for the page. `http` leads to the service."""

    def __init__(self, http: httpx2.AsyncClient, who: str = "kim") -> None:
        self.http = http
        http.cookies.set("certtalk-as", who)

    async def desk(self) -> dict[str, Any]:
        return dict((await self.http.get("/demo/desk")).json())

    async def messages(self) -> int:
        return len((await self.desk())["phone"]["messages"])

    async def code(self, after: int) -> str:
        """The code in the newest SMS, once there are more than `after`."""
        deadline = time.monotonic() + PATIENCE
        while len(texts := (await self.desk())["phone"]["messages"]) <= after:
            assert time.monotonic() < deadline, "no SMS came"
            await asyncio.sleep(LOOK_EVERY)
        found = re.search(r"(?<!\d)\d{6}(?!\d)", texts[0]["text"])
        assert found
        return found[0]

    async def fills(self, link: str, document: bytes | None) -> x509.Certificate:
        """Open the page, send the form, keep the files. The certificate."""
        path, key = re.sub(r"^https?://[^/]+", "", link), Key()
        shown = page_of((await self.http.get(path)).text)
        assert shown["state"] == "open", shown["state"]
        cells = (await self.desk())["card"]["cells"]
        halves = {"front": slice(0, 2), "back": slice(2, 4)}
        factor = {str(c["cell"]): cells[str(c["cell"])][halves[c["half"]]] for c in shown["factor"]["cells"]}
        token = {"X-CSRF-Token": shown["csrf"]}
        form = {"factor": {"cells": factor}, **key.form}
        issued = await self.http.post(f"{path}/issue", json=form, headers=token)
        assert issued.status_code == 200, issued.text
        kept = document and {"filename": "certificate.p12", "bytes": base64.b64encode(document).decode()}
        done = await self.http.post(f"{path}/done", json={"document": kept}, headers=token)
        assert done.json() == {"ok": True}, done.text
        return x509.load_der_x509_certificate(base64.b64decode(issued.json()["certificate"]))

    async def moves_clock(self, day: date) -> int:
        """Reminders as if it were that day; how many were due."""
        token = page_of((await self.http.get("/")).text)["csrf"]
        moved = await self.http.post("/demo/clock", json={"date": day.isoformat()}, headers={"X-CSRF-Token": token})
        assert moved.status_code == 200, moved.text
        return int(moved.json()["sent"])
