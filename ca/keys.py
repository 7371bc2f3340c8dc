"""Keys: making and sealing the CA's own, and what a key is called.

A CA key at rest is PKCS#8 under PBES2 with scrypt (N=2^17, r=8) and AES-256-CBC, written here because the library's
own choice is 2,048 rounds of PBKDF2. Loading takes about half a second and an RSA key is validated in full each
time: load once per process and keep the handle.
"""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ca import der, randomness
from ca.errors import KeyFileError, ProfileError
from ca.signing import PrivateKey, PublicKey

_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 17, 8, 1
_PBES2, _SCRYPT, _AES_256_CBC = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11", "2.16.840.1.101.3.4.1.42"

SubscriberKey = PublicKey | ed25519.Ed25519PublicKey
"""What may be certified. The CA's own keys are RSA or EC."""


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


def spki(key: SubscriberKey) -> bytes:
    """DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def kind(key: object) -> str:
    """`rsa-<bits>`, `p-256`, `ed25519`, or the name of what it is instead."""
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return "p-256" if isinstance(key.curve, ec.SECP256R1) else key.curve.name
    return "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else type(key).__name__
