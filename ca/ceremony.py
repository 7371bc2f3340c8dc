"""Making a CA: root, issuing CA, who signs OCSP answers and records. Values in, values out; `bot/vault` keeps them.

A root lives 20 years, an issuing CA 10, a signer 30 days, because nobody can ask whether it was revoked: with
id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1), with noRevAvail (RFC 9608). All leave through one door, `sign`: linted
before, compared afterwards.
"""

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ca import der, keys, lint_ca, randomness, signing
from ca.certificate import (
    Contents,
    authority_key_identifier,
    crl_pointer,
    extension,
    information_access,
    key_usage,
    tbs,
)
from ca.errors import LintFailed
from ca.lint_ca import Kind, Wanted
from ca.profiles import Places, day_begins
from ca.signing import PublicKey, Signer

OCSP_KEY: Final = "p-256"
ROOT_YEARS, ISSUING_YEARS = 20, 10
"""Unless the operator orders otherwise (`ca/order.py`)."""
OCSP_DAYS: Final = 30
ANY_POLICY: Final = "2.5.29.32.0"
DOCUMENT_SIGNING: Final = "1.3.6.1.5.5.7.3.36"
_NO_REV_AVAIL: Final = "2.5.29.56"

# A subscriber's certificate begins with the Korean day, so its CA may not begin later than that;
# and machines with a slow clock must not find a new CA to be of tomorrow.
_SLOW_CLOCK = timedelta(minutes=5)


def name(common: str, *, organization: str, country: str = "KR") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "CA"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def make_root(key: Signer, subject: x509.Name, now: datetime, *, years: int = ROOT_YEARS) -> x509.Certificate:
    """A self-signed root. It may have one level of CAs below it."""
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), False),
        (x509.BasicConstraints(ca=True, path_length=1), True),
        (key_usage(key_cert_sign=True, crl_sign=True), True),
    ]
    return _made(Wanted(Kind.ROOT, key.public_key), key, subject, now, _years(now, years), extensions)


def make_issuing(
    root: x509.Certificate,
    root_key: Signer,
    key: PublicKey,
    subject: x509.Name,
    now: datetime,
    places: Places,
    *,
    years: int = ISSUING_YEARS,
) -> x509.Certificate:
    """An issuing CA below `root`: no CAs below it, any policy with a pointer to the CPS."""
    last = min(_years(now, years), root.not_valid_after_utc)
    policy = x509.PolicyInformation(x509.ObjectIdentifier(ANY_POLICY), [places.cps])
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (authority_key_identifier(root), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (key_usage(key_cert_sign=True, crl_sign=True), True),
        (x509.CertificatePolicies([policy]), False),
        (crl_pointer(places.crl("root")), False),
        (information_access(certificate=places.certificate("root")), False),
    ]
    return _made(Wanted(Kind.ISSUING, key, root, places), root_key, subject, now, last, extensions)


def make_ocsp_signer(
    issuing: x509.Certificate,
    issuing_key: Signer,
    key: PublicKey,
    now: datetime,
    *,
    days: int = OCSP_DAYS,
) -> x509.Certificate:
    """A responder of `issuing`, named after it. Make the next one well before this one ends."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (authority_key_identifier(issuing), False),
        (key_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
    ]
    return _signer("OCSP", Wanted(Kind.OCSP, key, issuing), issuing_key, now, days, extensions)


def make_record_signer(
    issuing: x509.Certificate,
    issuing_key: Signer,
    key: PublicKey,
    now: datetime,
    *,
    days: int = OCSP_DAYS,
) -> x509.Certificate:
    """Who signs records of `issuing` (`ca/records.py`) as documents, and nothing else. RFC 9336 §3.1"""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (authority_key_identifier(issuing), False),
        (key_usage(digital_signature=True, content_commitment=True), True),
        (x509.ExtendedKeyUsage([x509.ObjectIdentifier(DOCUMENT_SIGNING)]), False),
        # A leaked key is good until the end of a month, and for nothing but records dated in it. RFC 9608 §2
        (x509.UnrecognizedExtension(x509.ObjectIdentifier(_NO_REV_AVAIL), der.null()), False),
    ]
    return _signer("Records", Wanted(Kind.RECORDS, key, issuing), issuing_key, now, days, extensions)


def _signer(
    common: str,
    wanted: Wanted,
    issuing_key: Signer,
    now: datetime,
    days: int,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    issuing = wanted.above
    assert issuing is not None
    organization = str(issuing.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    country = str(issuing.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value)
    last = min(now + timedelta(days=days), issuing.not_valid_after_utc)
    subject = name(common, organization=organization, country=country)
    return _made(wanted, issuing_key, subject, now, last, extensions)


def _years(now: datetime, years: int) -> datetime:
    # 365.25 days each: a year of a CA need not end on the day it began.
    return now + timedelta(days=years * 365.25)


def _made(
    wanted: Wanted,
    issuer_key: Signer,
    subject: x509.Name,
    now: datetime,
    last: datetime,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    first, issuer = day_begins(now - _SLOW_CLOCK), subject
    if wanted.above is not None:
        # A CA that was made under a clock of the future has none before it.
        first, issuer = max(first, wanted.above.not_valid_before_utc), wanted.above.subject
    contents = Contents(
        serial=randomness.serial(),
        subject=subject.public_bytes(),
        public_key=wanted.key,
        not_before=first,
        not_after=last.replace(microsecond=0),
    )
    ski = x509.SubjectKeyIdentifier.from_public_key(wanted.key)
    encoded = (extension(value, critical=critical) for value, critical in extensions)
    return sign(
        tbs(contents, issuer.public_bytes(), issuer_key.public_key, [extension(ski), *encoded]), wanted, issuer_key
    )


def sign(to_be_signed: bytes, wanted: Wanted, issuer_key: Signer) -> x509.Certificate:
    """The certificate over a DER TBSCertificate, by the key of `wanted.above` (a root's own).

    Raises `LintFailed` before anything is signed, or where what was signed is not what was linted.
    """
    lint_ca.check(to_be_signed, wanted)
    if keys.spki(issuer_key.public_key) != keys.spki(wanted.signed_with):
        raise LintFailed(["§4.1.1.3: not the key of the certificate above it"])
    certificate = x509.load_der_x509_certificate(signing.signed(to_be_signed, issuer_key))
    if certificate.tbs_certificate_bytes != to_be_signed:
        raise LintFailed(["the signed certificate differs from the linted one"])
    return certificate
