"""Is a certificate from elsewhere revoked? What a relying party makes of an OCSP answer (RFC 6960) or a CRL (RFC 5280
§6.3). Whatever is not surely an answer about this certificate, by somebody who may give it and of now, is none: None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ca.paths import extension_of, signed_by

Status = Literal["good", "revoked", "held"]
SKEW: Final = timedelta(minutes=5)
"""By how much another clock may be ahead of ours."""
UNDATED: Final = timedelta(days=1)
"""How old an answer without an end may be."""
_ASKED: Final = 4
"""At most so many addresses are read of a certificate."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Addresses a certificate names, http(s) only, in its order."""

    ocsp: tuple[str, ...] = ()
    crl: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()


def sources(certificate: x509.Certificate) -> Sources:
    access = extension_of(certificate, x509.AuthorityInformationAccess) or ()
    points = extension_of(certificate, x509.CRLDistributionPoints) or ()

    def told(method: x509.ObjectIdentifier) -> tuple[str, ...]:
        return _addresses([one.access_location for one in access if one.access_method == method])

    return Sources(
        ocsp=told(AuthorityInformationAccessOID.OCSP),
        crl=_addresses([name for point in points for name in point.full_name or () if point.reasons is None]),
        issuers=told(AuthorityInformationAccessOID.CA_ISSUERS),
    )


def _addresses(names: Sequence[x509.GeneralName]) -> tuple[str, ...]:
    said = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return tuple(url for url in said if url.lower().startswith(("http://", "https://")))[:_ASKED]


# -- OCSP -------------------------------------------------------------------------------------------------------------


def ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """DER OCSPRequest. SHA-1 names the issuer because that is what every responder knows (RFC 5019 §2.1.1)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - a name
    return builder.build().public_bytes(Encoding.DER)


def read_ocsp(
    answer: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Status | None:  # fmt: skip
    """What a DER OCSPResponse says of `certificate`."""
    try:
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        asked = ocsp.load_der_ocsp_request(ocsp_request(certificate, issuer))
        if not _signed_for(response, issuer, now):
            return None
        for one in response.responses:
            same = (one.serial_number, one.issuer_key_hash, one.issuer_name_hash) == (
                asked.serial_number, asked.issuer_key_hash, asked.issuer_name_hash,
            )  # fmt: skip
            if same and _is_of_now(one.this_update_utc, one.next_update_utc, now):
                return _status(one)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    return None


def _status(one: ocsp.OCSPSingleResponse) -> Status | None:
    match one.certificate_status:
        case ocsp.OCSPCertStatus.GOOD:
            return "good"
        case ocsp.OCSPCertStatus.REVOKED:
            return "held" if one.revocation_reason is x509.ReasonFlags.certificate_hold else "revoked"
    return None


def _signed_for(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> bool:
    """By the issuer, or by whom the issuer has certified for that: RFC 6960 §4.2.2.2."""
    if _holds(issuer, response):
        return True
    return any(
        _may_answer(one, now) and signed_by(issuer, one) and _holds(one, response) for one in response.certificates[:4]
    )


def _may_answer(responder: x509.Certificate, now: datetime) -> bool:
    usage = extension_of(responder, x509.ExtendedKeyUsage) or ()
    in_time = responder.not_valid_before_utc <= now <= responder.not_valid_after_utc
    return in_time and ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _holds(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


# -- CRL --------------------------------------------------------------------------------------------------------------


def read_crl(
    answer: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Status | None:  # fmt: skip
    """What a DER or PEM CRL says of `certificate`."""
    try:
        return _in_crl(answer, certificate, issuer, now)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return None


def _in_crl(answer: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Status | None:
    pem = answer.lstrip()[:11] == b"-----BEGIN "
    listed = x509.load_pem_x509_crl(answer) if pem else x509.load_der_x509_crl(answer)
    if listed.issuer != issuer.subject or not _is_of_now(listed.last_update_utc, listed.next_update_utc, now):
        return None
    usage = extension_of(issuer, x509.KeyUsage)
    key = issuer.public_key()
    if usage is not None and not usage.crl_sign:
        return None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not listed.is_signature_valid(key):
        return None
    if not _covers(listed, certificate):
        return None
    entry = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return "good"
    reasons = [e.value.reason for e in entry.extensions if isinstance(e.value, x509.CRLReason)]
    return "held" if x509.ReasonFlags.certificate_hold in reasons else "revoked"


def _covers(listed: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether absence from this list means anything: RFC 5280 §6.3.3 (b)(2). A delta or indirect CRL does not count."""
    for extension in listed.extensions:
        value = extension.value
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl or value.only_some_reasons or value.only_contains_ca_certs:
                return False
            if value.only_contains_attribute_certs or value.relative_name is not None:
                return False
            points = extension_of(certificate, x509.CRLDistributionPoints) or ()
            named = [name for point in points for name in point.full_name or ()]
            if value.full_name is not None and not any(name in named for name in value.full_name):
                return False
        elif extension.critical:
            return False
    return True


def _is_of_now(begins: datetime, ends: datetime | None, now: datetime) -> bool:
    return begins - SKEW <= now <= (ends or begins + UNDATED)
