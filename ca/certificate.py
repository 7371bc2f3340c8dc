"""The bytes that are to be signed: a TBSCertificate, put together from its parts. RFC 5280 §4.1

Extensions are encoded by the library; the frame around them is eight lines of DER. So no key, not even a
throw-away one, is near when a certificate is prepared: what comes out is read back by the library under a void
signature, linted, stored, and only then signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from ca import der, keys, signing, vid
from ca.issuer import Issuer
from ca.keys import SubscriberKey
from ca.ports import Serial
from ca.profiles import Places, Profile
from ca.signing import PublicKey

CPS_QUALIFIER, NOTICE_QUALIFIER = "1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"


@dataclass(frozen=True, slots=True)
class Contents:
    """What is one certificate's own. `subject` is a DER Name."""

    serial: Serial
    subject: bytes
    public_key: SubscriberKey
    not_before: datetime
    not_after: datetime


def tbs(contents: Contents, issuer: bytes, issuer_key: PublicKey, extensions: Iterable[bytes]) -> bytes:
    """DER TBSCertificate, version 3. `issuer` is the DER Name of who signs with `issuer_key`."""
    return der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(contents.serial),
        signing.algorithm(issuer_key),
        issuer,
        der.sequence(der.time(contents.not_before), der.time(contents.not_after)),
        contents.subject,
        keys.spki(contents.public_key),
        der.explicit(3, der.sequence(*extensions)),
    )


def extension(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    """DER Extension."""
    # X.690 §11.5: the default, not critical, is not encoded.
    flag = der.boolean(True) if critical else b""
    return der.sequence(der.oid(value.oid.dotted_string), flag, der.octet_string(value.public_bytes()))


def subscriber(contents: Contents, real_name: str, value: bytes, profile: Profile, issuer: Issuer) -> bytes:
    """DER TBSCertificate of a subscriber with `real_name` and VID `value`, in the order of NPKI certificates."""
    identity = x509.OtherName(x509.ObjectIdentifier(vid.IDENTIFY_DATA), vid.identify_data(real_name, value))
    extensions = (
        _authority(issuer.key_identifier),
        extension(x509.SubjectKeyIdentifier.from_public_key(contents.public_key)),
        _KEY_USAGE,
        _policies(profile),
        extension(x509.SubjectAlternativeName([identity])),
        _pointers(profile.places, issuer.name, profile.places.listed_in(issuer.name, contents.serial)),
    )
    return tbs(contents, issuer.subject_der, issuer.public_key, extensions)


def key_usage(**set_to_true: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**(dict.fromkeys(names.split(), False) | set_to_true))


_KEY_USAGE = extension(key_usage(digital_signature=True, content_commitment=True), critical=True)


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's own subjectKeyIdentifier, not a hash computed anew. RFC 5280 §4.2.1.1"""
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


@cache
def _authority(key_identifier: bytes) -> bytes:
    return extension(x509.AuthorityKeyIdentifier(key_identifier, None, None))


@cache
def _policies(profile: Profile) -> bytes:
    """certificatePolicies with notice and CPS, RFC 5280 §4.2.1.4: by hand, because the library writes no BMPString."""
    notice = (der.bmp_string if profile.npki_policies else der.utf8_string)(profile.notice)
    qualifiers = (
        der.sequence(der.oid(NOTICE_QUALIFIER), der.sequence(notice)),
        der.sequence(der.oid(CPS_QUALIFIER), der.ia5_string(profile.places.cps)),
    )
    value = der.sequence(der.sequence(der.oid(profile.policy), der.sequence(*qualifiers)))
    policies = x509.UnrecognizedExtension(ExtensionOID.CERTIFICATE_POLICIES, value)
    return extension(policies, critical=profile.npki_policies)


@cache
def _pointers(places: Places, issuer: str, listed_in: str) -> bytes:
    access = information_access(certificate=places.certificate(issuer), ocsp=places.ocsp)
    return extension(crl_pointer(places.crl(listed_in))) + extension(access)


def crl_pointer(url: str) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)])


def information_access(*, certificate: str, ocsp: str | None = None) -> x509.AuthorityInformationAccess:
    found = [(AuthorityInformationAccessOID.OCSP, ocsp)] if ocsp else []
    found.append((AuthorityInformationAccessOID.CA_ISSUERS, certificate))
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in found]
    )
