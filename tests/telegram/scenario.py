"""The whole way through Telegram, against any Bot API server: `python -m tests.telegram.scenario --api URL --token T`.

Two parts, because a Bot API has no side for people. `contract` needs only the Bot API and a chat that the bot may write
to (`--chat ID`): whether the server takes and refuses what the service counts on. `journeys` needs somebody who taps
(`--driver module:function`, by default `/control` of our own server) and the service itself, running in the demo with
that server and token (`--service URL`): enrolment with its page and file, questions and cancelling on the way, an
English customer, an old keyboard, a reminder, a block.

A driver is a function of (HTTP session, api url, language code) that gives a `Client` (see `customer`); each of its
methods is a line or two for any stand-in that has a side for people.
"""

import argparse
import asyncio
import importlib
import time
from datetime import timedelta

import aiohttp
import httpx2
from cryptography import x509

from handlers.texts import load_texts
from tests.telegram.contract import contract
from tests.telegram.customer import LOOK_EVERY, PATIENCE, Customer, Driver, Hand, Message, link_of, ours

DOCUMENT = b"0\x82\x01\x00" + bytes(range(256))
"""Begins as an encrypted file does; the service looks no further."""


async def begins(kim: Customer) -> Message:
    """From the greeting to the second question; the first, whose keyboard is old by then."""
    await kim.says("/start")
    first = (await kim.taps("enroll.start", "enroll.prepare.ask"))[0]
    await kim.taps("enroll.prepare.choice.ready", "enroll.kind.ask")
    return first


async def proves(kim: Customer, hand: Hand) -> None:
    """From the kind to the review."""
    await kim.taps("enroll.kind.choice.personal", "identity.account.ask")
    desk = await hand.desk()
    await kim.says(desk["accounts"][0], "identity.name.ask")
    before = await hand.messages()
    await kim.says(desk["holder"], "identity.code.ask")
    await kim.says(await hand.code(before), "enroll.details.ask")
    await kim.taps("enroll.details.choice.yes", "enroll.terms.ask")
    await kim.taps("enroll.terms.choice.agree", "enroll.place.ask")
    await kim.taps("enroll.place.choice.phone", "enroll.review.ask")


async def enrols(kim: Customer, hand: Hand) -> x509.Certificate:
    """A certificate, with all that people do on the way; its file comes back octet by octet."""
    first = await begins(kim)
    await kim.says("유효기간은 얼마나 돼요?", "enroll.kind.ask")
    await kim.says("/help", "enroll.kind.ask")
    await kim.says("뒤로", "enroll.prepare.ask")
    await kim.taps("enroll.prepare.choice.ready", "enroll.kind.ask")
    await kim.says("/cancel")
    await begins(kim)
    data = next(
        one["callback_data"]
        for row in first.get("reply_markup", {}).get("inline_keyboard", ())
        for one in row
        if one["text"] == kim.texts("enroll.prepare.choice.ready")
    )
    await kim.taps_on(first, data, "enroll.kind.ask")
    answers = await kim.client.answers()
    assert not answers or kim.texts("telegram.old_button") in answers, answers
    await proves(kim, hand)
    page = (await kim.taps("enroll.review.choice.confirm", "enroll.page.ask"))[0]
    certificate = await hand.fills(link_of(page), DOCUMENT)
    document = await kim.sees_document()
    assert await kim.client.file(document["document"]["file_id"]) == DOCUMENT
    assert document["document"]["file_name"].endswith(".p12")
    await kim.taps("enroll.works.choice.later")
    return certificate


async def is_reminded(kim: Customer, hand: Hand, certificate: x509.Certificate) -> None:
    """Thirty days ahead, in the chat, without being asked."""
    until = certificate.not_valid_after_utc.date()
    kim.mark = max(one["message_id"] for one in await kim.client.shown())
    assert await hand.moves_clock(until - timedelta(days=30)) >= 1
    await kim.sees("reminder.ahead")


async def blocks(kim: Customer, hand: Hand, certificate: x509.Certificate) -> None:
    """Blocked, nothing comes and the phone is told; written to again, the bot is there."""
    await kim.client.blocks()
    before, sms = await kim.client.shown(), await hand.messages()
    until = certificate.not_valid_after_utc.date()
    assert await hand.moves_clock(until - timedelta(days=7)) >= 1
    deadline = time.monotonic() + PATIENCE
    while await hand.messages() == sms:
        assert time.monotonic() < deadline, "no SMS instead"
        await asyncio.sleep(LOOK_EVERY)
    assert await kim.client.shown() == before
    await begins(kim)


async def speaks_english(smith: Customer) -> None:
    """By the client's language alone; asked in the middle, and cancelled."""
    await begins(smith)
    await smith.says("how long is it valid?", "enroll.kind.ask")
    await smith.says("cancel")
    await smith.button("enroll.start")


async def journeys(http: aiohttp.ClientSession, api: str, service: httpx2.AsyncClient, driver: Driver = ours) -> None:
    texts, hand = load_texts(), Hand(service)
    kim = Customer(await driver(http, api, "ko"), texts["ko"])
    smith = Customer(await driver(http, api, "en"), texts["en"])
    _, certificate = await asyncio.gather(speaks_english(smith), enrols(kim, hand))
    await is_reminded(kim, hand, certificate)
    await blocks(kim, hand, certificate)


async def main(api: str, token: str, chat: int | None, service: str | None, driver: str) -> int:
    module, _, function = driver.partition(":")
    failed = 0
    async with aiohttp.ClientSession() as http:
        if chat is not None:
            for name, fault in await contract(http, api, token, chat):
                failed += fault != ""
                print(f"{'ok  ' if not fault else 'FAIL'} {name}{fault and ': ' + fault}")
        if service is not None:
            async with httpx2.AsyncClient(base_url=service, trust_env=False) as to_service:
                await journeys(http, api, to_service, getattr(importlib.import_module(module), function))
            print("ok   journeys")
    return int(failed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", required=True, help="the Bot API server, an origin")
    parser.add_argument("--token", required=True, help="of a bot for tests: it stands in the process list")
    parser.add_argument("--chat", type=int, help="a private chat that the bot may write to")
    parser.add_argument("--service", help="the service's address, running in the demo")
    parser.add_argument("--driver", default="tests.telegram.scenario:ours")
    chosen = parser.parse_args()
    raise SystemExit(asyncio.run(main(chosen.api, chosen.token, chosen.chat, chosen.service, chosen.driver)))
