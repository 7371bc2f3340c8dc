"""Customers, a Bot API server and the service, each on its own: what must hold whatever happens in between.

The scenario runs against `certtalk serve` in a process of its own, by polling and by webhook at the same time; the
process is killed where it hurts most.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import httpx2

from handlers.texts import load_texts
from tests.live import Live
from tests.telegram.contract import contract
from tests.telegram.control import controlled
from tests.telegram.customer import Customer, Hand, link_of, ours
from tests.telegram.inside import SECRET, settings_for, until
from tests.telegram.scenario import begins, journeys, proves
from tests.telegram.server import TOKEN, BotApi
from tests.walking import opened

KO = load_texts()["ko"]


def process(data: Path, api: BotApi, mode: str) -> Live:
    data.mkdir(0o700, parents=True)
    given = {f"CERTTALK_{name.upper()}": value for name, value in settings_for(api, mode).items()}
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


async def test_killed_between_receiving_and_answering(
    tmp_path: Path, bot_api: BotApi, http: aiohttp.ClientSession
) -> None:
    """kill -9 when "confirm" was handed out, and again when its answer was on the way: one page and certificate."""
    live = process(tmp_path / "data", bot_api, "polling")
    client = await ours(http, bot_api.url, "ko")
    kim = Customer(client, KO)
    async with at(live) as service:
        hand = Hand(service)
        await begins(kim)
        await proves(kim, hand)
        message, data = await kim.button("enroll.review.choice.confirm")
        await until(lambda: not bot_api.updates.queue)
        kim.mark = message["message_id"]
        await client.taps(message["message_id"], data)
        await until(lambda: not bot_api.updates.queue or bot_api.updates.queue[0].handed_out > 0)
        live.kill()
    bot_api.faults.add("hang_before", "sendMessage", times=None)
    async with at(live):
        await until(lambda: bool(bot_api.faults.rules[0].seen))
        live.kill()
    bot_api.faults.clear()
    async with at(live) as service:
        page = await kim.sees("enroll.page.ask")
        await Hand(service).fills(link_of(page), None)
        for _ in range(3):
            await client.taps(message["message_id"], data)
        await kim.sees("enroll.works.ask")
        await until(lambda: not bot_api.updates.queue)
    async with opened(tmp_path / "data") as (database, _, _):
        certificates = await database.read(lambda tx: tx.all("SELECT serial FROM certificates WHERE der IS NOT NULL"))
        assert len(certificates) == 1
        links = await database.read(lambda tx: tx.all("SELECT id FROM links WHERE purpose = 'enroll'"))
        assert len(links) == 1


async def test_the_contract_holds_at_our_own_server(bot_api: BotApi, http: aiohttp.ClientSession) -> None:
    kim = bot_api.person()
    kim.says("/start")
    findings = await contract(http, bot_api.url, TOKEN, kim.user.id)
    assert [one for one in findings if one[1]] == []
    assert len(findings) >= 20
