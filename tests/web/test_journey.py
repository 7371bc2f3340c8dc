"""The whole journey as a newcomer makes it: a real service, a real browser, files judged by foreign tools.

`CERTTALK_SCREENSHOTS=docs/screenshots python3 start.py test tests/web/test_journey.py` keeps a picture of every stage.
"""

import contextlib
import os
import re
import sqlite3
import ssl
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.judges import check_npki, check_p12
from tests.live import Live
from tests.web.key_pages import in_chromium

pytestmark = in_chromium
PASSWORD = "Gildong!2026pw"
DESK = "fetch('/demo/desk').then(answer => answer.json())"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("journey") / "data").start()
    yield service
    assert service.stop() == 0


class Newcomer:
    """Somebody at a browser. Every fault of a page's script or policy is remembered."""

    def __init__(self, context: BrowserContext, live: Live, shots: str) -> None:
        self.context, self.live, self.shots = context, live, shots
        self.faults: list[str] = []
        self.stage = 0

    async def page(self, url: str) -> Page:
        page = await self.context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        await page.goto(url)
        return page

    async def sits_down(self) -> None:
        self.chat = await self.page(self.live.url)
        await self.hears("인증서 창구|certificate counter")

    async def says(self, text: str) -> None:
        await self.chat.fill("#composer textarea", text)
        await self.chat.keyboard.press("Enter")

    async def presses(self, label: str) -> None:
        await self.chat.locator("#log button:not([disabled])").filter(has_text=re.compile(label)).last.click()

    async def hears(self, words: str) -> None:
        await expect(self.chat.locator("#log").get_by_text(re.compile(words)).last).to_be_visible(timeout=30_000)

    async def desk(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.chat.evaluate(DESK)
        return found

    async def code(self) -> str:
        for _ in range(60):
            for message in (await self.desk())["phone"]["messages"]:
                if digits := re.search(r"(?<!\d)\d{6}(?!\d)", message["text"]):
                    return digits[0]
            await self.chat.wait_for_timeout(200)
        raise AssertionError("no text message came")

    async def link(self, label: str) -> str:
        href = await self.chat.locator("#log a").filter(has_text=re.compile(label)).last.get_attribute("href")
        assert href
        return href

    async def shot(self, page: Page, name: str) -> None:
        if folder := os.environ.get("CERTTALK_SCREENSHOTS"):
            self.stage += 1
            await page.wait_for_timeout(400)
            await page.screenshot(path=Path(folder) / f"{self.shots}-{self.stage:02d}-{name}.png")


async def walk_to_the_page(new: Newcomer, account: str, name: str, place: str) -> str:
    await new.sits_down()
    await new.says("인증서 발급하고 싶어요")
    await new.hears("준비되셨나요")
    await new.shot(new.chat, "prepare")
    await new.presses("준비됐어요")
    await new.hears("어떤 인증서가 필요하세요")
    await new.says("개인용")
    await new.hears("계좌번호를 적어")
    await new.says(account)
    await new.hears("예금주 이름")
    await new.says("수수료는 얼마예요?")
    await new.hears("무료")
    await new.says(name)
    await new.hears("보낸 6자리 인증번호")
    await new.says(await new.code())
    await new.hears("은행에 등록된 정보예요")
    await new.shot(new.chat, "details")
    await new.presses("네, 맞아요")
    await new.hears("동의하시나요")
    await new.presses("^동의해요")
    await new.hears("어디에 보관할까요")
    await new.presses(place)
    await new.hears("이대로 발급할까요")
    await new.shot(new.chat, "review")
    await new.presses("발급하기")
    await new.hears("보안 페이지에서")
    return await new.link("보안 페이지 열기")


async def makes_the_key(new: Newcomer, url: str, desk: dict[str, Any]) -> Page:
    page = await new.page(url)
    await expect(page.locator("#password")).to_be_visible()
    if desk["card"]:
        for field in await page.locator("input[data-cell]").all():
            digits = desk["card"]["cells"][await field.get_attribute("data-cell")]
            front = await field.evaluate("field => field.closest('.half').classList.contains('front')")
            await field.fill(digits[:2] if front else digits[2:])
    else:
        await page.fill("#otp", (await new.desk())["otp"]["code"])
    await page.fill("#password", PASSWORD)
    await page.fill("#again", PASSWORD)
    await new.shot(page, "secure")
    await page.locator("button[type=submit]:visible").click()
    await expect(page.locator("#finish")).to_be_visible(timeout=60_000)
    await new.shot(page, "files")
    return page


async def downloads(page: Page, label: str, into: Path) -> Path:
    async with page.expect_download() as started:
        await page.locator("button:visible, a:visible").filter(has_text=label).first.click()
    download = await started.value
    path = into / download.suggested_filename
    await download.save_as(path)
    return path


def root_of(live: Live, into: Path) -> Path:
    path = into / "root.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(live.fetch("/pki/root.cer")))
    return path


async def test_from_the_first_word_to_the_reminder(live: Live, chromium: Browser, tmp_path: Path) -> None:
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, locale="ko-KR", accept_downloads=True)
    new = Newcomer(context, live, "desktop")
    url = await walk_to_the_page(new, "000-21-1101-011", "김데모", "^이 PC")
    desk = await new.desk()
    secure = await makes_the_key(new, url, desk)
    archive = await downloads(secure, ".zip", tmp_path)
    with zipfile.ZipFile(archive) as files:
        files.extractall(tmp_path / "files")
    folder = next((tmp_path / "files").rglob("signPri.key")).parent
    assert folder.parts[-4:-1] == ("NPKI", "CertTalk", "USER")
    assert folder.name.startswith("cn=김데모(KIM DEMO)")

    await secure.click("#finish")
    await new.hears("암호화된 파일이라")
    await new.hears("잘 작동하는지")
    await new.shot(new.chat, "delivered")
    check_npki(folder, PASSWORD, "DEMO0001")

    # The document in the chat is the encrypted file, the same for whoever asks twice.
    document = await new.chat.locator("#log a.file-take").last.get_attribute("href")
    first = await (await context.request.get(str(document))).body()
    assert first == await (await context.request.get(str(document))).body()
    p12 = tmp_path / "chat.p12"
    p12.write_bytes(first)
    check_p12(p12, PASSWORD, 100_000, root_of(live, tmp_path))

    login = await new.page(await new.link("로그인 확인하기"))
    await login.set_input_files("#files", [folder / "signCert.der", folder / "signPri.key"])
    await login.fill("#password", PASSWORD)
    await login.locator("button[type=submit]:visible").click()
    await expect(login.locator("#verdict")).to_have_text("잘 작동하는 인증서예요")
    assert await login.locator("#findings .passed").count() == 7
    await new.shot(login, "login")
    await new.hears("인증서가 잘 작동해요")

    # The day comes: the demo desk moves the reminder job's clock.
    certificate = x509.load_der_x509_certificate((folder / "signCert.der").read_bytes())
    day = f"{certificate.not_valid_after_utc - timedelta(days=5):%Y-%m-%d}"
    moved = await new.chat.evaluate(
        """async (date) => {
            const { csrf } = JSON.parse(document.getElementById("page").textContent);
            const body = JSON.stringify({ date });
            const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
            return (await fetch("/demo/clock", { method: "POST", headers, body })).json();
        }""",
        day,
    )
    assert moved["sent"] == 1
    await new.hears("만료")
    await new.shot(new.chat, "reminder")

    # What was spent stays spent.
    await secure.goto(url)
    await expect(secure.locator('[data-view="done"]')).to_be_visible()
    assert new.faults == []
    await context.close()


def ends_in_ten_days(live: Live, number: str) -> None:
    """The service's clock is the real one: what was issued today is made one that was issued long ago."""
    soon = f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}T14:59:59.000000Z"
    with contextlib.closing(sqlite3.connect(next(live.data.glob("*.sqlite3")))) as database, database:
        database.execute("UPDATE certificates SET not_after = ? WHERE subscriber = ?", (soon, number))


async def test_renewed_with_the_old_files(live: Live, chromium: Browser, tmp_path: Path) -> None:
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, locale="ko-KR", accept_downloads=True)
    await context.add_cookies([{"name": "certtalk-as", "value": "kang", "url": live.url}])
    new = Newcomer(context, live, "renewal")
    url = await walk_to_the_page(new, "000-21-1109-112", "강데모이름이길어서증명서에들어가는지보는분", "^이 PC")
    old = await makes_the_key(new, url, await new.desk())
    archive = await downloads(old, ".zip", tmp_path)
    await old.click("#finish")
    await new.presses("나중에 할게요")
    await new.hears("모두 끝났어요")
    ends_in_ten_days(live, "DEMO0009")

    await new.says("갱신하기")
    await new.hears("어떻게 확인할까요")
    await new.presses("인증서 파일과 비밀번호로")
    await new.presses("^이 PC")
    await new.hears("갱신할까요")
    await new.presses("^갱신하기")
    await new.hears("예전 파일과 비밀번호는 기기 밖으로 나가지")
    page = await new.page(await new.link("보안 페이지 열기"))
    await page.set_input_files("#old-files", archive)  # as it was got
    await page.fill("#password", PASSWORD + "2")
    await page.fill("#again", PASSWORD + "2")
    await page.fill("#old-password", "not the old one")
    await page.locator("button[type=submit]:visible").click()
    await expect(page.locator("#old-password-error, .problem").first).to_contain_text("비밀번호가 맞지 않아요")
    await page.fill("#old-password", PASSWORD)
    await page.locator("button[type=submit]:visible").click()
    await expect(page.locator("#finish")).to_be_visible(timeout=60_000)
    renewed = await downloads(page, ".zip", tmp_path)
    await page.click("#finish")
    await new.hears("잘 작동하는지")
    with zipfile.ZipFile(renewed) as files:
        files.extractall(tmp_path / "new")
    check_npki(next((tmp_path / "new").rglob("signPri.key")).parent, PASSWORD + "2", "DEMO0009")
    assert new.faults == []
    await context.close()


async def test_on_a_phone_with_a_token(live: Live, chromium: Browser, tmp_path: Path) -> None:
    context = await chromium.new_context(
        viewport={"width": 390, "height": 844}, locale="ko-KR", accept_downloads=True, is_mobile=True, has_touch=True
    )
    await context.add_cookies([{"name": "certtalk-as", "value": "lee", "url": live.url}])
    new = Newcomer(context, live, "phone")
    url = await walk_to_the_page(new, "000-21-1102-034", "이샘플", "^휴대폰")
    # The page itself never scrolls, only the conversation in it: nothing stretches it out of the window.
    assert await new.chat.evaluate("document.scrollingElement.scrollHeight <= innerHeight")
    secure = await makes_the_key(new, url, await new.desk())
    p12 = await downloads(secure, ".p12", tmp_path)
    await secure.click("#finish")
    await new.hears("잘 작동하는지")
    check_p12(p12, PASSWORD, 100_000, root_of(live, tmp_path))
    await new.presses("나중에 할게요")
    await new.hears("모두 끝났어요")
    assert new.faults == []
    await context.close()
