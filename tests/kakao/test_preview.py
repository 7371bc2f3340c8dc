"""Every sentence as KakaoTalk would show it: within the limits in both languages, and drawn by a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from bot.gateways.alimtalk_templates import load_templates
from bot.web.preview import responses
from handlers.texts import Texts, load_texts
from tests.kakao.judging import judged, said
from tests.live import Live
from tests.outside import Outside
from tests.web.conftest import chromium  # noqa: F401
from tests.web.key_pages import in_chromium

TEXTS = load_texts()
AT = "https://bank.example"


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_every_sentence_keeps_the_limits(texts: Texts) -> None:
    seen = list(responses(texts, AT))
    assert len(seen) > 250
    shown = {key for keys, response in seen if judged(response) for key in keys.split(", ")}
    asked = {key for key in texts if re.search(r"\.ask(_\w+)?$", key) and not key.startswith("operator")}
    assert asked - shown == set()
    assert {key for key in texts if key.startswith("faq.") and key.endswith(".answer")} - shown == set()
    kinds = {kind for _, response in seen for output in response["template"]["outputs"] for kind in output}
    assert kinds == {"simpleText", "textCard", "basicCard", "listCard", "carousel"}
    assert not any("{{" in said(response) for _, response in seen)


async def test_nothing_of_it_outside_the_demo(outside: Outside) -> None:
    assert outside.service.settings.demo
    page = await outside.browser().http.get("/demo/kakao?lang=en")
    assert page.status_code == 200
    assert '<html lang="en">' in page.text
    assert page.text.count("A notice has arrived") == sum(locale == "en" for locale, _ in load_templates(None, AT))
    drawn = set(re.findall(r'aria-label="([^"]+)">\s*<h3>', page.text))
    assert {"common.greeting", "common.did_you_mean", "enroll.place.ask", "notice.held", "terms.full"} <= drawn
    assert not re.search(r"\b(kakao\.preview|CERTTALK_)", page.text)
    assert (await outside.browser().http.get("/static/kakao/welcome.png")).headers["content-type"] == "image/png"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("preview") / "data", CERTTALK_CA_KEY="p-256").start()
    yield service
    service.stop()


class TestInABrowser:
    pytestmark = in_chromium

    @pytest.mark.parametrize("locale", TEXTS)
    async def test_nothing_is_cut_or_overflows(self, chromium: Browser, live: Live, locale: str) -> None:  # noqa: F811
        page = await chromium.new_page(viewport={"width": 390, "height": 844})
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        await page.goto(f"{live.url}/demo/kakao?lang={locale}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        cut = "[...document.querySelectorAll('.button')].filter(b => b.scrollWidth > b.clientWidth + 1).length"
        assert await page.evaluate(cut) == 0
        pictures = "[...document.images].every(image => image.naturalWidth === 800 && image.alt)"
        assert await page.evaluate(pictures)
        assert faults == []
        await page.close()
