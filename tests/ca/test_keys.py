"""CA keys at rest."""

import pytest
from asn1crypto import pem

from ca import der, keys
from ca.errors import KeyFileError, ProfileError
from tests.ca.pki import subscriber_key

PASSPHRASE = b"correct horse battery staple"


def test_sealed_and_opened() -> None:
    key = subscriber_key("p-256")
    sealed = keys.seal(key, PASSPHRASE)
    assert sealed.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    opened = keys.open_sealed(sealed, PASSPHRASE)
    assert keys.spki(opened.public_key()) == keys.spki(key.public_key())
    assert sealed != keys.seal(key, PASSPHRASE)


def test_sealed_with_scrypt_as_promised() -> None:
    _, _, data = pem.unarmor(keys.seal(subscriber_key("p-256"), PASSPHRASE))
    scheme, _ = der.read(data).children()
    kdf = scheme.children()[1].children()[0]
    assert kdf.children()[0].raw == der.oid("1.3.6.1.4.1.11591.4.11")
    assert [e.integer() for e in kdf.children()[1].children()[1:4]] == [1 << 17, 8, 1]


@pytest.mark.parametrize("passphrase", [b"wrong", b"", PASSPHRASE + b" "])
def test_a_wrong_passphrase_is_refused(passphrase: bytes) -> None:
    sealed = keys.seal(subscriber_key("p-256"), PASSPHRASE)
    with pytest.raises(KeyFileError):
        keys.open_sealed(sealed, passphrase)


def test_an_empty_passphrase_seals_nothing() -> None:
    with pytest.raises(KeyFileError):
        keys.seal(subscriber_key("p-256"), b"")


def test_rubbish_is_refused() -> None:
    with pytest.raises(KeyFileError):
        keys.open_sealed(b"rubbish", PASSPHRASE)


@pytest.mark.parametrize("kind", ["rsa-1024", "rsa", "p-384", "", "RSA-2048"])
def test_unknown_kinds_are_named(kind: str) -> None:
    with pytest.raises(ProfileError, match="rsa-3072"):
        keys.generate(kind)
