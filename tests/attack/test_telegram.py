"""What a stranger can put before the webhook, and what a customer can type: no 5xx, no hang, memory flat.

CERTTALK_MUTATED_UPDATES=20000 looks longer (2,000 otherwise); CERTTALK_TEST_SEED chooses other mutations.
"""

import asyncio
import copy
import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from benchmarks.measuring import resident_megabytes
from bot.channels.telegram.transport import WEBHOOK_PATH
from tests.telegram.inside import SECRET, Inside, deliver, until, until_idle
from tests.telegram.person import Person
from tests.telegram.server import BotApi
from tests.telegram.updates import SECRET_HEADER

SEED = int(os.environ.get("CERTTALK_TEST_SEED", "20261122"))
MUTATED = int(os.environ.get("CERTTALK_MUTATED_UPDATES", "2000"))
SLOWEST = 10.0
"""Seconds for one update on a busy machine; a hang is longer."""
JUNK: list[Any] = [
    None, True, -1, 0, 2**31, 2**63, 10**30, 1.5, float("1e308"), "", " ", "가" * 5000, "\ud83d", "\x00", "{{7*7}}",
    "/start", "/start " + "a" * 500, "=", "~", "prepare=", "#" * 64, "again:1", "again:" + "9" * 40, [], {}, [[[]]],
    {"id": "x"}, {"": None}, ["a"] * 1000, "9" * 5000,
]  # fmt: skip


def genuine(person: Person) -> list[dict[str, Any]]:
    """One update of every kind, as Telegram makes them."""
    history = person.updates.history
    person.says("/start enroll")
    person.says("수수료가 얼마예요?")
    person.sends_contact()
    person.sends_sticker()
    person.sends_voice()
    person.sends_photo()
    person.sends_location()
    person.sends_document("cert.der", b"\x30\x03\x02\x01\x00")
    person.sends_document("signPri.key", b"\x30")
    person.edits(person.says("고칠게요")["message_id"], "고쳤어요")
    person.taps_data("prepare=ready", 1)
    person.taps_data("confirm=yes~abc", 999_999)
    person.says("다 같이", person.world.group("모임", person.user))
    person.unblocks()
    others = ("inline_query", "poll", "channel_post", "chat_join_request", "shipping_query", "unheard_of")
    bare = [{"update_id": 1, name: {"id": "1", "from": person.user.shown()}} for name in others]
    return [*map(copy.deepcopy, history), *bare]


def mutated(update: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A copy with one to three fields missing, of another kind, doubled or of another's value."""
    changed = copy.deepcopy(update)
    for _ in range(chance.randint(1, 3)):
        places = list(every_place(changed))
        inside, name = chance.choice(places)
        match chance.randrange(4):
            case 0:
                del inside[name]
            case 1:
                other, taken = chance.choice(places)
                if taken in (other if isinstance(other, dict) else range(len(other))):
                    inside[name] = copy.deepcopy(other[taken])
            case 2 if isinstance(inside[name], str):
                inside[name] = inside[name] * chance.randint(2, 50)
            case _:
                inside[name] = copy.deepcopy(chance.choice(JUNK))
        if not changed:
            break
    return changed


def every_place(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in items:
        found.append((value, name))
        if isinstance(inner, dict | list):
            found += every_place(inner)
    return found


async def brought(browser: httpx2.AsyncClient, body: bytes, **headers: str) -> tuple[int, float]:
    """Status and seconds."""
    begun = time.perf_counter()
    answer = await browser.post(WEBHOOK_PATH, content=body, headers={SECRET_HEADER: SECRET} | headers)
    return answer.status_code, time.perf_counter() - begun


async def test_mutated_updates(inside: Inside, bot_api: BotApi) -> None:
    print(f"CERTTALK_TEST_SEED={SEED}")
    chance, statuses, slowest = random.Random(SEED), set[int](), 0.0
    async with inside("webhook") as (outside, telegram, browser):
        await telegram.arranged.wait()
        bot_api.updates.drop_webhook()
        seeds = genuine(bot_api.person())
        bot_api.updates.queue.clear()
        settled = resident_megabytes(os.getpid())
        for number in range(MUTATED):
            if number == MUTATED // 2:
                await until_idle(outside)
                settled = resident_megabytes(os.getpid())
            update = mutated(seeds[number % len(seeds)], chance)
            if chance.random() < 0.9 and isinstance(update.get("update_id"), int):
                update["update_id"] = 10_000_000 + number  # else most would be taken for known ones
            body = json.dumps(update).encode()
            status, seconds = await brought(browser, body)
            statuses.add(status)
            slowest = max(slowest, seconds)
            assert status in (200, 400) or (status == 413 and len(body) > 256 * 1024), (status, update)
            if number % 200 == 0:
                bot_api.log.clear()
        await until_idle(outside)
        after = resident_megabytes(os.getpid())
        assert slowest < SLOWEST
        assert settled is None or after is None or after - settled < 24 + MUTATED / 1000
        kim = bot_api.person()
        kim.says("/start")
        assert await deliver(browser, bot_api.updates.history[-1]) == 200
        await until_idle(outside)
        assert kim.heard(), "nobody is served any more"


async def test_mutated_updates_by_polling(inside: Inside, bot_api: BotApi) -> None:
    """Each is confirmed in the end, and none keeps the next ones waiting for long."""
    print(f"CERTTALK_TEST_SEED={SEED}")
    chance = random.Random(SEED + 1)
    async with inside("polling") as (outside, telegram, _):
        await telegram.arranged.wait()
        seeds = genuine(bot_api.person())
        settled = resident_megabytes(os.getpid())
        for number in range(MUTATED):
            update = mutated(seeds[number % len(seeds)], chance)
            update["update_id"] = 10_000_000 + number  # by polling Telegram's own number is always there
            bot_api.updates.put_raw(update)
            if number % 400 == 399 or number == MUTATED - 1:
                await until(lambda: not bot_api.updates.queue, seconds=60)
                bot_api.log.clear()
                bot_api.updates.history.clear()
            if number == MUTATED // 2:
                await until_idle(outside)
                settled = resident_megabytes(os.getpid())
        await until_idle(outside)
        after = resident_megabytes(os.getpid())
        assert settled is None or after is None or after - settled < 24 + MUTATED / 1000
        kim = bot_api.person()
        kim.says("/start")
        await until(lambda: bool(kim.heard()))


WRAPPED: list[Callable[[str], str]] = [
    lambda s: s, lambda s: f" {s} ", lambda s: s * 20, lambda s: f"인증서 {s}", lambda s: f"{s}\n{s}",
    lambda s: s[::-1],
    lambda s: f"/start {s}", lambda s: f"<b>{s}</b>", lambda s: f"*{s}_`[", lambda s: f"{s}\u202e발급",
]  # fmt: skip
NASTY = [
    "", "\x00", "\x07\x1b[31m", "\u200b", "\u202eabc", "\ufeff", "\u2028", "\u3164", "\U000e0001", "\ufffe",
    "e\u0301" * 40, "Z\u0351\u036b\u0343\u032a" * 30, "각" * 3, "\u1100\u1161\u11a8", "\u1112\u1175" * 9, "ㅋㅋㅋㅋ",
    "👩‍👩‍👧‍👦", "🇰🇷", "👍🏽", "\U0001f9ff" * 50, "﷽" * 20, "İıſß", "ﬁ", "①②③", "１２３４５６", "٣٤٥", "½", "Ⅷ",
    "'; DROP TABLE conversations; --", "\" OR 1=1", "%s%s%n", "%00", "{0.__class__}", "{{7*7}}", "{% raw %}", "${7*7}",
    "<script>alert(1)</script>", "<a href='tg://user?id=1'>", "&lt;&#0;", "]]>", "../../../etc/passwd", "C:\\nul", "~",
    "$(reboot)", "`id`", "|| true", "\\", "\\u0000", "\r\nX-Header: 1", "=cmd|' /C calc'!A0", "+1+1", "@all", "#", "=",
    "prepare=ready", "review=confirm~x", "cmd:cancel", "start:enroll", "again:1", "null", "None", "NaN", "-0", "1e999",
    "9" * 60, "-1", "0x10", "000-21-1101-011", "12345", "http://a.kr/" + "x" * 99, "javascript:alert(1)",
]  # fmt: skip


async def test_hostile_strings(inside: Inside, bot_api: BotApi) -> None:
    """Typed by customers at rest and in the middle, put behind buttons, worn as names: everybody is answered."""
    strings = [wrap(one) for one in NASTY for wrap in WRAPPED]
    assert len(strings) >= 700
    async with inside("webhook") as (outside, telegram, browser):
        await telegram.arranged.wait()
        bot_api.updates.drop_webhook()
        people = [bot_api.person(strings[n] or "이름", chr(97 + n) * 2) for n in range(10)]

        async def meets(person: Person, own: list[str]) -> None:
            for number, text in enumerate(own):
                if number == len(own) // 3:
                    person.says("인증서 발급")
                elif number % 7 == 3:
                    person.taps_data(text[:60], number)
                else:
                    person.says(text)
                waiting = [one for one in bot_api.updates.queue if one.chat == person.user.id]
                for one in waiting:
                    bot_api.updates.queue.remove(one)
                    assert await deliver(browser, one.update) == 200, text

        await asyncio.gather(*(meets(one, strings[n :: len(people)]) for n, one in enumerate(people)))
        await until_idle(outside)
        refused = [one for one in bot_api.log if one.outcome == "400" and one.method.startswith("send")]
        assert [(one.method, one.given) for one in refused] == []
        assert all(len(one.heard()) >= len(strings) / len(people) * 0.8 for one in people)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({SECRET_HEADER: "wrong"}, b'{"update_id": 1}', 403),
        ({SECRET_HEADER: ""}, b'{"update_id": 1}', 403),
        ({SECRET_HEADER: SECRET + "x"}, b"{" * 200_000, 403),
        ({}, b"", 400),
        ({}, b"{", 400),
        ({}, b"[]", 400),
        ({}, b"\xff\xfe", 400),
        ({}, b"[" * 200_000, 400),
        ({}, b'{"update_id": 1, "message": "' + b"a" * 300_000 + b'"}', 413),
        ({}, b"{}", 200),
        ({}, b'{"update_id": "x"}', 200),
    ],
)
async def test_garbage_before_the_webhook(
    inside: Inside, bot_api: BotApi, headers: dict[str, str], body: bytes, expected: int
) -> None:
    async with inside("webhook") as (outside, _, browser):
        status, seconds = await brought(browser, body, **headers)
        assert status == expected
        assert seconds < SLOWEST
        kept = await outside.everything()
        assert [kept[name] for name in ("addresses", "conversations", "messages", "outbox")] == [[]] * 4
        assert (await browser.get(WEBHOOK_PATH)).status_code == 405
