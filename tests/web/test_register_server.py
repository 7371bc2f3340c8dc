"""The page for a certificate from elsewhere, as the outside meets it: what it takes, refuses, and keeps nothing of."""

from base64 import b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bot.web.elsewhere import PREFIX
from tests.elsewhere import Institution, der, key
from tests.outside import Browser, Outside, b64

OWN = der(Institution().subscriber())
KEY_FILE = b"\x30\x82\x01\x00\x02\x01\x00" + bytes(300)


async def to_page(browser: Browser) -> str:
    """The page's path; `browser.token` is the page's."""
    await browser.press("here", await browser.said(choice="start:register"))
    now = (await browser.said("어디에 올려요"))[-1:] or []
    now = await browser.said(choice="cmd:continue") if not now or now[-1]["link"] is None else now
    answer = await browser.http.get(now[-1]["link"]["url"])
    assert answer.status_code == 303
    path = answer.headers["location"]
    assert (await browser.open(path))["state"] == "open"
    return str(path)


@pytest.fixture
async def browser(outside: Outside) -> Browser:
    return outside.browser()


@pytest.fixture
async def path(browser: Browser) -> str:
    return await to_page(browser)


async def test_a_public_file_goes_into_the_conversation(outside: Outside, browser: Browser, path: str) -> None:
    answer = await browser.post(path, {"name": "signCert.der", "file": b64(OWN)})
    assert answer.status_code == 200
    assert {"label": "주인", "value": "홍*동"} in answer.json()["findings"]
    assert (await browser.press("yes", await browser.said(choice="cmd:continue")))[-1]["key"] == "register.done"
    assert [row["signed"] for row in await outside.rows("SELECT signed FROM elsewhere")] == [0]
    assert (await browser.open(path))["state"] == "done"
    again = await browser.post(path, {"name": "signCert.der", "file": b64(OWN)})
    assert again.json() == {"ok": True, "findings": []}  # as when the first answer was lost


@pytest.mark.parametrize("raw", [False, True])
async def test_a_signature_over_this_page_proves_the_key(
    outside: Outside, browser: Browser, path: str, *, raw: bool
) -> None:
    message = PREFIX + b64decode((await browser.open(path))["challenge"])
    signature = key("subscriber").sign(message, ec.ECDSA(SHA256()))
    if raw:
        signature = b"".join(part.to_bytes(32) for part in decode_dss_signature(signature))
    form = {"name": "signCert.der", "file": b64(OWN), "signature": b64(signature)}
    assert (await browser.post(path, form)).status_code == 200
    await browser.press("yes", await browser.said(choice="cmd:continue"))
    assert [row["signed"] for row in await outside.rows("SELECT signed FROM elsewhere")] == [1]


@pytest.mark.parametrize("signer", ["subscriber", "somebody"])
async def test_a_signature_over_anything_else_is_refused(browser: Browser, path: str, signer: str) -> None:
    signature = key(signer).sign(PREFIX + bytes(32), ec.ECDSA(SHA256()))
    answer = await browser.post(path, {"name": "", "file": b64(OWN), "signature": b64(signature)})
    assert (answer.status_code, answer.json()["error"]) == (409, "signature")


async def test_a_key_is_refused_told_in_the_chat_and_nowhere_kept(
    outside: Outside, browser: Browser, path: str
) -> None:
    before = len(await outside.rows("SELECT * FROM messages"))
    answer = await browser.post(path, {"name": "signCert.der", "file": b64(KEY_FILE)})
    assert (answer.status_code, answer.json()["error"]) == (409, "private_key")
    assert "재발급" in answer.json()["text"]
    told = await outside.rows("SELECT body FROM messages ORDER BY seq")
    assert len(told) == before + 1
    assert "means:int_reissue" in told[-1]["body"]
    assert b64(KEY_FILE)[:40] not in str(await outside.everything())
    assert (await browser.open(path))["state"] == "open"  # the public file may still come


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"name": "a.der", "file": b64(b"nothing")}, 409, "none"),
        ({"name": "a.zip", "file": b64(b"PK\x03\x04" + bytes(50))}, 409, "archive"),
        ({"name": "a.der", "file": "***"}, 400, "bad_request"),
        ({"name": "a.der"}, 400, "bad_request"),
        ({"file": b64(OWN), "signature": 7}, 400, "bad_request"),
        ({"name": ["a"], "file": b64(OWN[:200])}, 409, "broken"),
        ([], 400, "bad_request"),
    ],
)
async def test_what_is_no_certificate_is_refused_in_words(
    browser: Browser, path: str, form: Any, status: int, error: str
) -> None:
    answer = await browser.post(path, form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["text"].endswith("요.")


async def test_a_page_past_its_time_or_of_another_purpose_takes_nothing(
    outside: Outside, browser: Browser, path: str
) -> None:
    assert (await browser.post(path, {"file": b64(OWN)}, **{"X-CSRF-Token": "x"})).status_code == 403
    assert (await browser.post("/register/abc.def", {"file": b64(OWN)})).status_code == 404
    assert (await browser.post(path.replace("/register/", "/s/") + "/issue", {})).status_code == 404
    outside.clock.move(minutes=11)
    assert (await browser.open(path))["state"] == "gone"
    assert (await browser.post(path, {"name": "a.der", "file": b64(OWN)})).status_code == 410


async def test_ten_megabytes_are_not_even_read(browser: Browser, path: str) -> None:
    assert (await browser.post(path, {"name": "a.der", "file": "A" * 10_000_000})).status_code == 413
