"""The login check: does what somebody presents hold, and what exactly does not.

Findings are data, one per question, in the order a person would ask; `ok` is None where a question could not be
asked. Words for them are chosen outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ca import keys, lint, names, signing, vid
from ca.errors import BadRequest
from ca.issuer import Issuer
from ca.ports import Record, Serial, Status
from ca.profiles import Profile

MAX_OCTETS = 16 * 1024
Question = Literal["readable", "issuer", "validity", "policy", "status", "signature", "identity"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` is a stable word for whoever chooses sentences: why not, or why it was not asked."""

    name: Question
    ok: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    findings: tuple[Finding, ...]
    holder: str | None = None
    until: datetime | None = None

    @property
    def ok(self) -> bool:
        """Every question that was asked was answered with yes."""
        return all(f.ok is not False for f in self.findings)


def serial_of(certificate: bytes) -> Serial | None:
    """Serial number of a DER certificate, to look its record up before `check`; None if unreadable."""
    parsed = _parse(certificate)
    return None if parsed is None else Serial(parsed.serial_number)


def check(
    certificate: bytes,
    *,
    signature: bytes,
    message: bytes,
    now: datetime,
    issuers: Mapping[str, Issuer],
    profiles: Mapping[str, Profile],
    record: Record | None,
    idn: str | None = None,
    r: bytes | None = None,
) -> Checked:
    """Hold a presented DER certificate and a signature over `message` against our CAs.

    `signature` is RSASSA-PKCS1-v1_5 or ECDSA with SHA-256, ECDSA as DER or as raw r‖s, or Ed25519.
    `record` is what the store knows of the serial. The identity is checked where both `idn` and `r` are given.
    """
    parsed = _parse(certificate)
    if parsed is None:
        return Checked((Finding("readable", ok=False, detail="unreadable"),))
    findings = (
        Finding("readable", ok=True),
        _issued(parsed, issuers, now),
        _valid(parsed, now),
        _policy(parsed, profiles),
        _status(certificate, record),
        _signed(parsed, signature, message),
        _identity(parsed, idn, r),
    )
    return Checked(findings, _holder(parsed), parsed.not_valid_after_utc)


def proves(certificate: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made with the key of a DER certificate, whoever issued it."""
    parsed = _parse(certificate)
    return parsed is not None and _signed(parsed, signature, message).ok is True


def _parse(certificate: bytes) -> x509.Certificate | None:
    if len(certificate) > MAX_OCTETS:
        return None
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        # Reading these now keeps every later question free of surprises.
        _ = parsed.extensions, parsed.issuer, parsed.public_key()
    except (
        ValueError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return None
    return parsed


def _issued(certificate: x509.Certificate, issuers: Mapping[str, Issuer], now: datetime) -> Finding:
    for issuer in issuers.values():
        try:
            # Name and signature; the CA itself was held against its root when it was loaded.
            certificate.verify_directly_issued_by(issuer.certificate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        path = (issuer.certificate, issuer.root)
        if not all(c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in path):
            return Finding("issuer", ok=False, detail="issuer_expired")
        return Finding("issuer", ok=True, detail=issuer.name)
    return Finding("issuer", ok=False, detail="not_ours")


def _valid(certificate: x509.Certificate, now: datetime) -> Finding:
    if now < certificate.not_valid_before_utc:
        return Finding("validity", ok=False, detail="not_yet")
    # RFC 5280 §4.1.2.5: the last second belongs to it, the whole of it.
    if now.replace(microsecond=0) > certificate.not_valid_after_utc:
        return Finding("validity", ok=False, detail="expired")
    return Finding("validity", ok=True)


def _policy(certificate: x509.Certificate, profiles: Mapping[str, Profile]) -> Finding:
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return Finding("policy", ok=False, detail="none")
    found = {p.policy_identifier.dotted_string for p in policies}
    names = [p.name for p in profiles.values() if p.policy in found]
    return Finding("policy", ok=bool(names), detail=names[0] if names else "other")


def _status(certificate: bytes, record: Record | None) -> Finding:
    if record is None or record.der is None:
        return Finding("status", ok=False, detail="unknown")
    if record.der != certificate:
        return Finding("status", ok=False, detail="another")
    if record.status is Status.HELD:
        return Finding("status", ok=False, detail="held")
    if record.revoked_at is not None or record.status is not Status.VALID:
        return Finding("status", ok=False, detail=str(record.status))
    return Finding("status", ok=True)


def _signed(certificate: x509.Certificate, signature: bytes, message: bytes) -> Finding:
    key = certificate.public_key()
    if not isinstance(key, keys.SubscriberKey):
        return Finding("signature", ok=False, detail="other_key")
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.curve.key_size + 7) // 8
        if len(signature) == 2 * size:
            # WebCrypto gives r‖s, RFC 3279 §2.2.3 wants the SEQUENCE. A DER one of that length is vanishingly rare
            # and is tried as well.
            raw = encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
            if signing.is_valid(key, raw, message):
                return Finding("signature", ok=True)
    ok = _holds(key, signature, message)
    return Finding("signature", ok=ok, detail="" if ok else "does_not_fit")


def _holds(key: keys.SubscriberKey, signature: bytes, message: bytes) -> bool:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        return signing.is_valid(key, signature, message)
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _identity(certificate: x509.Certificate, idn: str | None, r: bytes | None) -> Finding:
    if idn is None or r is None:
        return Finding("identity", ok=None, detail="not_asked")
    identity = _identify(certificate)
    if identity is None or identity.vid is None:
        return Finding("identity", ok=False, detail="none")
    try:
        ok = vid.vid(idn, r) == identity.vid
    except BadRequest:
        ok = False
    return Finding("identity", ok=ok, detail="" if ok else "does_not_fit")


def _identify(certificate: x509.Certificate) -> vid.Identity | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for name in names:
            if isinstance(name, x509.OtherName) and name.type_id.dotted_string == vid.IDENTIFY_DATA:
                return vid.read_identify_data(name.value)
    except (x509.ExtensionNotFound, ValueError):
        pass
    return None


def _holder(certificate: x509.Certificate) -> str | None:
    identity = _identify(certificate)
    if identity is not None:
        return identity.real_name
    try:
        subject = dict(lint.subject_of(certificate.tbs_certificate_bytes).attributes)
    except ValueError:
        return None
    return subject.get(names.COMMON_NAME)
