"""The page for a certificate from elsewhere in a real browser: presented with a signature, and the key kept back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from ca import npki
from tests.elsewhere import Institution, der, key
from tests.live import Live
from tests.web.key_pages import in_chromium
from tests.web.test_journey import Newcomer

pytestmark = in_chromium
PASSWORD = "Gildong!2026pw"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("register") / "data").start()
    yield service
    assert service.stop() == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of another institution's, valid on the day of the test."""
    today = datetime.now(UTC).replace(microsecond=0)
    own = Institution().subscriber(begins=today - timedelta(days=9), ends=today + timedelta(days=65))
    (tmp_path / "signCert.der").write_bytes(der(own))
    (tmp_path / "signPri.key").write_bytes(npki.write_key(key("subscriber"), bytes(20), PASSWORD.encode()))
    return tmp_path


async def to_page(newcomer: Newcomer) -> Page:
    await newcomer.says("타행 인증서 등록하고 싶어요")
    await newcomer.presses("다른 곳 인증서를 여기에")
    await newcomer.hears("공개 파일")
    link = newcomer.chat.locator("#log a").filter(has_text="인증서 올리기").last
    url = await link.get_attribute("href")
    assert url is not None
    return await newcomer.page(newcomer.live.url + url if url.startswith("/") else url)


async def test_a_signature_is_presented_and_the_key_stays(chromium: Browser, live: Live, folder: Path) -> None:
    context = await chromium.new_context(locale="ko-KR", viewport={"width": 390, "height": 844})
    newcomer = Newcomer(context, live, "register")
    await newcomer.sits_down()

    page = await to_page(newcomer)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None)
    await page.set_input_files("#files", folder / "signPri.key")
    await page.click("#send")
    await expect(page.locator(".problem")).to_contain_text("개인키만 고르셨어요")
    assert sent == []

    await page.set_input_files("#files", [folder / "signCert.der", folder / "signPri.key"])
    await expect(page.locator("#send")).to_have_text("서명해서 제시하기")
    await page.fill("#password", PASSWORD)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await newcomer.shot(page, "chosen")
    await page.click("#send")
    for said in ("홍*동", "금융결제원(yessign)"):
        await expect(page.locator("#facts")).to_contain_text(said)
    await newcomer.shot(page, "presented")
    assert len(sent) == 1
    assert PASSWORD not in sent[0]
    await newcomer.hears("서명으로 확인했어요")
    await newcomer.presses("등록하기")
    await newcomer.hears("등록했어요")
    assert newcomer.faults == []
    await context.close()
