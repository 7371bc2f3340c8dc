"""Hostile calls: mutated payloads are answered or refused, never a fault, and no callback goes where it should not."""

import copy
import json
import os
import random
from typing import Any

import httpx2
import pytest
from aiohttp import web

from bot.channels.kakao.callback import Callbacks, allowed
from bot.channels.kakao.centre import PATH
from bot.channels.kakao.reading import Unreadable, read
from tests.kakao.calls import call, headers
from tests.kakao.channel import client, kakao, settings  # noqa: F401
from tests.kakao.judging import judged
from tests.talking import House, house  # noqa: F401

MUTANTS = int(os.environ.get("CERTTALK_TEST_KAKAO_MUTANTS", "2000"))
"""20000 for a thorough look."""
OVER_THE_WIRE = max(60, MUTANTS // 100)
"""Those of them that are also brought to a running service."""
HOSTILE = [
    "http://bot-api.kakao.com/callback/1",
    "https://bot-api.kakao.com.evil.example/",
    "https://evil.example/bot-api.kakao.com",
    "https://bot-api.kakao.com@evil.example/",
    "https://user:pass@bot-api.kakao.com/",
    "https://bot-api.kakao.com:8443/x",
    "https://127.0.0.1/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/x",
    "https://2130706433/x",
    "https://bot-api.kakao.com\\@evil.example/x",
    "https://bot-api.kakao.com\r\nHost: evil.example/",
    "//bot-api.kakao.com/x",
    "file:///etc/passwd",
    "gopher://bot-api.kakao.com/x",
    "https://bot-api.kakao.com./x",
    "https://evil.example#@bot-api.kakao.com/",
]
ODD: list[Any] = [
    None, True, False, 0, -1, 2**70, 1.5, "", " ", "null", "\x00", "\ud800", "가" * 3000, "😀" * 500, "../..", "'; --",
    "{{7*7}}", "start:enroll", "cmd:cancel", "review=confirm", "x" * 9000, [], [[]], {}, {"a": 1}, [None], ["x"] * 50,
    {"id": {"id": {}}},
]  # fmt: skip
SEEDS = [
    call("발급"), call("웰컴", block="웰컴 블록"), call("네", extra={"choice": "prepare=ready", "nonce": "7"}),
    call("이어서 보기", extra={"more": "1", "nonce": "7"}), call("새 링크 받기", extra={"file": "d" * 22}),
    call("다 했어요", extra={"done": "1", "nonce": "7"}),
    call("안녕", callback="https://bot-api.kakao.com/callback/1"), call(extra={"check": "1"}),
]  # fmt: skip


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [*([at] if at else []), *(path for name, value in inner for path in places(value, (*at, name)))]


def mutant(chance: random.Random) -> Any:
    """A call with one to four of its parts replaced, taken out, doubled or renamed."""
    made = copy.deepcopy(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 4)):
        *path, last = chance.choice(places(made) or [("bot",)])
        parent = made
        for name in path:
            parent = parent[name]
        match chance.randrange(4):
            case 0:
                parent[last] = copy.deepcopy(chance.choice(ODD))
            case 1 if isinstance(parent, dict):
                del parent[last]
            case 2 if isinstance(parent, dict):
                parent[str(last) + chance.choice("xX\x00 ")] = parent.pop(last)
            case _:
                parent[last] = [parent[last]] if chance.random() < 0.5 else {"id": parent[last]}
    return made


def test_mutated_calls_are_read_or_refused() -> None:
    chance = random.Random(7)  # the same mutants in every run
    understood = 0
    for _ in range(MUTANTS):
        made = json.loads(json.dumps(mutant(chance)))
        try:
            heard = read(made)
        except Unreadable:
            continue
        understood += 1
        assert isinstance(heard.text, str)
        assert heard.address.isascii()
        assert heard.choice is None or isinstance(heard.choice, str)
        assert heard.callback is None or len(heard.callback) <= 1001
    assert MUTANTS // 10 < understood < MUTANTS


async def test_mutated_calls_never_break_the_service(client: httpx2.AsyncClient, house: House) -> None:  # noqa: F811
    chance = random.Random(11)
    for _ in range(OVER_THE_WIRE):
        body = json.dumps(mutant(chance)).encode()
        if chance.random() < 0.1:
            cut = chance.randrange(len(body))
            body = body[:cut] + bytes(chance.randrange(256) for _ in range(chance.randrange(3))) + body[cut + 1 :]
        answer = await client.post(PATH, content=body, headers=headers())
        assert answer.status_code in (200, 400, 403), (answer.status_code, body)
        if answer.status_code == 200:
            judged(answer.json())
    # Nobody got further than a step of their own.
    assert await house.rows("SELECT id FROM links") == []


@pytest.mark.parametrize("url", HOSTILE)
async def test_no_answer_goes_to_a_hostile_callback(url: str) -> None:
    callbacks = Callbacks(["bot-api.kakao.com"])
    async with callbacks.running():
        assert not allowed(url, {"bot-api.kakao.com"})
        assert callbacks.take(url) is None


async def test_a_callback_is_used_once() -> None:
    callbacks = Callbacks(["bot-api.kakao.com"])
    url = "https://bot-api.kakao.com/v1/bots/5a/callback/0f?x=1"
    assert callbacks.take(url) is None  # not running
    async with callbacks.running():
        assert callbacks.take(url) == url
        assert callbacks.take(url) is None
        assert callbacks.take("https://bot-api.kakao.com/" + "x" * 1000) is None


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [
        (200, '{"status": "SUCCESS"}', True), (200, '{"status": "FAIL"}', False), (200, "", False), (200, "[]", False),
        (500, '{"status": "SUCCESS"}', False), (302, "", False), (200, "[" * 60_000, False),
    ],
)  # fmt: skip
async def test_what_became_of_a_callback(status: int, body: str, taken: bool, unused_tcp_port: int) -> None:
    told: list[Any] = []

    async def hear(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response(status=status, text=body, headers={"Location": "/elsewhere"})

    application = web.Application()
    application.router.add_post("/callback", hear)
    application.router.add_route("*", "/elsewhere", hear)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        callbacks = Callbacks([])
        async with callbacks.running():
            answer = {"version": "2.0", "template": {"outputs": []}}
            assert await callbacks.send(f"http://127.0.0.1:{unused_tcp_port}/callback", answer) is taken
        assert told == [answer]
    finally:
        await runner.cleanup()


async def test_a_callback_that_is_away_is_no_fault(unused_tcp_port: int) -> None:
    callbacks = Callbacks([])
    async with callbacks.running():
        assert not await callbacks.send(f"http://127.0.0.1:{unused_tcp_port}/", {})
