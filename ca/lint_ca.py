"""Own lint of an authority's own certificates: root, issuing CA, OCSP signer, record signer; before they are signed.

As strict as `ca/lint.py`, and as apart from the builder (`ca/ceremony.py`): extensions are exactly these, to the octet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ca import der, keys, lint, names, signing, weakness
from ca.errors import LintFailed, WeakKey
from ca.issuer import public_key
from ca.order import KEY_KINDS, MAX_YEARS
from ca.profiles import RESPONDER_DAYS, RESPONDER_KINDS, Places
from ca.signing import PublicKey


class Kind(StrEnum):
    """Which of an authority's certificates it is, in the words of `docs/glossary.md`."""

    ROOT = "root"
    ISSUING = "issuing CA"
    OCSP = "OCSP signer"
    RECORDS = "record signer"


_SIGNERS: Final = (Kind.OCSP, Kind.RECORDS)
_FIRST_DAY: Final = timedelta(days=1, minutes=5)
"""A certificate begins with the Korean day, or with the one before for slow clocks."""
_SUBJECT: Final = [
    (names.COUNTRY, der.PRINTABLE_STRING),
    (names.ORGANIZATION, der.UTF8_STRING),
    (names.UNIT, der.UTF8_STRING),
    (names.COMMON_NAME, der.UTF8_STRING),
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is to be: its `kind`, the `key` that was made for it, the certificate `above` it."""

    kind: Kind
    key: PublicKey
    above: x509.Certificate | None = None
    """None for a root."""
    places: Places | None = None
    """Where relying parties find us; an issuing CA points there."""

    @property
    def signed_with(self) -> PublicKey:
        """The key of the certificate above it; a root's own."""
        return self.key if self.above is None else public_key(self.above)


def check(tbs: bytes, wanted: Wanted) -> x509.Certificate:
    """The parsed certificate of a TBS that breaks no rule (its signature is void). Raises `LintFailed` with all."""
    above = wanted.signed_with
    void = signing.assemble(tbs, signing.algorithm(above), bytes(8))
    try:
        der.require_strict(tbs)
        certificate = x509.load_der_x509_certificate(void)
        findings = list(_findings(certificate, tbs, wanted, above))
    except (ValueError, x509.InvalidVersion) as error:
        raise LintFailed([f"§4.1: not a certificate: {error}"]) from error
    if findings:
        raise LintFailed(findings)
    return certificate


def _findings(certificate: x509.Certificate, tbs: bytes, wanted: Wanted, above: PublicKey) -> Iterator[str]:
    fields = lint.fields_of(tbs)
    if [one.tag for one in fields] != lint.TAGS:
        yield "§4.1: not the fields of a certificate here, each once"
        return
    serial, algorithm, issuer, validity, subject, key, tagged = fields
    signed_by = subject.raw if wanted.above is None else wanted.above.subject.public_bytes()
    yield from lint.envelope(certificate, serial, algorithm, issuer, subject=signed_by, key=above)
    yield from lint.period(certificate, validity, wanted.above or certificate)
    longest = timedelta(days=RESPONDER_DAYS[-1] if wanted.kind in _SIGNERS else MAX_YEARS * 365.25)
    if certificate.not_valid_after_utc - certificate.not_valid_before_utc > longest + _FIRST_DAY:
        yield f"§4.1.2.5: longer than the {longest.days} days that the {wanted.kind} may have"
    yield from _subject(subject, wanted)
    yield from _key(key, wanted, above)
    yield from _extensions(tagged, key, wanted)


def _subject(encoded: der.Element, wanted: Wanted) -> Iterator[str]:
    found = names.read_attributes(encoded)
    if [(kind, tag) for kind, tag, _ in found] != _SUBJECT or len(encoded.children()) != len(_SUBJECT):
        yield "§4.1.2.6: the subject is not C (PrintableString), O, OU, CN (UTF8String), one in each RDN"
        return
    if any(not 1 <= len(value) <= names.COMMON_NAME_CHARACTERS for _, _, value in found):
        yield "Appendix A.1: an attribute of none or more than 64 characters"
    if wanted.above is None:
        return
    above = wanted.above.subject.public_bytes()
    if encoded.raw == above:
        yield "§4.1.2.6: the subject is the issuer's: a name is of one CA"
    # Country and organization, octet by octet: nobody is certified here but the authority itself.
    if [one.raw for one in encoded.children()[:2]] != [one.raw for one in der.read(above).children()[:2]]:
        yield "§4.1.2.6: another country or organization than the issuer's"


def _key(encoded: der.Element, wanted: Wanted, above: PublicKey) -> Iterator[str]:
    if encoded.raw != keys.spki(wanted.key):
        yield "§4.1.2.7: not the key that was made for it"
    if wanted.above is not None and encoded.raw == keys.spki(above):
        yield "§4.1.2.7: the issuer's own key"
    try:
        weakness.checked(wanted.key, RESPONDER_KINDS if wanted.kind in _SIGNERS else KEY_KINDS)
    except WeakKey as error:
        yield f"§4.1.2.7: {error}"


def _extensions(tagged: der.Element, key: der.Element, wanted: Wanted) -> Iterator[str]:
    there = der.read(tagged.content).children()
    found = lint.extensions_of(tagged)
    own = lint.key_identifier(key)
    expected = {lint.KEY_IDENTIFIER: ("§4.2.1.2: subjectKeyIdentifier is not the SHA-1 of the key", own)}
    for finding, value, critical in (_authority(key, wanted), *_OF_ITS_KIND[wanted.kind], *_pointers(wanted)):
        oid, extension = lint.written(value, critical=critical)
        expected[oid] = finding, extension
    if len(there) != len(found) or found.keys() != expected.keys():
        which = ", ".join(sorted(der.read_oid(der.read(oid)) for oid in found.keys() ^ expected.keys()))
        yield f"§4.2: extensions are not exactly those of the {wanted.kind}: {which or 'one stands there twice'}"
        return
    for oid, (finding, extension) in expected.items():
        if found[oid] != extension:
            yield finding


Expected = tuple[str, x509.ExtensionType, bool]
"""What is wrong where it differs, the value, whether it is critical."""


def _usage(*bits: str) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: bit in bits for bit in every})


_CA_USAGE: Final[Expected] = (
    "§4.2.1.3: keyUsage is not keyCertSign and cRLSign alone, critical", _usage("key_cert_sign", "crl_sign"), True,
)  # fmt: skip
_OF_ITS_KIND: Final[dict[Kind, tuple[Expected, ...]]] = {
    Kind.ROOT: (
        _CA_USAGE,
        ("§4.2.1.9: basicConstraints is not a CA with one CA below it, critical", x509.BasicConstraints(True, 1), True),
    ),
    Kind.ISSUING: (
        _CA_USAGE,
        ("§4.2.1.9: basicConstraints is not a CA with none below it, critical", x509.BasicConstraints(True, 0), True),
    ),
    Kind.OCSP: (
        ("§4.2.1.3: keyUsage is not digitalSignature alone, critical", _usage("digital_signature"), True),
        (
            "RFC 6960 §4.2.2.2: extendedKeyUsage is not OCSPSigning alone",
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False,
        ),
        ("RFC 6960 §4.2.2.2.1: id-pkix-ocsp-nocheck is not NULL, not critical", x509.OCSPNoCheck(), False),
    ),
    Kind.RECORDS: (
        (
            "§4.2.1.3: keyUsage is not digitalSignature and nonRepudiation alone, critical",
            _usage("digital_signature", "content_commitment"), True,
        ),
        (
            "RFC 9336 §3.1: extendedKeyUsage is not documentSigning alone",
            x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")]), False,
        ),
        (
            "RFC 9608 §2: noRevAvail is not NULL, not critical",
            x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), der.null()), False,
        ),
    ),
}  # fmt: skip


def _authority(key: der.Element, wanted: Wanted) -> Expected:
    # §4.2.1.1: the issuer's own subjectKeyIdentifier; of a root, its own.
    if wanted.above is None:
        identifier = der.read(der.read(lint.key_identifier(key)).children()[1].content).content
    else:
        identifier = wanted.above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    finding = "§4.2.1.1: authorityKeyIdentifier is not the issuer's subjectKeyIdentifier alone"
    return finding, x509.AuthorityKeyIdentifier(identifier, None, None), False


def _pointers(wanted: Wanted) -> Iterator[Expected]:
    if wanted.places is None:
        return
    any_policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), [wanted.places.cps])
    yield "§4.2.1.4: not any policy with the CPS alone", x509.CertificatePolicies([any_policy]), False
    crl = x509.UniformResourceIdentifier(wanted.places.crl("root"))
    point = x509.DistributionPoint([crl], None, None, None)
    yield "§4.2.1.13: not the root's CRL alone", x509.CRLDistributionPoints([point]), False
    root = x509.UniformResourceIdentifier(wanted.places.certificate("root"))
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, root)
    yield "§4.2.2.1: not the address of the root's certificate alone", x509.AuthorityInformationAccess([access]), False
