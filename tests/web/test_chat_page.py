"""The chat page in a real Chromium, against a server that follows a script."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from handlers.texts import load_texts
from tests.web.chat_stub import ChatStub, message

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine"),
]

Opened = Callable[..., Awaitable[Page]]
GREETING = message("안녕하세요!", choices=[{"value": "start:enroll", "label": "인증서 발급"}])
SMS = {"at": "2026-11-22T01:02:51Z", "text": "[CertTalk] 인증번호 482913"}


def customer(text: str, **more: Any) -> dict[str, Any]:
    return message(text, **more) | {"from": "customer"}


def desk() -> dict[str, Any]:
    people = [{"id": "kim", "name": "김하늘", "note": "보안카드"}, {"id": "lee", "name": "이바다", "note": "OTP"}]
    return {
        "customer": people[0],
        "customers": people,
        "phone": {"number": "010-0000-0101", "messages": []},
        "card": {"serial": "12345678", "cells": {str(n): f"{n:04d}" for n in range(1, 31)}},
        "otp": {"code": "301482", "seconds_left": 17},
        "holder": "김하늘",
        "accounts": ["000-01-0000-101"],
        "clock": "2026-11-22",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        assert CHROMIUM is not None, "CI must have Chromium"
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1000, "height": 800}, locale="ko-KR")
    context.set_default_timeout(10_000)
    yield context
    await context.close()


@pytest.fixture
def stub() -> ChatStub:
    return ChatStub(desk=desk())


@pytest_asyncio.fixture(loop_scope="module")
async def opened(context: BrowserContext, stub: ChatStub) -> AsyncIterator[Opened]:
    """Open the page; any word of the browser about a script or the policy fails the test."""
    complaints: list[str] = []

    async with AsyncExitStack() as stack:

        async def open_page(*said: dict[str, Any], width: int = 1000, height: int = 800) -> Page:
            await stub.put(*said)
            port = await stack.enter_async_context(stub.serving())
            page = await context.new_page()
            await page.set_viewport_size({"width": width, "height": height})
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda m: complaints.append(m.text) if "Security Policy" in m.text else None)
            await page.goto(f"http://127.0.0.1:{port}/")
            await expect(page.locator(".message")).to_have_count(len(said))
            return page

        yield open_page
        assert complaints == []


async def bubbles(page: Page) -> list[str]:
    return await page.locator(".bubble > .text").all_text_contents()


async def test_what_is_said_stands_once_and_in_order(opened: Opened, stub: ChatStub) -> None:
    page = await opened(GREETING)
    await page.get_by_role("textbox").fill("수수료 있나요?")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".message")).to_have_count(3)
    assert await bubbles(page) == ["안녕하세요!", "수수료 있나요?", "수수료 있나요?: 알겠어요."]
    assert await page.get_by_role("textbox").input_value() == ""
    assert stub.heard[0]["text"] == "수수료 있나요?"


async def test_own_words_show_at_once_and_become_the_servers_copy(opened: Opened, stub: ChatStub) -> None:
    stub.hold = asyncio.Event()
    page = await opened(GREETING)
    await page.get_by_role("textbox").fill("000-01-0000-101")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".customer .text")).to_have_text("000-01-0000-101")
    await expect(page.locator("#typing")).not_to_be_empty()
    await expect(page.locator(".customer")).to_have_count(1)
    stub.hold.set()
    await expect(page.locator(".bot")).to_have_count(2)
    await expect(page.locator(".customer .text")).to_have_count(1)
    await expect(page.locator("#typing")).to_be_empty()


async def test_the_servers_masked_copy_replaces_what_was_typed(opened: Opened, stub: ChatStub) -> None:
    stub.kept_as["000-01-0000-101"] = "000-**-****-101"
    page = await opened(GREETING)
    await page.get_by_role("textbox").fill("000-01-0000-101")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".customer .text")).to_have_text("000-**-****-101")
    await expect(page.locator(".customer")).to_have_count(1)


async def test_a_choice_sends_its_value_and_only_the_last_ones_can_be_pressed(opened: Opened, stub: ChatStub) -> None:
    stub.replies["start:enroll"] = [
        message(
            "개인용이에요?", at="2026-11-22T01:05:00Z", progress=[1, 8], choices=[{"value": "kind=a", "label": "네"}]
        )
    ]
    page = await opened(GREETING)
    await page.locator(".choices").get_by_role("button", name="인증서 발급").click()
    await expect(page.locator(".choices").get_by_role("button", name="네")).to_be_enabled()
    await expect(page.locator(".choices").get_by_role("button", name="인증서 발급")).to_be_disabled()
    assert stub.heard[0] | {"id": ""} == {"id": "", "choice": "start:enroll", "label": "인증서 발급"}
    await expect(page.locator(".progress")).to_contain_text("1/8")
    await expect(page.locator(".progress")).to_contain_text("8단계 중 1단계")


async def test_a_double_press_says_it_once(opened: Opened, stub: ChatStub) -> None:
    page = await opened(GREETING)
    await page.locator(".choices button").evaluate("button => { button.click(); button.click(); }")
    await expect(page.locator(".bot")).to_have_count(2)
    assert len(stub.posts) == 1


async def test_buttons_of_one_breath_all_count(opened: Opened) -> None:
    page = await opened(
        customer("?", at="2026-11-22T01:00:00Z"),
        message("무료예요.", at="2026-11-22T01:00:01Z", choices=[{"value": "rate:up", "label": "도움됐어요"}]),
        message("인증번호는요?", at="2026-11-22T01:00:01Z", choices=[{"value": "code=again", "label": "다시 받기"}]),
    )
    for button in await page.locator(".choices button").all():
        await expect(button).to_be_enabled()


async def test_a_step_that_is_over_is_over_though_nobody_said_anything(opened: Opened) -> None:
    page = await opened(
        message("페이지에서요.", progress=[10, 11], choices=[{"value": "page=new_link", "label": "새 링크 받기"}]),
        message("다 됐어요.", choices=[{"value": "rate:up", "label": "도움됐어요"}]),
        message("확인할까요?", progress=[11, 11], choices=[{"value": "works=later", "label": "나중에"}]),
    )
    await expect(page.get_by_role("button", name="새 링크 받기")).to_be_disabled()
    await expect(page.get_by_role("button", name="도움됐어요")).to_be_enabled()
    await expect(page.get_by_role("button", name="나중에")).to_be_enabled()


async def test_a_journey_of_one_step_counts_no_steps(opened: Opened) -> None:
    page = await opened(message("전할 말을 적어 주세요.", progress=[1, 1]))
    await expect(page.locator(".bot .text")).to_have_text("전할 말을 적어 주세요.")
    await expect(page.locator(".progress")).to_have_count(0)


async def test_a_syllable_in_the_making_is_not_sent(opened: Opened, stub: ChatStub) -> None:
    page = await opened(GREETING)
    field = page.get_by_role("textbox")
    await field.focus()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Input.imeSetComposition", {"text": "발그", "selectionStart": 2, "selectionEnd": 2})
    await field.evaluate("""field => {
      for (const more of [{ isComposing: true }, { keyCode: 229 }])
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...more }));
    }""")
    await devtools.send("Input.insertText", {"text": "발급"})
    await field.press("Shift+Enter")
    await field.press_sequentially("해요")
    await field.press("Enter")
    await expect(page.locator(".customer")).to_have_count(1)
    await expect(page.locator(".bot")).to_have_count(2)
    assert [one["text"] for one in stub.heard] == ["발급\n해요"]


async def test_a_lost_answer_is_asked_for_under_the_same_id(opened: Opened, stub: ChatStub) -> None:
    stub.fail_with = [0]  # acted, but the answer never came
    page = await opened(GREETING)
    await page.get_by_role("textbox").fill("예")
    async with page.expect_response(lambda response: response.url.endswith("/chat/say") and response.ok):
        await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".sending, .failed")).to_have_count(0)
    await expect(page.locator(".bot")).to_have_count(2)
    await expect(page.locator(".customer")).to_have_count(1)
    assert len(stub.posts) == 2
    assert len(set(stub.posts)) == 1
    assert len(stub.heard) == 1


async def test_what_cannot_be_sent_is_kept_and_sent_by_hand(opened: Opened, stub: ChatStub) -> None:
    stub.fail_with = [503, 503, 503]
    page = await opened(GREETING)
    await page.get_by_role("textbox").fill("상담원")
    await page.get_by_role("textbox").press("Enter")
    again = page.get_by_role("button", name="다시 보내기")
    await expect(again).to_be_visible()
    await expect(page.locator("#banner")).to_be_empty()  # it does not go out by itself: the stream never broke
    await again.click()
    await expect(page.locator(".bot")).to_have_count(2)
    await expect(again).to_be_hidden()
    assert len(stub.posts) == 4
    assert len(set(stub.posts)) == 1


async def test_an_expired_page_offers_to_reload(opened: Opened, stub: ChatStub) -> None:
    stub.fail_with = [403]
    page = await opened(GREETING)
    await page.get_by_role("textbox").fill("안녕")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator("#banner")).to_contain_text("새로 고치면")
    async with page.expect_navigation():
        await page.get_by_role("button", name="새로 고침").click()
    await expect(page.locator(".message")).to_have_count(1)


async def test_a_restart_of_the_server_loses_and_doubles_nothing(context: BrowserContext, stub: ChatStub) -> None:
    await stub.put(GREETING)
    page = await context.new_page()
    async with stub.serving() as port:
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.locator(".message")).to_have_count(1)
    await expect(page.locator("#banner")).to_contain_text("연결이 끊겼어요")
    await stub.put(message("만료까지 30일 남았어요."))
    await page.get_by_role("textbox").fill("여보세요")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.get_by_role("button", name="다시 보내기")).to_be_visible()
    async with stub.serving(port):
        await expect(page.locator(".message")).to_have_count(4)
        await expect(page.locator("#banner")).to_be_empty()
        await stub.put(message("만료까지 14일 남았어요."))
        await expect(page.locator(".message")).to_have_count(5)
    assert stub.heard[0]["text"] == "여보세요", "what was said meanwhile went out by itself"
    assert stub.asked_after[-1] == 1, "asks only for what is new"
    assert await bubbles(page) == [
        "안녕하세요!",
        "만료까지 30일 남았어요.",
        "여보세요",
        "여보세요: 알겠어요.",
        "만료까지 14일 남았어요.",
    ]


async def test_a_notice_between_stream_and_answer_is_not_lost(opened: Opened) -> None:
    page = await opened(GREETING)
    order = await page.evaluate("""async () => {
      const { Thread } = await import("/static/chat/thread.mjs");
      const thread = new Thread((at) => at.slice(0, 10));
      const at = "2026-11-22T01:00:00Z";
      thread.hold("mine", "예", at);
      thread.take([{ seq: 5, from: "customer", text: "예", id: "mine", at }, { seq: 6, from: "bot", text: "네", at }]);
      thread.take([{ seq: 4, from: "bot", text: "알림", at }, { seq: 6, from: "bot", text: "네", at }]);
      return thread.entries().map(({ message }) => message.text);
    }""")
    assert order == ["알림", "예", "네"]


async def test_links_open_apart_and_only_where_they_may(opened: Opened) -> None:
    page = await opened(
        message("만들어요", link={"url": "/s/abc", "label": "인증서 만들기"}),
        message("안내", link={"url": "https://bank.example/help", "label": "은행 페이지"}),
        message("나쁜", link={"url": "javascript:alert(1)", "label": "누르지 마세요"}),
        message("낯선", link={"url": "http://elsewhere.example/", "label": "여기도요"}),
        message("파일", document={"url": "/chat/documents/7", "filename": "cert.p12", "size": 4523}),
    )
    links = page.locator(".card-open")
    await expect(links).to_have_count(2)
    for link in await links.all():
        assert await link.get_attribute("target") == "_blank"
        assert "noopener" in (await link.get_attribute("rel") or "")
    await expect(page.locator(".card").nth(0)).to_contain_text("비밀번호는 대화방에 남지 않아요")
    await expect(page.locator(".card").nth(1)).to_contain_text("bank.example")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="cert.p12 내려받기, 4.4 KB").click()
    assert (await download.value).suggested_filename == "cert.p12"


async def test_markup_in_a_message_stays_text(opened: Opened) -> None:
    hostile = "<img src=x onerror=alert(1)><b>굵게</b>"
    page = await opened(message(hostile, choices=[{"value": "x", "label": hostile}]))
    assert await bubbles(page) == [hostile]
    await expect(page.locator(".log img, .log b")).to_have_count(0)


async def test_the_language_button_says_so_and_the_page_follows(opened: Opened, stub: ChatStub) -> None:
    page = await opened(GREETING)
    async with page.expect_navigation():
        await page.get_by_role("button", name="Switch to English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.get_by_role("textbox")).to_have_attribute("placeholder", load_texts()["en"]("chat.say"))
    assert stub.heard[0]["choice"] == "lang:en"


async def test_the_menu_by_keyboard(opened: Opened, stub: ChatStub) -> None:
    page = await opened(GREETING)
    opener = page.locator("#menu-open")
    await opener.press("Enter")
    await expect(page.locator("#menu button").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await opener.press("Enter")
    await page.locator("#menu").get_by_role("button", name="처음부터").press("Enter")
    await expect(page.locator(".bot")).to_have_count(2)
    assert stub.heard[0]["choice"] == "cmd:restart"


async def test_reading_back_is_not_interrupted(opened: Opened, stub: ChatStub) -> None:
    page = await opened(*[message(f"{n}번째 말이에요.\n\n\n") for n in range(30)])
    await expect(page.locator(".message").last).to_be_in_viewport()
    await page.locator("#scroll").hover()
    await page.mouse.wheel(0, -600)
    jump = page.get_by_role("button", name="새 메시지 보기")
    await expect(page.locator(".message").last).not_to_be_in_viewport()
    await stub.put(message("새 소식이에요."))
    await expect(jump).to_be_visible()
    await expect(page.locator(".message").last).not_to_be_in_viewport()
    await jump.click()
    await expect(page.locator(".message").last).to_be_in_viewport()
    await expect(jump).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (820, 1180), (1440, 900), (320, 256)])
async def test_nothing_runs_over_the_edge(opened: Opened, stub: ChatStub, width: int, height: int) -> None:
    stub.demo = True
    page = await opened(
        message("긴말" * 60, progress=[3, 8], choices=[{"value": "x", "label": "단추 이름도 길 때가 있어요 " * 4}]),
        message("파일", document={"url": "/chat/documents/7", "filename": "f" * 90 + ".p12", "size": 4523}),
        customer("w" * 300),
        width=width,
        height=height,
    )
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate("(s => s.scrollWidth <= s.clientWidth)(document.getElementById('scroll'))")
    await expect(page.locator("textarea")).to_be_in_viewport()


async def test_the_desk_beside_the_chat(opened: Opened, stub: ChatStub) -> None:
    stub.demo = True
    page = await opened(GREETING, width=1400)
    side = page.locator("#desk")
    await expect(side).to_contain_text("실제 은행에는 없는 화면")
    await expect(side.locator(".cells li")).to_have_count(30)
    await expect(side.locator(".cells li").nth(6)).to_contain_text("0007")
    await expect(side.locator("#desk-otp")).to_contain_text("301 482")
    stub.desk["phone"]["messages"] = [SMS]
    await expect(side.locator(".sms.new")).to_contain_text("482913")
    await side.get_by_role("button", name="482913 대화에 넣기").click()
    await expect(page.get_by_role("textbox", name="보낼 말")).to_have_value("482913")
    await page.get_by_label("날짜").fill("2027-10-20")
    await page.get_by_role("button", name="이 날로 옮기기").click()
    await expect(side.locator("output")).to_have_text("2027-10-20: 알림 1건을 보냈어요.")
    await side.get_by_text("다른 고객으로 바꾸기").click()
    async with page.expect_navigation():
        await side.get_by_role("button", name="이바다").click()
    await expect(side.locator(".person")).to_contain_text("이바다")
    assert stub.demo_calls == [("clock", {"date": "2027-10-20"}), ("switch", {"customer": "lee"})]


async def test_the_desk_is_a_drawer_with_a_badge_on_a_phone(opened: Opened, stub: ChatStub) -> None:
    stub.demo = True
    page = await opened(GREETING, width=390)
    await expect(page.locator("#desk")).to_be_hidden()
    await expect(page.locator("#desk-accounts li")).to_have_count(1)
    stub.desk["phone"]["messages"] = [SMS]
    opener = page.get_by_role("button", name="데모 도구, 새 문자 1개")
    await opener.click()
    await expect(page.locator("#desk")).to_be_visible()
    await expect(page.locator("#desk-open .badge")).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(page.locator("#desk")).to_be_hidden()
    await expect(page.locator("#desk-open")).to_be_focused()


async def test_no_desk_where_it_is_no_demo(opened: Opened) -> None:
    page = await opened(GREETING)
    await expect(page.locator("#desk, #desk-open")).to_have_count(0)
