"""Requests made to harm: each is refused, and nothing was reserved for it."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca import csr, der, keys
from ca.authority import CertificateAuthority
from ca.errors import RequestRefused
from ca.registration import RegistrationAuthority
from tests.ca import weak_keys
from tests.ca.pki import NOW, enrollment, pki, request, subscriber_key
from tests.ca.store import MemoryStore
from tests.ca.weak_keys import RsaKey

GOOD = request()
RSA_SHA256 = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null())
ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))
SUBJECT = der.sequence()
BLOCKED = keys.generate("p-256")

Signing = Callable[[bytes], bytes]


def ec_sign(data: bytes) -> bytes:
    key = subscriber_key("p-256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def signed(
    spki: bytes, sign: Signing = ec_sign, *, algorithm: bytes = ECDSA_SHA256, version: int = 0, rest: bytes = b"\xa0\0"
) -> bytes:
    """A request put together by hand; its signature is right for what it claims to be."""
    information = der.sequence(der.integer(version), SUBJECT, spki, rest)
    return der.sequence(information, algorithm, der.bit_string(sign(information)))


def ec_spki() -> bytes:
    return keys.spki(subscriber_key("p-256").public_key())


def ec_spki_of(point: bytes, curve: bytes = der.oid("1.2.840.10045.3.1.7")) -> bytes:
    return der.sequence(der.sequence(der.oid("1.2.840.10045.2.1"), curve), der.bit_string(point))


def rsa_request(key: RsaKey) -> bytes:
    return signed(key.spki(), key.sign, algorithm=RSA_SHA256)


def library(key: object, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, algorithm or hashes.SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


def old_hash(name: str, algorithm: hashes.HashAlgorithm) -> bytes:
    key = subscriber_key("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    identifier = der.sequence(der.oid(name), der.null())
    spki = keys.spki(key.public_key())
    return signed(spki, lambda data: key.sign(data, padding.PKCS1v15(), algorithm), algorithm=identifier)


def montgomery() -> bytes:
    return x25519.X25519PrivateKey.generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def compressed() -> bytes:
    public = subscriber_key("p-256").public_key()
    return ec_spki_of(public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def explicit_curve() -> bytes:
    """P-256 spelled out as numbers; readers that believed other numbers were fooled (CVE-2020-0601)."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    a, b = p - 3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    point = subscriber_key("p-256").public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    curve = der.sequence(
        der.integer(1),
        der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(p)),
        der.sequence(der.octet_string(a.to_bytes(32, "big")), der.octet_string(b.to_bytes(32, "big"))),
        der.octet_string(point),
        der.integer(order),
    )
    return ec_spki_of(point, curve)


def attributes(*kinds: str) -> bytes:
    values = [der.sequence(der.oid(kind), der.set_of(der.utf8_string("x"))) for kind in kinds]
    return der.explicit(0, *values)


def nested(depth: int) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = der.sequence(inside)
    return inside


def indefinite(data: bytes) -> bytes:
    """The outermost SEQUENCE with the indefinite length of BER. X.690 §8.1.3.6"""
    return b"\x30\x80" + der.read(data).content + b"\0\0"


def long_length(data: bytes) -> bytes:
    content = der.read(data).content
    return b"\x30\x84" + len(content).to_bytes(4, "big") + content


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


def unused_bits(data: bytes) -> bytes:
    """Bits that are zero, as X.690 §11.2.1 wants unused ones: by nothing else it is wrong."""
    while data[-1] & 15:
        data = request()
    information, algorithm, signature = der.read(data).children()
    return der.sequence(information.raw, algorithm.raw, der.tlv(der.BIT_STRING, b"\4" + signature.content[1:]))


def pieces(data: bytes) -> bytes:
    information, algorithm, signature = der.read(data).children()
    return der.sequence(information.raw, algorithm.raw, der.tlv(0x23, signature.raw))


def swapped() -> bytes:
    other = keys.spki(BLOCKED.public_key())
    return GOOD.replace(ec_spki(), other)


def numbers(n: bytes, e: bytes = b"\1\0\1") -> bytes:
    """An RSA key out of raw INTEGER contents."""
    body = der.sequence(der.tlv(der.INTEGER, n), der.tlv(der.INTEGER, e))
    return der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.1"), der.null()), der.bit_string(body))


N = weak_keys.far_primes()[0] * weak_keys.far_primes()[1]
SOUND = RsaKey.of(weak_keys.far_primes())
REQUESTS: dict[str, Callable[[], bytes]] = {
    # not a request
    "nothing": lambda: b"",
    "noise": lambda: b"rubbish",
    "cut short": lambda: GOOD[:-1],
    "an octet behind it": lambda: GOOD + b"\0",
    "two at once": lambda: GOOD + GOOD,
    "PEM": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(GOOD),
    "a certificate": lambda: pki().issuer.der,
    "over 8 KiB": lambda: signed(ec_spki(), rest=der.explicit(0, der.octet_string(bytes(csr.MAX_OCTETS)))),
    "version 2": lambda: signed(ec_spki(), version=1),
    # not DER
    "indefinite length": lambda: indefinite(GOOD),
    "length too long": lambda: long_length(GOOD),
    "a thousand levels": lambda: signed(ec_spki(), rest=der.explicit(0, nested(1000))),
    "seventeen levels": lambda: signed(ec_spki(), rest=der.explicit(0, nested(17))),
    "signature in pieces": lambda: pieces(GOOD),
    "unused bits": lambda: unused_bits(GOOD),
    "integer with a zero in front": lambda: signed(
        numbers(b"\0\0" + N.to_bytes(256, "big")), SOUND.sign, algorithm=RSA_SHA256
    ),
    "negative modulus": lambda: signed(numbers(N.to_bytes(256, "big")), SOUND.sign, algorithm=RSA_SHA256),
    "empty integer": lambda: signed(numbers(b""), SOUND.sign, algorithm=RSA_SHA256),
    "an attribute twice": lambda: signed(ec_spki(), rest=attributes("1.2.840.113549.1.9.7", "1.2.840.113549.1.9.7")),
    "attributes twice": lambda: signed(ec_spki(), rest=attributes("1.2.3") + attributes("1.2.4")),
    # possession not proven
    "signature changed": lambda: flipped(GOOD),
    "another's key": swapped,
    "no signature": lambda: signed(ec_spki(), lambda _: b""),
    "zero signature": lambda: signed(ec_spki(), lambda _: der.sequence(der.integer(0), der.integer(0))),
    "MD5": lambda: old_hash("1.2.840.113549.1.1.4", hashes.MD5()),
    "SHA-1": lambda: old_hash("1.2.840.113549.1.1.5", hashes.SHA1()),
    "SHA-224": lambda: old_hash("1.2.840.113549.1.1.14", hashes.SHA224()),
    "an unknown algorithm": lambda: signed(ec_spki(), algorithm=der.sequence(der.oid("1.2.3.4"))),
    "an algorithm of another key": lambda: signed(ec_spki(), algorithm=RSA_SHA256),
    # weak RSA
    "RSA-1024": lambda: library(rsa.generate_private_key(65537, 1024)),
    "RSA-2056": lambda: signed(numbers(b"\x7f" + N.to_bytes(256, "big")), SOUND.sign, algorithm=RSA_SHA256),
    "RSA-16384": lambda: signed(numbers(b"\x7f" + b"\xff" * 2047), SOUND.sign, algorithm=RSA_SHA256),
    "exponent 1": lambda: rsa_request(RsaKey(N, 1, 1)),
    "exponent 3": lambda: rsa_request(RsaKey(N, 3, 1)),
    "even exponent": lambda: rsa_request(RsaKey(N, 65538, 1)),
    "huge exponent": lambda: rsa_request(RsaKey(N, (1 << 2000) + 1, 1)),
    "negative exponent": lambda: signed(
        numbers(b"\0" + N.to_bytes(256, "big"), b"\xff\0\1"), SOUND.sign, algorithm=RSA_SHA256
    ),
    "even modulus": lambda: rsa_request(RsaKey(N + 1, 65537, 1)),
    "modulus with a small factor": lambda: rsa_request(RsaKey(751 * (N // 751 | 1), 65537, 1)),
    "one prime twice": lambda: rsa_request(RsaKey.of((weak_keys.close_primes()[0],) * 2)),
    "close primes": lambda: rsa_request(RsaKey.of(weak_keys.close_primes())),
    "ROCA": lambda: rsa_request(RsaKey.of(weak_keys.roca_primes())),
    "RSA without parameters": lambda: signed(SOUND.spki(parameters=b""), SOUND.sign, algorithm=RSA_SHA256),
    # other keys
    "P-224": lambda: library(ec.generate_private_key(ec.SECP224R1())),
    "P-384": lambda: library(ec.generate_private_key(ec.SECP384R1())),
    "secp256k1": lambda: library(ec.generate_private_key(ec.SECP256K1())),
    "a curve spelled out": lambda: signed(explicit_curve()),
    "a point beside the curve": lambda: signed(ec_spki_of(b"\4" + bytes(63) + b"\1")),
    "the point at infinity": lambda: signed(ec_spki_of(b"\0")),
    "a compressed point": lambda: signed(compressed()),
    "octets behind the point": lambda: signed(ec_spki_of(der.read(ec_spki()).children()[1].content[1:] + b"\0")),
    "DSA": lambda: library(dsa.generate_private_key(2048)),
    "X25519": lambda: signed(montgomery()),
    "Ed25519 where it was not asked for": lambda: ed25519_request(ed25519.Ed25519PrivateKey.generate()),
    "on the operator's list": lambda: library(BLOCKED),
}


def ed25519_request(key: ed25519.Ed25519PrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, None).public_bytes(Encoding.DER)


def counter(**changed: object) -> tuple[RegistrationAuthority, MemoryStore]:
    known = pki().authority
    profiles = {name: replace(profile, **changed) for name, profile in known.profiles.items()}  # type: ignore[arg-type]
    blocked = {sha256(keys.spki(BLOCKED.public_key())).digest()}
    store = MemoryStore()
    return RegistrationAuthority(CertificateAuthority(known.current, profiles, blocked=blocked), store), store


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("name", REQUESTS)
def test_refused_with_nothing_reserved(name: str) -> None:
    registration, store = counter()
    with pytest.raises(RequestRefused):
        asyncio.run(registration.enroll(enrollment(csr=REQUESTS[name]()), NOW))
    assert store.steps == []
    assert store.records == {}


def test_there_are_enough_of_them_and_they_differ() -> None:
    assert len(REQUESTS) >= 30
    assert len({made() for made in REQUESTS.values()}) == len(REQUESTS)


@pytest.mark.parametrize("name", ["nothing wrong", "an attribute", "RSA by hand"])
def test_the_same_without_the_malice_is_granted(name: str) -> None:
    """Or the table above would prove nothing."""
    made = {
        "nothing wrong": signed(ec_spki()),
        "an attribute": signed(ec_spki(), rest=attributes("1.2.840.113549.1.9.7")),
        "RSA by hand": rsa_request(SOUND),
    }[name]
    registration, store = counter()
    record = asyncio.run(registration.enroll(enrollment(csr=made), NOW))
    assert record.der
    assert len(store.records) == 1


def test_ed25519_where_it_is_asked_for_but_not_of_small_order() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    registration, _ = counter(keys=("rsa-2048", "ed25519"))
    record = asyncio.run(registration.enroll(enrollment(csr=ed25519_request(key)), NOW))
    certificate = x509.load_der_x509_certificate(record.der or b"")
    assert certificate.public_key() == key.public_key()
    # Any message, any key of order 1: this signature holds.
    algorithm = der.sequence(der.oid("1.3.101.112"))
    neutral = (1).to_bytes(32, "little")
    forged = signed(
        der.sequence(algorithm, der.bit_string(neutral)), lambda _: neutral + bytes(32), algorithm=algorithm
    )
    registration, store = counter(keys=("rsa-2048", "ed25519"))
    with pytest.raises(RequestRefused):
        asyncio.run(registration.enroll(enrollment(csr=forged), NOW))
    assert store.records == {}


def test_what_a_request_wishes_for_is_not_heard() -> None:
    """A CA certificate for the bank's host, in somebody else's name."""
    wishes: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName("bank.example")]), False),
        (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]), True),
    ]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Root CA")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for wish, critical in wishes:
        builder = builder.add_extension(wish, critical)
    asked = builder.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"please")
    made = asked.sign(subscriber_key("p-256"), hashes.SHA256()).public_bytes(Encoding.DER)
    registration, _ = counter()
    record = asyncio.run(registration.enroll(enrollment(csr=made), NOW))
    certificate = x509.load_der_x509_certificate(record.der or b"")
    plain = x509.load_der_x509_certificate(asyncio.run(counter()[0].enroll(enrollment(), NOW)).der or b"")
    assert [e.oid for e in certificate.extensions] == [e.oid for e in plain.extensions]
    assert record.der is not None
    assert not any(text in record.der for text in (b"bank.example", b"Root CA", b"please"))
