"""The web chat from outside: what is said is answered once, and the stream loses and doubles nothing."""

import asyncio
from typing import Any

from bot.web import chat
from handlers.message import CustomerId, Incoming
from tests.outside import Browser, Outside, Start, Stream


async def drained(stream: Stream, count: int) -> list[dict[str, Any]]:
    found = [await stream.next() for _ in range(count)]
    assert all(found)
    return [one for one in found if one]


async def all_said(browser: Browser) -> list[dict[str, Any]]:
    """The history as the database has it, read through a stream from its beginning."""
    last = (await browser.outside.rows("SELECT max(seq) AS n FROM messages"))[0]["n"]
    async with browser.outside.stream(browser) as stream:
        return await drained(stream, last)


async def test_the_page_carries_what_its_script_needs(outside: Outside) -> None:
    shown = await outside.browser().open("/")
    assert shown["demo"] is True
    assert shown["locale"] == "ko"
    assert shown["texts"]["send"]
    english = await outside.browser("lee").open("/?lang=en")
    assert english["texts"]["send"] == "Send"


async def test_an_answer_has_the_shape_of_the_contract(outside: Outside) -> None:
    browser = outside.browser()
    answer = await browser.post("/chat/say", {"id": "message-a", "text": "인증서 발급"})
    mine, *replies = answer.json()["messages"]
    assert (mine["from"], mine["text"], mine["id"]) == ("customer", "인증서 발급", "message-a")
    assert [one["seq"] for one in answer.json()["messages"]] == list(range(mine["seq"], mine["seq"] + 1 + len(replies)))
    assert replies[-1]["key"] == "enroll.prepare.ask"
    assert replies[-1]["progress"][0] == 1
    assert {frozenset(choice) for choice in replies[-1]["choices"]} == {frozenset({"value", "label"})}
    assert replies[-1]["link"] is None
    assert replies[-1]["document"] is None


async def test_a_link_and_a_document_carry_no_inner_name(outside: Outside) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    [asked] = [one for one in await all_said(browser) if one.get("key") == "enroll.page.ask"]
    assert asked["link"] == {"url": f"http://127.0.0.1:8710{path}", "label": asked["link"]["label"]}
    token = path.rpartition(".")[2]
    assert token not in repr(await outside.everything())


async def test_the_same_message_again_gets_the_same_answer(outside: Outside) -> None:
    browser = outside.browser()
    body = {"id": "message-a", "text": "수수료가 얼마예요?"}
    answers = await asyncio.gather(*(browser.post("/chat/say", body) for _ in range(8)))
    assert len({one.text for one in answers}) == 1
    other = await browser.post("/chat/say", {"id": "message-a", "text": "something else"})
    assert other.text == answers[0].text
    assert len(await outside.rows("SELECT 1 FROM messages WHERE author = 'customer'")) == 1


async def test_one_id_of_two_customers_is_two_messages(outside: Outside) -> None:
    kim, lee = outside.browser("kim"), outside.browser("lee")
    await kim.said("인증서 발급", message_id="message-a")
    replies = await lee.said("안녕하세요", message_id="message-a")
    assert replies[0]["key"] != "enroll.prepare.ask"


async def test_what_is_no_message_is_refused(outside: Outside) -> None:
    browser = outside.browser()
    await browser.open()
    before = await outside.everything()
    for body in (
        {}, {"id": "message-a"}, {"id": "message-a", "text": " "}, {"id": "short", "text": "x"},
        {"id": "x" * 65, "text": "x"}, {"id": "message a", "text": "x"}, {"id": "message-\x00", "text": "x"},
        {"id": "메시지-메시지-메시지", "text": "x"}, {"id": 12345678, "text": "x"}, {"id": "message-a", "text": None},
        {"id": "message-a", "choice": 1}, {"id": "message-a", "choice": "cmd:menu", "label": 1},
    ):  # fmt: skip
        answer = await browser.post("/chat/say", body)
        assert (answer.status_code, answer.json()) == (400, {"error": "bad_request"}), body
    assert await outside.everything() == before


async def test_the_stream_says_hello_once_and_tells_everything_in_order(outside: Outside) -> None:
    browser = outside.browser()
    async with outside.stream(browser) as stream, outside.stream(browser) as second:
        hello = await stream.next()
        assert hello is not None
        assert (hello["seq"], hello["key"]) == (1, "common.greeting")
        assert await second.next() == hello
        posted = await browser.post("/chat/say", {"id": "message-a", "text": "수수료가 얼마예요?"})
        messages = posted.json()["messages"]
        assert await drained(stream, len(messages)) == messages
        assert await drained(second, len(messages)) == messages


async def test_the_stream_goes_on_where_it_was_left(outside: Outside) -> None:
    browser = outside.browser()
    for text in ("안녕하세요", "수수료", "준비물"):
        await browser.said(text)
    everything = await all_said(browser)
    for query, headers in (("after=2", {}), ("", {"last_event_id": "2"}), ("after=1", {"last_event_id": "2"})):
        async with outside.stream(browser, query, **headers) as stream:
            assert await drained(stream, len(everything) - 2) == everything[2:]
    for nonsense in ("after=x", "after=-1", "after=99999999999999999999", "after=%ED%A0%80", "after="):
        async with outside.stream(browser, nonsense) as stream:
            assert await stream.next() == everything[0]


async def test_nothing_is_doubled_or_lost_when_saying_and_streaming_overlap(outside: Outside) -> None:
    browser = outside.browser()
    await browser.open()
    got: list[dict[str, Any]] = []

    async def listen() -> None:
        """A connection that breaks every few messages and comes back as a browser does."""
        while True:
            headers = {"last_event_id": str(got[-1]["seq"])} if got else {}
            async with outside.stream(browser, **headers) as stream:
                for _ in range(7):
                    message = await stream.next()
                    assert message is not None
                    got.append(message)

    listening = asyncio.create_task(listen())
    posted = await asyncio.gather(
        *(browser.post("/chat/say", {"id": f"message-{n}", "text": "수수료"}) for n in range(20))
    )
    said = {one["seq"]: one for answer in posted for one in answer.json()["messages"]}
    last = (await outside.rows("SELECT max(seq) AS n FROM messages"))[0]["n"]
    while not got or got[-1]["seq"] < last:
        await asyncio.sleep(0)
        assert not listening.done(), listening.result()
    listening.cancel()
    assert [one["seq"] for one in got] == list(range(1, last + 1))
    assert all(one == said[one["seq"]] for one in got if one["seq"] in said)


async def test_words_of_another_process_appear(start: Start, monkeypatch: Any) -> None:
    monkeypatch.setattr(chat, "POLL", 0.05)
    async with start() as here, start() as there:
        browser = here.browser()
        async with here.stream(browser) as stream:
            assert (await stream.next() or {})["key"] == "common.greeting"
            said = Incoming("console", "elsewhere", CustomerId("demo:kim"), "message-b", "수수료")
            await there.service.conversation.handle(said)
            assert (await stream.next() or {})["text"] == "수수료"
            assert (await stream.next() or {})["from"] == "bot"


async def test_words_said_unasked_appear_at_once(outside: Outside) -> None:
    browser = outside.browser()
    async with outside.stream(browser) as stream:
        await stream.next()
        await outside.service.conversation.handle(
            Incoming("console", "elsewhere", CustomerId("demo:kim"), "message-b", "수수료")
        )
        assert (await stream.next(chat.POLL / 2) or {})["text"] == "수수료"


async def test_more_than_one_page_of_history_comes_without_a_pause(outside: Outside) -> None:
    browser = outside.browser()
    for _ in range(130):
        await browser.said("수수료")
    last = (await outside.rows("SELECT max(seq) AS n FROM messages"))[0]["n"]
    assert last > 250
    async with outside.stream(browser, "after=1") as stream, asyncio.timeout(chat.POLL / 2):
        assert [one["seq"] for one in await drained(stream, last - 1)] == list(range(2, last + 1))
    last = (await outside.rows("SELECT max(seq) AS n FROM messages"))[0]["n"]  # the stream has said hello
    async with outside.stream(browser) as stream:  # a new window reads the newest
        assert (await stream.next() or {})["seq"] == last - 199


async def test_streams_end_when_the_service_stops(outside: Outside) -> None:
    browser = outside.browser()
    async with outside.stream(browser) as stream:
        await stream.next()
        waiting = asyncio.create_task(stream.next())
        await asyncio.sleep(0)
        outside.application.close()
        assert await asyncio.wait_for(waiting, chat.POLL / 2) is None


async def test_a_listener_that_leaves_is_forgotten(outside: Outside) -> None:
    browser = outside.browser()
    async with outside.stream(browser) as stream:
        await stream.next()
        assert outside.service.bells._waiting
        stream.gone.set()
        await asyncio.wait_for(asyncio.gather(stream.task, return_exceptions=True), 2)
    assert not outside.service.bells._waiting


async def test_customers_hear_only_their_own(outside: Outside) -> None:
    kim, lee = outside.browser("kim"), outside.browser("lee")
    await kim.said("인증서 발급")
    async with outside.stream(lee) as stream:
        assert (await stream.next() or {})["key"] == "common.greeting"
        await lee.said("수수료")
        assert (await stream.next() or {})["text"] == "수수료"


async def test_the_history_hides_secrets(outside: Outside) -> None:
    browser = outside.browser()
    await browser.to_page()
    code, account = await browser.code(), (await browser.desk())["accounts"][0]
    await browser.said("비밀번호는 Gildong!2026 이고 카드는 1234-5678-9012-3456 이에요")
    said = " ".join(one["text"] for one in await all_said(browser))
    for secret in (code, account, account.replace("-", ""), "Gildong!2026", "1234-5678-9012-3456", "9012"):
        assert secret not in said
