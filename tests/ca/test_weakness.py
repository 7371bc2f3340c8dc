"""Subscriber keys that must be refused, and sound ones that must not."""

import itertools
import math
import random
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca import keys, weakness
from ca.errors import WeakKey
from ca.profiles import KEY_KINDS
from tests.ca import weak_keys
from tests.ca.pki import subscriber_key

WITHOUT_ED25519 = KEY_KINDS[:4]


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256"])
def test_good_keys_pass(kind: str) -> None:
    public = subscriber_key(kind).public_key()
    assert keys.kind(public) == kind
    assert weakness.checked(public, KEY_KINDS) is public
    with pytest.raises(WeakKey):
        weakness.checked(public, ("rsa-4096",))


def _rsa(n: int, e: int = 65537) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(e, n).public_key()


def _modulus() -> int:
    key = subscriber_key("rsa-2048").public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key.public_numbers().n


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa.generate_private_key(65537, 1024).public_key(), id="1024 bits"),
        pytest.param(_rsa(_modulus(), 3), id="exponent 3"),
        pytest.param(_rsa(751 * (_modulus() // 751 | 1)), id="factor 751"),
        pytest.param(_rsa(math.prod(weak_keys.close_primes())), id="close primes"),
        pytest.param(_rsa(weak_keys.close_primes()[0] ** 2), id="one prime twice"),
        pytest.param(_rsa(math.prod(weak_keys.roca_primes())), id="ROCA"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()).public_key(), id="p-384"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()).public_key(), id="secp256k1"),
        pytest.param(ed25519.Ed25519PrivateKey.generate().public_key(), id="ed25519"),
    ],
)
def test_weak_keys_are_refused(key: object) -> None:
    with pytest.raises(WeakKey):
        weakness.checked(key, WITHOUT_ED25519)


def test_ed25519_passes_where_it_is_asked_for() -> None:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    assert keys.kind(key) == "ed25519"
    assert weakness.checked(key, KEY_KINDS) is key


@pytest.mark.parametrize("y", weak_keys.SMALL_ORDER)
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_points_of_small_order_prove_nothing(y: int, sign: int) -> None:
    key = ed25519.Ed25519PublicKey.from_public_bytes((y | sign).to_bytes(32, "little"))
    with pytest.raises(WeakKey, match="small order"):
        weakness.checked(key, KEY_KINDS)


def test_a_blocked_key_is_refused_and_no_other() -> None:
    key = subscriber_key("p-256").public_key()
    blocked = {sha256(keys.spki(key)).digest()}
    with pytest.raises(WeakKey, match="list"):
        weakness.checked(key, KEY_KINDS, blocked)
    assert weakness.checked(subscriber_key("rsa-2048").public_key(), KEY_KINDS, blocked)


def test_the_fingerprint_of_roca_is_rare() -> None:
    """2^-27 of sound moduli have it: the primes at which it can be seen are the seventeen that are known for it."""
    assert [prime for prime, _ in weakness._ROCA] == [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ]  # fmt: skip
    assert math.prod(len(powers) / (prime - 1) for prime, powers in weakness._ROCA) < 2**-27


def test_the_table_of_small_primes_ends_at_751() -> None:
    assert weakness._SMALL_PRODUCT % 751 == 0
    assert math.gcd(weakness._SMALL_PRODUCT, 757) == 1
    assert math.gcd(weakness._SMALL_PRODUCT, 2) == 1


def test_the_search_for_close_primes_always_ends_with_an_answer() -> None:
    """Whatever a modulus leaves over at the sieve: one in fifty passes it at any step."""
    draw = random.Random(20261122)
    moduli = (draw.getrandbits(1024) | 1 << 1023 | 1 for _ in itertools.count())
    sound = (n for n in moduli if math.gcd(n, weakness._SMALL_PRODUCT) == 1)
    assert {weakness._rsa_weakness(n, 65537) for n in itertools.islice(sound, 1000)} == {None}
