"""Another institution, for tests: a root, an issuing CA, subscribers as NPKI makes them, its OCSP answers and CRLs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ca import vid
from tests.outside import NOW

BANK = "1.2.410.200005.1.1.4"
HOST = "yessign.test"
OCSP, CRL, ISSUER = (f"http://{HOST}/{name}" for name in ("ocsp", "crl", "issuer"))
_ANY = "2.5.29.32.0"


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    """The same key for the same name, at once."""
    return ec.derive_private_key(int.from_bytes(name.encode()) + 1_000_000, ec.SECP256R1())


def policies(*oids: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in oids])


def name(common: str, organization: str = "yessign") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "KR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def usage(**on: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{one: on.get(one, False) for one in names})


def authority(common: str, issuer: "tuple[x509.Certificate, Any] | None" = None, **changed: Any) -> x509.Certificate:
    """A CA certificate, self-signed unless an issuer and its key are given."""
    own = key(common)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(issuer[0].subject if issuer else name(common))
        .public_key(own.public_key())
        .serial_number(changed.get("serial", 4136))
        .not_valid_before(changed.get("begins", NOW - timedelta(days=1000)))
        .not_valid_after(changed.get("ends", NOW + timedelta(days=2000)))
        .add_extension(x509.BasicConstraints(ca=changed.get("ca", True), path_length=changed.get("below")), True)
        .add_extension(usage(key_cert_sign=changed.get("signs", True), crl_sign=changed.get("crl", True)), True)
        .add_extension(policies(*changed.get("policies", (_ANY,))), True)
    )
    return builder.sign(issuer[1] if issuer else own, SHA256())


@dataclass
class Institution:
    """A root, a CA under it, and who got a certificate there."""

    root: x509.Certificate = field(default_factory=lambda: authority("KISA RootCA 9"))
    ca: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.ca = authority("yessignCA Class 9", (self.root, key("KISA RootCA 9")), below=0)

    @property
    def ca_key(self) -> ec.EllipticCurvePrivateKey:
        return key("yessignCA Class 9")

    def subscriber(
        self, *, common: str = "홍길동()00880412026112311234567", real_name: str | None = "홍길동",
        begins: datetime = NOW - timedelta(days=300), ends: datetime = NOW + timedelta(days=65), policy: str = BANK,
        serial: int = 123_456_789, sources: bool = True, private: Any = None, signed_by: Any = None,
        more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> x509.Certificate:  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(self.ca.subject)
            .public_key((private or key("subscriber")).public_key())
            .serial_number(serial)
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(usage(digital_signature=True, content_commitment=True), True)
            .add_extension(policies(policy), True)
        )
        if real_name is not None:
            identify = vid.identify_data(real_name, bytes(32))
            other = x509.OtherName(x509.ObjectIdentifier(vid.IDENTIFY_DATA), identify)
            builder = builder.add_extension(x509.SubjectAlternativeName([other]), False)
        if sources:
            access = ((AuthorityInformationAccessOID.OCSP, OCSP), (AuthorityInformationAccessOID.CA_ISSUERS, ISSUER))
            uris = [x509.AccessDescription(how, x509.UniformResourceIdentifier(url)) for how, url in access]
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL)], None, None, None)
            builder = builder.add_extension(x509.AuthorityInformationAccess(uris), False)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
        for value, critical in more:
            builder = builder.add_extension(value, critical)
        return builder.sign(signed_by or self.ca_key, SHA256(), ecdsa_deterministic=True)

    def crl(self, *revoked: int, at: datetime = NOW, reason: x509.ReasonFlags | None = None, **changed: Any) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(changed.get("issuer", self.ca.subject))
            .last_update(at)
            .next_update(changed.get("ends", at + timedelta(days=1)))
        )
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at - timedelta(days=1))
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), False)
            builder = builder.add_revoked_certificate(entry.build())
        for extension in changed.get("more", ()):
            builder = builder.add_extension(extension, True)
        return builder.sign(changed.get("signed_by", self.ca_key), SHA256()).public_bytes(Encoding.DER)

    def answer(
        self, about: x509.Certificate, status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD, *, at: datetime = NOW,
        ends: datetime | None = NOW + timedelta(hours=1), reason: x509.ReasonFlags | None = None,
        signer: tuple[x509.Certificate, Any] | None = None,
    ) -> bytes:  # fmt: skip
        certificate, private = signer or (self.ca, self.ca_key)
        revoked_at = at - timedelta(days=1) if status is ocsp.OCSPCertStatus.REVOKED else None
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(about, self.ca, SHA1(), status, at, ends, revoked_at, reason)
            .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        )
        if signer is not None:
            builder = builder.certificates([certificate])
        return builder.sign(private, SHA256()).public_bytes(Encoding.DER)

    def responder(self, **changed: Any) -> tuple[x509.Certificate, Any]:
        """A certificate to answer OCSP with, and its key."""
        private = key("responder")
        eku = changed.get("eku", ExtendedKeyUsageOID.OCSP_SIGNING)
        signed = (
            x509.CertificateBuilder()
            .subject_name(name("OCSP 9"))
            .issuer_name(self.ca.subject)
            .public_key(private.public_key())
            .serial_number(99)
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(changed.get("ends", NOW + timedelta(days=30)))
            .add_extension(x509.ExtendedKeyUsage([eku]), False)
            .sign(changed.get("by", self.ca_key), SHA256())
        )
        return signed, private


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
