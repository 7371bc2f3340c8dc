"""The transcripts at each channel's own door: what is typed and pressed goes in as that channel brings it.

Messages become HTTP requests of the chat page, lines of the console, updates of Telegram, skill calls of KakaoTalk;
what was answered is read from the conversation, and KakaoTalk's answers are judged as they went out. Those marked
`everywhere` go through all four doors in every run; `CERTTALK_TEST_WIRE=kakao` takes all others there as well.
"""

import io
import itertools
import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import httpx2

from bot.channels import console
from bot.channels.kakao.answering import Kakao
from bot.channels.kakao.centre import PATH
from bot.channels.telegram.receiving import Receiver
from bot.channels.telegram.sending import Sender
from bot.channels.telegram.writing import button_data
from bot.talking import Console
from bot.web.application import Application
from handlers.message import Answered
from tests.kakao.calls import KAKAO, call, headers
from tests.kakao.judging import buttons, judged
from tests.outside import Browser, Outside
from tests.talking import Talk

SETTINGS: dict[str, object] = {**KAKAO, "messages_per_minute": 6000}
"""What the doors need to be open."""
_numbers = itertools.count(1)


class Door(Talk):
    """`carry` brings one message in."""

    address = ""

    async def carry(self, text: str, choice: str | None) -> None:
        raise NotImplementedError

    async def send(self, message_id: str, text: str = "", choice: str | None = None) -> Answered:
        self.channel = self.door
        if self.demo.locale and await self.service.conversation.locale(self.customer) is None:
            await self.service.conversation.greet(self.door, self.demo.id, self.customer, self.demo.locale)
        self.read = await self.service.conversations.latest(self.customer, 0)
        await self.carry(text, choice)
        await self.hears()
        return self.answered

    @property
    def door(self) -> str:
        return type(self).__name__.removeprefix("At").lower()

    async def _sits_at(self, address: str) -> None:
        """The conversation is reached at this address of the channel."""
        await self.house.write(
            "INSERT INTO addresses (channel, address, customer, first_at) VALUES (:door, :address, :customer, '')"
            " ON CONFLICT (channel, address) DO NOTHING",
            door=self.door, address=address, customer=self.customer,
        )  # fmt: skip


class AtWeb(Door):
    """The page's own cookie chooses one of the demo's customers; another conversation has no page here."""

    async def send(self, message_id: str, text: str = "", choice: str | None = None) -> Answered:
        if not self.customer.startswith("demo:"):
            return await Talk.send(self, message_id, text, choice)
        return await super().send(message_id, text, choice)

    async def carry(self, text: str, choice: str | None) -> None:
        who = self.customer.removeprefix("demo:")
        browser = Browser(Outside(self.service, self.house.clock), who)  # type: ignore[arg-type]
        await browser.said(text, choice)


class AtConsole(Door):
    async def carry(self, text: str, choice: str | None) -> None:
        shown = io.StringIO()
        chat = Console(self.service, self.demo.id, as_json=True, out=shown)
        chat.seat, chat.after = console.Seat(self.customer, self.demo.id), self.read
        await chat.hear(json.dumps({"text": text} if choice is None else {"choice": choice}))
        turn = json.loads(shown.getvalue())
        assert "error" not in turn, turn


class AtTelegram(Door):
    async def carry(self, text: str, choice: str | None) -> None:
        number, person = next(_numbers), abs(hash(self.customer)) % 10**9
        await self._sits_at(str(person))
        who = {"id": person, "is_bot": False, "first_name": "K", "language_code": self.demo.locale or "ko"}
        at = {"message_id": number, "date": 1, "chat": {"id": person, "type": "private"}}
        what: dict[str, Any] = {"message": at | {"from": who, "text": text}}
        if choice is not None:
            tapped = {"id": str(number), "from": who, "chat_instance": "1", "data": button_data(choice)}
            what = {"callback_query": tapped | {"message": at | {"text": "?"}}}
        courtesy = SimpleNamespace(
            answer=Mock(), typing=Mock(), chosen=Mock(), spent=Mock(), delete=AsyncMock(return_value=True)
        )
        sender = Sender(self.service, Mock(), Mock())  # not running: what is said stays in the outbox
        receiver = Receiver(self.service, sender, courtesy)  # type: ignore[arg-type]
        await receiver.take({"update_id": number, **what})


class AtKakao(Door):
    response: dict[str, Any] | None = None

    @property
    def user(self) -> str:
        return "user-" + self.customer.replace(":", "-")

    async def carry(self, text: str, choice: str | None) -> None:
        await self._sits_at(self.user)
        how: dict[str, Any] = {"user": self.user, "lang": self.demo.locale or "ko"}
        if choice is not None:
            shown = buttons(self.response) if self.response is not None else []
            here = [one for one in shown if one.get("extra", {}).get("choice") == choice]
            how["extra"] = here[0]["extra"] if here else {"choice": choice, "nonce": str(next(_numbers))}
            text = here[0]["messageText"] if here else text
        kakao = Kakao(self.service)
        async with kakao.running():
            transport = httpx2.ASGITransport(Application(self.service, None, kakao).asgi, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8710") as client:
                answer = await client.post(PATH, json=call(text, **how), headers=headers())
        assert answer.status_code == 200, answer.text
        self.response = judged(answer.json())


DOORS: dict[str, type[Door]] = {"web": AtWeb, "console": AtConsole, "telegram": AtTelegram, "kakao": AtKakao}
