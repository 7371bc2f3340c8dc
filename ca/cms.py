"""CMS SignedData over a content that it carries: written through any `Signer`, and read only as written here. RFC 5652

One signer, SHA-256, the signed attributes of CAdES-BES (content type, digest of the content, time, and which
certificate it was: RFC 5035), the certificates up to the root but without it. So whoever has the root needs nothing
else, and `openssl cms -verify -cades` nothing of ours.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from ca import der, paths, signing
from ca.errors import BadRequest, ProfileError
from ca.issuer import public_key
from ca.signing import Signer

MOST_OCTETS: Final = 64 * 1024

_DATA: Final = der.oid("1.2.840.113549.1.7.1")
_SIGNED_DATA: Final = der.oid("1.2.840.113549.1.7.2")
_SHA256: Final = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))  # RFC 5754 §2: parameters are left out
_CONTENT_TYPE, _MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.3"), der.oid("1.2.840.113549.1.9.4")
_SIGNING_TIME, _SIGNING_CERTIFICATE = der.oid("1.2.840.113549.1.9.5"), der.oid("1.2.840.113549.1.9.16.2.47")


@dataclass(frozen=True, slots=True)
class Signed:
    """What a SignedData says: its content, when it says that it was signed, and by whom, the signer first."""

    content: bytes = field(repr=False)
    at: datetime
    certificates: tuple[x509.Certificate, ...]


def sign(content: bytes, certificates: Sequence[x509.Certificate], key: Signer, at: datetime) -> bytes:
    """DER ContentInfo. `key` is that of the first certificate; `at` is said to the second.

    Raises `ca.errors.SignerUnavailable`.
    """
    signature = signing.sign(key, der.set_of(*_attributes(content, certificates[0], at)))
    return _written(Signed(content, at, tuple(certificates)), signature)


def read(data: bytes) -> Signed:
    """What `sign` has made, its digest and signature verified; whether the signer is to be believed is not asked.

    Raises `BadRequest` for anything else, be it another octet only.
    """
    try:
        signed, signature = _parts(data)
        # One way to write it, so one to read: whatever is not looked at above is looked at here.
        if _written(signed, signature) != data:
            raise BadRequest("a SignedData of another form")
        attributes = der.set_of(*_attributes(signed.content, signed.certificates[0], signed.at))
        if not signing.is_valid(public_key(signed.certificates[0]), signature, attributes):
            raise BadRequest("a SignedData whose signature does not fit")
    except (LookupError, ValueError, OverflowError, UnsupportedAlgorithm, ProfileError) as error:
        raise BadRequest("no SignedData") from error
    return signed


def _parts(data: bytes) -> tuple[Signed, bytes]:
    if len(data) > MOST_OCTETS:
        raise BadRequest("a SignedData that is too large")
    outer = der.read(data).children()
    _, _, encapsulated, certificates, infos = der.read(outer[1].content).children()
    content = der.read(encapsulated.children()[1].content).expect(der.OCTET_STRING).content
    _, named, _, attributes, _, signature = infos.children()[0].children()
    kinds = {kind.raw: values for kind, values in (one.children() for one in attributes.children())}
    at = der.read_time(der.read(kinds[_SIGNING_TIME].content))
    known = [one for each in certificates.children() if (one := paths.load(each.raw, issuer=True)) is not None]
    known.sort(key=lambda one: _name(one) != named.raw)  # a SET OF is in no order of its own: the signer first
    return Signed(content, at, tuple(known)), signature.expect(der.OCTET_STRING).content


def _name(certificate: x509.Certificate) -> bytes:
    """IssuerAndSerialNumber, §10.2.4."""
    return der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


def _attributes(content: bytes, certificate: x509.Certificate, at: datetime) -> tuple[bytes, ...]:
    """§5.3, §11; RFC 5035 §3: SHA-256 is the default of ESSCertIDv2 and not encoded."""
    encoded = certificate.public_bytes(Encoding.DER)
    signer = der.sequence(der.sequence(der.sequence(der.octet_string(hashlib.sha256(encoded).digest()))))
    return (
        _attribute(_CONTENT_TYPE, _DATA),
        _attribute(_MESSAGE_DIGEST, der.octet_string(hashlib.sha256(content).digest())),
        _attribute(_SIGNING_TIME, der.time(at)),
        _attribute(_SIGNING_CERTIFICATE, signer),
    )


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.sequence(kind, der.set_of(value))


def _written(signed: Signed, signature: bytes) -> bytes:
    """§5.1: versions are 1, as the content is data and the signer is named by issuer and serial number."""
    signer = signed.certificates[0]
    info = der.sequence(
        der.integer(1),
        _name(signer),
        _SHA256,
        # §5.4: what is signed bears the tag of a SET OF, what is sent [0].
        der.explicit(0, *sorted(_attributes(signed.content, signer, signed.at))),
        signing.algorithm(public_key(signer)),
        der.octet_string(signature),
    )
    data = der.sequence(
        der.integer(1),
        der.set_of(_SHA256),
        der.sequence(_DATA, der.explicit(0, der.octet_string(signed.content))),
        der.explicit(0, *sorted(one.public_bytes(Encoding.DER) for one in signed.certificates)),
        der.set_of(info),
    )
    return der.sequence(_SIGNED_DATA, der.explicit(0, data))
