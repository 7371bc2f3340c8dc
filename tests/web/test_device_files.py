"""Files of other makers are opened, written anew, and opened again by programs that are not ours."""

import base64
import hashlib
import hmac
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pypinksign
import pytest
import pytest_asyncio
from asn1crypto import pkcs12 as pfx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.async_api import Browser, Page

from ca.der import Element, read
from tests.judges import judge
from tests.web.key_pages import in_chromium, opened
from tests.web.keys_stub import P256, RSA, KeysStub, der, toy_ca
from tests.web.test_browser_keys import PASSWORD, RANDOM_NUM, bench, call, judged, legacy_seed, make_files, openssl

pytestmark = in_chromium

NEXT = "Clarinet%Onyx58"
HANGUL = "비밀번호는Quartz41!"
SALT = bytes(range(8))
LEGACY = ("-provider", "legacy", "-provider", "default")
JUDGED = {"hangul_legacy.p12", "fixed_vector.key"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with opened(chromium, KeysStub()) as page:
        yield page


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2)
    return bytes([tag]) + length + content


def npki_key(algorithm: str, iv: bytes | None, plain: bytes) -> bytes:
    """EncryptedPrivateKeyInfo of the shape {salt, rounds}, by hashlib and OpenSSL's SEED."""
    derived = PASSWORD.encode() + SALT
    for _ in range(1024):
        derived = hashlib.sha1(derived).digest()
    iv = iv or hashlib.sha1(derived[16:20]).digest()[:16]
    name = tlv(0x06, bytes.fromhex(algorithm))
    parameters = tlv(0x30, tlv(0x04, SALT), bytes.fromhex("02020400"))
    return tlv(0x30, tlv(0x30, name, parameters), tlv(0x04, legacy_seed(derived[:16], iv, plain)))


def pbes2_key(plain: bytes, *options: bytes, hash_name: str = "sha1") -> bytes:
    """As a bank wrote it in 2019: PBES2, PBKDF2 (HMAC-SHA-1 unless `options` say), SEED-CBC, its own vector."""
    iv = os.urandom(16)
    key = hashlib.pbkdf2_hmac(hash_name, PASSWORD.encode(), SALT, 2048, 16)
    pbkdf2 = tlv(0x30, tlv(0x04, SALT), bytes.fromhex("02020800"), *options)
    kdf = tlv(0x30, bytes.fromhex("06092a864886f70d01050c"), pbkdf2)
    cipher = tlv(0x30, bytes.fromhex("06082a831a8c9a440104"), tlv(0x04, iv))
    name = tlv(0x30, bytes.fromhex("06092a864886f70d01050d"), tlv(0x30, kdf, cipher))
    return tlv(0x30, name, tlv(0x04, legacy_seed(key, iv, plain)))


def by_pypinksign(file: bytes) -> bytes:
    """A key taken out of a .p12, R put in, and sealed by PyPinkSign."""
    _, key = pypinksign.separate_p12_into_npki(file, PASSWORD.encode())
    with_r = pypinksign.inject_rand_in_plain_prikey(base64.b64encode(key).decode(), bytes(range(20)))
    return base64.b64decode(pypinksign.encrypt_decrypted_prikey(with_r, PASSWORD.encode()))


def with_open_lengths(element: Element) -> bytes:
    """BER as NSS and Java once wrote it: the length of everything that has parts left open (X.690 §8.1.3.6)."""
    if not element.tag & 0x20:
        return element.raw
    return bytes((element.tag, 0x80)) + b"".join(map(with_open_lengths, element.children())) + b"\0\0"


def with_pbmac1(file: bytes) -> bytes:
    """RFC 9579, which this OpenSSL does not write yet: PBKDF2 and HMAC with SHA-256 in the place of the MAC."""
    safe = pfx.Pfx.load(file)["auth_safe"]["content"].native
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, 2048, 32)
    sha256 = tlv(0x30, bytes.fromhex("06082a864886f70d02090500"))
    kdf = tlv(0x30, tlv(0x04, SALT), bytes.fromhex("02020800"), bytes.fromhex("020120"), sha256)
    kdf = tlv(0x30, bytes.fromhex("06092a864886f70d01050c"), kdf)
    name = tlv(0x30, bytes.fromhex("06092a864886f70d01050e"), tlv(0x30, kdf, sha256))
    digest = tlv(0x30, name, tlv(0x04, hmac.digest(key, safe, "sha256")))
    version, content = bytes.fromhex("020103"), pfx.Pfx.load(file)["auth_safe"].dump()
    return tlv(0x30, version, content, tlv(0x30, digest, tlv(0x04, b"NOT USED"), bytes.fromhex("020101")))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One pair as many programs write it, with its issuers where the form has room."""
    folder = tmp_path_factory.mktemp("foreign")
    key = rsa.generate_private_key(65537, 2048)
    certificate = toy_ca().issue(key.public_key())
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    issuers = [toy_ca().root.public_bytes(pem), toy_ca().issuing.public_bytes(pem)]
    (folder / "chain.pem").write_bytes(b"".join(issuers))

    def export(*options: str, password: str = PASSWORD) -> bytes:
        pair = ["-inkey", folder / "key.pem", "-in", folder / "cert.pem", "-certfile", folder / "chain.pem"]
        return openssl("pkcs12", "-export", *pair, "-passout", f"pass:{password}", *options)

    def pkcs8(*options: str) -> bytes:
        given = ["-topk8", "-in", folder / "key.pem", "-outform", "DER", "-passout", f"pass:{PASSWORD}"]
        return openssl("pkcs8", *given, *options)

    def tool(*command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True)

    (folder / "o.p12").write_bytes(export("-name", "pair"))
    made = {
        "certificate": der(certificate),
        "capubs": tlv(0x30, der(toy_ca().root), der(toy_ca().issuing)),
        "openssl.p12": (folder / "o.p12").read_bytes(),
        "legacy.p12": export("-legacy"),
        "hangul.p12": export(password=HANGUL),
        "hangul_legacy.p12": export("-legacy", password=HANGUL),
        "without_mac.p12": export("-nomac"),
        "sha512_mac.p12": export("-macalg", "sha512"),
        "npki.key": npki_key("2a831a8c9a44010f", None, plain),
        "fixed_vector.key": npki_key("2a831a8c9a440104", b"0123456789012345", plain),
        "vendors_alias.key": npki_key("2a831a8c9a44010402", b"0123456789012345", plain),
        "pbes2_seed.key": pbes2_key(plain),
        "pbes2_seed_sha256.key": pbes2_key(
            plain, bytes.fromhex("020110"), bytes.fromhex("300c06082a864886f70d02090500"), hash_name="sha256"
        ),
        "triple_des.p12": export("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
        "clear_certificates.p12": export("-certpbe", "NONE"),
        "seed.p12": export("-keypbe", "SEED-CBC", "-certpbe", "SEED-CBC", *LEGACY),
        "aria.p12": export("-keypbe", "ARIA-256-CBC"),
    }
    for name, cipher in {"aes128": "aes-128-cbc", "aes192": "aes-192-cbc", "aria": "aria-128-cbc"}.items():
        made[f"{name}.key"] = pkcs8("-v2", cipher)
    made["pbes1_3des.key"] = pkcs8("-v1", "PBE-SHA1-3DES")
    made["pbes1_rc2.key"] = pkcs8("-v1", "PBE-SHA1-RC2-128", *LEGACY)
    made["pypinksign.key"] = by_pypinksign(made["openssl.p12"])
    made["open_lengths.p12"] = with_open_lengths(read(made["openssl.p12"]))
    made["pbmac1.p12"] = with_pbmac1(made["openssl.p12"])
    made["trailing.key"] = made["npki.key"] + os.urandom(46)
    given, database = folder / "o.p12", f"sql:{folder}"
    for name, commands in {
        "keytool.p12": [["keytool", "-importkeystore", "-srckeystore", given, "-srcstorepass", PASSWORD,
                         "-destkeystore", folder / "keytool.p12", "-deststoretype", "PKCS12",
                         "-deststorepass", PASSWORD]],
        "old_keytool.p12": [["keytool", "-J-Dkeystore.pkcs12.legacy", "-importkeystore", "-srckeystore", given,
                             "-srcstorepass", PASSWORD, "-destkeystore", folder / "old_keytool.p12", "-deststoretype",
                             "PKCS12", "-deststorepass", PASSWORD]],
        "certtool.p12": [["certtool", "--to-p12", "--outder", "--load-privkey", folder / "key.pem",
                          "--load-certificate", folder / "cert.pem", "--load-ca-certificate", folder / "chain.pem",
                          "--p12-name", "x", "--password", PASSWORD, "--outfile", folder / "certtool.p12"]],
        "pk12util.p12": [["certutil", "-N", "-d", database, "--empty-password"],
                         ["pk12util", "-i", given, "-d", database, "-W", PASSWORD],
                         ["pk12util", "-o", folder / "pk12util.p12", "-n", "pair", "-d", database, "-W", PASSWORD]],
    }.items():  # fmt: skip
        if all(shutil.which(str(command[0])) for command in commands):
            for command in commands:
                tool(*command)
            made[name] = (folder / name).read_bytes()
    return made


def chosen(foreign: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    files = [{"name": name, "bytes": foreign[name]}]
    if name.endswith(".key"):
        files.append({"name": "signCert.der", "bytes": foreign["certificate"]})
        files.append({"name": "CaPubs", "bytes": foreign["capubs"]})
    return files


@judged
@pytest.mark.parametrize(
    ("name", "mac"),
    [
        ("openssl.p12", True), ("legacy.p12", True), ("hangul.p12", True), ("hangul_legacy.p12", True),
        ("without_mac.p12", None), ("sha512_mac.p12", True), ("pbmac1.p12", True), ("keytool.p12", True),
        ("certtool.p12", True), ("pk12util.p12", True), ("npki.key", None), ("trailing.key", None),
        ("fixed_vector.key", None), ("vendors_alias.key", None), ("pbes2_seed.key", None),
        ("pbes2_seed_sha256.key", None), ("pypinksign.key", None), ("triple_des.p12", True),
        ("clear_certificates.p12", True), ("seed.p12", True), ("aes128.key", None), ("aes192.key", None),
        ("pbes1_3des.key", None), ("old_keytool.p12", True), ("open_lengths.p12", True),
    ],
)  # fmt: skip
async def test_a_file_of_another_maker_is_written_anew(
    page: Page, foreign: dict[str, bytes], tmp_path: Path, name: str, mac: bool | None
) -> None:
    if name not in foreign:
        pytest.skip(f"no {name.removesuffix('.p12')} here")
    password = HANGUL if name.startswith("hangul") else PASSWORD
    found = await bench(page, "open", files=chosen(foreign, name), password=password)
    assert (found["mac"], found["form"]) == (mac, "npki" if name.endswith(".key") else "p12")
    assert found["certificate"] == foreign["certificate"]
    assert found["chain"] == [der(toy_ca().issuing), der(toy_ca().root)][: 0 if name == "certtool.p12" else 2]
    if name not in JUDGED:
        return  # writing costs seconds and is the same whatever was read
    made = await bench(page, "pack", next=NEXT, name="CertTalk")
    assert made["caPubs"] == foreign["capubs"]
    again = [{"name": "signPri.key", "bytes": made["signPri"]}, {"name": "signCert.der", "bytes": made["signCert"]}]
    assert (await bench(page, "open", files=again, password=NEXT))["certificate"] == foreign["certificate"]
    wrong = await call(page, "bench", "run", "open", {"files": again, "password": PASSWORD})
    assert wrong == {"code": "wrong_password"}
    (tmp_path / "c.p12").write_bytes(made["p12"])
    (tmp_path / "root.pem").write_bytes(toy_ca().root.public_bytes(serialization.Encoding.PEM))
    judge("check_p12.py", tmp_path / "c.p12", NEXT)
    assert "warn" not in judge("x509/check_p12.sh", tmp_path / "c.p12", NEXT, 100_000, tmp_path / "root.pem")


@pytest.mark.parametrize("name", ["aria.p12", "aria.key", "pbes1_rc2.key"])
async def test_what_cannot_be_opened_here_is_said_so(page: Page, foreign: dict[str, bytes], name: str) -> None:
    """No NPKI key of these is known; none is taken for a wrong password."""
    answer = await call(page, "bench", "run", "open", {"files": chosen(foreign, name), "password": PASSWORD})
    assert answer == {"code": "unsupported"}


@pytest.mark.parametrize("first", ["old", "new"])
async def test_of_several_in_one_file_the_one_that_lasts_longest(page: Page, tmp_path: Path, first: str) -> None:
    """Stores hold many pairs: a former certificate is neither taken nor mistaken for the other pair."""
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("old", "new")}
    own = {name: toy_ca().issue(keys[name].public_key(), days=30 if name == "old" else 365) for name in keys}
    bags = []
    for name in sorted(keys, key=lambda one: one != first):
        sealed = pkcs12.serialize_key_and_certificates(
            name.encode(), keys[name], own[name], None, serialization.BestAvailableEncryption(PASSWORD.encode())
        )
        safe = pfx.Pfx.load(sealed)["auth_safe"]["content"].native
        bags.append(b"".join(part.raw for part in read(safe).children()))
    data = bytes.fromhex("06092a864886f70d010701")
    content = tlv(0x30, data, tlv(0xA0, tlv(0x04, tlv(0x30, *bags))))
    file = tlv(0x30, bytes.fromhex("020103"), content)
    found = await bench(page, "open", files=[{"name": "store.p12", "bytes": file}], password=PASSWORD)
    assert found["certificate"] == der(own["new"])
    made = await bench(page, "pack", next=NEXT, name="CertTalk")
    assert made.get("kmCert") is None


@judged
async def test_a_changed_password_keeps_r_for_foreign_programs(page: Page, tmp_path: Path) -> None:
    files = await make_files(page, tmp_path, RSA)
    given = [{"name": "c.p12", "bytes": files["p12"]}]
    assert (await bench(page, "open", files=given, password=PASSWORD))["r"] == files["r"]
    made = await bench(page, "pack", next=NEXT, name="CertTalk")
    (tmp_path / "signPri.key").write_bytes(made["signPri"])
    assert len(made["signPri"]) == 1300
    judge("check_pypinksign.py", tmp_path, NEXT)
    judge("check_openssl_manual.py", tmp_path, NEXT)
    inside = openssl("pkcs12", "-in", _at(tmp_path / "n.p12", made["p12"]), "-passin", f"pass:{NEXT}", "-nodes")
    assert b"1.2.410.200004.10.1.1.3" in inside
    assert RANDOM_NUM not in made["signPri"] + made["p12"]


def _at(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


async def test_the_encryption_pair_goes_along(page: Page, tmp_path: Path) -> None:
    sign, km = await make_files(page, tmp_path, RSA), await make_files(page, tmp_path, P256)
    names = {"signCert.der": sign["signCert"], "signPri.key": sign["signPri"], "kmCert.der": km["signCert"],
             "kmPri.key": km["signPri"]}  # fmt: skip
    files = [{"name": name, "bytes": octets} for name, octets in names.items()]
    await bench(page, "open", files=files, password=PASSWORD)
    made = await bench(page, "pack", next=NEXT, name="CertTalk")
    assert made["kmCert"] == km["signCert"]
    pair = [{"name": "a", "bytes": made["kmCert"]}, {"name": "b", "bytes": made["kmPri"]}]
    assert (await bench(page, "open", files=pair, password=NEXT))["r"] == km["r"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
async def test_an_archive_is_looked_into(page: Page, foreign: dict[str, bytes], method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("NPKI/yessign/USER/cn=홍길동()0999,c=kr/signPri.key", foreign["npki.key"])
        archive.writestr("NPKI/yessign/USER/cn=홍길동()0999,c=kr/signCert.der", foreign["certificate"])
        archive.writestr("NPKI/yessign/USER/cn=홍길동()0999,c=kr/kmPri.key", b"of another password")
        archive.writestr("huge.bin", bytes(300_000))
    given = [{"name": "a.zip", "bytes": packed.getvalue()}]
    found = await bench(page, "open", files=given, password=PASSWORD)
    assert found["certificate"] == foreign["certificate"]
    for cut in (4, 40, 300):
        broken = [{"name": "a.zip", "bytes": packed.getvalue()[:-cut]}]
        answer = await call(page, "bench", "run", "open", {"files": broken, "password": PASSWORD})
        assert answer.get("code") in {"unreadable", "no_key", "no_certificate", None}


async def test_damage_is_told_from_a_wrong_password(page: Page, foreign: dict[str, bytes]) -> None:
    file = bytearray(foreign["openssl.p12"])
    file[-30] ^= 1  # in the MAC's salt
    found = await bench(page, "open", files=[{"name": "x.p12", "bytes": bytes(file)}], password=PASSWORD)
    assert found["mac"] is False
    cut = [{"name": "x.p12", "bytes": foreign["openssl.p12"][:-200]}]
    assert await call(page, "bench", "run", "open", {"files": cut, "password": PASSWORD}) == {"code": "cut_short"}


async def test_a_password_that_not_every_program_takes_is_not_written(page: Page, foreign: dict[str, bytes]) -> None:
    await bench(page, "open", files=chosen(foreign, "hangul.p12"), password=HANGUL)
    assert await call(page, "bench", "run", "pack", {"name": "x"}) == {"code": "password_alphabet"}


async def test_what_a_certificate_says_and_the_folder_it_goes_to(page: Page, foreign: dict[str, bytes]) -> None:
    said = await call(page, "certificate", "describe", foreign["certificate"])
    certificate = x509.load_der_x509_certificate(foreign["certificate"])
    assert said["holder"] == "홍길동()0999040K7M2Q"
    assert said["by"] == "Toy issuing"
    assert said["until"] == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%S}.000Z"
    assert said["folder"] == {"ca": "Toy issuing", "dn": "cn=홍길동()0999040K7M2Q,c=kr"}
    assert int(said["serial"], 16) == certificate.serial_number
