"""The page inside Telegram, in Chromium: what it tells the app around it, and how files and people get out."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bot.web.mini_app import POLICY, TELEGRAM_WEB
from handlers.texts import load_texts
from tests.web.key_pages import in_chromium, opened, view
from tests.web.keys_stub import KeysStub
from tests.web.test_secure_page import PHONE, fill

pytestmark = in_chromium

INIT = "query_id=AAE&user=%7B%22id%22%3A77%7D&hash=00"
HASH = f"#tgWebAppData={quote(INIT)}&tgWebAppVersion={{}}&tgWebAppPlatform=ios"
APP = """
window.told = JSON.parse(sessionStorage.getItem('told') ?? '[]');
window.TelegramWebviewProxy = { postEvent: (type, data) => {
  window.told.push([type, JSON.parse(data)]);
  sessionStorage.setItem('told', JSON.stringify(window.told));
} };
"""


class AppStub(KeysStub):
    """Also what a Mini App asks for."""

    entered: list[dict[str, Any]]
    kept: list[dict[str, Any]]

    def app(self) -> Starlette:
        self.entered, self.kept = [], []
        app = super().app()
        app.router.routes[:0] = [
            Route("/frame", self.frame),
            Route("/app/abc", self.shell),
            Route("/app/abc", self.enter, methods=["POST"]),
            Route("/s/abc/download", self.download, methods=["POST"]),
        ]
        return app

    async def shell(self, request: Request) -> Response:
        page = {"csrf": "", "locale": "ko", "texts": load_texts()["ko"].section("page")}
        response = self.render("mini_app.html", page)
        response.headers["Content-Security-Policy"] = POLICY.replace(TELEGRAM_WEB, "'self'")
        return response

    async def frame(self, request: Request) -> Response:
        """Telegram Web, as far as we see it."""
        return HTMLResponse(f"<main data-view='frame'><iframe src='/app/abc{HASH.format('8.0')}'></iframe></main>")

    async def enter(self, request: Request) -> Response:
        self.entered.append(await request.json())
        if self.refuse:
            return JSONResponse(self.refuse.pop(0), 403)
        return JSONResponse({"url": "/s/abc"})

    async def download(self, request: Request) -> Response:
        self.kept.append(await request.json())
        return JSONResponse({"url": "https://bank.example/files/x", "filename": "CertTalk-20261123.p12"})


async def told(page: Page, event: str) -> list[Any]:
    found: list[Any] = await page.evaluate("window.told")
    return [data for name, data in found if name == event]


@pytest.mark.parametrize(("version", "ways"), [("8.0", ["p12", "zip"]), ("7.10", [])])
async def test_from_the_button_back_to_the_chat(chromium: Browser, version: str, ways: list[str]) -> None:
    stub = AppStub()
    async with opened(chromium, stub, "/static/mark.svg", script=APP, **PHONE) as page:
        await page.goto(page.url.replace("/static/mark.svg", "/app/abc") + HASH.format(version))
        await view(page, "form")
        assert page.url.partition("#")[0].endswith("/s/abc")
        assert stub.entered == [{"init_data": INIT}]
        assert await told(page, "web_app_expand")
        await fill(page)
        await view(page, "files")
        assert (await told(page, "web_app_setup_closing_behavior"))[-1] == {"need_confirmation": True}
        assert [await way.get_attribute("data-way") for way in await page.locator("[data-way]").all()] == ways
        if ways:
            await page.click('[data-way="p12"]')
            await page.wait_for_selector("#saved.met")
            assert await told(page, "web_app_request_file_download") == [
                {"url": "https://bank.example/files/x", "file_name": "CertTalk-20261123.p12"}
            ]
            assert stub.kept[0]["filename"].endswith(".p12")
        await page.click("#finish")
        await view(page, "done")
        assert (await told(page, "web_app_setup_closing_behavior"))[-1] == {"need_confirmation": False}
        assert await told(page, "web_app_close") == [{}]
    assert json.dumps(stub.done).count(".p12") == 1


async def test_another_account_is_told_so(chromium: Browser) -> None:
    text = load_texts()["ko"]("page.error.other_account")
    stub = AppStub(refuse=[{"error": "other_account", "text": text, "final": True, "fields": []}])
    async with opened(chromium, stub, "/app/abc" + HASH.format("8.0"), script=APP) as page:
        await view(page, "stuck")
        assert text in await page.inner_text("main")
        assert await page.locator("main button:visible").count() == 0


async def test_in_a_browser_it_leads_back_to_telegram(chromium: Browser) -> None:
    stub = AppStub()
    async with opened(chromium, stub, "/app/abc") as page:
        await view(page, "stuck")
        assert load_texts()["ko"]("page.error.not_telegram") in await page.inner_text("main")
    assert stub.entered == []


async def test_in_telegram_web_the_page_opens_in_a_tab(chromium: Browser) -> None:
    """Within a frame nothing secret is shown: the app around it is asked to open the page."""
    stub = AppStub()
    async with opened(chromium, stub, "/frame") as page:
        frame = page.frame_locator("iframe")
        await frame.locator("#open").wait_for()
        assert await frame.locator("#password").count() == 0
    assert stub.entered == [{"init_data": INIT}]
