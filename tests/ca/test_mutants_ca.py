"""Certificates of the authority itself with one thing wrong: none of them reaches the key that would sign it."""

from collections import Counter
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ca import ceremony, der, keys, lint_ca, signing
from ca.errors import LintFailed
from ca.lint_ca import Kind, Wanted
from ca.signing import Signer, SoftwareKey
from tests.ca.pki import NOW, make_pki, pki
from tests.ca.test_mutants import (
    ALGORITHM,
    EXTENSIONS,
    ISSUER,
    KEY,
    OTHER_KEY,
    SERIAL,
    SUBJECT,
    VALIDITY,
    VERSION,
    Change,
    Counting,
    appended,
    content,
    dropped,
    edited,
    extension,
    extra,
    long_form,
    other_form,
    swapped,
    tagged,
    to,
    twice,
)

DAY = timedelta(days=1)
EVERY = tuple(Kind)
CAS, SIGNERS = (Kind.ROOT, Kind.ISSUING), (Kind.OCSP, Kind.RECORDS)
BELOW = (Kind.ISSUING, *SIGNERS)
OWN, AUTHORITY = 0, 1
CONSTRAINTS, CA_USAGE, POLICIES, CRL, ACCESS = range(2, 7)
USAGE, PURPOSE, ASKED_BY_NOBODY = range(2, 5)
"""Where the extensions stand: of a CA, of a signer."""


@cache
def made(kind: Kind) -> tuple[bytes, Wanted, Signer]:
    """The octets of a certificate that was signed, what it was to be, and the key that signed it."""
    known = pki()
    issuer = known.issuer
    assert issuer.ocsp is not None
    match kind:
        case Kind.ROOT:
            whole, wanted = issuer.root, Wanted(kind, known.root_key.public_key)
            key = known.root_key
        case Kind.ISSUING:
            places = known.authority.places
            whole, wanted, key = (
                issuer.certificate,
                Wanted(kind, issuer.public_key, issuer.root, places),
                known.root_key,
            )
        case Kind.OCSP:
            whole, key = issuer.ocsp.certificate, issuer.key
            wanted = Wanted(kind, issuer.ocsp.key.public_key, issuer.certificate)
        case Kind.RECORDS:
            own = SoftwareKey(keys.generate("p-256"))
            whole = ceremony.make_record_signer(issuer.certificate, issuer.key, own.public_key, NOW)
            wanted, key = Wanted(kind, own.public_key, issuer.certificate), issuer.key
    return whole.tbs_certificate_bytes, wanted, key


def other_purpose(oid: str) -> Change:
    return to(der.sequence(der.oid(oid)))


ELSEWHERE = to(der.implicit(6, b"http://elsewhere.example/x"))
TABLE: dict[str, tuple[tuple[Kind, ...], tuple[int, ...], Change]] = {
    "the whole: trailing octets": (EVERY, (), lambda e: e.raw + b"\0"),
    "the whole: length in long form": (EVERY, (), long_form),
    "the whole: one more field": (EVERY, (), appended(der.null())),
    "the whole: unique identifiers": (EVERY, KEY, lambda e: e.raw + der.implicit(1, b"\0\1")),
    "version: absent": (EVERY, VERSION, dropped),
    "version: 2": (EVERY, VERSION, to(der.explicit(0, der.integer(1)))),
    "serial: one": (EVERY, SERIAL, to(der.integer(1))),
    "serial: 64 bits": (EVERY, SERIAL, to(der.integer(1 << 63))),
    "serial: negative": (EVERY, SERIAL, content(lambda c: b"\xc0" + c[1:])),
    "serial: 21 octets": (EVERY, SERIAL, content(lambda c: b"\x40" + c)),
    "algorithm: RSA": (EVERY, ALGORITHM, to(der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null()))),
    "algorithm: SHA-1": (EVERY, ALGORITHM, to(der.sequence(der.oid("1.2.840.10045.4.1")))),
    "algorithm: parameters": (EVERY, ALGORITHM, appended(der.null())),
    "issuer: empty": (EVERY, ISSUER, to(der.sequence())),
    "issuer: another order": (EVERY, ISSUER, swapped),
    "issuer: another name": (EVERY, (3, 3, 0, 1), appended(b"x")),
    "validity: swapped": (EVERY, VALIDITY, swapped),
    "validity: the other form of time": (EVERY, (4, 0), other_form),
    "validity: without seconds": (EVERY, (4, 0), content(lambda c: c[:-3] + b"Z")),
    "validity: for ever": (EVERY, (4, 1), to(der.tlv(0x18, b"99991231235959Z"))),
    "validity: before its issuer": (BELOW, (4, 0), to(der.time(NOW - 30 * DAY))),
    "validity: a day behind its issuer": (BELOW, (4, 1), to(der.time(NOW + 8000 * DAY))),
    "validity: a signer for years": (SIGNERS, (4, 1), to(der.time(NOW + 400 * DAY))),
    "subject: empty": (EVERY, SUBJECT, to(der.sequence())),
    "subject: no country": (EVERY, (5, 0), dropped),
    "subject: another order": (EVERY, SUBJECT, swapped),
    "subject: the issuer's": (BELOW, SUBJECT, lambda e: e.raw),  # see `mutant`
    "subject: a stranger's organization": (BELOW, (5, 1, 0, 1), to(der.utf8_string("Another Bank"))),
    "subject: another country": (BELOW, (5, 0, 0, 1), to(der.printable_string("KP"))),
    "subject: a name of 65": (EVERY, (5, 3, 0, 1), to(der.utf8_string("x" * 65))),
    "subject: name as BMPString": (EVERY, (5, 3, 0, 1), to(der.bmp_string("CA"))),
    "key: another": (EVERY, KEY, to(OTHER_KEY)),
    "key: the issuer's": (BELOW, KEY, lambda e: e.raw),  # see `mutant`
    "key: parameters left out": (EVERY, (6, 0, 1), dropped),
    "extensions: absent": (EVERY, (7,), dropped),
    "extensions: none": (EVERY, EXTENSIONS, to(der.sequence())),
    "extensions: an alternative name": (EVERY, EXTENSIONS, appended(extra("2.5.29.17", der.sequence()))),
    "extensions: unknown": (EVERY, EXTENSIONS, appended(extra("1.2.3.4", der.null()))),
    "extensions: unknown and critical": (EVERY, EXTENSIONS, appended(extra("1.2.3.4", der.null(), critical=True))),
    "extensions: a CA for servers": (
        CAS, EXTENSIONS, appended(extra("2.5.29.37", other_purpose("1.3.6.1.5.5.7.3.1")(der.read(der.null())))),
    ),
    "extensions: a signer that is a CA": (
        SIGNERS, EXTENSIONS, appended(extra("2.5.29.19", der.sequence(der.boolean(True)), critical=True)),
    ),
    "extensions: a signer's own list": (SIGNERS, EXTENSIONS, appended(extra("2.5.29.31", der.sequence()))),
    "SKI: absent": (EVERY, extension(OWN), dropped),
    "SKI: twice": (EVERY, extension(OWN), twice),
    "SKI: another": (EVERY, extension(OWN, 1, 0), content(lambda c: bytes(len(c)))),
    "SKI: critical": (EVERY, extension(OWN, 0), lambda e: e.raw + der.boolean(True)),
    "AKI: absent": (EVERY, extension(AUTHORITY), dropped),
    "AKI: twice": (EVERY, extension(AUTHORITY), twice),
    "AKI: another": (EVERY, extension(AUTHORITY, 1, 0, 0), content(lambda c: bytes(len(c)))),
    "AKI: serial too": (EVERY, extension(AUTHORITY, 1, 0), appended(der.implicit(2, b"\1"))),
    "constraints: absent": (CAS, extension(CONSTRAINTS), dropped),
    "constraints: not critical": (CAS, extension(CONSTRAINTS, 1), dropped),
    "constraints: no CA": (CAS, extension(CONSTRAINTS, 2, 0), to(der.sequence())),
    "constraints: any depth": (CAS, extension(CONSTRAINTS, 2, 0, 1), dropped),
    "constraints: deeper": (CAS, extension(CONSTRAINTS, 2, 0, 1), to(der.integer(2))),
    "usage of a CA: absent": (CAS, extension(CA_USAGE), dropped),
    "usage of a CA: not critical": (CAS, extension(CA_USAGE, 1), dropped),
    "usage of a CA: no lists": (CAS, extension(CA_USAGE, 2, 0), to(b"\3\2\2\4")),
    "usage of a CA: signatures too": (CAS, extension(CA_USAGE, 2, 0), to(b"\3\2\1\x86")),
    "usage of a CA: unused bits not counted": (CAS, extension(CA_USAGE, 2, 0), to(b"\3\2\0\6")),
    "policies: absent": ((Kind.ISSUING,), extension(POLICIES), dropped),
    "policies: critical": ((Kind.ISSUING,), extension(POLICIES, 0), lambda e: e.raw + der.boolean(True)),
    "policies: one": ((Kind.ISSUING,), extension(POLICIES, 1, 0, 0, 0), to(der.oid("2.25.1"))),
    "policies: CPS elsewhere": (
        (Kind.ISSUING,), extension(POLICIES, 1, 0, 0, 1, 0, 1), to(der.ia5_string("http://elsewhere.example")),
    ),
    "CRL: absent": ((Kind.ISSUING,), extension(CRL), dropped),
    "CRL: elsewhere": ((Kind.ISSUING,), extension(CRL, 1, 0, 0, 0, 0, 0), ELSEWHERE),
    "CRL: two places": ((Kind.ISSUING,), extension(CRL, 1, 0, 0), twice),
    "access: absent": ((Kind.ISSUING,), extension(ACCESS), dropped),
    "access: elsewhere": ((Kind.ISSUING,), extension(ACCESS, 1, 0, 0, 1), ELSEWHERE),
    "access: another method": ((Kind.ISSUING,), extension(ACCESS, 1, 0, 0, 0), to(der.oid("1.3.6.1.5.5.7.48.1"))),
    "usage of a signer: absent": (SIGNERS, extension(USAGE), dropped),
    "usage of a signer: not critical": (SIGNERS, extension(USAGE, 1), dropped),
    "usage of a signer: certificates": (SIGNERS, extension(USAGE, 2, 0), to(b"\3\2\2\x84")),
    "usage of a signer: lists": (SIGNERS, extension(USAGE, 2, 0), to(b"\3\2\1\x82")),
    "usage of a signer: encrypts": (SIGNERS, extension(USAGE, 2, 0), to(b"\3\2\5\xa0")),
    "purpose: absent": (SIGNERS, extension(PURPOSE), dropped),
    "purpose: critical": (SIGNERS, extension(PURPOSE, 0), lambda e: e.raw + der.boolean(True)),
    "purpose: any": (SIGNERS, extension(PURPOSE, 1, 0), other_purpose("2.5.29.37.0")),
    "purpose: servers": (SIGNERS, extension(PURPOSE, 1, 0), other_purpose("1.3.6.1.5.5.7.3.1")),
    "purpose: one more": (SIGNERS, extension(PURPOSE, 1, 0), appended(der.oid("1.3.6.1.5.5.7.3.4"))),
    "purpose: OCSP answers by the record signer": (
        (Kind.RECORDS,), extension(PURPOSE, 1, 0), other_purpose("1.3.6.1.5.5.7.3.9"),
    ),
    "purpose: records by the OCSP signer": (
        (Kind.OCSP,), extension(PURPOSE, 1, 0), other_purpose("1.3.6.1.5.5.7.3.36"),
    ),
    "nocheck, noRevAvail: absent": (SIGNERS, extension(ASKED_BY_NOBODY), dropped),
    "nocheck, noRevAvail: critical": (
        SIGNERS, extension(ASKED_BY_NOBODY, 0), lambda e: e.raw + der.boolean(True),
    ),
    "nocheck, noRevAvail: not NULL": (SIGNERS, extension(ASKED_BY_NOBODY, 1, 0), tagged(der.UTF8_STRING)),
    "nocheck, noRevAvail: the other's": (
        SIGNERS, extension(ASKED_BY_NOBODY, 0),
        lambda e: der.oid("2.5.29.56" if e.raw == der.oid("1.3.6.1.5.5.7.48.1.5") else "1.3.6.1.5.5.7.48.1.5"),
    ),
}  # fmt: skip
CASES = [(name, kind) for name, (kinds, _, _) in TABLE.items() for kind in kinds]


def mutant(name: str, kind: Kind) -> bytes:
    tbs, wanted, _ = made(kind)
    _, path, change = TABLE[name]
    if name.endswith("the issuer's"):
        above = wanted.above
        assert above is not None
        _, *fields = der.read(above.tbs_certificate_bytes).children()
        change = to(fields[path[0] - 1].raw)
    return edited(tbs, path, change)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_mutant_reaches_the_key(name: str, kind: Kind) -> None:
    tbs, wanted, signer = made(kind)
    assert mutant(name, kind) != tbs
    key = Counting(signer)
    with pytest.raises(LintFailed) as raised:
        ceremony.sign(mutant(name, kind), wanted, key)
    assert all(finding.startswith(("§", "RFC", "Appendix")) for finding in raised.value.findings)
    assert key.used == 0


def test_each_kind_has_dozens_and_they_differ() -> None:
    assert len({(kind, mutant(name, kind)) for name, kind in CASES}) == len(CASES)
    assert min(Counter(kind for _, kind in CASES).values()) >= 40


@pytest.mark.parametrize("kind", EVERY)
def test_the_one_they_were_made_of_is_signed_once(kind: Kind) -> None:
    tbs, wanted, signer = made(kind)
    key = Counting(signer)
    assert ceremony.sign(tbs, wanted, key).tbs_certificate_bytes == tbs
    assert key.used == 1


@pytest.mark.parametrize("kind", EVERY)
def test_nothing_passes_as_another_kind(kind: Kind) -> None:
    tbs, wanted, _ = made(kind)
    for other in set(EVERY) - {kind}:
        with pytest.raises(LintFailed):
            lint_ca.check(tbs, Wanted(other, wanted.key, wanted.above, wanted.places))


def test_only_the_key_of_the_certificate_above_signs() -> None:
    """Another's of the same kind: the octets are right, the signature would be a stranger's."""
    tbs, wanted, _ = made(Kind.ISSUING)
    key = Counting(make_pki("p-256").root_key)
    with pytest.raises(LintFailed, match="not the key of the certificate above"):
        ceremony.sign(tbs, wanted, key)
    assert key.used == 0


def test_a_weak_key_is_not_certified() -> None:
    weak = SoftwareKey(rsa.generate_private_key(65537, 1024))
    with pytest.raises(LintFailed, match="rsa-1024"):
        ceremony.make_ocsp_signer(pki().issuer.certificate, pki().issuer.key, weak.public_key, NOW)


def test_what_a_faulty_signer_returns_is_not_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong between lint and signature, what leaves is compared with what was linted."""
    tbs, wanted, signer = made(Kind.OCSP)
    other = mutant("purpose: any", Kind.OCSP)
    whole = signing.signed
    monkeypatch.setattr("ca.signing.signed", lambda _, key: whole(other, key))
    with pytest.raises(LintFailed, match="differs from the linted one"):
        ceremony.sign(tbs, wanted, signer)


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "p-256"])
def test_every_kind_of_key_makes_a_whole_hierarchy(kind: str) -> None:
    assert isinstance(make_pki(kind, ocsp_kind=kind).issuer.certificate, x509.Certificate)
