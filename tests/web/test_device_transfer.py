"""The drop's cryptography and its QR codes, each held against a program that is not ours."""

import hashlib
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from playwright.async_api import Browser, Page

from tests.web.key_pages import in_chromium, opened
from tests.web.keys_stub import KeysStub
from tests.web.test_browser_keys import call

pytestmark = in_chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with opened(chromium, KeysStub()) as page:
        yield page


@pytest.mark.parametrize(
    ("text", "version", "digest"),
    [
        ("https://certtalk.example/device/receive?lang=ko#12345678", 4, "ac54934446529b82"),
        ("인증서", 1, "cfd409eb8a093ff3"),
        ("x" * 14, 1, "ca4e5f8669011ed0"), ("y" * 26, 2, "2e3a1c6018b29c0a"), ("z" * 42, 3, "d63328c431487b1a"),
        ("w" * 62, 4, "eecf285ff8c4a578"), ("v" * 84, 5, "ce61085ece851864"), ("u" * 106, 6, "2d80b19558aa51d8"),
        ("t" * 122, 7, "d6e757be86a0a0f6"), ("s" * 152, 8, "71bb9faa044e4cee"), ("r" * 180, 9, "dde9dd0a366033b0"),
        ("q" * 213, 10, "86d0337bea63245b"),
    ],
)  # fmt: skip
async def test_qr_codes_are_those_of_another_encoder(page: Page, text: str, version: int, digest: str) -> None:
    """Digests of the modules as the Python package qrcode 8 draws them under the same mask, full versions included."""
    rows = await call(page, "../device/qr", "encode", text)
    assert len(rows) == 17 + 4 * version
    drawn = "\n".join("".join("1" if dark else "0" for dark in row) for row in rows)
    assert hashlib.sha256(drawn.encode()).hexdigest()[:16] == digest


async def test_more_than_a_qr_code_holds_is_refused(page: Page) -> None:
    script = "() => import('/static/device/qr.mjs').then((qr) => qr.encode('x'.repeat(214))).catch((e) => e.name)"
    assert await page.evaluate(script) == "RangeError"


async def test_what_is_sent_opens_with_the_code_alone(page: Page) -> None:
    code, ticket, content = "K7M2QX9P4H", "00420099", b"\x30\x82 a file"
    sealed, proof = await page.evaluate(
        """async ([code, ticket, content]) => {
          const { derive, seal } = await import("/static/device/transfer.mjs");
          const { key, proof } = await derive(code, ticket);
          return [[...(await seal(key, Uint8Array.from(content)))], [...proof]];
        }""",
        [code, ticket, list(content)],
    )
    salt = f"CertTalk transfer v1 {ticket}".encode()
    derived = hashlib.pbkdf2_hmac("sha512", code.encode(), salt, 600_000, 64)
    assert bytes(proof) == derived[32:]
    label = b"CertTalk transfer v1"
    assert AESGCM(derived[:32]).decrypt(bytes(sealed[:12]), bytes(sealed[12:]), label) == content


async def test_what_was_changed_on_the_way_does_not_open(page: Page) -> None:
    found = await page.evaluate(
        """async () => {
          const { Damaged, derive, open, seal } = await import("/static/device/transfer.mjs");
          const { key } = await derive("0123456789", "12345678");
          const sealed = await seal(key, new Uint8Array(40));
          const damaged = (octets) => open(key, octets).then(() => "opened", (error) => error instanceof Damaged);
          const results = [(await open(key, sealed)).length];
          for (const at of [0, 12, sealed.length - 1]) {
            const changed = Uint8Array.from(sealed);
            changed[at] ^= 1;
            results.push(await damaged(changed));
          }
          results.push(await damaged(sealed.slice(0, -1)), await damaged(new Uint8Array(5)));
          return results;
        }"""
    )
    assert found == [40, True, True, True, True, True]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("K7M2Q-X9P4H", "K7M2QX9P4H"), (" k7m2q x9p4h ", "K7M2QX9P4H"), ("Ｋ７Ｍ２Ｑ－Ｘ９Ｐ４Ｈ", "K7M2QX9P4H"),
        ("OIL00-11111", "0110011111"), ("K7M2Q-X9P4", ""), ("K7M2Q-X9P4HH", ""), ("UUUUU-UUUUU", ""), ("", ""),
    ],
)  # fmt: skip
async def test_a_code_is_read_as_it_was_meant(page: Page, typed: str, meant: str) -> None:
    assert await call(page, "../device/transfer", "readCode", typed) == meant


async def test_codes_and_tickets_are_drawn_afresh_and_can_be_typed(page: Page) -> None:
    codes, tickets, same = await page.evaluate(
        """async () => {
          const { newCode, newTicket, readCode, readTicket, halves } = await import("/static/device/transfer.mjs");
          const many = (make) => Array.from({ length: 500 }, make);
          const [codes, tickets] = [many(newCode), many(newTicket)];
          const same = codes.every((code) => readCode(halves(code)) === code)
            && tickets.every((ticket) => readTicket(halves(ticket)) === ticket);
          return [codes, tickets, same];
        }"""
    )
    assert same
    assert len(set(codes)) == 500
    assert len(set(tickets)) > 490
    assert len(set(json.dumps(codes))) >= 32
