"""The key pages in Chromium: a clean profile for each, and no fault left unseen."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page

from tests.web.keys_stub import KeysStub

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

in_chromium = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here: apt-get install chromium"
    ),
]


@contextlib.asynccontextmanager
async def opened(
    browser: Browser, stub: KeysStub, path: str = "/s/abc", *, script: str = "", **context: Any
) -> AsyncIterator[Page]:
    """A page of the stub; `script` runs before its own.

    Afterwards: no script failed and nothing broke the content security policy."""
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Chromium itself reports every refused request; the page is expected to handle those.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            faults.append(message.text)

    async with stub.serving() as origin:
        profile = await browser.new_context(locale="ko-KR", **context)
        page = await profile.new_page()
        page.set_default_timeout(20_000)
        if script:
            await page.add_init_script(script)
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(origin + path)
        if not path.startswith("/static/"):
            await page.wait_for_selector("[data-view]:not([hidden])")
        try:
            yield page
        finally:
            await profile.close()
    assert faults == []


async def view(page: Page, name: str) -> None:
    """Wait until this view is the one that is seen."""
    await page.wait_for_selector(f'[data-view="{name}"]:not([hidden])')
    assert await page.locator("[data-view]:not([hidden])").count() == 1
