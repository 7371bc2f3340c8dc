"""An issuing CA as the ring holds it: certificate, key and chain, loaded once per process.

What it signs leaves through two doors: `issue` spends the intention of one certificate, `sign` takes anything that is
no certificate (lists; a responder signs answers).
"""

from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca import keys, lint_status, signing
from ca.errors import ProfileError, RequestConflict
from ca.intention import Intention
from ca.signing import PublicKey, Signer


def same_key(certificate: x509.Certificate, key: Signer) -> bool:
    return keys.spki(public_key(certificate)) == keys.spki(key.public_key)


def public_key(certificate: x509.Certificate) -> PublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ProfileError("a certificate whose key is neither RSA nor EC")
    return key


@dataclass(frozen=True)
class OcspSigner:
    """A delegated responder of one issuing CA. RFC 6960 §4.2.2.2"""

    certificate: x509.Certificate
    key: Signer = field(repr=False)

    def __post_init__(self) -> None:
        if not same_key(self.certificate, self.key):
            raise ProfileError("the OCSP signer's key does not belong to its certificate")

    def sign(self, data: bytes) -> bytes:
        """The signature alone, over DER ResponseData, verified. Raises `LintFailed` before anything is signed."""
        lint_status.check_answer(data, key_hash=self.key_hash, signer_ends=self.certificate.not_valid_after_utc)
        return signing.sign(self.key, data)

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def key_hash(self) -> bytes:
        """SHA-1 of the key's BIT STRING, the ResponderID. RFC 6960 §4.2.1"""
        return x509.SubjectKeyIdentifier.from_public_key(public_key(self.certificate)).digest


@dataclass(frozen=True)
class Issuer:
    """One issuing CA. `name` is how records and URLs call it; `root` is the certificate above it."""

    name: str
    certificate: x509.Certificate
    root: x509.Certificate
    key: Signer = field(repr=False)
    ocsp: OcspSigner | None = None

    def __post_init__(self) -> None:
        if not same_key(self.certificate, self.key):
            raise ProfileError(f"the key of {self.name} does not belong to its certificate")
        self.certificate.verify_directly_issued_by(self.root)
        if self.ocsp is not None:
            self.ocsp.certificate.verify_directly_issued_by(self.certificate)

    def issue(self, intention: Intention) -> bytes:
        """The DER certificate of what was planned and linted; the intention is spent."""
        if intention.issuer != self.name:
            raise RequestConflict(f"planned for {intention.issuer}, not for {self.name}")
        return signing.signed(intention.spend(), self.key)

    def sign(self, tbs: bytes) -> bytes:
        """DER `SEQUENCE { tbs, algorithm, signature }` of a TBSCertList. Refuses a certificate (see `issue`) and
        whatever breaks a rule: `LintFailed`."""
        # RFC 5280 §4.1, §5.1: a TBSCertificate (v3) begins with [0], a TBSCertList with an INTEGER.
        lint_status.check_list(
            tbs,
            subject=self.subject_der,
            algorithm=signing.algorithm(self.public_key),
            key_identifier=self.key_identifier,
        )
        return signing.signed(tbs, self.key)

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def root_der(self) -> bytes:
        return self.root.public_bytes(Encoding.DER)

    @cached_property
    def subject_der(self) -> bytes:
        return self.certificate.subject.public_bytes()

    @cached_property
    def public_key(self) -> PublicKey:
        return public_key(self.certificate)

    @cached_property
    def spki(self) -> bytes:
        return keys.spki(self.public_key)

    @cached_property
    def key_identifier(self) -> bytes:
        """What this CA calls its key, for authorityKeyIdentifier. RFC 5280 §4.2.1.1"""
        return self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
