"""PKCS#12 (RFC 7292) by hand, for two things the library does not do: keep R beside the key, and a slow MAC.

The library writes the MAC with 2,048 rounds whatever is asked for, and a guesser tries the MAC: here it has as
many rounds as the encryption. Reading leaves the MAC and old ciphers to the library and only adds R.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ca import der, npki, pbes, randomness
from ca.errors import KeyFileError
from ca.signing import PrivateKey

ROUNDS = 200_000
_DATA, _ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_SHROUDED_KEY, _CERTIFICATE = "1.2.840.113549.1.12.10.1.2", "1.2.840.113549.1.12.10.1.3"
_X509 = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME, _LOCAL_KEY_ID = "1.2.840.113549.1.9.20", "1.2.840.113549.1.9.21"
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file held; `r` is None where its maker left it out, or hid it in a way we do not read."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    r: bytes | None = field(repr=False)


def write(
    key: PrivateKey, r: bytes | None, chain: tuple[bytes, ...], password: str, name: str, *, rounds: int = ROUNDS
) -> bytes:
    """A DER PFX: key with R, `chain` of DER certificates (the holder's first), `name` shown by importers.

    PBES2 with AES-256-CBC and HMAC-SHA256 for key and certificates, MAC by SHA-256, `rounds` for all three.
    """
    key_id = hashlib.sha1(chain[0], usedforsecurity=False).digest()
    marks = der.set_of(
        der.sequence(der.oid(_FRIENDLY_NAME), der.set_of(der.bmp_string(name))),
        der.sequence(der.oid(_LOCAL_KEY_ID), der.set_of(der.octet_string(key_id))),
    )
    scheme, ciphertext = pbes.encrypt_aes(npki.private_key_info(key, r), password.encode(), rounds)
    shrouded = der.sequence(scheme, der.octet_string(ciphertext))
    keys = der.sequence(der.sequence(der.oid(_SHROUDED_KEY), der.explicit(0, shrouded), marks))
    certificates = der.sequence(*(_certificate_bag(c, marks if at == 0 else b"") for at, c in enumerate(chain)))
    safe = der.sequence(_content(keys), _encrypted(certificates, password.encode(), rounds))
    return der.sequence(der.integer(3), _content(safe), _mac(safe, password, rounds))


def _content(data: bytes) -> bytes:
    return der.sequence(der.oid(_DATA), der.explicit(0, der.octet_string(data)))


def _certificate_bag(certificate: bytes, marks: bytes) -> bytes:
    value = der.sequence(der.oid(_X509), der.explicit(0, der.octet_string(certificate)))
    return der.sequence(der.oid(_CERTIFICATE), der.explicit(0, value), marks)


def _encrypted(data: bytes, password: bytes, rounds: int) -> bytes:
    scheme, ciphertext = pbes.encrypt_aes(data, password, rounds)
    content = der.sequence(der.oid(_DATA), scheme, der.implicit(0, ciphertext))
    return der.sequence(der.oid(_ENCRYPTED_DATA), der.explicit(0, der.sequence(der.integer(0), content)))


def _mac(safe: bytes, password: str, rounds: int) -> bytes:
    salt = randomness.octets(16)
    digest = hmac.digest(_mac_key(password, salt, rounds), safe, "sha256")
    algorithm = der.sequence(der.oid(_SHA256), der.null())
    info = der.sequence(algorithm, der.octet_string(digest))
    return der.sequence(info, der.octet_string(salt), der.integer(rounds))


def _mac_key(password: str, salt: bytes, rounds: int) -> bytes:
    """RFC 7292 Appendix B.2 with ID 3: 32 octets are one block of SHA-256, so its outer loop runs once."""
    secret = password.encode("utf-16-be") + b"\0\0"  # RFC 7292 Appendix B.1: a BMPString with its end
    digest = b"\x03" * 64 + _fill(salt) + _fill(secret)
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return digest


def _fill(text: bytes) -> bytes:
    size = 64 * ((len(text) + 63) // 64)
    return (text * (size // len(text) + 1))[:size]


def read(data: bytes, password: str) -> Contents:
    """The contents of a file of any maker. Raises `KeyFileError`."""
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError("the password does not fit, or the file is damaged") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or certificate is None:
        raise KeyFileError("no RSA or EC key with its certificate inside")
    try:
        r = _random(data, password.encode())
    except (KeyFileError, ValueError, IndexError):
        r = None
    return Contents(key, certificate, tuple(others), r)


def _random(data: bytes, password: bytes) -> bytes | None:
    safe = der.read(_inner(der.read(data).children()[1])).children()
    for content in safe:
        if content.children()[0].raw != der.oid(_DATA):
            continue
        for bag in der.read(_inner(content)).children():
            kind, value = bag.children()[:2]
            if kind.raw == der.oid(_SHROUDED_KEY):
                scheme, ciphertext = value.children()[0].children()
                plain = pbes.decrypt(scheme, ciphertext.expect(der.OCTET_STRING).content, password)
                return npki.read_private_key_info(plain)[1]
    return None


def _inner(content: der.Element) -> bytes:
    """The octets of a ContentInfo of type data."""
    return content.children()[1].children()[0].expect(der.OCTET_STRING).content
