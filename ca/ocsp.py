"""OCSP, RFC 6960, 9654 and 5019: questions read, answers written, both by hand.

The library reads one question a request only, and would read a clock for producedAt. `good` is said only of what was
issued, `unknown` of what was never planned or is not signed yet, `revoked` of what failed.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, NamedTuple

from ca import crl, der, signing
from ca.errors import LintFailed
from ca.issuer import Issuer, OcspSigner
from ca.ports import Serial, Standing, Status

MAX_REQUEST_OCTETS: Final = 4096
MAX_QUESTIONS: Final = 20
MAX_NONCE_OCTETS: Final = 128
LIFETIME: Final = timedelta(hours=12)
_BASIC: Final = der.oid("1.3.6.1.5.5.7.48.1.1")
_NONCE: Final = der.oid("1.3.6.1.5.5.7.48.1.2")
_OCTETS_OF_HASHES: Final = frozenset({16, 20, 28, 32, 48, 64})
HASHES: Final = {"sha1": der.oid("1.3.14.3.2.26"), "sha256": der.oid("2.16.840.1.101.3.4.2.1")}
"""How a CertID may name its issuer. RFC 6960 §4.1.1, RFC 5019 §2.1.1"""

Lookup = Callable[[Sequence[Serial]], Awaitable[Mapping[Serial, Standing]]]


class Refusal(IntEnum):
    """OCSPResponseStatus of an answer without content. RFC 6960 §2.3"""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6

    def response(self) -> bytes:
        return der.sequence(der.enumerated(self))


class About(NamedTuple):
    """How a CertID names an issuing CA: DER OID of the hash, hash of the name, hash of the key."""

    algorithm: bytes
    name: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """`certificate_id` is the DER CertID as it came; the answer repeats it to the octet."""

    serial: Serial
    about: About
    certificate_id: bytes


@dataclass(frozen=True, slots=True)
class Questions:
    questions: tuple[Question, ...]
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions about certificates of `issuer`, and who answers them."""

    questions: Questions
    issuer: Issuer
    signer: OcspSigner

    @property
    def serials(self) -> tuple[Serial, ...]:
        return tuple(question.serial for question in self.questions.questions)


def responders(issuers: Iterable[Issuer]) -> dict[About, Issuer]:
    """Every way to name one of `issuers`."""
    return {about(issuer, name): issuer for issuer in issuers for name in HASHES}


def about(issuer: Issuer, hash_name: str) -> About:
    """RFC 6960 §4.1.1: the hash of the DER Name, and of the key's BIT STRING without its count of unused bits."""
    key = der.read(issuer.spki).children()[1].expect(der.BIT_STRING).content[1:]
    name_hash, key_hash = (hashlib.new(hash_name, part).digest() for part in (issuer.subject_der, key))
    return About(HASHES[hash_name], name_hash, key_hash)


def request(issuer: Issuer, serial: Serial, hash_name: str) -> bytes:
    """The DER OCSPRequest that most clients send: one question, no nonce. RFC 5019 §2.1"""
    algorithm, name, key = about(issuer, hash_name)
    certificate_id = der.sequence(
        der.sequence(algorithm, der.null()), der.octet_string(name), der.octet_string(key), der.integer(serial)
    )
    return der.sequence(der.sequence(der.sequence(der.sequence(certificate_id))))


# -- reading ----------------------------------------------------------------------------------------------------------


def read(request: bytes) -> Questions | Refusal:
    """What a DER OCSPRequest asks. A signature on it is not looked at: everybody may ask."""
    if len(request) > MAX_REQUEST_OCTETS:
        return Refusal.MALFORMED_REQUEST
    try:
        return _questions(request)
    except der.DerError:
        return Refusal.MALFORMED_REQUEST


def _questions(request: bytes) -> Questions:
    """RFC 6960 §4.1.1. Raises `DerError`."""
    whole = der.read(request).expect(der.SEQUENCE).children()
    _only(len(whole) == 1 or (len(whole) == 2 and whole[1].tag == 0xA0))
    parts = whole[0].expect(der.SEQUENCE).children()
    if parts and parts[0].tag == 0xA0:  # version: v1 is the default; some write it all the same
        _only(_inside(parts.pop(0)).raw == der.integer(0))
    if parts and parts[0].tag == 0xA1:  # requestorName
        parts.pop(0)
    _only(len(parts) == 1 or (len(parts) == 2 and parts[1].tag == 0xA2))
    asked = parts[0].expect(der.SEQUENCE).children()
    _only(1 <= len(asked) <= MAX_QUESTIONS)
    nonce = _nonce(parts[1]) if len(parts) == 2 else None
    return Questions(tuple(map(_question, asked)), nonce)


def _question(request: der.Element) -> Question:
    parts = request.expect(der.SEQUENCE).children()
    _only(len(parts) == 1 or (len(parts) == 2 and parts[1].tag == 0xA0))
    if len(parts) == 2:
        _extensions(parts[1], known=b"")
    certificate_id = parts[0].expect(der.SEQUENCE).children()
    _only(len(certificate_id) == 4)
    algorithm, name, key, serial = certificate_id
    kind = algorithm.expect(der.SEQUENCE).children()
    _only(1 <= len(kind) <= 2 and all(one.raw == der.null() for one in kind[1:]))
    kind[0].expect(der.OID)
    hashes = name.expect(der.OCTET_STRING).content, key.expect(der.OCTET_STRING).content
    _only(all(len(one) in _OCTETS_OF_HASHES for one in hashes))
    _only(bool(serial.expect(der.INTEGER).content))
    return Question(Serial(serial.integer()), About(kind[0].raw, *hashes), parts[0].raw)


def _nonce(extensions: der.Element) -> bytes | None:
    value = _extensions(extensions, known=_NONCE)
    if value is None:
        return None
    nonce = der.read(value).expect(der.OCTET_STRING).content
    # RFC 9654 §2.1: 0 or more than 128 octets MUST be refused as malformed.
    _only(1 <= len(nonce) <= MAX_NONCE_OCTETS)
    return nonce


def _extensions(tagged: der.Element, known: bytes) -> bytes | None:
    """The value of the extension with OID `known`. RFC 6960 §4.4: what is critical and unknown is not to be ignored."""
    found: dict[bytes, bytes] = {}
    for one in _inside(tagged).expect(der.SEQUENCE).children():
        parts = one.expect(der.SEQUENCE).children()
        _only(2 <= len(parts) <= 3)
        oid, critical = parts[0].expect(der.OID).raw, len(parts) == 3
        _only(oid not in found and (not critical or parts[1].raw in (der.boolean(True), der.boolean(False))))
        _only(oid == known or not critical or parts[1].raw == der.boolean(False))
        found[oid] = parts[-1].expect(der.OCTET_STRING).content
    return found.get(known)


def _inside(tagged: der.Element) -> der.Element:
    return der.read(tagged.content)


def _only(holds: bool) -> None:
    if not holds:
        raise der.DerError("not an OCSPRequest")


# -- answering --------------------------------------------------------------------------------------------------------


def _status(standing: Standing | None, issuer: Issuer) -> bytes:
    """DER CertStatus. RFC 6960 §2.2"""
    # A planned one has no bytes yet: unknown until it is signed and stored.
    if standing is None or standing.issuer != issuer.name or standing.status is Status.PLANNED:
        return der.implicit(2, b"")
    if standing.status is Status.VALID:
        return der.implicit(0, b"")
    if standing.revoked_at is None:
        raise LintFailed([f"RFC 6960 §4.2.1: {standing.status}, but not since when"])
    # A failed serial was promised to nobody; its number stays taken and unusable for ever.
    code = crl.REASONS[standing.reason or "unspecified"]
    reason = der.explicit(0, der.enumerated(code)) if code else b""
    return der.explicit(1, der.generalized_time(standing.revoked_at), reason)


def valid_until(signer: OcspSigner, now: datetime) -> datetime:
    """nextUpdate of an answer made at `now`: never past the signer's end."""
    return min(now + LIFETIME, signer.certificate.not_valid_after_utc)


def answer(asked: Asked, standings: Mapping[Serial, Standing], now: datetime) -> bytes:
    """A successful OCSPResponse, one SingleResponse a question, in their order; always with nextUpdate."""
    at = der.generalized_time(now)
    until = der.explicit(0, der.generalized_time(valid_until(asked.signer, now)))
    singles = (
        der.sequence(one.certificate_id, _status(standings.get(one.serial), asked.issuer), at, until)
        for one in asked.questions.questions
    )
    nonce = b""
    if asked.questions.nonce is not None:
        value = der.octet_string(der.octet_string(asked.questions.nonce))
        nonce = der.explicit(1, der.sequence(der.sequence(_NONCE, value)))
    tbs = der.sequence(
        der.explicit(2, der.octet_string(asked.signer.key_hash)),
        at,
        der.sequence(*singles),
        nonce,
    )
    basic = der.sequence(
        tbs,
        signing.algorithm(asked.signer.key.public_key),
        der.bit_string(asked.signer.sign(tbs)),
        der.explicit(0, der.sequence(asked.signer.der)),
    )
    response = der.sequence(_BASIC, der.octet_string(basic))
    return der.sequence(der.enumerated(0), der.explicit(0, response))
