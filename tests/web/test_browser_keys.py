"""What the browser makes of keys, judged by programs that are not ours."""

import base64
import hashlib
import os
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.async_api import Browser, Page

from tests.judges import judge, needs_judges
from tests.web.key_pages import in_chromium, opened
from tests.web.keys_stub import P256, RSA, KeysStub, b64, der, toy_ca

pytestmark = in_chromium

PASSWORD = "trombone&Quartz41"
RANDOM_NUM = bytes.fromhex("060a2a831a8c9a440a010103")
BRIDGE = """
async ([module, name, parameters]) => {
  const octets = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const into = (v) => v?.b64 !== undefined ? octets(v.b64) : Array.isArray(v) ? v.map(into)
    : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, into(x)])) : v;
  const out = (v) => v instanceof Uint8Array ? { b64: btoa(Array.from(v, (c) => String.fromCharCode(c)).join("")) }
    : Array.isArray(v) ? v.map(out)
    : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, out(x)])) : v;
  return out(await (await import(`/static/keys/${module}.mjs`))[name](...into(parameters)));
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """Any page of ours: only its origin and its content security policy matter."""
    async with opened(chromium, KeysStub()) as page:
        yield page


def judged(test: Any) -> Any:
    for mark in needs_judges:
        test = mark(test)
    return test


def _pack(value: Any) -> Any:
    match value:
        case bytes():
            return {"b64": b64(value)}
        case dict():
            return {name: _pack(one) for name, one in value.items()}
        case list() | tuple():
            return [_pack(one) for one in value]
    return value


def _unpack(value: Any) -> Any:
    match value:
        case {"b64": text}:
            return base64.b64decode(text)
        case dict():
            return {name: _unpack(one) for name, one in value.items()}
        case list():
            return [_unpack(one) for one in value]
    return value


async def call(page: Page, module: str, name: str, *parameters: Any) -> Any:
    """A function of `static/keys/`; octets go in and out as bytes."""
    return _unpack(await page.evaluate(BRIDGE, [module, name, _pack(parameters)]))


async def bench(page: Page, act: str, **parameters: Any) -> Any:
    answer = await call(page, "bench", "run", act, parameters)
    assert "result" in answer, answer
    return answer["result"]


def openssl(*arguments: object, given: bytes = b"", ok: bool = True) -> bytes:
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=False)
    assert (done.returncode == 0) == ok, done.stderr.decode()
    return done.stdout


def legacy_seed(key: bytes, iv: bytes, plain: bytes) -> bytes:
    provider = ["-provider", "legacy", "-provider", "default"]
    return openssl("enc", "-seed-cbc", *provider, "-K", key.hex(), "-iv", iv.hex(), given=plain)


@pytest.mark.parametrize(
    ("key", "plain", "secret"),
    [  # RFC 4269 appendix B
        ("00" * 16, "000102030405060708090a0b0c0d0e0f", "5ebac6e0054e166819aff1cc6d346cdb"),
        ("000102030405060708090a0b0c0d0e0f", "00" * 16, "c11f22f20140505084483597e4370f43"),
        ("4706480851e61be85d74bfb3fd956185", "83a2f8a288641fb9a4e9a5cc2f131c7d", "ee54d13ebcae706d226bc3142cd40d4a"),
        ("28dbc3bc49ffd87dcfa509b11d422be7", "b41e6be2eba84a148e2eed84593c5ec7", "9b9b7bfcd1813cb95d0b3618f40f5122"),
    ],
)
async def test_seed_gives_the_published_answers(page: Page, key: str, plain: str, secret: str) -> None:
    made = await call(page, "seed", "encrypt", bytes.fromhex(key), bytes(16), bytes.fromhex(plain))
    assert made[:16].hex() == secret


async def test_seed_agrees_with_openssl_both_ways(page: Page) -> None:
    for size in (0, 1, 15, 16, 17, 31, 32, 1000):
        key, iv, plain = os.urandom(16), os.urandom(16), os.urandom(size)
        secret = await call(page, "seed", "encrypt", key, iv, plain)
        assert secret == legacy_seed(key, iv, plain)
        assert await call(page, "seed", "decrypt", key, iv, secret) == plain
    assert await call(page, "seed", "decrypt", key, iv, secret[:-1]) is None


async def test_hashes_agree_with_hashlib_at_every_length_around_a_block(page: Page) -> None:
    for size in (0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000):
        message = os.urandom(size)
        assert await call(page, "sha", "sha1", message) == hashlib.sha1(message).digest()
        assert await call(page, "sha", "sha256", message) == hashlib.sha256(message).digest()


async def test_the_npki_derivation_gives_the_known_answer(page: Page) -> None:
    derived = await call(page, "encryption", "seedKey", "Test!2026pw", bytes.fromhex("0011223344556677"), 2048)
    assert derived["key"].hex() == "b4a8c94fab8067a292110d9d8b0c4644"
    assert derived["iv"].hex() == "4a5b0efd45fbef41a3a9c3a198fd6d04"
    secret = await call(page, "seed", "encrypt", derived["key"], derived["iv"], b"hello NPKI")
    assert secret.hex() == "6b3293363e7e2709c50cca75c0b5b48f"


async def make_files(page: Page, folder: Path, key: dict[str, Any]) -> dict[str, bytes]:
    """Everything the page hands over for one certificate, on disk too."""
    made = await bench(page, "create", key=key, password=PASSWORD)
    csr = x509.load_der_x509_csr(made["csr"])
    assert csr.is_signature_valid
    assert not list(csr.subject)
    certificate = toy_ca().issue(csr.public_key())
    chain = [der(toy_ca().issuing), der(toy_ca().root)]
    files = await bench(page, "finish", certificate=der(certificate), chain=chain, name="CertTalk")
    old = await bench(page, "compatible")
    (folder / "signCert.der").write_bytes(files["signCert"])
    (folder / "signPri.key").write_bytes(files["signPri"])
    (folder / "c.p12").write_bytes(files["p12"])
    (folder / "old.p12").write_bytes(old["p12"])
    (folder / "root.pem").write_bytes(toy_ca().root.public_bytes(serialization.Encoding.PEM))
    assert files["caPubs"] == asn1_sequence(chain[1] + chain[0])
    return {**made, **files, "old": old["p12"]}


def asn1_sequence(content: bytes) -> bytes:
    return b"\x30\x82" + len(content).to_bytes(2) + content


@judged
async def test_foreign_programs_open_what_was_made_for_rsa(page: Page, tmp_path: Path) -> None:
    files = await make_files(page, tmp_path, RSA)
    assert len(files["signPri"]) == 1300
    assert files["signPri"][:14].hex() == "30820510301a06082a831a8c9a44010f"[:28]
    assert files["signPri"][28:32] == b"\x02\x02" + (30_000).to_bytes(2)
    judge("check_pypinksign.py", tmp_path, PASSWORD)
    judge("check_openssl_manual.py", tmp_path, PASSWORD)
    judge("check_p12.py", tmp_path / "c.p12", PASSWORD)
    assert "warn" not in judge("x509/check_p12.sh", tmp_path / "c.p12", PASSWORD, 100_000, tmp_path / "root.pem")
    judge("check_p12.py", tmp_path / "old.p12", PASSWORD)


@judged
async def test_foreign_programs_open_what_was_made_for_p256(page: Page, tmp_path: Path) -> None:
    await make_files(page, tmp_path, P256)
    judge("check_openssl_manual.py", tmp_path, PASSWORD)
    assert "warn" not in judge("x509/check_p12.sh", tmp_path / "c.p12", PASSWORD, 100_000, tmp_path / "root.pem")


@pytest.mark.parametrize("key", [RSA, P256], ids=["rsa", "p256"])
async def test_r_is_inside_and_our_files_open_again(page: Page, tmp_path: Path, key: dict[str, Any]) -> None:
    files = await make_files(page, tmp_path, key)
    shown = openssl("pkcs12", "-in", tmp_path / "c.p12", "-passin", f"pass:{PASSWORD}", "-nodes", "-nocerts")
    assert b"1.2.410.200004.10.1.1.3" in shown
    ways = {
        "folder": [("signCert.der", "signCert"), ("signPri.key", "signPri")],
        "p12": [("c.p12", "p12")],
        "old": [("old.p12", "old")],
    }
    for way, names in ways.items():
        chosen = [{"name": name, "bytes": files[which]} for name, which in names]
        opened_again = await bench(page, "open", files=chosen, password=PASSWORD)
        assert opened_again["r"] == files["r"], way
        assert opened_again["certificate"] == files["signCert"], way
        wrong = await call(page, "bench", "run", "open", {"files": chosen, "password": f"{PASSWORD}x"})
        assert wrong == {"code": "wrong_password"}, way


async def test_each_file_is_encrypted_afresh(page: Page, tmp_path: Path) -> None:
    first = await make_files(page, tmp_path, P256)
    chain = [der(toy_ca().issuing), der(toy_ca().root)]
    second = await bench(page, "finish", certificate=first["signCert"], chain=chain, name="CertTalk")
    assert first["signPri"][20:28] != second["signPri"][20:28]
    assert first["p12"] != second["p12"]
    assert RANDOM_NUM not in first["signPri"] + first["p12"] + first["sealed"]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same pair as other programs write it."""
    folder = tmp_path_factory.mktemp("foreign")
    key = rsa.generate_private_key(65537, 2048)
    certificate = toy_ca().issue(key.public_key())
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def export(*options: str) -> bytes:
        pair = ["-inkey", folder / "key.pem", "-in", folder / "cert.pem", "-passout", f"pass:{PASSWORD}"]
        return openssl("pkcs12", "-export", *pair, *options)

    def p8(*options: str) -> bytes:
        form = ["-topk8", "-inform", "PEM", "-in", folder / "key.pem", "-outform", "DER"]
        return openssl("pkcs8", *form, "-passout", f"pass:{PASSWORD}", *options)

    derived = PASSWORD.encode() + (salt := bytes(range(8)))
    for _ in range(2048):
        derived = hashlib.sha1(derived).digest()
    iv = hashlib.sha1(derived[16:20]).digest()[:16]
    header = bytes.fromhex("301a06082a831a8c9a44010f300e0408") + salt + bytes.fromhex("02020800")
    secret = legacy_seed(derived[:16], iv, plain)
    body = header + b"\x04\x82" + len(secret).to_bytes(2) + secret
    old_seed = b"\x30\x82" + len(body).to_bytes(2) + body

    key_bytes = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt, 2048, 16)
    secret = legacy_seed(key_bytes, bytes(range(16)), plain)
    kdf = bytes.fromhex("301b06092a864886f70d01050c300e0408") + salt + bytes.fromhex("02020800")
    cipher = bytes.fromhex("301c06082a831a8c9a4401040410") + bytes(range(16))
    pbes2 = b"\x06\x09" + bytes.fromhex("2a864886f70d01050d") + b"\x30" + bytes([len(kdf + cipher)]) + kdf + cipher
    body = b"\x30" + bytes([len(pbes2)]) + pbes2 + b"\x04\x82" + len(secret).to_bytes(2) + secret
    new_seed = b"\x30\x82" + len(body).to_bytes(2) + body

    return {
        "certificate": der(certificate),
        "pem": certificate.public_bytes(serialization.Encoding.PEM),
        "openssl.p12": export(),
        "3des.p12": export("-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
        "rc2.p12": export("-legacy"),
        "seed.key": old_seed,
        "trailing.key": old_seed + os.urandom(46),
        "pbes2_seed.key": new_seed,
        "aes128.key": p8("-v2", "aes-128-cbc"),
        "aes192.key": p8("-v2", "aes-192-cbc"),
        "scrypt.key": p8("-scrypt"),
    }


@pytest.mark.parametrize(
    "name",
    ["openssl.p12", "3des.p12", "rc2.p12", "seed.key", "trailing.key", "pbes2_seed.key", "aes128.key", "aes192.key"],
)
async def test_files_of_other_programs_open(page: Page, foreign: dict[str, bytes], name: str) -> None:
    files = [{"name": name, "bytes": foreign[name]}]
    if name.endswith(".key"):
        files.append({"name": "signCert.der", "bytes": foreign["certificate"]})
    found = await bench(page, "open", files=files, password=PASSWORD)
    assert found["certificate"] == foreign["certificate"]
    assert found["r"] is None
    message = b"sign me"
    signature = (await bench(page, "answer", message=message))["signature"]
    assert len(signature) == 256
    wrong = await call(page, "bench", "run", "open", {"files": files, "password": "Wrong!2026pw"})
    assert wrong == {"code": "wrong_password"}


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["seed.key"], "no_certificate"),
        (["pem"], "no_key"),
        (["scrypt.key", "certificate"], "unsupported"),
        (["garbage"], "unreadable"),
        (["cut"], "cut_short"),
        (["empty"], "unreadable"),
        (["seed.key", "stranger"], "mismatch"),
    ],
)
async def test_what_is_wrong_with_files_is_told_apart(
    page: Page,
    foreign: dict[str, bytes],
    names: list[str],
    code: str,
) -> None:
    more = {
        "garbage": os.urandom(500),
        "cut": foreign["openssl.p12"][:300],
        "empty": b"",
        "stranger": der(toy_ca().issue(ec.generate_private_key(ec.SECP256R1()).public_key())),
    }
    files = [{"name": name, "bytes": (foreign | more)[name]} for name in names]
    assert await call(page, "bench", "run", "open", {"files": files, "password": PASSWORD}) == {"code": code}


async def test_the_p12_says_nothing_personal_outside(page: Page, tmp_path: Path) -> None:
    files = await make_files(page, tmp_path, P256)
    inside = pkcs12.load_pkcs12(files["p12"], PASSWORD.encode())
    assert inside.cert is not None
    assert inside.cert.friendly_name == b"CertTalk"
    assert len(inside.additional_certs) == 2
    assert "홍길동".encode() not in files["p12"]
    assert "홍길동".encode("utf-16-be") not in files["p12"]


@pytest.mark.parametrize(
    ("password", "faults"),
    [
        ("trombone&Quartz41", []),
        ("Tv9#mPq2xL", []),
        ("9(dkTz!wq7", []),
        ("Tv9#mPq2x", ["length"]),
        ("Tv9#mPq2xL" * 3 + "z", ["length"]),
        ("9381!#640275", ["letter"]),
        ("trombone&Quartz", ["digit"]),
        ("trombone7Quartz41", ["symbol"]),
        ("tromb one&Quartz41", ["characters"]),
        ("tromb'one&Quartz41", ["characters"]),
        ('tromb"one&Quartz41', ["characters"]),
        ("tromb\\one&Quartz41", ["characters"]),
        ("tromb|one&Quartz41", ["characters"]),
        ("트럼본trombone&Qu41", ["characters"]),
        ("trombone&Quartz7aaa", ["no_run"]),
        ("trombone&Quartz7AaA", ["no_run"]),
        ("trombone&Quartz123", ["no_run"]),
        ("trombone&Quartz321", ["no_run"]),
        ("tromboneXyz&71", ["no_run"]),
        ("trombonezYx&71", ["no_run"]),
        ("trombone&Quartz898", []),
        ("P@ssw0rd!29", ["uncommon"]),
        ("qlalfqjsgh1!", ["uncommon"]),
        ("rhddlsdlswmdtj!72", ["uncommon"]),
        ("Password2026!", ["uncommon"]),
        ("korea!seoul2", ["uncommon"]),
        ("1q2w3e4r!!", ["uncommon"]),
        ("Saranghae!!97", ["uncommon"]),
        ("", ["length", "letter", "digit", "symbol", "characters", "no_run", "uncommon"]),
    ],
)
async def test_password_rules(page: Page, password: str, faults: list[str]) -> None:
    assert await call(page, "password", "broken", password) == faults


async def test_common_words_stand_for_many_passwords_and_are_checked_fast(page: Page) -> None:
    size, refused, slowest = await page.evaluate(
        """async () => {
          const { COMMON_WORDS } = await import("/static/keys/common_words.mjs");
          const { isCommon, broken } = await import("/static/keys/password.mjs");
          const endings = ["1!", "7&29", "!2026", "@1004", "#77"];
          const made = [...COMMON_WORDS].flatMap((word) => endings.map((ending) => word + ending));
          const started = performance.now();
          broken("qwerasdfzxcv".repeat(2) + "!1Qazws");
          return [made.length, made.filter(isCommon).length, performance.now() - started];
        }"""
    )
    assert size >= 3000
    assert refused == size
    assert slowest < 50 + size / 2


async def test_the_heavy_work_leaves_the_page_free(page: Page) -> None:
    longest = await page.evaluate(
        """async () => {
          const { Workshop } = await import("/static/keys/workshop.mjs");
          const workshop = new Workshop();
          const wish = { key: { name: "ECDSA", namedCurve: "P-256" }, password: "x" };
          await workshop.ask("create", wish); // the worker has started
          let longest = 0, last = performance.now(), on = true;
          const tick = () => { const now = performance.now(); longest = Math.max(longest, now - last); last = now;
            if (on) setTimeout(tick); };
          tick();
          const { sealed } = await workshop.ask("create", wish);
          await workshop.ask("resume", { sealed, password: "x" });
          on = false;
          return longest;
        }"""
    )
    assert longest < 200


async def test_a_zip_has_korean_names_and_whole_files(page: Page, tmp_path: Path) -> None:
    contents = {"NPKI/CertTalk/USER/cn=홍길동()0999,c=kr/signPri.key": os.urandom(1300), "읽어주세요.txt": b""}
    made = await call(page, "zip", "archive", [{"name": name, "bytes": octets} for name, octets in contents.items()])
    (tmp_path / "a.zip").write_bytes(made)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents


@pytest.mark.parametrize(
    ("dn", "folder"),
    [
        ("cn=홍길동()0999,o=x,c=kr", "cn=홍길동()0999,o=x,c=kr"),
        ("../../etc", ".._.._etc"),
        ("cn=a/b\\c:d", "cn=a_b_c_d"),
        ("cn=a. ", "cn=a_"),
    ],
)
async def test_a_name_never_leads_out_of_the_folder(page: Page, dn: str, folder: str) -> None:
    path = await call(page, "npki", "folderPath", {"ca": "..", "dn": dn})
    assert path == ["NPKI", "_", "USER", folder]
