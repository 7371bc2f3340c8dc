"""Customers, a Bot API server and the service, each on its own: what must hold whatever happens in between.

The scenario runs against `certtalk serve` in a process of its own, by polling and by webhook at the same time; the
process is killed where it hurts most. Storms and repeated taps meet a service in this process, over the same HTTP.
"""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
import pytest_asyncio
from bot.channels.telegram import pacing, transport
from bot.channels.telegram.transport import Telegram

from bot.web.application import Application
from handlers.texts import load_texts
from tests.live import Live
from tests.outside import Outside, Start
from tests.telegram.contract import contract
from tests.telegram.control import controlled
from tests.telegram.customer import Customer, Hand, link_of, ours, said
from tests.telegram.scenario import begins, journeys, proves
from tests.telegram.server import TOKEN, BotApi
from tests.test_kill import opened

SECRET = "webhook-secret_for-tests-only"
KO = load_texts()["ko"]


@pytest_asyncio.fixture
async def api() -> AsyncIterator[BotApi]:
    one = BotApi()
    controlled(one)
    async with one.serving():
        yield one


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def settings(api: BotApi, mode: str) -> dict[str, str]:
    secret = {"telegram_webhook_secret": SECRET} if mode == "webhook" else {}
    return {"telegram_token": TOKEN, "telegram_api_url": api.url, "telegram_mode": mode} | secret


# -- a real process ---------------------------------------------------------------------------------------------------


def process(data: Path, api: BotApi, mode: str) -> Live:
    data.mkdir(0o700, parents=True)
    given = {f"CERTTALK_{name.upper()}": value for name, value in settings(api, mode).items()}
    return Live(data, **given | {"CERTTALK_CA_KEY": "p-256", "CERTTALK_LOG_LEVEL": "debug"})


@contextlib.asynccontextmanager
async def at(live: Live) -> AsyncIterator[httpx2.AsyncClient]:
    """The started service's address, for a browser."""
    await asyncio.to_thread(live.start)
    try:
        async with httpx2.AsyncClient(base_url=live.url, trust_env=False, timeout=20) as client:
            yield client
    finally:
        if live.process is not None and live.process.poll() is None:
            await asyncio.to_thread(live.stop)


def holding(folder: Path, secrets: Iterable[str]) -> set[str]:
    """Which of the secrets are in a file below `folder`, standing alone."""
    octets = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    alone = {one: re.compile(rb"(?<![0-9a-f])%b(?![0-9a-f])" % re.escape(one.encode())) for one in secrets}
    return {one for one, pattern in alone.items() if any(map(pattern.search, octets))}


async def test_every_journey_by_polling_and_by_webhook(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async def all_of_it(mode: str) -> None:
        api = BotApi()
        controlled(api)
        live = process(tmp_path / mode / "data", api, mode)
        async with api.serving():
            live.environment["CERTTALK_TELEGRAM_API_URL"] = api.url
            async with at(live) as service:
                await journeys(http, api.url, service)
            codes = [one for one in map(typed_code, api.updates.history) if one]
            assert codes
            assert holding(tmp_path / mode, [TOKEN, SECRET, *codes]) == set()
            # Telegram itself may know its webhook's secret, and nothing else.
            assert {one.method for one in api.holding(SECRET)} <= {"setWebhook"}
            assert [api.holding(one) for one in (TOKEN, *codes)] == [[]] * (1 + len(codes))
            assert api.faults.impatient == []
            assert refusals(api) == set()
            assert api.most_in(1.0) <= 30
            assert api.most_in(2.8, a_chat=True) <= 3  # 3 s where they are sent; the way is not always as long

    await asyncio.gather(all_of_it("polling"), all_of_it("webhook"))


def typed_code(update: dict[str, Any]) -> str | None:
    text = update.get("message", {}).get("text", "")
    return text if re.fullmatch(r"\d{6}", text) else None


def refusals(api: BotApi) -> set[tuple[str, str]]:
    """Calls that a careful bot does not make; a customer may block at any time."""
    return {(one.method, one.outcome) for one in api.log if one.outcome not in ("200", "403", "")}


async def test_killed_between_receiving_and_answering(tmp_path: Path, api: BotApi, http: aiohttp.ClientSession) -> None:
    """kill -9 when "confirm" was handed out, and again when its answer was on the way: one page, one certificate."""
    live = process(tmp_path / "data", api, "polling")
    client = await ours(http, api.url, "ko")
    kim = Customer(client, KO)
    async with at(live) as service:
        hand = Hand(service)
        await begins(kim)
        await proves(kim, hand)
        message, data = await kim.button("enroll.review.choice.confirm")
        await until(lambda: not api.updates.queue)
        kim.mark = message["message_id"]
        await client.taps(message["message_id"], data)
        await until(lambda: not api.updates.queue or api.updates.queue[0].handed_out > 0)
        live.kill()
    api.faults.add("hang_before", "sendMessage", times=None)
    async with at(live):
        await until(lambda: bool(api.faults.rules[0].seen))
        live.kill()
    api.faults.clear()
    async with at(live) as service:
        page = await kim.sees("enroll.page.ask")
        await Hand(service).fills(link_of(page), None)
        for _ in range(3):
            await client.taps(message["message_id"], data)
        await kim.sees("enroll.works.ask")
        await until(lambda: not api.updates.queue)
    async with opened(tmp_path / "data") as (database, _, _):
        certificates = await database.read(lambda tx: tx.all("SELECT serial FROM certificates WHERE der IS NOT NULL"))
        assert len(certificates) == 1
        links = await database.read(lambda tx: tx.all("SELECT id FROM links WHERE purpose = 'enroll'"))
        assert len(links) == 1


async def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.002)


# -- in this process --------------------------------------------------------------------------------------------------


Inside = Callable[..., contextlib.AbstractAsyncContextManager[tuple[Outside, Telegram, httpx2.AsyncClient]]]


@pytest.fixture
def inside(start: Start, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """A service with Telegram beside it, and a browser; Telegram's pace in a chat is not what is looked at."""
    monkeypatch.setattr(pacing, "CHAT_BURST", 1000)

    @contextlib.asynccontextmanager
    async def started(
        mode: str = "polling",
    ) -> AsyncIterator[tuple[Outside, Telegram, httpx2.AsyncClient]]:
        given = settings(api, mode) | {"telegram_per_second": 10_000}
        async with start(jobs=True, **given) as outside, transport.beside(outside.service) as telegram:
            assert telegram is not None
            outside.application = Application(outside.service, telegram)
            to_us = httpx2.ASGITransport(outside.application.asgi, raise_app_exceptions=False)
            base = outside.service.settings.public_url
            async with httpx2.AsyncClient(transport=to_us, base_url=base) as browser:
                yield outside, telegram, browser

    return started


async def test_confirm_sixteen_times_at_once_and_thirty_two_times_again(
    inside: Inside, api: BotApi, http: aiohttp.ClientSession
) -> None:
    """The first deliveries come together, over several connections; then each again, under its own id and new ones."""
    async with inside("webhook") as (outside, telegram, browser):
        await telegram.arranged.wait()
        api.updates.drop_webhook()  # the updates are brought by hand
        client = await ours(http, api.url, "ko")
        kim, hand = Customer(client, KO), Hand(browser)
        bringing = asyncio.create_task(bring(api, browser))
        await begins(kim)
        await proves(kim, hand)
        message, data = await kim.button("enroll.review.choice.confirm")
        bringing.cancel()
        for _ in range(16):
            await client.taps(message["message_id"], data)
        taps = [one.update for one in api.updates.queue]
        assert len({one["update_id"] for one in taps}) == len(taps) == 16
        first = await asyncio.gather(*(deliver(browser, one) for one in taps))
        renewed = [one | {"update_id": one["update_id"] + 1000} for one in taps]
        again = await asyncio.gather(*(deliver(browser, one) for one in taps + renewed))
        assert set(first + again) == {200}
        assert len(await outside.rows("SELECT id FROM links WHERE purpose = 'enroll'")) == 1
        page = await kim.sees("enroll.page.ask")
        await hand.fills(link_of(page), None)
        more = await asyncio.gather(*(deliver(browser, one) for one in renewed))
        assert set(more) == {200}
        assert len(await outside.rows("SELECT serial FROM certificates")) == 1
        assert len(await outside.rows("SELECT id FROM links WHERE purpose = 'enroll'")) == 1


async def deliver(browser: httpx2.AsyncClient, update: dict[str, Any]) -> int:
    answer = await browser.post(
        transport.WEBHOOK_PATH, json=update, headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}
    )
    return answer.status_code


async def bring(api: BotApi, browser: httpx2.AsyncClient) -> None:
    """As the webhook would, one after the other."""
    while True:
        while api.updates.queue:
            assert await deliver(browser, api.updates.queue.pop(0).update) == 200
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", [20261122])
async def test_a_storm_loses_nothing_and_keeps_the_order(
    inside: Inside, api: BotApi, http: aiohttp.ClientSession, seed: int
) -> None:
    """429 for one chat and for all, 5xx, ids that jump and come out of order, updates that come twice."""
    chance = random.Random(seed)
    async with inside() as (outside, telegram, _):
        await telegram.arranged.wait()
        api.faults.chance = random.Random(seed)
        api.faults.add("wait", "send*", share=0.05, times=6, seconds=1, per_chat=True)
        api.faults.add("wait", "send*", share=0.02, times=1, seconds=1)
        api.faults.add("error", "sendMessage", share=0.1, times=12, code=502)
        api.faults.add("error", "getUpdates", times=2, code=500)
        people = [api.person(f"손님{n}") for n in range(12)]
        for turn in range(4):
            for one in chance.sample(people, len(people)):
                one.says(("/start", "수수료가 얼마예요?", "인증서 발급", "취소")[turn])
                if chance.random() < 0.2:
                    api.updates.again(api.updates.history[-1], one.user.id)
            api.updates.jump(chance.randrange(1, 5000))
            if turn == 1:
                api.updates.shuffle(chance.shuffle)
        await until(lambda: not api.updates.queue)
        await until_idle(outside)
        assert api.faults.impatient == []
        assert api.faults.rules[0].seen + api.faults.rules[1].seen + api.faults.rules[2].seen >= 5
        for one in people:
            address = str(one.user.id)
            customer = await outside.service.addresses.customer_at("telegram", address, outside.clock())
            kept = await outside.service.conversations.history(customer, 0)
            replies = [message.reply.text for message in kept if message.reply is not None]
            assert len([message for message in kept if message.reply is None]) == 4
            heard = [said(message) for message in one.heard()]
            assert [h.startswith(r) for h, r in zip(heard, replies, strict=True)] == [True] * len(replies)


async def until_idle(outside: Outside) -> None:
    async with asyncio.timeout(30):
        while await outside.rows("SELECT id FROM outbox WHERE state = 'queued'"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_an_answer_that_is_lost_is_not_sent_twice(
    inside: Inside, api: BotApi, http: aiohttp.ClientSession
) -> None:
    async with inside() as (outside, telegram, _):
        await telegram.arranged.wait()
        kim = api.person()
        api.faults.add("reset_after", "sendMessage", times=1)
        kim.says("/start")
        await until(lambda: bool(kim.heard()))
        await until_idle(outside)
        assert len(kim.heard()) == len({one["text"] for one in kim.heard()})
        assert api.faults.rules[0].seen == 1


async def test_the_contract_holds_at_our_own_server(api: BotApi, http: aiohttp.ClientSession) -> None:
    kim = api.person()
    kim.says("/start")
    findings = await contract(http, api.url, TOKEN, kim.user.id)
    assert [one for one in findings if one[1]] == []
    assert len(findings) >= 20
