"""From a certificate of elsewhere to a trust anchor: RFC 5280 §6.1 as far as NPKI needs it.

A path is looked for depth first, with a budget of signatures, so that a file of cross-signed look-alikes costs
milliseconds. Critical extensions that are not understood end a path (§4.2); what cannot be verified is told apart from
what is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from ca.elsewhere import Certificate
from ca.institutions import POLICIES

LONGEST: Final = 6
MOST_SIGNATURES: Final = 32
SMALLEST_RSA: Final = 2048
LARGEST_RSA: Final = 8192
"""An issuer's larger key is not tried: verifying would cost what it pleases."""

Verdict = Literal["trusted", "unknown", "forged", "weak", "unsupported", "unconfigured"]
"""`unknown`: no anchor reached; `forged`: only issuers whose key does not fit; `weak`: SHA-1, MD5, a short key;
`unconfigured`: there are no anchors."""

_OID = x509.oid.ExtensionOID
_UNDERSTOOD: Final = frozenset(
    {
        _OID.KEY_USAGE, _OID.BASIC_CONSTRAINTS, _OID.CERTIFICATE_POLICIES, _OID.POLICY_CONSTRAINTS,
        _OID.SUBJECT_ALTERNATIVE_NAME, _OID.EXTENDED_KEY_USAGE, _OID.CRL_DISTRIBUTION_POINTS,
    }
)  # fmt: skip
_ANY_POLICY: Final = "2.5.29.32.0"
E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Path:
    """`issuer` is who signed the first certificate, where somebody verifiably did."""

    verdict: Verdict
    issuer: x509.Certificate | None = None


@dataclass(slots=True)
class _Search:
    now: datetime
    anchors: Sequence[x509.Certificate]
    others: Sequence[x509.Certificate]
    left: int = MOST_SIGNATURES
    failed: Verdict = "unknown"

    def up(self, one: x509.Certificate, policies: frozenset[str], below: int) -> x509.Certificate | None:
        """Who signed `one`, if from there an anchor is reached."""
        for trusted, issuer in ((True, a) for a in self.anchors if a.subject == one.issuer):
            if self._signs(issuer, one, below) and trusted:
                return issuer
        if below + 1 >= LONGEST:
            return None
        for issuer in self.others:
            # Self-signed and no anchor: nobody is reached from there.
            if issuer.subject != one.issuer or issuer.subject == issuer.issuer or not self._signs(issuer, one, below):
                continue
            narrowed = _narrowed(policies, issuer)
            if narrowed and self.up(issuer, narrowed, below + 1) is not None:
                return issuer
        return None

    def _signs(self, issuer: x509.Certificate, one: x509.Certificate, below: int) -> bool:
        if self.left == 0 or not _may_sign(issuer, below, self.now):
            return False
        self.left -= 1
        verdict = _signature(issuer, one)
        if verdict != "trusted" and below == 0:
            self.failed = verdict
        return verdict == "trusted"


def find(leaf: Certificate, others: Iterable[Certificate], anchors: Sequence[x509.Certificate], now: datetime) -> Path:
    """Whether `leaf` leads to one of `anchors`, over any of `others`; whose end is not asked here."""
    if not anchors:
        return Path("unconfigured")
    one = load(leaf.der)
    if one is None or not _understood(one):
        return Path("unsupported")
    search = _Search(now, anchors, [c for other in others if (c := load(other.der, issuer=True)) is not None])
    # What we would call it by must be what its issuers may assert.
    spoken_of = frozenset(leaf.policies) & POLICIES.keys()
    issuer = search.up(one, spoken_of or frozenset({_ANY_POLICY}), 0)
    return Path("trusted", issuer) if issuer is not None else Path(search.failed)


def load(der: bytes, *, issuer: bool = False) -> x509.Certificate | None:
    """The library's view of a certificate; None for what it does not take, of an `issuer` its subject neither.

    The name of whoever only holds one is not asked for: many a real one is no name to the library.
    """
    try:
        loaded = x509.load_der_x509_certificate(der)
        _ = loaded.extensions, loaded.issuer, issuer and loaded.subject
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType):  # fmt: skip
        return None
    return loaded


def is_anchor(certificate: x509.Certificate) -> bool:
    """Self-signed: what an operator trusts by putting it into the store."""
    return certificate.subject == certificate.issuer and _signature(certificate, certificate) in ("trusted", "weak")


def signed_by(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """By name and signature; nothing else is asked of the issuer."""
    return _signature(issuer, certificate) == "trusted"


def _signature(issuer: x509.Certificate, one: x509.Certificate) -> Verdict:
    try:
        if isinstance(one.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
            return "weak"
        key = issuer.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size > LARGEST_RSA:
            return "unsupported"
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALLEST_RSA:
            return "weak"
        one.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return "forged"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "unsupported"
    return "trusted"


def _may_sign(issuer: x509.Certificate, below: int, now: datetime) -> bool:
    """§6.1.4 (k)-(n): a CA now, allowed to sign certificates, with at most so many CAs under it."""
    if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc or not _understood(issuer):
        return False
    basic = extension_of(issuer, x509.BasicConstraints)
    usage = extension_of(issuer, x509.KeyUsage)
    if basic is None or not basic.ca or (basic.path_length is not None and basic.path_length < below):
        return False
    return usage is None or usage.key_cert_sign


def _understood(one: x509.Certificate) -> bool:
    return all(extension.oid in _UNDERSTOOD for extension in one.extensions if extension.critical)


def _narrowed(policies: frozenset[str], issuer: x509.Certificate) -> frozenset[str]:
    """The policies an intermediate CA lets through; one that names none lets none through. §6.1.3 (d)-(e)"""
    stated = extension_of(issuer, x509.CertificatePolicies)
    allowed = {policy.policy_identifier.dotted_string for policy in stated or ()}
    if _ANY_POLICY in allowed or policies == {_ANY_POLICY}:
        return policies
    return policies & allowed


def extension_of(one: x509.Certificate, kind: type[E]) -> E | None:
    """The value of an extension, if the certificate has it."""
    try:
        return one.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
