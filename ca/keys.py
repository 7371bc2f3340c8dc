"""Keys: making and sealing the CA's own, and refusing weak ones of subscribers.

A CA key at rest is PKCS#8 under PBES2 with scrypt (N=2^17, r=8) and AES-256-CBC, written here because the library's
own choice is 2,048 rounds of PBKDF2. Loading takes about half a second and an RSA key is validated in full each
time: load once per process and keep the handle.
"""

import base64
import math
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ca import der, randomness
from ca.errors import KeyFileError, ProfileError, WeakKey
from ca.signing import PrivateKey, PublicKey

_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 17, 8, 1
_PBES2, _SCRYPT, _AES_256_CBC = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11", "2.16.840.1.101.3.4.1.42"

_SMALL_PRIMES = math.prod(p for p in range(3, 752) if all(p % q for q in range(2, math.isqrt(p) + 1)))
"""CA/B BR §6.1.6: no factor below 752."""
_FERMAT_ROUNDS = 100
_SIEVE = 16 * 9 * 5 * 7 * 11
_SQUARES = frozenset(i * i % _SIEVE for i in range(_SIEVE))
"""What squares leave over. One number in fifty does, so few candidates are looked at in full."""


def generate(kind: str) -> PrivateKey:
    """A new key: `rsa-2048`, `rsa-3072`, `rsa-4096` or `p-256`."""
    match kind.split("-"):
        case ["rsa", ("2048" | "3072" | "4096") as bits]:
            return rsa.generate_private_key(65537, int(bits))
        case ["p", "256"]:
            return ec.generate_private_key(ec.SECP256R1())
    raise ProfileError(f"key: {kind!r}; write rsa-2048, rsa-3072, rsa-4096 or p-256")


def seal(key: PrivateKey, passphrase: bytes) -> bytes:
    """PEM `ENCRYPTED PRIVATE KEY`. The passphrase may not be empty."""
    if not passphrase:
        raise KeyFileError("an empty passphrase protects nothing")
    salt, iv = randomness.octets(16), randomness.octets(16)
    wrapping = Scrypt(salt, 32, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P).derive(passphrase)
    padder = PKCS7(128).padder()
    plain = padder.update(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())) + padder.finalize()
    encryptor = Cipher(algorithms.AES(wrapping), modes.CBC(iv)).encryptor()
    # RFC 7914 §7.1: scrypt-params { salt, cost, block size, parallelization, key length }
    parameters = der.sequence(
        der.octet_string(salt), *map(der.integer, (_SCRYPT_N, _SCRYPT_R, _SCRYPT_P)), der.integer(len(wrapping))
    )
    scheme = der.sequence(
        der.oid(_PBES2),
        der.sequence(
            der.sequence(der.oid(_SCRYPT), parameters), der.sequence(der.oid(_AES_256_CBC), der.octet_string(iv))
        ),
    )
    sealed = der.sequence(scheme, der.octet_string(encryptor.update(plain) + encryptor.finalize()))
    return pem("ENCRYPTED PRIVATE KEY", sealed)


def open_sealed(sealed: bytes, passphrase: bytes) -> PrivateKey:
    """The key inside a PEM `ENCRYPTED PRIVATE KEY`. Raises `KeyFileError`."""
    try:
        key = serialization.load_pem_private_key(sealed, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError("the passphrase does not fit, or the key file is damaged") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyFileError("neither an RSA nor an EC key")
    return key


def pem(label: str, content: bytes) -> bytes:
    """RFC 7468 text of `content`."""
    text = base64.b64encode(content).decode()
    lines = (text[at : at + 64] for at in range(0, len(text), 64))
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()


def spki(key: PublicKey) -> bytes:
    """DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def kind(key: object) -> str:
    """`rsa-<bits>`, `p-256`, or the name of what it is instead."""
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return "p-256" if isinstance(key.curve, ec.SECP256R1) else key.curve.name
    return type(key).__name__


def checked(key: object, allowed: tuple[str, ...]) -> PublicKey:
    """`key` if it is one of the `allowed` kinds and nothing about it is weak. Raises `WeakKey`.

    The point of an EC key is on its curve: the library refuses others when it reads them.
    """
    if kind(key) not in allowed or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise WeakKey(f"{kind(key)} is not one of {', '.join(allowed)}")
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        if weakness := _rsa_weakness(numbers.n, numbers.e):
            raise WeakKey(weakness)
    return key


@lru_cache(maxsize=1024)  # one enrollment asks twice: for the request, and in the lint
def _rsa_weakness(n: int, e: int) -> str | None:
    if e % 2 == 0 or not 1 << 16 < e < 1 << 256:  # CA/B BR §6.1.6
        return "RSA exponent out of range"
    if n % 2 == 0 or math.gcd(n, _SMALL_PRIMES) != 1:
        return "RSA modulus with a small factor"
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
