"""The secure page and the login check page as a customer meets them, against a server that stands for the bank."""

import base64
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.async_api import Browser, Page, expect

from handlers.texts import load_texts
from tests.web.key_pages import in_chromium, opened, view
from tests.web.keys_stub import CARD, FOLDER, OTP, P256, KeysStub, der

pytestmark = in_chromium

PASSWORD = "trombone&Quartz41"
KO = load_texts()["ko"].section("page")
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}


async def fill(page: Page, *, cells: dict[str, str] = CARD, password: str = PASSWORD, submit: bool = True) -> None:
    for cell, digits in cells.items():
        await page.fill(f"#cell_{cell}", digits)
    await page.fill("#password", password)
    await page.fill("#again", password)
    if submit:
        await page.press("#again", "Enter")


async def download(page: Page, way: str, folder: Path) -> Path:
    async with page.expect_download() as waiting:
        await page.click(f'[data-way="{way}"]')
    got = await waiting.value
    path = folder / got.suggested_filename
    await got.save_as(path)
    return path


async def kept(page: Page) -> list[str]:
    return [
        str(one) for one in await page.evaluate("Object.values(sessionStorage).concat(Object.values(localStorage))")
    ]


async def test_a_certificate_from_the_form_to_the_chat(chromium: Browser, tmp_path: Path) -> None:
    stub = KeysStub(place="this_pc")
    async with opened(chromium, stub) as page:
        await fill(page)
        await view(page, "files")
        archive = await download(page, "zip", tmp_path)
        await page.click("summary")
        p12 = await download(page, "p12", tmp_path)
        await page.click("#finish")
        await view(page, "done")
        assert await kept(page) == []
        assert (await page.get_attribute('[data-view="done"] a', "href")) == "/login-check?s=abc"
    assert stub.issued is not None
    certificate = stub.issued[1]
    assert [one["factor"] for one in stub.asked] == [{"cells": CARD}]
    assert stub.done == [{"document": {"filename": p12.name, "bytes": base64.b64encode(p12.read_bytes()).decode()}}]
    assert PASSWORD not in json.dumps(stub.asked + stub.done)
    inside = pkcs12.load_pkcs12(p12.read_bytes(), PASSWORD.encode())
    assert inside.cert is not None
    assert inside.cert.certificate == certificate
    with zipfile.ZipFile(archive) as files:
        below = f"NPKI/{FOLDER['ca']}/USER/{FOLDER['dn']}"
        names = [f"{below}/signCert.der", f"{below}/signPri.key", f"{below}/CaPubs", "읽어주세요.txt"]
        assert files.namelist() == names
        assert files.read(names[0]) == der(certificate)
        assert "LocalLow" in files.read(names[3]).decode("utf-8-sig")


async def test_otp_on_a_phone_offers_the_single_file_first(chromium: Browser, tmp_path: Path) -> None:
    stub = KeysStub(factor="otp", key=P256, place="phone")
    async with opened(chromium, stub, **PHONE) as page:
        await page.fill("#otp", "24 68 10x")
        assert await page.input_value("#otp") == OTP
        await fill(page, cells={})
        await view(page, "files")
        assert await page.locator("#ways button").first.get_attribute("data-way") == "p12"
        p12 = await download(page, "p12", tmp_path)
        await page.uncheck("#to-chat")
        await page.click("#finish")
        await view(page, "done")
    assert stub.done == [{"document": None}]
    assert pkcs12.load_pkcs12(p12.read_bytes(), PASSWORD.encode()).key is not None


async def test_a_folder_is_written_where_the_browser_can(chromium: Browser) -> None:
    stub = KeysStub(place="usb", key=P256)
    async with opened(chromium, stub) as page:
        await page.evaluate("void (window.showDirectoryPicker = () => navigator.storage.getDirectory())")
        await fill(page)
        await view(page, "files")
        await page.click('#ways [data-way="folder"]')
        await expect(page.locator("#saved")).to_have_text(KO["files.saved_folder"])
        sizes = await page.evaluate(
            """async (path) => {
              let place = await navigator.storage.getDirectory();
              for (const name of path) place = await place.getDirectoryHandle(name);
              const sizes = {};
              for await (const [name, file] of place.entries()) sizes[name] = (await file.getFile()).size;
              return sizes;
            }""",
            ["NPKI", FOLDER["ca"], "USER", FOLDER["dn"]],
        )
    assert stub.issued is not None
    assert set(sizes) == {"signCert.der", "signPri.key", "CaPubs"}
    assert sizes["signCert.der"] == len(der(stub.issued[1]))
    assert min(sizes.values()) > 100


async def test_a_closed_folder_window_saves_nothing_and_says_nothing(chromium: Browser) -> None:
    async with opened(chromium, KeysStub(place="usb", key=P256)) as page:
        await page.evaluate(
            "void (window.showDirectoryPicker = async () => { throw new DOMException('', 'AbortError') })"
        )
        await fill(page)
        await view(page, "files")
        await page.click('#ways [data-way="folder"]')
        await expect(page.locator('#ways [data-way="folder"]')).to_be_enabled()
        assert await page.text_content("#saved") == ""
        await page.uncheck("#to-chat")
        await page.click("#finish")
        await expect(page.locator('[data-view="files"] .problem')).to_have_text(KO["files.nothing"])


async def test_the_file_for_old_systems_is_fetched_only_when_wanted(chromium: Browser, tmp_path: Path) -> None:
    async with opened(chromium, KeysStub(place="phone", key=P256)) as page:
        fetched: list[str] = []
        page.context.on("request", lambda request: fetched.append(request.url))
        await fill(page)
        await view(page, "files")
        assert not [url for url in fetched if "vendor" in url]
        await page.click("summary")
        assert "3DES" in (await page.text_content("#other-ways") or "")
        old = await download(page, "old", tmp_path)
    assert pkcs12.load_pkcs12(old.read_bytes(), PASSWORD.encode()).key is not None


async def test_wrong_digits_cost_only_the_digits(chromium: Browser) -> None:
    stub = KeysStub(key=P256)
    async with opened(chromium, stub) as page:
        await fill(page, cells={"7": "00", "23": "00"})
        await expect(page.locator('[data-view="form"] .problem')).to_contain_text("2번 더")
        assert await page.input_value("#password") == PASSWORD
        assert [await page.input_value(f"#cell_{cell}") for cell in CARD] == ["", ""]
        assert await page.get_attribute("#cell_7", "aria-invalid") == "true"
        assert PASSWORD not in "".join(await kept(page))
        for cell, digits in CARD.items():
            await page.fill(f"#cell_{cell}", digits)
        await page.press("#again", "Enter")
        await view(page, "files")
    assert stub.asked[0]["csr"] == stub.asked[1]["csr"]
    assert stub.asked[0]["r"] == stub.asked[1]["r"]


async def test_lost_answers_cost_no_second_certificate(chromium: Browser) -> None:
    stub = KeysStub(key=P256, lose=3)
    async with opened(chromium, stub) as page:
        await fill(page)
        await view(page, "stuck")
        await expect(page.locator('[data-view="stuck"] .lead')).to_have_text(KO["problem.network"])
        await page.click('[data-view="stuck"] button')
        await view(page, "files")
    assert len(stub.asked) == 4
    assert len({one["csr"] for one in stub.asked}) == 1


async def test_a_reload_after_issuing_asks_only_for_the_password(chromium: Browser, tmp_path: Path) -> None:
    stub = KeysStub(key=P256, lose=1, place="phone")
    async with opened(chromium, stub) as page:
        await fill(page)
        await expect(page.locator("#working")).to_have_text(KO["working.again"])
        await page.reload()
        await view(page, "resume")
        await page.press("#resume-password", "Enter")
        await expect(page.locator('[data-view="resume"] .problem')).to_have_text(KO["resume.empty"])
        await page.fill("#resume-password", "wrong")
        await page.press("#resume-password", "Enter")
        await expect(page.locator('[data-view="resume"] .problem')).to_have_text(KO["resume.wrong"])
        await page.fill("#resume-password", PASSWORD)
        await page.press("#resume-password", "Enter")
        await view(page, "files")
        p12 = await download(page, "p12", tmp_path)
    assert stub.issued is not None
    inside = pkcs12.load_pkcs12(p12.read_bytes(), PASSWORD.encode()).cert
    assert inside is not None
    assert inside.certificate == stub.issued[1]
    assert stub.asked[-1]["factor"] is None
    assert len({one["csr"] for one in stub.asked}) == 1


@pytest.mark.parametrize(
    ("state", "shown", "words"),
    [("gone", "stuck", "gone.title"), ("issued", "stuck", "resume.lost"), ("done", "done", "done.title")],
)
async def test_a_link_that_is_not_open_says_where_to_go(chromium: Browser, state: str, shown: str, words: str) -> None:
    async with opened(chromium, KeysStub(state=state)) as page:
        await view(page, shown)
        assert await page.text_content(f'[data-view="{shown}"] h1') == KO[words]


async def test_a_final_refusal_ends_the_page_and_forgets_the_key(chromium: Browser) -> None:
    text = load_texts()["ko"]("page.error.card_locked")
    stub = KeysStub(key=P256, refuse=[{"error": "card_locked", "text": text, "final": True}])
    async with opened(chromium, stub) as page:
        await fill(page)
        await view(page, "stuck")
        assert await page.text_content('[data-view="stuck"] .lead') == text
        assert await page.locator('[data-view="stuck"] button').is_hidden()
        assert await kept(page) == []


async def test_time_runs_out_while_the_form_is_open(chromium: Browser) -> None:
    async with opened(chromium, KeysStub(expires_in=timedelta(seconds=2))) as page:
        await fill(page, submit=False)
        await view(page, "stuck")
        assert await page.text_content('[data-view="stuck"] h1') == KO["gone.title"]
        assert await page.input_value("#password") == ""


async def test_mistakes_are_listed_and_lead_to_their_fields(chromium: Browser) -> None:
    stub = KeysStub()
    async with opened(chromium, stub) as page:
        await page.click('[data-view="form"] form > .primary')
        links = page.locator('[data-view="form"] .problem a')
        assert await links.all_text_contents() == [
            KO["factor.cell_missing"].replace("{{ cell }}", "7"),
            KO["factor.cell_missing"].replace("{{ cell }}", "23"),
            KO["password.weak"],
        ]
        assert await page.evaluate("document.activeElement.className") == "problem"
        await links.nth(2).click()
        assert await page.evaluate("document.activeElement.id") == "password"
        await fill(page, submit=False)
        await page.fill("#again", f"{PASSWORD}x")
        await page.press("#again", "Enter")
        assert await links.all_text_contents() == [KO["password.different"]]
    assert stub.asked == []


async def test_password_rules_are_seen_and_heard_while_typing(chromium: Browser) -> None:
    async with opened(chromium, KeysStub()) as page:
        await page.fill("#password", "qlalfqjsgh1!")
        assert await page.locator("#rules li:not(.met)").count() == 1
        await expect(page.locator("#rules-said")).to_have_text(KO["password.left"].replace("{{ count }}", "1"))
        await page.fill("#password", PASSWORD)
        await expect(page.locator("#rules-said")).to_have_text(KO["password.all_met"])
        await page.click("[data-show]")
        assert await page.get_attribute("#password", "type") == "text"
        assert await page.get_attribute("#again", "type") == "text"
        await page.click("[data-show]")
        assert await page.get_attribute("#password", "type") == "password"


FAULTS_OF_SHAPE = """
() => [...document.querySelectorAll("[data-view]:not([hidden]) :is(button, input, a, summary)")]
  .filter((one) => one.offsetParent && one.type !== "checkbox" && one.type !== "file")
  .filter((one) => one.getBoundingClientRect().height < 44)
  .map((one) => one.outerHTML)
  .concat([...document.querySelectorAll("input")].filter((one) => !one.labels.length).map((one) => one.outerHTML))
  .concat(document.documentElement.scrollWidth > innerWidth ? ["wider than the screen"] : [])
"""


@pytest.mark.parametrize("locale", ["ko", "en"])
async def test_everything_can_be_hit_and_has_a_name_on_a_narrow_screen(chromium: Browser, locale: str) -> None:
    stub = KeysStub(locale=locale, key=P256)
    async with opened(chromium, stub, viewport={"width": 320, "height": 640}) as page:
        await page.click('[data-view="form"] form > .primary')
        assert await page.evaluate(FAULTS_OF_SHAPE) == []
        await fill(page)
        await view(page, "files")
        await page.click("summary")
        assert await page.evaluate(FAULTS_OF_SHAPE) == []
        await page.click("#finish")
        await view(page, "done")
        assert await page.evaluate(FAULTS_OF_SHAPE) == []
        if locale == "en":
            said = await page.inner_text("main")
            assert not re.search("[가-힣]", said), said


# -- the login check page ---------------------------------------------------------------------------------------


async def make_own(chromium: Browser, folder: Path, key: dict[str, Any]) -> list[str]:
    async with opened(chromium, KeysStub(key=key)) as page:
        await fill(page)
        await view(page, "files")
        with zipfile.ZipFile(await download(page, "zip", folder)) as files:
            files.extractall(folder)
        await page.click("summary")
        p12 = await download(page, "p12", folder)
    return [str(p12), *sorted(str(path) for path in (folder / "NPKI").rglob("*") if path.is_file())]


@pytest.mark.parametrize("key", [P256, {"name": "RSASSA-PKCS1-v1_5", "modulusLength": 2048}], ids=["p256", "rsa"])
async def test_logging_in_with_own_files(chromium: Browser, tmp_path: Path, key: dict[str, Any]) -> None:
    p12, *folder = await make_own(chromium, tmp_path, key)
    stub = KeysStub()
    for chosen in ([p12], folder):
        async with opened(chromium, stub, "/login-check?s=abc") as page:
            await page.set_input_files("#files", chosen)
            await page.fill("#password", f"{PASSWORD}!")
            await page.press("#password", "Enter")
            await expect(page.locator(".problem")).to_have_text(KO["check.error.wrong_password"])
            await page.fill("#password", PASSWORD)
            await page.press("#password", "Enter")
            await view(page, "result")
            assert await page.text_content("#verdict") == KO["check.good"]
            assert await page.locator("#findings li").count() == 4
            assert await page.is_visible("#back")
    assert len(stub.checked) == 2
    for sent in stub.checked:
        assert sent["challenge_id"] == "c1"
        assert sent["s"] == "abc"
        assert len(base64.b64decode(sent["r"])) == 20
        assert PASSWORD not in json.dumps(sent)


async def test_a_certificate_that_may_not_be_used(chromium: Browser, tmp_path: Path) -> None:
    p12, *_ = await make_own(chromium, tmp_path, P256)
    async with opened(chromium, KeysStub(findings_ok=False), "/login-check") as page:
        await page.set_input_files("#files", p12)
        await page.fill("#password", PASSWORD)
        await page.press("#password", "Enter")
        await view(page, "result")
        assert await page.text_content("#verdict") == KO["check.bad"]
        failed = page.locator("#findings li", has=page.locator(".failed"))
        assert await failed.all_text_contents() == [f"{KO['check.failed']}: 효력이 정지된 인증서예요."]
        assert await page.is_hidden("#back")


async def test_login_check_asks_for_what_is_missing(chromium: Browser, tmp_path: Path) -> None:
    large = tmp_path / "holiday.jpg"
    large.write_bytes(bytes(300 * 1024))
    async with opened(chromium, KeysStub(), "/login-check", **PHONE) as page:
        await page.click("form > .primary")
        assert await page.locator(".problem a").all_text_contents() == [
            KO["check.error.no_files"],
            KO["check.error.no_password"],
        ]
        assert await page.get_attribute("#password", "aria-describedby") == "password-error"
        await page.set_input_files("#files", large)
        assert await page.locator(".problem a").all_text_contents() == [KO["check.error.no_password"]]
        await expect(page.locator("#files-error")).to_be_hidden()
        await page.fill("#password", "x")
        await expect(page.locator(".problem")).to_be_hidden()
        assert await page.get_attribute("#password", "aria-describedby") is None
        assert await page.get_attribute("#password", "aria-invalid") is None
        await page.click("form > .primary")
        await expect(page.locator(".problem")).to_have_text(KO["check.error.too_large"])
        assert await page.evaluate(FAULTS_OF_SHAPE) == []
