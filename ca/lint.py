"""Own lint: what is about to be signed is read back and held against RFC 5280 and its profile, in under 1 ms.

It shares no code with the builder beyond the profile's values, and it is strict: the extensions are exactly those
of the profile, no more. The slow judges (pkilint and others) run in the tests and over samples, not here.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from ca import der, keys, names, signing, vid, weakness
from ca.errors import LintFailed, RequestRefused
from ca.issuer import Issuer
from ca.ports import Serial
from ca.profiles import Profile
from ca.signing import PublicKey

TAGS = [der.INTEGER, *(der.SEQUENCE,) * 5, 0xA3]
"""What follows the version in every certificate here: no unique identifiers. RFC 5280 §4.1.2.8"""
KEY_IDENTIFIER = der.oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string)
_ALTERNATIVE_NAME = der.oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string)
_HOLDERS = {KEY_IDENTIFIER, _ALTERNATIVE_NAME}
"""The extensions that are about the holder; all others are alike in all certificates."""
_SUBJECT = [names.COUNTRY, names.ORGANIZATION, names.UNIT, names.UNIT, names.COMMON_NAME]


def check(tbs: bytes, profile: Profile, issuer: Issuer, *, successor: bool = False) -> x509.Certificate:
    """The parsed certificate of a TBS that breaks no rule (its signature is void). Raises `LintFailed` with all.

    A successor may be longer than its profile: see `Profile.longest`.
    """
    void = signing.assemble(tbs, signing.algorithm(issuer.public_key), bytes(8))
    try:
        der.require_strict(tbs)
        certificate = x509.load_der_x509_certificate(void)
        findings = list(_findings(certificate, tbs, profile, issuer, profile.longest(successor=successor)))
    except (ValueError, x509.InvalidVersion, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise LintFailed([f"§4.1: not a certificate: {error}"]) from error
    if findings:
        raise LintFailed(findings)
    return certificate


def subject_of(tbs: bytes) -> names.Subject:
    """The subject inside a DER TBSCertificate."""
    return names.read_subject(fields_of(tbs)[4])


def spki_of(tbs: bytes) -> bytes:
    """The SubjectPublicKeyInfo inside a DER TBSCertificate."""
    return fields_of(tbs)[5].raw


def fields_of(tbs: bytes) -> list[der.Element]:
    """Serial number, signature algorithm, issuer, validity, subject, public key and what follows it."""
    return [one for one in der.read(tbs).expect(der.SEQUENCE).children() if one.tag != 0xA0]


def extensions_of(tagged: der.Element) -> dict[bytes, bytes]:
    """DER Extensions by their DER OIDs, of the `[3]` at the end of a TBSCertificate."""
    extensions = der.read(tagged.content).children()
    return {der.read(one.content, trailing=True).raw: one.raw for one in extensions}


def written(value: x509.ExtensionType, *, critical: bool = False) -> tuple[bytes, bytes]:
    """DER OID, and the DER Extension with the value as the library writes it."""
    oid = der.oid(value.oid.dotted_string)
    return oid, der.sequence(oid, der.boolean(True) if critical else b"", der.octet_string(value.public_bytes()))


def key_identifier(key: der.Element) -> bytes:
    """The subjectKeyIdentifier that goes with a SubjectPublicKeyInfo, as a DER Extension. RFC 5280 §4.2.1.2 (1)"""
    own = hashlib.sha1(key.children()[1].content[1:], usedforsecurity=False).digest()
    return der.sequence(KEY_IDENTIFIER, der.octet_string(der.octet_string(own)))


def _findings(
    certificate: x509.Certificate, tbs: bytes, profile: Profile, issuer: Issuer, longest: int
) -> Iterable[str]:
    fields = fields_of(tbs)
    if [one.tag for one in fields] != TAGS:
        yield "§4.1: not the fields of a certificate here, each once"
        return
    serial, algorithm, issuer_name, validity, encoded, key, tagged = fields
    subject = names.read_attributes(encoded)
    yield from envelope(certificate, serial, algorithm, issuer_name, subject=issuer.subject_der, key=issuer.public_key)
    yield from _validity(certificate, validity, longest, issuer)
    yield from _subject(subject, profile)
    if len(encoded.children()) != len(subject):
        yield "§4.1.2.4: an RDN of the subject has several attributes"
    yield from _key(certificate, profile, key)
    crl = profile.places.crl(profile.places.listed_in(issuer.name, Serial(certificate.serial_number)))
    alike = _everybodys(profile, issuer.name, issuer.key_identifier, crl)
    found = extensions_of(tagged)
    if changed := found.keys() ^ alike.keys() ^ _HOLDERS:
        which = ", ".join(sorted(der.read_oid(der.read(oid)) for oid in changed))
        yield f"§4.2: extensions are not exactly the profile's: {which}"
        return
    for oid, (finding, extension) in alike.items():
        if found[oid] != extension:
            yield finding
    if found[KEY_IDENTIFIER] != key_identifier(key):
        yield "§4.2.1.2: subjectKeyIdentifier is not the SHA-1 of the key"
    yield from _identity(certificate.extensions, found[_ALTERNATIVE_NAME], subject[-1][2] if subject else "")


def envelope(
    certificate: x509.Certificate, serial: der.Element, algorithm: der.Element, name: der.Element, *, subject: bytes,
    key: PublicKey,
) -> Iterable[str]:  # fmt: skip
    """Version, serial number, and whether issuer and algorithm are those of the CA of this DER `subject` and `key`."""
    if certificate.version is not x509.Version.v3:
        yield "§4.1.2.1: not version 3"
    if len(serial.content) != 20 or serial.content[0] >> 6 != 1:
        yield "§4.1.2.2: the serial number is not one of ours: positive, 20 octets"
    if algorithm.raw != signing.algorithm(key):
        yield "§4.1.2.3: not the issuer's signature algorithm"
    if name.raw != subject:
        yield "§4.1.2.4: the issuer is not the issuer's subject, byte for byte"


def _validity(certificate: x509.Certificate, validity: der.Element, longest: int, issuer: Issuer) -> Iterable[str]:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if (last - first).days >= longest:
        yield f"§4.1.2.5: longer than the {longest} days it may have"
    yield from period(certificate, validity, issuer.certificate)


def period(certificate: x509.Certificate, validity: der.Element, above: x509.Certificate) -> Iterable[str]:
    """Order and form of the two times, and whether they are within those of the certificate `above`."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first < last:
        yield "§4.1.2.5: the end is not after the beginning"
    if validity.raw != der.sequence(der.time(first), der.time(last)):
        yield "§4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050, to the second and in Z"
    if first < above.not_valid_before_utc or last > above.not_valid_after_utc:
        yield "§6.1.3: not inside the issuer's own validity"


def _subject(attributes: Sequence[tuple[str, int, str]], profile: Profile) -> Iterable[str]:
    placement = profile.placement
    expected = [placement.country, placement.organization, placement.unit, placement.bank_unit]
    kinds, tags, values = [a for a, _, _ in attributes], [t for _, t, _ in attributes], [v for _, _, v in attributes]
    if kinds != _SUBJECT or values[:4] != expected:
        yield "§4.1.2.6: the subject is not C, O, OU, OU, CN as in the profile"
        return
    if tags != [der.PRINTABLE_STRING] + [der.UTF8_STRING] * 4:
        yield "§4.1.2.4: countryName is a PrintableString, the rest UTF8String"
    if any(len(value) > names.COMMON_NAME_CHARACTERS for value in values):
        yield "Appendix A.1: an attribute of more than 64 characters"
    if not re.fullmatch(rf".+\([A-Z '.-]*\){placement.bank_code}04[0-9A-V]{{12}}", values[-1]):
        yield "NPKI: the common name is not name, English name, bank code, 04 and a suffix"
    try:
        names.checked(values[-1])
    except RequestRefused as error:
        yield f"§4.1.2.6: common name: {error}"


def _key(certificate: x509.Certificate, profile: Profile, encoded: der.Element) -> Iterable[str]:
    try:
        key = weakness.checked(certificate.public_key(), profile.keys)
    except RequestRefused as error:
        yield f"§4.1.2.7: {error}"
    except (ValueError, UnsupportedAlgorithm) as error:
        yield f"§4.1.2.7: unreadable public key: {error}"
    else:
        if keys.spki(key) != encoded.raw:
            yield "§4.1.2.7: the key is not written as RFC 3279 and RFC 8410 write it"


@cache
def _everybodys(profile: Profile, issuer: str, key_identifier: bytes, crl: str) -> dict[bytes, tuple[str, bytes]]:
    """By DER OID, the extensions that say nothing of the holder, octet by octet as the library writes them."""
    unset = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    )
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, encipher_only=False, decipher_only=False, **unset
    )
    locations = (
        (AuthorityInformationAccessOID.OCSP, profile.places.ocsp),
        (AuthorityInformationAccessOID.CA_ISSUERS, profile.places.certificate(issuer)),
    )
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
    access = [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in locations]
    wanted: tuple[tuple[str, x509.ExtensionType, bool], ...] = (
        (
            "§4.2.1.1: authorityKeyIdentifier is not the issuer's subjectKeyIdentifier alone",
            x509.AuthorityKeyIdentifier(key_identifier, None, None),
            False,
        ),
        ("§4.2.1.3: keyUsage is not digitalSignature and nonRepudiation alone, critical", usage, True),
        (
            "§4.2.1.4: not the profile's policy, notice and CPS alone, critical as the profile says",
            _policies(profile),
            profile.npki_policies,
        ),
        ("§4.2.1.13: not the issuer's CRL alone", x509.CRLDistributionPoints([point]), False),
        ("§4.2.2.1: not the issuer's OCSP and certificate addresses", x509.AuthorityInformationAccess(access), False),
    )
    extensions = [(finding, written(value, critical=critical)) for finding, value, critical in wanted]
    return {oid: (finding, extension) for finding, (oid, extension) in extensions}


def _policies(profile: Profile) -> x509.ExtensionType:
    qualifiers: list[str | x509.UserNotice] = [x509.UserNotice(None, profile.notice), profile.places.cps]
    only = x509.PolicyInformation(x509.ObjectIdentifier(profile.policy), qualifiers)
    written = x509.CertificatePolicies([only])
    if not profile.npki_policies:
        return written
    # The library writes no BMPString: the notice, innermost of four, is put in by hand.
    policies = der.read(written.public_bytes()).children()[0].children()
    notice, cps = policies[1].children()
    kind, _ = notice.children()
    bmp = der.sequence(kind.raw, der.sequence(der.bmp_string(profile.notice)))
    value = der.sequence(der.sequence(policies[0].raw, der.sequence(bmp, cps.raw)))
    return x509.UnrecognizedExtension(written.oid, value)


def _identity(extensions: x509.Extensions, encoded: bytes, common: str) -> Iterable[str]:
    alternatives = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    match list(alternatives):
        case [x509.OtherName() as other] if other.type_id.dotted_string == vid.IDENTIFY_DATA:
            identity = vid.read_identify_data(other.value)
            if identity.vid is None or len(identity.vid) != 32:
                yield "NPKI: no VID of 32 octets"
            elif vid.identify_data(identity.real_name, identity.vid) != other.value:
                yield "NPKI: more than a real name and a VID"
            if not common.startswith(f"{identity.real_name}("):
                yield "NPKI: the real name is not the one of the common name"
            if written(alternatives)[1] != encoded:
                yield "§4.2.1.6: subjectAltName is not written as it is read"
        case _:
            yield "§4.2.1.6: subjectAltName is not the identity alone"
