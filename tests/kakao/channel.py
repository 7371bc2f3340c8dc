"""The channel over a real service, and a customer of it: what they send goes over the wire, the answer is judged."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from bot.channels.kakao.answering import Kakao
from bot.channels.kakao.centre import PATH
from bot.web.application import Application
from handlers.message import CustomerId
from tests.kakao.calls import KAKAO, call, headers, pressed
from tests.kakao.judging import buttons, judged, said
from tests.talking import House, Talk
from tests.wires import AtKakao


@pytest.fixture
def settings() -> dict[str, object]:
    return dict(KAKAO)


def at_kakao(house: House, who: str) -> AtKakao:
    """A transcript at KakaoTalk's door, of a conversation that nobody knows yet."""
    house.door = AtKakao
    talk = house.talk(who, customer=f"kakao-{who}")
    house.door = None
    assert isinstance(talk, AtKakao)
    return talk


@pytest.fixture
async def kakao(house: House) -> AsyncIterator[Kakao]:
    opened = Kakao(house.service)
    async with opened.running():
        yield opened


@pytest.fixture
async def client(house: House, kakao: Kakao) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(Application(house.service, None, kakao).asgi, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8710") as opened:
        yield opened


@pytest.fixture
def person(house: House, client: httpx2.AsyncClient) -> "Person":
    return Person(house, client)


class Person:
    """Somebody at KakaoTalk."""

    def __init__(self, house: House, client: httpx2.AsyncClient, user: str = "user-1", lang: str = "ko") -> None:
        self.house, self.client, self.user, self.lang = house, client, user, lang
        self.response: dict[str, Any] = {}

    async def says(self, text: str, **how: Any) -> str:
        return await self.sends(call(text, user=self.user, lang=self.lang, **how))

    async def presses(self, label: str) -> str:
        """Press the button that says `label` in full."""
        return await self.sends(pressed(self.button(label), user=self.user, lang=self.lang))

    def button(self, label: str) -> dict[str, Any]:
        shown = [one for one in buttons(self.response) if "messageText" in one]
        found = [one for one in shown if one["messageText"] == label]
        assert found, f"no {label!r} among {[one['messageText'] for one in shown]}"
        return found[0]

    async def sends(self, payload: dict[str, Any], request: str | None = None) -> str:
        self.house.clock.forward(seconds=1)
        answer = await self.client.post(PATH, json=payload, headers=headers(request))
        assert answer.status_code == 200, answer.text
        self.response = judged(answer.json())
        return said(self.response) if "template" in self.response else ""

    async def customer(self) -> CustomerId:
        found = await self.house.service.addresses.known("kakao", self.user)
        assert found is not None
        return found

    async def inner(self, who: str = "kim") -> Talk:
        """The same conversation as `tests.talking` sees it, with what was last said."""
        talk = self.house.talk(who, "kakao", await self.customer())
        seen = await self.house.service.conversations.history(talk.customer, 0)
        talk.replies = tuple(one.reply for one in seen if one.reply is not None)[-4:]
        return talk
