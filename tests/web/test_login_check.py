"""The login check: a certificate that holds passes, and whatever does not is named."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.web.pages import CHALLENGE_PREFIX
from ca.ports import Serial
from tests.ca import pki
from tests.outside import Browser, Key, Outside, b64


def signed(private: Any, shown: dict[str, Any], *, raw: bool = False) -> str:
    """As the page signs the challenge it was shown; `raw` is ECDSA the way WebCrypto gives it."""
    message = CHALLENGE_PREFIX + b64decode(shown["challenge"])
    if isinstance(private, rsa.RSAPrivateKey):
        return b64(private.sign(message, padding.PKCS1v15(), SHA256()))
    signature = private.sign(message, ec.ECDSA(SHA256()))
    return b64(b"".join(part.to_bytes(32) for part in decode_dss_signature(signature)) if raw else signature)


class Visit:
    """Somebody with a certificate at the login check."""

    def __init__(self, browser: Browser, key: Key, issued: dict[str, Any]) -> None:
        self.browser, self.key, self.issued = browser, key, issued
        self.serial = Serial(int(issued["serial"], 16))

    async def shows(self, *, raw: bool = False, path: str = "/login-check", **changed: Any) -> dict[str, Any]:
        shown = await self.browser.open(path)
        form = {
            "challenge_id": shown["challenge_id"],
            "certificate": self.issued["certificate"],
            "signature": signed(self.key.private, shown, raw=raw),
            "r": b64(self.key.r),
        }
        answer = await self.browser.post("/login-check", form | changed)
        return dict(answer.json()) | {"status": answer.status_code}


def bad(answer: dict[str, Any]) -> set[str]:
    """Names of the findings that say no."""
    assert all(one["text"].endswith(("요.", "요?")) for one in answer["findings"])
    found = {one["name"] for one in answer["findings"] if one["ok"] is False}
    assert answer["ok"] is (not found)
    return found


@pytest.fixture
async def visit(outside: Outside) -> Visit:
    browser = outside.browser()
    key, issued = await browser.enrolled()
    return Visit(browser, key, issued)


async def test_a_good_certificate_passes_every_question(visit: Visit) -> None:
    answer = await visit.shows()
    assert bad(answer) == set()
    assert [one["ok"] for one in answer["findings"]] == [True] * 7
    assert answer["holder"] == "김*모"
    assert answer["until"].startswith("2027-11-2")


async def test_an_ecdsa_signature_may_be_raw(visit: Visit) -> None:
    assert bad(await visit.shows(raw=True)) == set()


async def test_without_r_the_identity_is_not_asked(visit: Visit) -> None:
    answer = await visit.shows(r=None)
    assert bad(answer) == set()
    assert {one["name"]: one["ok"] for one in answer["findings"]}["identity"] is None


async def test_an_rsa_key_signs_as_well(outside: Outside) -> None:
    browser, key = outside.browser("lee"), Key()
    key.private = rsa.generate_private_key(65537, 2048)  # type: ignore[assignment]
    path = await browser.to_page()
    issued = (await browser.issue(path, key)).json()
    assert bad(await Visit(browser, key, issued).shows()) == set()


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"r": b64(bytes(20))}, {"identity"}),
        ({"r": b64(bytes(19))}, {"identity"}),
        ({"signature": b64(bytes(64))}, {"signature"}),
        ({"signature": b64(b"0")}, {"signature"}),
        ({"signature": ""}, {"signature"}),
        ({"certificate": b64(b"0")}, {"readable"}),
        ({"certificate": ""}, {"readable"}),
        ({"certificate": b64(b"\x30" * 20_000)}, {"readable"}),
    ],
)
async def test_what_does_not_fit_is_named(visit: Visit, changed: dict[str, str], names: set[str]) -> None:
    assert bad(await visit.shows(**changed)) == names


async def test_another_key_is_found_out(visit: Visit) -> None:
    visit.key.private = Key().private
    assert bad(await visit.shows()) == {"signature"}


async def test_a_signature_over_another_challenge_is_worth_nothing(visit: Visit) -> None:
    earlier = await visit.browser.open("/login-check")
    assert bad(await visit.shows(signature=signed(visit.key.private, earlier))) == {"signature"}


async def test_a_challenge_is_used_once(visit: Visit) -> None:
    shown = await visit.browser.open("/login-check")
    again = {"challenge_id": shown["challenge_id"], "signature": signed(visit.key.private, shown)}
    assert bad(await visit.shows(**again)) == set()
    answer = await visit.shows(**again)
    assert (answer["status"], answer["error"]) == (409, "challenge_gone")


async def test_a_challenge_ends(visit: Visit, outside: Outside) -> None:
    shown = await visit.browser.open("/login-check")
    given = {"challenge_id": shown["challenge_id"], "signature": signed(visit.key.private, shown)}
    outside.clock.move(minutes=10, seconds=1)
    assert (await visit.shows(**given))["error"] == "challenge_gone"


@pytest.mark.parametrize("made_up", ["9999999999-AAAAAAAAAAAAAAAAAAAAAA", "9" * 12 + "-x"])
async def test_a_made_up_challenge_has_octets_nobody_knows(visit: Visit, made_up: str) -> None:
    assert bad(await visit.shows(challenge_id=made_up)) == {"signature"}


@pytest.mark.parametrize("nonsense", ["", "-", "x-y", "9" * 13 + "-x", "9999999999-\ud800", "٣-x", 7, None, "0-x"])
async def test_what_is_no_challenge_is_refused(visit: Visit, nonsense: object) -> None:
    answer = await visit.shows(challenge_id=nonsense)
    assert (answer["status"], answer["error"]) == (409, "challenge_gone")


async def test_revoked_held_and_released(visit: Visit, outside: Outside) -> None:
    registration = outside.service.registration
    await registration.hold(visit.serial, outside.clock())
    assert bad(await visit.shows()) == {"status"}
    await registration.release(visit.serial, outside.clock())
    assert bad(await visit.shows()) == set()
    await registration.revoke(visit.serial, "keyCompromise", outside.clock())
    assert bad(await visit.shows()) == {"status"}


async def test_an_expired_certificate(visit: Visit, outside: Outside) -> None:
    outside.clock.move(days=366)
    assert bad(await visit.shows()) == {"validity"}


async def test_a_certificate_from_elsewhere(visit: Visit) -> None:
    """With our serial number and everything else of ours but the signature."""
    foreign, private = pki.pki("p-256"), Key().private
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([])).issuer_name(foreign.issuer.certificate.subject)
        .public_key(private.public_key()).serial_number(visit.serial)
        .not_valid_before(datetime(2026, 11, 1, tzinfo=UTC)).not_valid_after(datetime(2027, 11, 1, tzinfo=UTC))
        .sign(Key().private, SHA256())
    )  # fmt: skip
    visit.key.private = private
    answer = await visit.shows(certificate=b64(certificate.public_bytes(Encoding.DER)), r=None)
    assert bad(answer) == {"issuer", "policy", "status"}


async def test_a_check_out_of_the_chat_lets_the_conversation_go_on(visit: Visit, outside: Outside) -> None:
    asked = await visit.browser.said("안녕하세요")
    assert asked[-1]["key"] == "enroll.works.ask"
    path = asked[-1]["link"]["url"].removeprefix("http://127.0.0.1:8710")
    answer = await visit.browser.http.get(path)
    assert answer.status_code == 303
    where = answer.headers["location"]
    token = where.partition("?s=")[2]
    wrong = await visit.shows(path=where, s=token, r=b64(bytes(20)))
    assert bad(wrong) == {"identity"}
    assert not await outside.rows("SELECT 1 FROM messages WHERE body LIKE '%enroll.done%'")
    for _ in range(2):
        assert bad(await visit.shows(path=where, s=token)) == set()
    assert len(await outside.rows("SELECT 1 FROM messages WHERE body LIKE '%enroll.done_checked%'")) == 1


async def test_somebody_elses_certificate_does_not_finish_a_journey(visit: Visit, outside: Outside) -> None:
    asked = await visit.browser.said("안녕하세요")
    token = asked[-1]["link"]["url"].partition("/s/")[2]
    lee = outside.browser("lee")
    other = Visit(lee, *await lee.enrolled())
    assert bad(await other.shows(s=token)) == set()
    assert not await outside.rows("SELECT 1 FROM messages WHERE body LIKE '%enroll.done%' AND customer = 'demo:kim'")


async def test_no_changed_certificate_is_our_fault_or_passes(visit: Visit) -> None:
    """Any octet of a good certificate changed, cut or added: an answer, and never yes."""
    good = b64decode(visit.issued["certificate"])
    drawn: list[bytes] = []

    @settings(max_examples=120, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, len(good) - 1), st.binary(max_size=3), st.integers(0, 3))
    def draw(at: int, octets: bytes, cut: int) -> None:
        drawn.append(good[:at] + octets + good[at + cut :])

    draw()
    for certificate in drawn:
        answer = await visit.shows(certificate=b64(certificate))
        assert answer["status"] == 200
        assert answer["ok"] is (certificate == good), certificate.hex()
