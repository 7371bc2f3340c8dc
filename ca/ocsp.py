"""OCSP answers, RFC 6960 and 9654, signed on demand by a delegated responder.

The library reads the request; the response is written here, because the library would read a clock for producedAt.
`good` is said only of what was issued, `unknown` of what was never planned, `revoked` of what failed.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp as library

from ca import crl, der, signing
from ca.issuer import Issuer, OcspSigner
from ca.ports import Record, Serial, Status

MAX_REQUEST_OCTETS = 4096
MAX_NONCE_OCTETS = 128
LIFETIME = timedelta(hours=12)
_BASIC, _NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"
_HASHES = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}

Lookup = Callable[[Serial], Awaitable[Record | None]]


class Refusal(IntEnum):
    """OCSPResponseStatus of an answer without content. RFC 6960 §2.3"""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6

    def response(self) -> bytes:
        return der.sequence(der.enumerated(self))


@dataclass(frozen=True, slots=True)
class Question:
    serial: Serial
    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    nonce: bytes | None


def read(request: bytes) -> Question | Refusal:
    """The one question in a DER OCSPRequest. A signature on the request is not looked at."""
    if len(request) > MAX_REQUEST_OCTETS:
        return Refusal.MALFORMED_REQUEST
    try:
        parsed = library.load_der_ocsp_request(request)
        hash_name = parsed.hash_algorithm.name
        nonce = None
        for extension in parsed.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                nonce = extension.value.nonce
            elif extension.critical:
                return Refusal.MALFORMED_REQUEST
        question = Question(
            Serial(parsed.serial_number), hash_name, parsed.issuer_name_hash, parsed.issuer_key_hash, nonce
        )
    except (ValueError, UnsupportedAlgorithm, NotImplementedError, x509.DuplicateExtension):
        return Refusal.MALFORMED_REQUEST
    # RFC 9654 §2.1: 0 or more than 128 octets MUST be refused as malformed.
    if nonce is not None and not 1 <= len(nonce) <= MAX_NONCE_OCTETS:
        return Refusal.MALFORMED_REQUEST
    return question


@cache
def _issuer_hashes(subject: bytes, public_key: bytes, hash_name: str) -> tuple[bytes, bytes]:
    key_bits = der.read(public_key).children()[1].expect(der.BIT_STRING).content[1:]
    return hashlib.new(hash_name, subject).digest(), hashlib.new(hash_name, key_bits).digest()


def is_about(question: Question, issuer: Issuer) -> bool:
    """Whether the CertID names `issuer`, by SHA-1 or SHA-256. RFC 6960 §4.1.1, RFC 5019 §2.1.1"""
    if question.hash_name not in _HASHES:
        return False
    name, key = _issuer_hashes(issuer.subject_der, issuer.spki, question.hash_name)
    return (question.issuer_name_hash, question.issuer_key_hash) == (name, key)


def _status(record: Record | None, issuer: Issuer) -> bytes:
    """DER CertStatus. RFC 6960 §2.2"""
    if record is None or record.plan.issuer != issuer.name:
        return der.implicit(2, b"")
    if record.status is Status.FAILED or record.revoked_at is not None:
        # A failed serial was promised to nobody; its number stays taken and unusable for ever.
        code = crl.REASONS[record.reason or "unspecified"]
        reason = der.explicit(0, der.enumerated(code)) if code else b""
        return der.explicit(1, der.generalized_time(record.revoked_at or record.plan.planned_at), reason)
    # A planned one has no bytes yet: unknown until it is signed and stored.
    return der.implicit(0, b"") if record.der is not None else der.implicit(2, b"")


def answer(question: Question, record: Record | None, issuer: Issuer, signer: OcspSigner, now: datetime) -> bytes:
    """A successful OCSPResponse with one SingleResponse; always with nextUpdate, never past the signer's end."""
    next_update = min(now + LIFETIME, signer.certificate.not_valid_after_utc)
    algorithm = der.sequence(der.oid(_HASHES[question.hash_name]), der.null())
    certificate_id = der.sequence(
        algorithm,
        der.octet_string(question.issuer_name_hash),
        der.octet_string(question.issuer_key_hash),
        der.integer(question.serial),
    )
    single = der.sequence(
        certificate_id,
        _status(record, issuer),
        der.generalized_time(now),
        der.explicit(0, der.generalized_time(next_update)),
    )
    nonce = b""
    if question.nonce is not None:
        value = der.octet_string(der.octet_string(question.nonce))
        nonce = der.explicit(1, der.sequence(der.sequence(der.oid(_NONCE), value)))
    tbs = der.sequence(
        der.explicit(2, der.octet_string(signer.key_hash)),
        der.generalized_time(now),
        der.sequence(single),
        nonce,
    )
    basic = der.sequence(
        tbs,
        signing.algorithm(signer.key.public_key),
        der.bit_string(signer.sign(tbs)),
        der.explicit(0, der.sequence(signer.der)),
    )
    response = der.sequence(der.oid(_BASIC), der.octet_string(basic))
    return der.sequence(der.enumerated(0), der.explicit(0, response))
