"""Keys inside a PKCS#11 token (SoftHSM2): they sign everything a CA signs, and never leave it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from bot.settings import load_settings
from bot.vault import Vault, VaultRefused
from bot.vault.tokens import Token, key_id
from ca import crl, keys, records, signing
from ca.errors import SignerUnavailable
from ca.ports import Record, RevokedEntry, Serial, Standing, Status
from tests.ca.pki import enrollment
from tests.outside import NOW

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
           "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so")  # fmt: skip
MODULE = next((Path(path) for path in MODULES if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(
    MODULE is None or not shutil.which("softhsm2-util"), reason="SoftHSM2 is not installed (apt-get install softhsm2)"
)
pkcs11: Any = pytest.importorskip("pkcs11", reason="the extra pkcs11 is not installed")
PIN = "4711-abcd"


def init_token(label: str) -> None:
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "so-secret"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module", autouse=True)
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A token of its own: SoftHSM reads where its tokens are when it is first loaded."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    init_token("certtalk")
    yield
    pkcs11.unload(str(MODULE))
    del os.environ["SOFTHSM2_CONF"]
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def token() -> Iterator[Token]:
    assert MODULE is not None
    one = Token(MODULE, "certtalk", lambda: PIN)
    yield one
    one.close()


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256"])
def test_a_key_signs_in_the_token(token: Token, kind: str) -> None:
    made = token.generate(kind, f"test {kind}")
    assert keys.kind(made.public_key) == kind
    assert signing.is_valid(made.public_key, signing.sign(made, b"data"), b"data")
    again = token.key(made.public_key)
    assert signing.is_valid(made.public_key, again.sign(b"more"), b"more")
    assert made.takes_time, "nobody waits in the event loop for a device"


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256"])
def test_the_private_key_never_leaves(token: Token, kind: str) -> None:
    made = token.generate(kind, "stays")
    private = pkcs11.ObjectClass.PRIVATE_KEY
    with pkcs11.lib(str(MODULE)).get_token(token_label="certtalk").open() as session:
        # Logged in through the other session; the handle is there, the value is not.
        key = session.get_key(object_class=private, id=key_id(made.public_key))
        assert key[pkcs11.Attribute.SENSITIVE] is True
        assert key[pkcs11.Attribute.EXTRACTABLE] is False
        secret = pkcs11.Attribute.PRIVATE_EXPONENT if kind.startswith("rsa") else pkcs11.Attribute.VALUE
        with pytest.raises(pkcs11.AttributeSensitive):
            key[secret]
        uses = ("SIGN", "DECRYPT", "UNWRAP", "DERIVE")
        assert [use for use in uses if key[pkcs11.Attribute[use]]] == ["SIGN"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the binding, of its dead session
@pytest.mark.parametrize("known", [True, False], ids=["handle kept", "no handle"])
def test_a_lost_session_is_opened_again(token: Token, known: bool) -> None:
    made = token.generate("p-256", "test")
    if known:
        made.sign(b"before")
    token._session.close()  # as a restarted token leaves it
    assert signing.is_valid(made.public_key, made.sign(b"data"), b"data")


def test_a_token_that_stays_away_is_said(token: Token) -> None:
    made = token.generate("p-256", "test")
    token.close()
    token._label = "pulled out"
    with pytest.raises(SignerUnavailable, match="no_token"):
        made.sign(b"data")
    token._label = "certtalk"
    assert signing.is_valid(made.public_key, made.sign(b"data"), b"data"), "and it is found when it is back"


@pytest.mark.parametrize(
    ("label", "pin", "word"), [("certtalk", "wrong-pin", "wrong_pin"), ("nobody", PIN, "no_token")]
)
def test_what_is_wrong_with_a_token(label: str, pin: str, word: str) -> None:
    assert MODULE is not None
    tried = []
    token = Token(MODULE, label, lambda: tried.append(pin) or pin)  # type: ignore[func-returns-value]
    for _ in range(3):
        with pytest.raises(VaultRefused) as refused:
            token.generate("p-256", "test")
        assert refused.value.word == word
        assert pin not in str(refused.value)
    if word == "wrong_pin":
        assert tried == [pin], "a token locks itself after a few wrong ones"


def test_a_library_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "vendor.so").write_text("not a library")
    with pytest.raises(VaultRefused) as refused:
        Token(tmp_path / "vendor.so", "certtalk", lambda: PIN).generate("p-256", "test")
    assert refused.value.word == "token_failed"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    pin = tmp_path / "pin"
    pin.write_text(f"{PIN}\n")
    pin.chmod(0o600)
    given = {"ca_token": MODULE, "ca_token_pin_file": pin, "ca_key": "rsa-2048"}
    return Vault(load_settings(None, data=tmp_path / "data", **given))


async def test_an_authority_whose_keys_are_in_the_token(vault: Vault) -> None:
    authority = await vault.open(NOW)
    assert list(vault.folder.glob("*.key")) == [], "no key of the running CA is in a file"
    record = Record(authority.prepare(enrollment(), NOW), Status.PLANNED)
    issued = x509.load_der_x509_certificate(authority.sign(record))
    issued.verify_directly_issued_by(authority.current.certificate)
    entry = RevokedEntry(Serial(issued.serial_number), NOW, "superseded")
    listed = x509.load_der_x509_crl(authority.sign_crl("issuing-1", [crl.entry(entry)], 1, NOW, timedelta(days=1)))
    assert listed.is_signature_valid(authority.current.public_key)
    builder = ocsp.OCSPRequestBuilder().add_certificate(issued, authority.current.certificate, SHA256())
    asked = builder.build().public_bytes(Encoding.DER)

    async def known(_: object) -> dict[Serial, Standing]:
        return {record.plan.serial: Standing("issuing-1", Status.VALID)}

    answer = ocsp.load_der_ocsp_response(await authority.answer_ocsp(asked, known, NOW))
    assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    signer = vault.records(NOW)
    assert records.opened(signer.sign(b"record", NOW), authority.current.root).content == b"record"
    assert vault.records(NOW).certificate == signer.certificate
    assert list(vault.folder.glob("*.key")) == []
    again = await Vault(vault.settings).open(NOW)
    assert again.current.der == authority.current.der
    assert vault.in_token() == 3
