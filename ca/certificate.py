"""The bytes that are to be signed: a subscriber's TBSCertificate, made by the library and taken out again.

The library only hands out TBS bytes inside a finished certificate, so each one is first signed with a throw-away
key of the issuer's kind that protects nothing. What comes out is linted, stored, and only then signed for real.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from ca import der, vid
from ca.issuer import Issuer
from ca.ports import Serial
from ca.profiles import Places, Profile
from ca.signing import PrivateKey, PublicKey

CPS_QUALIFIER, NOTICE_QUALIFIER = "1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"


@dataclass(frozen=True, slots=True)
class Contents:
    """What is this one certificate's own; all else follows from profile and issuer."""

    serial: Serial
    subject: x509.Name
    real_name: str
    vid: bytes
    public_key: PublicKey
    not_before: datetime
    not_after: datetime


@cache
def _throwaway(like: type) -> PrivateKey:
    if issubclass(like, rsa.RSAPublicKey):
        return rsa.generate_private_key(65537, 1024)  # noqa: S505 - protects nothing, by design
    return ec.generate_private_key(ec.SECP256R1())


def unsigned(builder: x509.CertificateBuilder, issuer_key: PublicKey) -> bytes:
    """DER TBSCertificate of `builder`, naming the signature algorithm of `issuer_key`."""
    like = rsa.RSAPublicKey if isinstance(issuer_key, rsa.RSAPublicKey) else ec.EllipticCurvePublicKey
    return builder.sign(_throwaway(like), hashes.SHA256()).tbs_certificate_bytes


def subscriber(contents: Contents, profile: Profile, issuer: Issuer) -> bytes:
    """DER TBSCertificate of a subscriber; extensions in the order NPKI certificates have them."""
    builder = (
        x509.CertificateBuilder()
        .serial_number(contents.serial)
        .issuer_name(issuer.certificate.subject)
        .subject_name(contents.subject)
        .not_valid_before(contents.not_before)
        .not_valid_after(contents.not_after)
        .public_key(contents.public_key)
        .add_extension(authority_key_identifier(issuer.certificate), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(contents.public_key), critical=False)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(_policies(profile), critical=profile.npki_policies)
        .add_extension(_identity(contents), critical=False)
    )
    for extension in _pointers(profile.places, issuer.name):
        builder = builder.add_extension(extension, critical=False)
    return unsigned(builder, issuer.public_key)


def key_usage(**set_to_true: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**(dict.fromkeys(names.split(), False) | set_to_true))


_KEY_USAGE = key_usage(digital_signature=True, content_commitment=True)


@cache
def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's own subjectKeyIdentifier, not a hash computed anew. RFC 5280 §4.2.1.1"""
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


@cache
def _policies(profile: Profile) -> x509.UnrecognizedExtension:
    """certificatePolicies with notice and CPS, RFC 5280 §4.2.1.4: by hand, because the library writes no BMPString."""
    notice = (der.bmp_string if profile.npki_policies else der.utf8_string)(profile.notice)
    qualifiers = (
        der.sequence(der.oid(NOTICE_QUALIFIER), der.sequence(notice)),
        der.sequence(der.oid(CPS_QUALIFIER), der.ia5_string(profile.places.cps)),
    )
    value = der.sequence(der.sequence(der.oid(profile.policy), der.sequence(*qualifiers)))
    return x509.UnrecognizedExtension(ExtensionOID.CERTIFICATE_POLICIES, value)


def _identity(contents: Contents) -> x509.SubjectAlternativeName:
    data = vid.identify_data(contents.real_name, contents.vid)
    return x509.SubjectAlternativeName([x509.OtherName(x509.ObjectIdentifier(vid.IDENTIFY_DATA), data)])


@cache
def _pointers(places: Places, issuer: str) -> tuple[x509.ExtensionType, ...]:
    return (
        crl_pointer(places.crl(issuer)),
        information_access(certificate=places.certificate(issuer), ocsp=places.ocsp),
    )


def crl_pointer(url: str) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)])


def information_access(*, certificate: str, ocsp: str | None = None) -> x509.AuthorityInformationAccess:
    found = [(AuthorityInformationAccessOID.OCSP, ocsp)] if ocsp else []
    found.append((AuthorityInformationAccessOID.CA_ISSUERS, certificate))
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in found]
    )
