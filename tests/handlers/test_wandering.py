"""Customers who do anything at any time: nothing breaks, every turn says something, and one certificate is the most."""

import os
import random

import pytest

from handlers.message import Choice
from tests.talking import YES, House, Page, Talk

WALKS = int(os.environ.get("CERTTALK_TEST_WALKS", "10"))
TURNS = 60
WORDS = (
    "네", "아니요", "1", "2", "뒤로", "취소", "처음부터", "도움말", "상담원", "언어", "English", "한국어로",
    "안녕하세요", "고마워요", "비밀번호는 몇 자리예요?", "얼마예요?", "화성에 가고 싶어요", "다 했어요", "", "000000",
    "홍길동", "000-24-1101-022", "인증서 발급",
)  # fmt: skip
ON = {f"{step}={value}" for step, value in YES.items()} | {"kind=business"}


class Wanderer:
    """Does something at random, leaning towards what goes on."""

    def __init__(self, talk: Talk, dice: random.Random) -> None:
        self.talk, self.dice = talk, dice
        self.buttons: list[Choice] = [Choice("start:enroll", "인증서 발급")]
        self.pages: list[Page] = []

    async def act(self) -> str:
        talk, dice = self.talk, self.dice
        match dice.choices(("on", "button", "old", "word", "time", "page", "restart"), (55, 8, 5, 10, 3, 18, 1))[0]:
            case "on" if talk.at is None:
                return await talk.presses(self.buttons[0])
            case "on" if talk.answered.step in {"account", "name", "code"}:
                right = {"account": talk.demo.accounts[0], "name": talk.demo.name}
                return await talk.says(right.get(talk.answered.step or "") or await talk.code())
            case "on" if good := [c for c in talk.choices if c.value.partition("~")[0] in ON]:
                return await talk.presses(good[0])
            case "on" | "button" if talk.choices:
                return await talk.presses(dice.choice(talk.choices))
            case "old":
                return await talk.presses(dice.choice(self.buttons))
            case "time":
                talk.house.clock.forward(minutes=dice.choice((1, 5, 40, 3000)))
            case "page" if self.pages:
                page = dice.choice(self.pages[-2:])
                if await page.shown() is not None:
                    await page.submit(dice.choice((None, None, {"cells": {}})), key=dice.randrange(1000))
                if await talk.service.certificates.by_request(page.link_id) is not None and dice.random() < 0.7:
                    return await page.done() or "silence is right for an old page"
            case "restart":
                await talk.house.restart()
        return await talk.says(dice.choice(WORDS))

    async def turn(self) -> None:
        said = await self.act()
        assert said.strip()
        self.buttons += self.talk.choices
        if any(reply.link and reply.link.id for reply in self.talk.replies):
            self.pages.append(self.talk.page())


@pytest.mark.parametrize("seed", range(WALKS))
async def test_a_walk_at_random(house: House, seed: int) -> None:
    dice = random.Random(seed)
    wanderer = Wanderer(house.talk(dice.choice(("kim", "park", "smith", "lee"))), dice)
    for _ in range(TURNS):
        await wanderer.turn()
        assert len(await wanderer.talk.certificates()) <= 1
        assert await house.service.links.waiting() == []
