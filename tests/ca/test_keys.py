"""CA keys at rest, and subscriber keys that must be refused."""

import itertools
import math
import random

import pytest
from asn1crypto import pem
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca import der, keys
from ca.errors import KeyFileError, ProfileError, WeakKey
from ca.profiles import KEY_KINDS
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


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256"])
def test_good_keys_pass(kind: str) -> None:
    public = subscriber_key(kind).public_key()
    assert keys.kind(public) == kind
    assert keys.checked(public, KEY_KINDS) is public
    with pytest.raises(WeakKey):
        keys.checked(public, ("rsa-4096",))


def _rsa(n: int, e: int = 65537) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(e, n).public_key()


def _next_prime(n: int) -> int:
    n |= 1
    while pow(2, n - 1, n) != 1:
        n += 2
    return n


def _modulus() -> int:
    key = subscriber_key("rsa-2048").public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key.public_numbers().n


def _close_primes() -> int:
    p = _next_prime(0xC0FFEE << 1000)
    return p * _next_prime(p + 2)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa.generate_private_key(65537, 1024).public_key(), id="1024 bits"),
        pytest.param(_rsa(_modulus(), 3), id="exponent 3"),
        pytest.param(_rsa(751 * (_modulus() // 751 | 1)), id="factor 751"),
        pytest.param(_rsa(_close_primes()), id="close primes"),
        pytest.param(_rsa(_next_prime(0xC0FFEE << 1000) ** 2), id="one prime twice"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()).public_key(), id="p-384"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()).public_key(), id="secp256k1"),
        pytest.param(ed25519.Ed25519PrivateKey.generate().public_key(), id="ed25519"),
    ],
)
def test_weak_keys_are_refused(key: object) -> None:
    with pytest.raises(WeakKey):
        keys.checked(key, KEY_KINDS)


def test_the_table_of_small_primes_ends_at_751() -> None:
    assert keys._SMALL_PRIMES % 751 == 0
    assert math.gcd(keys._SMALL_PRIMES, 757) == 1
    assert math.gcd(keys._SMALL_PRIMES, 2) == 1


def test_the_search_for_close_primes_always_ends_with_an_answer() -> None:
    """Whatever a modulus leaves over at the sieve: one in fifty passes it at any step."""
    draw = random.Random(20261122)
    moduli = (draw.getrandbits(1024) | 1 << 1023 | 1 for _ in itertools.count())
    sound = (n for n in moduli if math.gcd(n, keys._SMALL_PRIMES) == 1)
    assert {keys._rsa_weakness(n, 65537) for n in itertools.islice(sound, 1000)} == {None}
