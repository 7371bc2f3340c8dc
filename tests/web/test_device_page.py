"""The tools on the customer's own device, in Chromium against a real service: what they make, and what leaves the page.

`CERTTALK_SCREENSHOTS=docs/screenshots python3 start.py test tests/web/test_device_page.py` keeps pictures.
"""

import base64
import contextlib
import os
import re
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from tests.judges import judge
from tests.live import Live
from tests.web.key_pages import in_chromium, view
from tests.web.test_browser_keys import PASSWORD, judged
from tests.web.test_device_files import NEXT, chosen, foreign

pytestmark = in_chromium
__all__ = ["foreign"]  # a fixture

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PICKER = """
window.showDirectoryPicker = async () => {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle("USB", { create: true });
};
"""
WRITTEN = """
async () => {
  const files = {};
  const walk = async (folder, path) => {
    for await (const [name, one] of folder.entries()) {
      if (one.kind === "directory") await walk(one, `${path}${name}/`);
      else files[path + name] = btoa(String.fromCharCode(...new Uint8Array(await (await one.getFile()).arrayBuffer())));
    }
  };
  await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle("USB"), "");
  return files;
}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("device") / "data", CERTTALK_CA_KEY="p-256").start()
    yield service
    assert service.stop() == 0


class Device:
    """A browser profile. `sent` is every request whose body could carry something."""

    def __init__(self, context: BrowserContext, live: Live) -> None:
        self.context, self.live = context, live
        self.sent: list[Request] = []
        self.faults: list[str] = []
        context.on("request", lambda request: self.sent.append(request) if request.method != "GET" else None)

    async def opens(self, path: str) -> Page:
        page = await self.context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        await page.goto(self.live.url + path)
        return page


@contextlib.asynccontextmanager
async def device(chromium: Browser, live: Live, script: str = "", **options: object) -> AsyncIterator[Device]:
    context = await chromium.new_context(locale="ko-KR", accept_downloads=True, **options)  # type: ignore[arg-type]
    if script:
        await context.add_init_script(script)
    owner = Device(context, live)
    try:
        yield owner
    finally:
        await context.close()
    assert owner.faults == []


async def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("CERTTALK_SCREENSHOTS"):
        await page.wait_for_timeout(300)
        await page.screenshot(path=Path(folder) / f"device-{name}.png", full_page=True)


async def give(page: Page, foreign: dict[str, bytes], name: str, password: str = PASSWORD) -> None:
    files = [
        {"name": one["name"], "mimeType": "application/octet-stream", "buffer": one["bytes"]}
        for one in chosen(foreign, name)
    ]
    await page.set_input_files("#files", files)
    await page.fill("#current", password)


async def submit(page: Page) -> None:
    await page.locator("form .primary").press("Enter")  # a keyboard is enough


async def downloaded(page: Page, way: str, to: Path) -> Path:
    button = page.locator(f'[data-way="{way}"]')
    if not await button.is_visible():
        await page.locator("summary").click()
    async with page.expect_download() as waiting:
        await button.click()
    await (await waiting.value).save_as(to)
    return to


@judged
async def test_another_password_under_a_policy_that_lets_nothing_out(
    chromium: Browser, live: Live, foreign: dict[str, bytes], tmp_path: Path
) -> None:
    async with device(chromium, live, PICKER) as pc:
        page = await pc.opens("/device")
        await shot(page, "menu-desktop")
        await page.get_by_role("link", name="비밀번호 바꾸기").click()
        await view(page, "form")
        await submit(page)
        assert await page.locator(".problem a").count() >= 3
        await give(page, foreign, "fixed_vector.key", "Wrong!2026pw")
        await page.fill("#password", NEXT)
        await page.fill("#again", NEXT)
        await submit(page)
        await expect(page.locator(".problem")).to_contain_text("여러 번 틀려도 잠기지 않아요")
        await shot(page, "wrong-password-desktop")
        await page.fill("#current", PASSWORD)
        await submit(page)
        await view(page, "files")
        made = await downloaded(page, "p12", tmp_path / "c.p12")
        assert pkcs12.load_key_and_certificates(made.read_bytes(), NEXT.encode())[0]
        await page.locator('[data-way="folder"]').click()
        await expect(page.locator("#saved")).to_have_text("고르신 폴더에 저장했어요.")
        folder = {Path(name): base64.b64decode(text) for name, text in (await page.evaluate(WRITTEN)).items()}
        assert {name.parent.as_posix() for name in folder} == {"NPKI/Toy issuing/USER/cn=홍길동()0999040K7M2Q,c=kr"}
        for name, content in folder.items():
            (tmp_path / name.name).write_bytes(content)
        assert {name.name for name in folder} == {"signCert.der", "signPri.key", "CaPubs"}
        judge("check_openssl_manual.py", tmp_path, NEXT)
        # Neither a page nor the worker that holds the key may speak to anybody, not even to us.
        refused = await page.evaluate("fetch('/healthz').then(() => 'answered', () => 'refused')")
        assert refused == "refused"
        worker = await page.request.get(f"{live.url}/static/keys/worker.mjs")
        assert "connect-src 'none'" in worker.headers["content-security-policy"]
        assert pc.sent == []
        pc.faults.clear()  # the browser reports the refusal that was asked for


@pytest.mark.parametrize(("name", "way"), [("npki.key", "p12"), ("openssl.p12", "zip")])
async def test_one_form_into_the_other(
    chromium: Browser, live: Live, foreign: dict[str, bytes], tmp_path: Path, name: str, way: str
) -> None:
    async with device(chromium, live, **PHONE) as pc:
        page = await pc.opens("/device/convert?lang=en")
        await give(page, foreign, name)
        await submit(page)
        await view(page, "files")
        if way == "p12":
            await shot(page, "converted-phone")
        assert (await page.locator("#ways button").first.get_attribute("data-way") == "p12") is (way == "p12")
        made = await downloaded(page, way, tmp_path / "made")
        if way == "p12":
            assert pkcs12.load_key_and_certificates(made.read_bytes(), PASSWORD.encode())[1]
        else:
            with zipfile.ZipFile(made) as archive:
                names = [one for one in archive.namelist() if one.startswith("NPKI/")]
                assert {Path(one).name for one in names} == {"signCert.der", "signPri.key", "CaPubs"}
        assert pc.sent == []


async def test_a_backup_is_checked(chromium: Browser, live: Live, foreign: dict[str, bytes]) -> None:
    damaged = bytearray(foreign["openssl.p12"])
    damaged[-30] ^= 1
    files = foreign | {"damaged.p12": bytes(damaged), "cut.p12": foreign["openssl.p12"][:-300]}
    async with device(chromium, live, color_scheme="dark", **PHONE) as phone:
        page = await phone.opens("/device/check")
        await give(page, files, "cut.p12")
        await submit(page)
        await expect(page.locator(".problem")).to_contain_text("끝까지 저장되지 않은 파일")
        for name, verdict in [("openssl.p12", "온전한 백업이에요"), ("damaged.p12", "이 백업은 쓸 수 없어요")]:
            await give(page, files, name)
            await submit(page)
            await view(page, "result")
            await expect(page.locator("#verdict")).to_have_text(verdict)
            await expect(page.locator("#findings")).to_contain_text("폐지됐는지는 여기서 알 수 없어요")
            if name == "openssl.p12":
                await shot(page, "check-phone-dark")
            await page.click("#again")
            await view(page, "form")
        assert phone.sent == []


async def test_from_the_pc_to_the_phone(
    chromium: Browser, live: Live, foreign: dict[str, bytes], tmp_path: Path
) -> None:
    async with device(chromium, live) as pc, device(chromium, live, **PHONE) as phone:
        page = await pc.opens("/device/send")
        await give(page, foreign, "npki.key")
        await submit(page)
        await view(page, "sent")
        await shot(page, "send-desktop")
        code, ticket = await page.inner_text("#code"), await page.inner_text("#ticket")
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code)
        assert await page.locator("#qr path").count() == 1

        other = await phone.opens(f"/device/receive#{ticket.replace('-', '')}")
        await view(other, "form")
        assert not await other.is_visible("#ticket")
        await other.fill("#code", "AAAAA-AAAAA")
        await submit(other)
        await expect(other.locator(".problem")).to_contain_text("4번 더")
        phone.faults.clear()  # Chromium reports the refusal
        await other.fill("#code", code.lower().replace("-", " "))
        await shot(other, "receive-phone")
        await submit(other)
        await view(other, "made")
        async with other.expect_download() as waiting:
            await other.click("#save")
        await (await waiting.value).save_as(tmp_path / "received.p12")
        key, certificate, _ = pkcs12.load_key_and_certificates(
            (tmp_path / "received.p12").read_bytes(), PASSWORD.encode()
        )
        assert key
        assert certificate
        await expect(page.locator("#state")).to_have_text(re.compile("다른 기기에서 받았어요"), timeout=15_000)

        again = await phone.opens(f"/device/receive#{ticket.replace('-', '')}")
        await again.fill("#code", code)
        await submit(again)
        await view(again, "stuck")
        phone.faults.clear()
        # What was sent: no code, no password, nothing of the file in the clear; and the server has forgotten even that.
        bodies = "\n".join(request.post_data or "" for request in [*pc.sent, *phone.sent])
        urls = "\n".join(request.url for request in [*pc.sent, *phone.sent])
        for secret in (code, code.replace("-", ""), PASSWORD):
            assert secret not in bodies + urls
        content = base64.b64decode(re.findall(r'"content":"([^"]+)"', bodies)[0])
        assert b"CertTalk" not in content
        assert b"\x2a\x86\x48\x86\xf7" not in content
        with contextlib.closing(sqlite3.connect(live.data / "certtalk.sqlite3")) as database:
            assert database.execute("SELECT length(content) FROM transfers").fetchall() == [(0,)]


async def test_the_guide_for_a_shared_pc(chromium: Browser, live: Live) -> None:
    async with device(chromium, live) as pc:
        page = await pc.opens("/device/clean")
        await shot(page, "clean-desktop")
        assert await page.locator(".steps li").count() == 6
        assert await page.locator("script").count() == 0
        await page.goto(f"{live.url}/device/nothing?lang=en")
        await expect(page.locator("h1")).to_have_text("Your certificate on this device")
