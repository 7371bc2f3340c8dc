"""PKCS#12: R survives, the MAC is as slow as the key, and files of other makers are read."""

import subprocess
from pathlib import Path

import pytest
from asn1crypto import pkcs12 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization import pkcs12 as library

from ca import keys, pkcs12
from ca.errors import KeyFileError
from ca.ports import Record, Status
from ca.signing import PrivateKey
from tests.ca.pki import NOW, R, enrollment, pki, request, subscriber_key

PASSWORD = "Test!2026pw"
ROUNDS = 10_000


def chain(key: PrivateKey) -> tuple[bytes, ...]:
    authority, issuer = pki().authority, pki().issuer
    leaf = authority.sign(Record(authority.prepare(enrollment(csr=request(key)), NOW), Status.PLANNED))
    return leaf, issuer.der, issuer.root_der


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256"])
@pytest.mark.parametrize("r", [R, None], ids=["with R", "without R"])
def test_written_and_read(kind: str, r: bytes | None) -> None:
    key = subscriber_key(kind)
    certificates = chain(key)
    contents = pkcs12.read(pkcs12.write(key, r, certificates, PASSWORD, "CertTalk", rounds=ROUNDS), PASSWORD)
    assert keys.spki(contents.key.public_key()) == keys.spki(key.public_key())
    assert contents.certificate == x509.load_der_x509_certificate(certificates[0])
    assert set(contents.others) == {x509.load_der_x509_certificate(c) for c in certificates[1:]}
    assert contents.r == r
    assert R.hex() not in repr(contents)


def test_the_mac_is_as_slow_as_the_key() -> None:
    key = subscriber_key("p-256")
    file = asn1.Pfx.load(pkcs12.write(key, R, chain(key), PASSWORD, "CertTalk"), strict=True)
    assert file["mac_data"]["iterations"].native == pkcs12.ROUNDS >= 100_000
    assert file["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native == "sha256"


def test_friendly_name_and_key_id() -> None:
    key = subscriber_key("p-256")
    loaded = library.load_pkcs12(pkcs12.write(key, R, chain(key), PASSWORD, "홍길동", rounds=ROUNDS), PASSWORD.encode())
    assert loaded.cert is not None
    assert loaded.cert.friendly_name == "홍길동".encode()


@pytest.mark.parametrize("password", ["", "test!2026pw", PASSWORD + " "])
def test_a_wrong_password_is_refused(password: str) -> None:
    key = subscriber_key("p-256")
    with pytest.raises(KeyFileError):
        pkcs12.read(pkcs12.write(key, R, chain(key), PASSWORD, "x", rounds=ROUNDS), password)


def test_one_changed_octet_is_noticed() -> None:
    key = subscriber_key("p-256")
    data = bytearray(pkcs12.write(key, R, chain(key), PASSWORD, "x", rounds=ROUNDS))
    data[len(data) // 2] ^= 1
    with pytest.raises(KeyFileError):
        pkcs12.read(bytes(data), PASSWORD)


def test_a_file_of_the_library() -> None:
    key = subscriber_key("rsa-2048")
    leaf, *_ = chain(key)
    certificate = x509.load_der_x509_certificate(leaf)
    data = library.serialize_key_and_certificates(
        b"x", key, certificate, None, BestAvailableEncryption(PASSWORD.encode())
    )
    contents = pkcs12.read(data, PASSWORD)
    assert (contents.certificate, contents.r) == (certificate, None)


def test_an_old_file_of_openssl(tmp_path: Path) -> None:
    key = subscriber_key("rsa-2048")
    own = pkcs12.write(key, R, chain(key), PASSWORD, "x", rounds=ROUNDS)
    (tmp_path / "own.p12").write_bytes(own)
    openssl = ["openssl", "pkcs12", "-passin", f"pass:{PASSWORD}", "-passout", f"pass:{PASSWORD}"]
    subprocess.run([*openssl, "-in", "own.p12", "-out", "all.pem"], cwd=tmp_path, check=True, capture_output=True)
    old = ["-export", "-in", "all.pem", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]
    subprocess.run([*openssl, *old, "-out", "old.p12"], cwd=tmp_path, check=True, capture_output=True)
    contents = pkcs12.read((tmp_path / "old.p12").read_bytes(), PASSWORD)
    assert keys.spki(contents.key.public_key()) == keys.spki(key.public_key())
