"""NPKI key files against the known answers, their fixed shape, and files of other makers."""

import hashlib

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import SEED
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from ca import der, keys, npki, pbes
from ca.errors import KeyFileError
from tests.ca.pki import R, pki, subscriber_key

PASSWORD = b"Test!2026pw"
SALT = bytes.fromhex("0011223344556677")


def test_known_answers() -> None:
    key, iv = pbes.derive_npki(PASSWORD, SALT, 2048)
    assert key.hex() == "b4a8c94fab8067a292110d9d8b0c4644"
    assert iv.hex() == "4a5b0efd45fbef41a3a9c3a198fd6d04"
    ciphertext = der.read(pbes.encrypt_npki(b"hello NPKI", PASSWORD, SALT, 2048)).children()[1].content
    assert ciphertext.hex() == "6b3293363e7e2709c50cca75c0b5b48f"


@pytest.mark.parametrize("rounds", [2048, npki.ROUNDS])
def test_an_rsa_2048_file_has_the_shape_readers_count_on(rounds: int) -> None:
    data = npki.write_key(subscriber_key("rsa-2048"), R, PASSWORD, salt=SALT, rounds=rounds)
    assert len(data) == 1300
    header = "30820510301a06082a831a8c9a44010f300e0408" + SALT.hex() + f"0202{rounds:04x}" + "048204f0"
    assert data[:36].hex() == header


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "p-256"])
@pytest.mark.parametrize("rest", [b"", bytes(46)], ids=["exact", "46 octets more, as real files have"])
def test_written_and_read(kind: str, rest: bytes) -> None:
    key = subscriber_key(kind)
    opened, r = npki.read_key(npki.write_key(key, R, PASSWORD) + rest, PASSWORD)
    assert keys.spki(opened.public_key()) == keys.spki(key.public_key())
    assert r == R


def test_r_is_the_one_attribute_in_its_known_bytes() -> None:
    info = npki.private_key_info(subscriber_key("rsa-2048"), R)
    assert info.endswith(bytes.fromhex("060a2a831a8c9a440a0101033117031500") + R)
    assert len(der.read(info).children()[3].children()) == 1


def test_without_r() -> None:
    key = subscriber_key("rsa-2048")
    data = pbes.encrypt_npki(npki.private_key_info(key, None), PASSWORD, SALT, 2048)
    assert npki.read_key(data, PASSWORD)[1] is None


def _pbes2_seed(prf: int | None) -> bytes:
    """A key file as a bank's of 2019: PBES2, PBKDF2, SEED; `prf` absent or named."""
    plain = npki.private_key_info(subscriber_key("rsa-2048"), R)
    iv, rounds = bytes(range(16)), 2048
    key = hashlib.pbkdf2_hmac("sha256" if prf == 9 else "sha1", PASSWORD, SALT, rounds, 16)
    padding = 16 - len(plain) % 16
    encryptor = Cipher(SEED(key), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    named = b"" if prf is None else der.sequence(der.oid(f"1.2.840.113549.2.{prf}"), der.null())
    kdf = der.sequence(der.oid(pbes.PBKDF2), der.sequence(der.octet_string(SALT), der.integer(rounds), named))
    scheme = der.sequence(
        der.oid(pbes.PBES2), der.sequence(kdf, der.sequence(der.oid(pbes.SEED_CBC), der.octet_string(iv)))
    )
    return der.sequence(scheme, der.octet_string(ciphertext))


@pytest.mark.parametrize("prf", [None, 7, 9], ids=["prf absent", "SHA-1", "SHA-256"])
def test_pbes2_with_seed_is_read(prf: int | None) -> None:
    key, r = npki.read_key(_pbes2_seed(prf), PASSWORD)
    assert keys.spki(key.public_key()) == keys.spki(subscriber_key("rsa-2048").public_key())
    assert r == R


def test_the_known_key_of_pbkdf2() -> None:
    assert hashlib.pbkdf2_hmac("sha1", PASSWORD, SALT, 2048, 16).hex() == "49bf69bbe1139a05786dfa3eacd316f5"


@pytest.mark.parametrize("password", [b"", b"Test!2026pW", PASSWORD + b" "])
def test_a_wrong_password_is_refused(password: bytes) -> None:
    for data in (npki.write_key(subscriber_key("p-256"), R, PASSWORD, rounds=2048), _pbes2_seed(None)):
        with pytest.raises(KeyFileError):
            npki.read_key(data, password)


@pytest.mark.parametrize(("salt", "rounds"), [(bytes(16), 2048), (SALT, 127), (SALT, 32768)])
def test_what_readers_cannot_take_is_not_written(salt: bytes, rounds: int) -> None:
    with pytest.raises(KeyFileError):
        npki.write_key(subscriber_key("p-256"), R, PASSWORD, salt=salt, rounds=rounds)


GOOD = npki.write_key(subscriber_key("p-256"), R, PASSWORD, rounds=128)


@settings(max_examples=200)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_octet_gives_another_key_or_none(at: int, change: int) -> None:
    mutant = bytearray(GOOD)
    mutant[at] ^= change
    try:
        npki.read_key(bytes(mutant), PASSWORD)
    except KeyFileError:
        return


def test_ca_pubs_is_root_first() -> None:
    issuer = pki().issuer
    inside = der.read(npki.ca_pubs(issuer.root_der, issuer.der)).expect(der.SEQUENCE).children()
    assert [c.raw for c in inside] == [issuer.root_der, issuer.der]
