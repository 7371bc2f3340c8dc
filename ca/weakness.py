"""Public keys of subscribers that must be refused: the wrong kind, weak by construction, known to be compromised.

Only what can be told from the public half is told here, in about a tenth of a millisecond. Keys that are weak because
somebody else has them (Debian's of 2008, leaked ones) are a list of the operator's: SHA-256 of SubjectPublicKeyInfo.
"""

import math
from collections.abc import Container
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from ca import keys
from ca.errors import WeakKey
from ca.keys import SubscriberKey

_SMALL_PRIMES: Final = [p for p in range(3, 752) if all(p % q for q in range(2, math.isqrt(p) + 1))]
_SMALL_PRODUCT: Final = math.prod(_SMALL_PRIMES)
"""CA/B BR §6.1.6: no factor below 752."""
_FERMAT_ROUNDS: Final = 100
_SIEVE: Final = 16 * 9 * 5 * 7 * 11
_SQUARES: Final = frozenset(i * i % _SIEVE for i in range(_SIEVE))
"""What squares leave over. One number in fifty does, so few candidates are looked at in full."""


def _powers_of_65537(prime: int) -> frozenset[int]:
    found, power = set(), 1
    while power not in found:
        found.add(power)
        power = power * 65537 % prime
    return frozenset(found)


# CVE-2017-15361 (ROCA): such primes are k·M + (65537^a mod M), M a product of the first primes. Their product therefore
# leaves a power of 65537 over at each prime of M; a sound modulus does so at all of these once in 2^27.
_ROCA: Final = tuple(
    (prime, powers) for prime in _SMALL_PRIMES if prime <= 167 and len(powers := _powers_of_65537(prime)) < prime - 1
)


def checked(key: object, allowed: tuple[str, ...], blocked: Container[bytes] = frozenset()) -> SubscriberKey:
    """`key` if it is one of the `allowed` kinds and nothing speaks against it. Raises `WeakKey`.

    `blocked` holds SHA-256 digests of SubjectPublicKeyInfo. The point of an EC key is on its curve: the library
    refuses others when it reads them.
    """
    if keys.kind(key) not in allowed or not isinstance(key, SubscriberKey):
        raise WeakKey(f"{keys.kind(key)} is not one of {', '.join(allowed)}")
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        if weakness := _rsa_weakness(numbers.n, numbers.e):
            raise WeakKey(weakness)
    elif isinstance(key, ed25519.Ed25519PublicKey) and _has_small_order(key):
        raise WeakKey("Ed25519 point of small order")
    if sha256(keys.spki(key)).digest() in blocked:
        raise WeakKey("on the list of keys that must not be certified")
    return key


@lru_cache(maxsize=1024)  # one enrollment asks twice: for the request, and in the lint
def _rsa_weakness(n: int, e: int) -> str | None:
    if e % 2 == 0 or not 1 << 16 < e < 1 << 256:  # CA/B BR §6.1.6
        return "RSA exponent out of range"
    if n % 2 == 0 or math.gcd(n, _SMALL_PRODUCT) != 1:
        return "RSA modulus with a small factor"
    if all(n % prime in powers for prime, powers in _ROCA):
        return "RSA modulus with the fingerprint of ROCA"
    root = math.isqrt(n)
    if root * root == n:
        return "RSA modulus is one prime twice"
    small_root, small_n = root % _SIEVE, n % _SIEVE
    for step in range(1, _FERMAT_ROUNDS + 1):  # CA/B BR §6.1.1.3: close primes, Fermat
        small = small_root + step
        if (small * small - small_n) % _SIEVE in _SQUARES:
            rest = (root + step) ** 2 - n
            if math.isqrt(rest) ** 2 == rest:
                return "RSA primes too close to one another"
    return None


_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P


def _has_small_order(key: ed25519.Ed25519PublicKey) -> bool:
    """Whether signatures under it prove nothing: eight times the point is the neutral one. RFC 8032 §5.1

    In y alone: y(2P) = (y² + x²)/(2 - y² + x²) with x² = (y² - 1)/(d·y² + 1), both from the curve's equation
    -x² + y² = 1 + d·x²·y²; a y that is not on the curve never verifies anything.
    """
    y = int.from_bytes(key.public_bytes_raw(), "little") % (1 << 255) % _P
    for _ in range(3):
        x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
        y = (y * y + x2) * pow(2 - y * y + x2, -1, _P) % _P
    return y == 1
