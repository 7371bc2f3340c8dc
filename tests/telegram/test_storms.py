"""Repeated taps, storms of 429 and 5xx, lost answers: one certificate, nothing lost, no call while told to wait."""

import asyncio
import random

import aiohttp
import httpx2
import pytest

from handlers.texts import load_texts
from tests.telegram.customer import Customer, Hand, link_of, ours, said
from tests.telegram.inside import Inside, deliver, until, until_idle
from tests.telegram.scenario import begins, proves
from tests.telegram.server import BotApi

KO = load_texts()["ko"]


async def test_confirm_sixteen_times_at_once_and_thirty_two_times_again(
    inside: Inside, bot_api: BotApi, http: aiohttp.ClientSession
) -> None:
    """The first deliveries come together, over several connections; then each again, under its own id and new ones."""
    async with inside("webhook") as (outside, telegram, browser):
        await telegram.arranged.wait()
        bot_api.updates.drop_webhook()  # the updates are brought by hand
        client = await ours(http, bot_api.url, "ko")
        kim, hand = Customer(client, KO), Hand(browser)
        bringing = asyncio.create_task(bring(bot_api, browser))
        await begins(kim)
        await proves(kim, hand)
        message, data = await kim.button("enroll.review.choice.confirm")
        bringing.cancel()
        for _ in range(16):
            await client.taps(message["message_id"], data)
        taps = [one.update for one in bot_api.updates.queue]
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


async def bring(bot_api: BotApi, browser: httpx2.AsyncClient) -> None:
    """As the webhook would, one after the other."""
    while True:
        while bot_api.updates.queue:
            assert await deliver(browser, bot_api.updates.queue.pop(0).update) == 200
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", [20261122])
async def test_a_storm_loses_nothing_and_keeps_the_order(
    inside: Inside, bot_api: BotApi, http: aiohttp.ClientSession, seed: int
) -> None:
    """429 for one chat and for all, 5xx, ids that jump and come out of order, updates that come twice."""
    chance = random.Random(seed)
    async with inside() as (outside, telegram, _):
        await telegram.arranged.wait()
        bot_api.faults.chance = random.Random(seed)
        bot_api.faults.add("wait", "send*", share=0.05, times=6, seconds=1, per_chat=True)
        bot_api.faults.add("wait", "send*", share=0.02, times=1, seconds=1)
        bot_api.faults.add("error", "sendMessage", share=0.1, times=12, code=502)
        bot_api.faults.add("error", "getUpdates", times=2, code=500)
        people = [bot_api.person(f"손님{n}") for n in range(12)]
        for turn in range(4):
            for one in chance.sample(people, len(people)):
                one.says(("/start", "수수료가 얼마예요?", "인증서 발급", "취소")[turn])
                if chance.random() < 0.2:
                    bot_api.updates.again(bot_api.updates.history[-1], one.user.id)
            bot_api.updates.jump(chance.randrange(1, 5000))
            if turn == 1:
                bot_api.updates.shuffle(chance.shuffle)
        await until(lambda: not bot_api.updates.queue)
        await until_idle(outside)
        assert bot_api.faults.impatient == []
        assert bot_api.faults.rules[0].seen + bot_api.faults.rules[1].seen + bot_api.faults.rules[2].seen >= 5
        for one in people:
            address = str(one.user.id)
            customer = await outside.service.addresses.customer_at("telegram", address, outside.clock())
            kept = await outside.service.conversations.history(customer, 0)
            replies = [message.reply.text for message in kept if message.reply is not None]
            assert len([message for message in kept if message.reply is None]) == 4
            heard = [said(message) for message in one.heard()]
            assert [h.startswith(r) for h, r in zip(heard, replies, strict=True)] == [True] * len(replies)


async def test_told_to_wait_at_every_method_and_faults_between(inside: Inside, bot_api: BotApi) -> None:
    """Messages are only half of the calls: questions, taps' answers, deletions and files are told to wait as well."""
    async with inside() as (outside, telegram, _):
        await telegram.arranged.wait()
        kim = bot_api.person()
        kim.says("/start")
        await until(lambda: bool(kim.heard()))
        bot_api.faults.add("wait", "getUpdates", times=1, seconds=1)
        bot_api.faults.add("wait", "deleteMessage", times=1, seconds=1, per_chat=True)
        bot_api.faults.add("wait", "answerCallbackQuery", times=1, seconds=1)
        bot_api.faults.add("wait", "getFile", times=1, seconds=1)
        bot_api.faults.add("wait", "edit*", times=1, seconds=1)
        bot_api.faults.add("error", "*", share=0.2, times=8, code=500)
        secret = kim.says("내 비밀번호는 Abcd1234!! 예요")["message_id"]
        kim.taps_data("start:enroll", kim.heard()[-1]["message_id"])
        kim.sends_document("cert.der", b"0")
        kim.sends_document("signPri.key", b"0")
        kim.says("취소")
        await until(lambda: not bot_api.updates.queue)
        await until_idle(outside)
        assert bot_api.faults.impatient == []
        assert secret not in kim.chat.messages
        spoken = " ".join(said(one) for one in kim.heard())
        assert all(word in spoken for word in (KO("telegram.secret.deleted"), KO("telegram.key_file.deleted")))


async def test_an_answer_that_is_lost_is_not_sent_twice(
    inside: Inside, bot_api: BotApi, http: aiohttp.ClientSession
) -> None:
    async with inside() as (outside, telegram, _):
        await telegram.arranged.wait()
        kim = bot_api.person()
        bot_api.faults.add("reset_after", "sendMessage", times=1)
        kim.says("/start")
        await until(lambda: bool(kim.heard()))
        await until_idle(outside)
        assert len(kim.heard()) == len({one["text"] for one in kim.heard()})
        assert bot_api.faults.rules[0].seen == 1
