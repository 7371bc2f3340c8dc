"""To-be-signed structures with one thing wrong: none of them reaches the key."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca import crl, der, lint, lint_status, names, signing, vid
from ca.authority import CertificateAuthority
from ca.errors import LintFailed, ProfileError, RequestConflict
from ca.issuer import Issuer, OcspSigner
from ca.ports import Plan, Record, RevokedEntry, Serial, Status
from ca.signing import PublicKey, Signer
from tests.ca.pki import IDN, NOW, PLAN_KEY, R, enrollment, make_pki, pki, request, sealed, subscriber_key

DAY = timedelta(days=1)
Change = Callable[[der.Element], bytes]
AUTHORITY, SUBJECT_KEY, USAGE, POLICIES, SAN, CRL, ACCESS = range(7)
"""Where the extensions stand."""


class Counting:
    """A signer that counts how often its key was used."""

    def __init__(self, signer: Signer) -> None:
        self.signer, self.used = signer, 0

    @property
    def public_key(self) -> PublicKey:
        return self.signer.public_key

    @property
    def takes_time(self) -> bool:
        return self.signer.takes_time

    def sign(self, data: bytes) -> bytes:
        self.used += 1
        return self.signer.sign(data)


def counting() -> tuple[CertificateAuthority, Counting]:
    known = pki().issuer
    key = Counting(known.key)
    issuer = Issuer(known.name, known.certificate, known.root, key, known.ocsp)
    return CertificateAuthority(issuer, pki().authority.profiles, plan_key=PLAN_KEY), key


@cache
def plan() -> Plan:
    return pki().authority.prepare(enrollment(csr=request(subscriber_key("rsa-2048"))), NOW)


# -- surgery ----------------------------------------------------------------------------------------------------------


def edited(data: bytes, path: tuple[int, ...], change: Change) -> bytes:
    """`data` with the element at `path` replaced by what `change` makes of it; lengths above are right again."""
    element = der.read(data)
    if not path:
        return change(element)
    if element.tag == der.OCTET_STRING:
        return der.tlv(element.tag, edited(element.content, path[1:] if path[0] == 0 else path, change))
    inside = element.children()
    here, *rest = path
    parts = [edited(one.raw, tuple(rest), change) if n == here else one.raw for n, one in enumerate(inside)]
    return der.tlv(element.tag, *parts)


def to(new: bytes) -> Change:
    return lambda _: new


def dropped(_: der.Element) -> bytes:
    return b""


def twice(element: der.Element) -> bytes:
    return element.raw * 2


def tagged(tag: int) -> Change:
    return lambda element: der.tlv(tag, element.content)


def content(change: Callable[[bytes], bytes]) -> Change:
    return lambda element: der.tlv(element.tag, change(element.content))


def swapped(element: der.Element) -> bytes:
    first, second, *rest = element.children()
    return der.tlv(element.tag, second.raw, first.raw, *(one.raw for one in rest))


def appended(more: bytes) -> Change:
    return content(lambda inside: inside + more)


def merged(element: der.Element) -> bytes:
    """The last two RDNs as one of two attributes."""
    *others, unit, common = element.children()
    return der.tlv(element.tag, *(one.raw for one in others), der.set_of(unit.content, common.content))


def extension(number: int, *path: int) -> tuple[int, ...]:
    """The path to an extension, or into its value."""
    return (8 - 1, 0, number, *path)


def extra(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = der.boolean(True) if critical else b""
    return der.sequence(der.oid(oid), flag, der.octet_string(value))


def other_form(element: der.Element) -> bytes:
    """UTCTime as GeneralizedTime, or the other way. RFC 5280 §4.1.2.5"""
    if element.tag == der.UTC_TIME:
        return der.tlv(der.GENERALIZED_TIME, b"20" + element.content)
    return der.tlv(der.UTC_TIME, element.content[2:])


def long_form(element: der.Element) -> bytes:
    return bytes((element.tag, 0x84)) + len(element.content).to_bytes(4, "big") + element.content


EXTENSIONS = (7, 0)
VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY = ((n,) for n in range(7))
CN = (5, 4, 0, 1)
HERE = pki().issuer.subject_der
OTHER_KEY = der.read(pki("rsa-2048").issuer.spki).raw
TABLE: dict[str, tuple[tuple[int, ...], Change]] = {
    "the whole: trailing octets": ((), lambda e: e.raw + b"\0"),
    "the whole: a SET": ((), tagged(der.SET)),
    "the whole: length in long form": ((), long_form),
    "the whole: one more field": ((), appended(der.null())),
    "the whole: a field twice": (KEY, twice),
    "the whole: unique identifiers": (KEY, lambda e: e.raw + der.implicit(1, b"\0\1")),
    "version: absent": (VERSION, dropped),
    "version: 1": (VERSION, to(der.explicit(0, der.integer(0)))),
    "version: 2": (VERSION, to(der.explicit(0, der.integer(1)))),
    "version: 4": (VERSION, to(der.explicit(0, der.integer(3)))),
    "serial: zero": (SERIAL, to(der.integer(0))),
    "serial: one": (SERIAL, to(der.integer(1))),
    "serial: 64 bits": (SERIAL, to(der.integer(1 << 63))),
    "serial: negative": (SERIAL, content(lambda c: b"\xc0" + c[1:])),
    "serial: 21 octets": (SERIAL, content(lambda c: b"\x40" + c)),
    "serial: a zero in front": (SERIAL, content(lambda c: b"\0" + c)),
    "serial: absent": (SERIAL, dropped),
    "algorithm: RSA": (ALGORITHM, to(der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null()))),
    "algorithm: SHA-1": (ALGORITHM, to(der.sequence(der.oid("1.2.840.10045.4.1")))),
    "algorithm: parameters": (ALGORITHM, appended(der.null())),
    "issuer: empty": (ISSUER, to(der.sequence())),
    "issuer: the root": (ISSUER, to(pki().issuer.root.subject.public_bytes())),
    "issuer: another order": (ISSUER, swapped),
    "issuer: another string type": ((3, 1, 0, 1), tagged(der.PRINTABLE_STRING)),
    "validity: swapped": (VALIDITY, swapped),
    "validity: the other form of time": ((4, 0), other_form),
    "validity: without seconds": ((4, 0), content(lambda c: c[:-3] + b"Z")),
    "validity: another zone": ((4, 0), content(lambda c: c[:-1] + b"+0900")),
    "validity: a second longer": ((4, 1), content(lambda c: c[:-7] + b"150000Z")),
    "validity: a century": ((4, 1), to(der.tlv(0x18, b"21561121145959Z"))),
    "validity: for ever": ((4, 1), to(der.tlv(0x18, b"99991231235959Z"))),
    "validity: before the CA": ((4, 0), to(der.time(NOW - 30 * DAY))),
    "validity: the 30th of February": ((4, 0), content(lambda c: c[:-11] + b"0230000000Z")),
    "validity: absent": (VALIDITY, dropped),
    "subject: empty": (SUBJECT, to(der.sequence())),
    "subject: no country": ((5, 0), dropped),
    "subject: a unit twice": ((5, 2), twice),
    "subject: another order": (SUBJECT, swapped),
    "subject: another country": ((5, 0, 0, 1), to(der.printable_string("KP"))),
    "subject: country in UTF-8": ((5, 0, 0, 1), tagged(der.UTF8_STRING)),
    "subject: another organization": ((5, 1, 0, 1), to(der.utf8_string("KFTC"))),
    "subject: organization as BMPString": ((5, 1, 0, 1), to(der.bmp_string("CertTalk"))),
    "subject: two attributes in one": ((5, 1), lambda e: der.set_of(*(one.raw for one in e.children()), b"\x30\0")),
    "subject: unit and common name in one": (SUBJECT, merged),
    "subject: a common name of 65": (CN, lambda e: der.utf8_string("홍" + e.content.decode().rjust(64, "가"))),
    "subject: a name with NUL": (CN, content(lambda c: c[:9] + b"\0" + c[9:])),
    "subject: a name turned round": (CN, content(lambda c: "\u202e".encode() + c)),
    "subject: a Greek letter": (CN, content(lambda c: c.replace(b"HONG", "ΗONG".encode()))),
    "subject: a name in pieces": (CN, content(lambda c: "홍길동".encode() + b"\xcc\x81" + c[9:])),
    "subject: another bank": (CN, content(lambda c: c.replace(b")0999", b")0004"))),
    "subject: no suffix": (CN, content(lambda c: c[:-12])),
    "subject: another person than in the VID": (CN, content(lambda c: c.replace("동".encode(), "순".encode()))),
    "subject: not UTF-8": (CN, content(lambda c: b"\xff" + c[1:])),
    "key: the CA's own": (KEY, to(der.read(pki().issuer.spki).raw)),
    "key: another": (KEY, to(OTHER_KEY)),
    "key: parameters left out": ((6, 0, 1), dropped),
    "key: unused bits": ((6, 1), content(lambda c: b"\3" + c[1:])),
    "key: empty": ((6, 1), content(lambda _: b"\0")),
    "key: unknown algorithm": ((6, 0, 0), to(der.oid("1.2.3"))),
    "key: exponent 1": ((6, 1), content(lambda c: c[:-3] + b"\0\0\1")),
    "key: exponent 3": ((6, 1), content(lambda c: c[:-3] + b"\0\0\3")),
    "key: even modulus": ((6, 1), content(lambda c: c[:-6] + bytes((c[-6] ^ 1,)) + c[-5:])),
    "extensions: absent": ((7,), dropped),
    "extensions: none": (EXTENSIONS, to(der.sequence())),
    "extensions: a CA": (EXTENSIONS, appended(extra("2.5.29.19", der.sequence(der.boolean(True)), critical=True))),
    "extensions: a path length": (EXTENSIONS, appended(extra("2.5.29.19", der.sequence(der.integer(0))))),
    "extensions: for servers": (
        EXTENSIONS, appended(extra("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.1")))),
    ),
    "extensions: for OCSP": (EXTENSIONS, appended(extra("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.9"))))),
    "extensions: no check": (EXTENSIONS, appended(extra("1.3.6.1.5.5.7.48.1.5", der.null()))),
    "extensions: unknown and critical": (EXTENSIONS, appended(extra("1.2.3.4", der.null(), critical=True))),
    "extensions: unknown": (EXTENSIONS, appended(extra("1.2.3.4", der.null()))),
    "extensions: an alternative issuer": (EXTENSIONS, appended(extra("2.5.29.18", der.implicit(2, b"")))),
    **{
        f"{name}: {what}": (extension(number), change)
        for number, name in enumerate(("AKI", "SKI", "usage", "policies", "SAN", "CRL", "access"))
        for what, change in (("absent", dropped), ("twice", twice))
    },
    "AKI: another": (extension(AUTHORITY, 1, 0, 0), content(lambda c: bytes(len(c)))),
    "AKI: issuer and serial too": (
        extension(AUTHORITY, 1, 0), appended(der.explicit(1, der.explicit(4, HERE)) + der.implicit(2, b"\1")),
    ),
    "AKI: critical": (extension(AUTHORITY, 0), lambda e: e.raw + der.boolean(True)),
    "SKI: another": (extension(SUBJECT_KEY, 1, 0), content(lambda c: bytes(len(c)))),
    "SKI: short": (extension(SUBJECT_KEY, 1, 0), content(lambda c: c[:8])),
    "usage: not critical": (extension(USAGE, 1), dropped),
    "usage: critical said falsely": (extension(USAGE, 1), to(der.boolean(False))),
    "usage: critical as 1": (extension(USAGE, 1), to(b"\1\1\1")),
    "usage: signs certificates": (extension(USAGE, 2, 0), to(b"\3\2\2\xc4")),
    "usage: signs lists": (extension(USAGE, 2, 0), to(b"\3\2\1\xc2")),
    "usage: encrypts keys": (extension(USAGE, 2, 0), to(b"\3\2\5\xe0")),
    "usage: signature alone": (extension(USAGE, 2, 0), to(b"\3\2\7\x80")),
    "usage: none": (extension(USAGE, 2, 0), to(b"\3\1\0")),
    "usage: unused bits not counted": (extension(USAGE, 2, 0), to(b"\3\2\0\xc0")),
    "policies: any": (extension(POLICIES, 1, 0, 0, 0), to(der.oid("2.5.29.32.0"))),
    "policies: another bank's": (extension(POLICIES, 1, 0, 0, 0), to(der.oid("1.2.410.200005.1.1.4"))),
    "policies: two": (extension(POLICIES, 1, 0, 0), twice),
    "policies: another notice": (
        extension(POLICIES, 1, 0, 0, 1, 0, 1, 0), content(lambda c: c.replace("개인".encode(), "기업".encode())),
    ),
    "policies: notice as IA5String": (extension(POLICIES, 1, 0, 0, 1, 0, 1, 0), tagged(0x16)),
    "policies: notice as BMPString": (
        extension(POLICIES, 1, 0, 0, 1, 0, 1, 0), lambda e: der.bmp_string(e.content.decode()),
    ),
    "policies: CPS elsewhere": (extension(POLICIES, 1, 0, 0, 1, 1, 1), to(der.ia5_string("http://elsewhere.example"))),
    "policies: qualifiers swapped": (extension(POLICIES, 1, 0, 0, 1), swapped),
    "policies: no qualifier": (extension(POLICIES, 1, 0, 0, 1), dropped),
    "SAN: a host": (extension(SAN, 1, 0), to(der.sequence(der.implicit(2, b"bank.example")))),
    "SAN: a host too": (extension(SAN, 1, 0), appended(der.implicit(2, b"bank.example"))),
    "SAN: an address too": (extension(SAN, 1, 0), appended(der.implicit(1, b"a@bank.example"))),
    "SAN: another kind of name": (extension(SAN, 1, 0, 0, 0), to(der.oid("1.2.410.200004.10.1.1.2"))),
    "SAN: another person": (
        extension(SAN, 1, 0, 0, 1, 0, 0), to(der.utf8_string("홍길순")),
    ),
    "SAN: a longer name": (extension(SAN, 1, 0, 0, 1, 0, 0), appended(b"(")),
    "SAN: no VID": (extension(SAN, 1, 0, 0, 1, 0, 1), dropped),
    "SAN: two VIDs": (extension(SAN, 1, 0, 0, 1, 0, 1, 0), twice),
    "SAN: a VID by SHA-1": (extension(SAN, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0), to(der.oid("1.3.14.3.2.26"))),
    "SAN: a short VID": (extension(SAN, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0), content(lambda c: c[:20])),
    "SAN: more than a VID": (extension(SAN, 1, 0, 0, 1, 0), appended(der.null())),
    "CRL: elsewhere": (extension(CRL, 1, 0, 0, 0, 0, 0), to(der.implicit(6, b"http://elsewhere.example/x.crl"))),
    "CRL: by LDAP": (extension(CRL, 1, 0, 0, 0, 0, 0), to(der.implicit(6, b"ldap://pki.example/cn=1"))),
    "CRL: two places": (extension(CRL, 1, 0, 0), twice),
    "CRL: for one reason only": (extension(CRL, 1, 0, 0), appended(der.implicit(1, b"\6\x40"))),
    "CRL: of another issuer": (extension(CRL, 1, 0, 0), appended(der.explicit(2, der.explicit(4, HERE)))),
    "access: elsewhere": (extension(ACCESS, 1, 0, 0, 1), to(der.implicit(6, b"http://elsewhere.example/ocsp"))),
    "access: swapped": (extension(ACCESS, 1, 0), swapped),
    "access: no OCSP": (extension(ACCESS, 1, 0, 0), dropped),
    "access: no issuer": (extension(ACCESS, 1, 0, 1), dropped),
    "access: another method": (extension(ACCESS, 1, 0, 0, 0), to(der.oid("1.3.6.1.5.5.7.48.3"))),
}  # fmt: skip


def mutant(name: str) -> bytes:
    path, change = TABLE[name]
    return edited(plan().tbs, path, change)


def agreeing(tbs: bytes) -> Plan:
    """A plan whose columns were changed together with its bytes, as far as those can be read."""
    changed = replace(plan(), tbs=tbs)
    try:
        parsed = lint.fields_of(tbs)
        subject = str(names.read_subject(parsed[4]))
        return replace(changed, serial=Serial(parsed[0].integer()), subject=subject)
    except (ValueError, IndexError):
        return changed


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("name", TABLE)
def test_no_mutant_reaches_the_key(name: str) -> None:
    tbs = mutant(name)
    assert tbs != plan().tbs
    authority, key = counting()
    with pytest.raises(LintFailed) as raised:
        # From another life, by somebody who has even the key of the seal: the bytes alone must give it away.
        authority.sign(Record(sealed(agreeing(tbs)), Status.PLANNED))
    assert all(finding.startswith(("§", "NPKI", "Appendix")) for finding in raised.value.findings)
    assert key.used == 0


def test_there_are_a_hundred_and_they_differ() -> None:
    assert len(TABLE) >= 100
    assert len({mutant(name) for name in TABLE}) == len(TABLE)
    kinds = Counter(name.split(":")[0] for name in TABLE)
    assert len(kinds) == 16
    assert min(kinds.values()) >= 3


def test_the_one_they_were_made_of_is_signed_once() -> None:
    authority, key = counting()
    record = Record(plan(), Status.PLANNED)
    assert edited(plan().tbs, (), lambda e: e.raw) == plan().tbs
    authority.sign(record)
    assert key.used == 1


def damaged(seed: int) -> bytes:
    """The TBS with a seeded accident: octets changed, left out, doubled, moved or cut off."""
    chance = random.Random(seed)
    tbs = bytearray(plan().tbs)
    at, size = chance.randrange(len(tbs)), chance.randrange(1, 5)
    match chance.randrange(6):
        case 0 | 1:
            tbs[at] ^= chance.randrange(1, 256)
        case 2:
            del tbs[at : at + size]
        case 3:
            tbs[at:at] = tbs[at : at + size]
        case 4:
            tbs[at : at + size] = chance.randbytes(size)
        case 5:
            del tbs[at:]
    return bytes(tbs)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_accident_reaches_the_key() -> None:
    """A thousand of them, found by an authority that has just linted the plan."""
    authority, key = counting()
    fresh = authority.prepare(enrollment(csr=request(subscriber_key("rsa-2048"))), NOW)
    for seed in range(1000):
        authority._linted[fresh.serial] = fresh
        tbs = damaged(seed)
        if tbs != plan().tbs:
            with pytest.raises((LintFailed, RequestConflict)):
                authority.sign(Record(replace(fresh, tbs=tbs), Status.PLANNED))
    assert key.used == 0


@pytest.mark.parametrize("name", ["in the VID", *TABLE])
def test_no_mutant_of_a_former_life_reaches_the_key(name: str) -> None:
    """Not even one that breaks no rule: 32 octets of a VID mean something to nobody but the holder."""
    value = plan().tbs.index(vid.vid(IDN, R))
    in_vid = plan().tbs[:value] + bytes(32) + plan().tbs[value + 32 :]
    authority, key = counting()
    stored = agreeing(in_vid if name == "in the VID" else mutant(name))
    with pytest.raises(LintFailed, match="as this authority wrote it"):
        authority.sign(Record(stored, Status.PLANNED))
    assert key.used == 0


def test_no_accident_of_a_former_life_reaches_the_key() -> None:
    authority, key = counting()
    for seed in range(1000):
        tbs = damaged(seed)
        if tbs != plan().tbs:
            with pytest.raises(LintFailed, match="as this authority wrote it"):
                authority.sign(Record(replace(plan(), tbs=tbs), Status.PLANNED))
    assert key.used == 0


@pytest.mark.parametrize("column", [one.name for one in fields(Plan)])
def test_no_changed_column_of_a_former_life_reaches_the_key(column: str) -> None:
    other = {
        int: Serial(1 << 158), str: "other", bytes: b"other", datetime: NOW - DAY, dict: {"factor": "otp"},
        type(None): Serial(7),
    }[type(getattr(plan(), column))]  # fmt: skip
    authority, key = counting()
    changed = replace(plan(), **{column: other})  # type: ignore[arg-type]
    with pytest.raises((LintFailed, ProfileError)):
        authority.sign(Record(changed, Status.PLANNED))
    assert key.used == 0


# -- lists and answers ------------------------------------------------------------------------------------------------


def list_tbs() -> bytes:
    issuer = pki().issuer
    entries = [crl.entry(RevokedEntry(Serial(1 << 158 | n), NOW, reason)) for n, reason in enumerate(crl.REASONS)]
    listed = crl.sign(issuer, entries, number=7, this_update=NOW, next_update=NOW + DAY)
    return der.read(listed).children()[0].raw


def check_list(tbs: bytes) -> None:
    issuer = pki().issuer
    algorithm = signing.algorithm(issuer.public_key)
    lint_status.check_list(tbs, subject=issuer.subject_der, algorithm=algorithm, key_identifier=issuer.key_identifier)


LISTS: dict[str, tuple[tuple[int, ...], Change]] = {
    "version 1": ((0,), to(der.integer(0))),
    "no version": ((0,), dropped),
    "another algorithm": ((1,), to(der.sequence(der.oid("1.2.840.10045.4.1")))),
    "another issuer": ((2,), swapped),
    "times swapped": ((3,), to(der.time(NOW + 2 * DAY))),
    "no nextUpdate": ((4,), dropped),
    "for two years": ((4,), to(der.time(NOW + 730 * DAY))),
    "the other form of time": ((4,), other_form),
    "an empty list of entries": ((5,), to(der.sequence())),
    "a short serial": ((5, 0, 0), to(der.integer(7))),
    "a negative serial": ((5, 0, 0), content(lambda c: b"\xc0" + c[1:])),
    "an entry without a time": ((5, 0, 1), dropped),
    "unspecified said aloud": ((5, 1, 2, 0, 1, 0), to(b"\x0a\1\0")),
    "removed from a list that is none of changes": ((5, 1, 2, 0, 1, 0), to(b"\x0a\1\x08")),
    "reason 7": ((5, 1, 2, 0, 1, 0), to(b"\x0a\1\7")),
    "a critical reason": ((5, 1, 2, 0, 0), lambda e: e.raw + der.boolean(True)),
    "something in an entry": ((5, 1), appended(der.null())),
    "no extensions": ((6,), dropped),
    "no number": ((6, 0, 1), dropped),
    "two numbers": ((6, 0, 1), twice),
    "a negative number": ((6, 0, 1, 1, 0), to(b"\2\1\xff")),
    "number zero": ((6, 0, 1, 1, 0), to(der.integer(0))),
    "a number of 21 octets": ((6, 0, 1, 1, 0), to(der.integer(1 << 160))),
    "a critical number": ((6, 0, 1, 0), lambda e: e.raw + der.boolean(True)),
    "another authority key": ((6, 0, 0, 1, 0, 0), content(lambda c: bytes(20))),
    "an unknown extension": ((6, 0), appended(extra("1.2.3.4", der.null()))),
    "a point that is not critical": ((6, 0), appended(extra("2.5.29.28", der.sequence()))),
    "something behind it": ((6,), lambda e: e.raw + der.null()),
    "a certificate": ((), to(plan().tbs)),
}


@pytest.mark.parametrize("name", LISTS)
def test_no_wrong_list_reaches_the_key(name: str) -> None:
    known = pki().issuer
    key = Counting(known.key)
    issuer = Issuer(known.name, known.certificate, known.root, key)
    path, change = LISTS[name]
    wrong = edited(list_tbs(), path, change)
    with pytest.raises(LintFailed) as raised:
        issuer.sign(wrong)
    assert all(finding.startswith("§5") for finding in raised.value.findings)
    assert key.used == 0


def test_the_list_they_were_made_of() -> None:
    check_list(list_tbs())


@given(st.integers(0, len(list_tbs()) - 1), st.integers(1, 255))
def test_an_octet_changed_in_a_list_is_a_fault_or_another_fact(at: int, change: int) -> None:
    """Numbers, serials, times and reasons are facts; everything else is form."""
    tbs = bytearray(list_tbs())
    tbs[at] ^= change
    try:
        check_list(bytes(tbs))
    except LintFailed:
        return
    original, changed = (der.read(bytes(one)).children() for one in (list_tbs(), tbs))
    assert [one.tag for one in original] == [one.tag for one in changed]
    assert [one.raw for one in original][:3] == [one.raw for one in changed][:3]


def answers() -> Iterator[bytes]:
    """ResponseData of a good, a revoked, a held and an unknown one, the first with a nonce."""
    signer = signer_of()
    certificate_id = der.sequence(
        der.sequence(der.oid("1.3.14.3.2.26"), der.null()),
        der.octet_string(bytes(20)), der.octet_string(bytes(20)), der.integer(1 << 158),
    )  # fmt: skip
    at, until = der.generalized_time(NOW), der.explicit(0, der.generalized_time(NOW + DAY))
    gone = der.generalized_time(NOW - DAY)
    for status, nonce in (
        (der.implicit(0, b""), b"n" * 16),
        (der.explicit(1, gone, der.explicit(0, der.enumerated(1))), b""),
        (der.explicit(1, gone), b""),
        (der.implicit(2, b""), b""),
    ):
        extensions = der.explicit(1, der.sequence(extra("1.3.6.1.5.5.7.48.1.2", der.octet_string(nonce))))
        yield der.sequence(
            der.explicit(2, der.octet_string(signer.key_hash)), at,
            der.sequence(der.sequence(certificate_id, status, at, until)), extensions if nonce else b"",
        )  # fmt: skip


def signer_of() -> OcspSigner:
    signer = pki().issuer.ocsp
    assert signer is not None
    return signer


ANSWERS: dict[str, tuple[tuple[int, ...], Change]] = {
    "named by its name": ((0,), to(der.explicit(1, HERE))),
    "another responder": ((0, 0), content(lambda c: bytes(20))),
    "produced before it was true": ((1,), to(der.generalized_time(NOW - DAY))),
    "produced in UTCTime": ((1,), lambda e: der.tlv(0x17, e.content[2:])),
    "no answer": ((2,), to(der.sequence())),
    "MD5": ((2, 0, 0, 0, 0), to(der.oid("1.2.840.113549.2.5"))),
    "hashes of other sizes": ((2, 0, 0, 1), content(lambda c: c + b"\0")),
    "a status that is none": ((2, 0, 1), to(der.implicit(3, b""))),
    "good with something in it": ((2, 0, 1), to(der.implicit(0, b"x"))),
    "revoked, nobody knows when": ((2, 0, 1), to(der.explicit(1))),
    "revoked for reason 7": ((2, 0, 1), to(der.explicit(1, der.generalized_time(NOW), b"\xa0\3\x0a\1\7"))),
    "unspecified said aloud": ((2, 0, 1), to(der.explicit(1, der.generalized_time(NOW), b"\xa0\3\x0a\1\0"))),
    "no nextUpdate": ((2, 0, 3), dropped),
    "nextUpdate first": ((2, 0, 3, 0), to(der.generalized_time(NOW - DAY))),
    "for a month": ((2, 0, 3, 0), to(der.generalized_time(NOW + 28 * DAY))),
    "longer than the signer": ((2, 0, 3, 0), to(der.generalized_time(NOW + 3650 * DAY))),
    "an extension in it": ((2, 0), appended(der.explicit(1, der.sequence()))),
    "an empty nonce": ((3, 0, 0, 1, 0), to(der.octet_string(b""))),
    "a nonce of 129 octets": ((3, 0, 0, 1, 0), to(der.octet_string(bytes(129)))),
    "a critical nonce": ((3, 0, 0, 0), lambda e: e.raw + der.boolean(True)),
    "another extension": ((3, 0, 0, 0), to(der.oid("1.2.3.4"))),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_wrong_answer_reaches_the_key(name: str) -> None:
    known = signer_of()
    signer = OcspSigner(known.certificate, key := Counting(known.key))
    path, change = ANSWERS[name]
    with pytest.raises(LintFailed) as raised:
        signer.sign(edited(next(answers()), path, change))
    assert all(finding.startswith("RFC") for finding in raised.value.findings)
    assert key.used == 0


def test_the_answers_they_were_made_of() -> None:
    assert [bool(signer_of().sign(answer)) for answer in answers()] == [True] * 4


def test_an_answer_of_another_ca_is_not_signed() -> None:
    other = make_pki("p-256").issuer.ocsp
    assert other is not None
    with pytest.raises(LintFailed, match="responder"):
        other.sign(next(answers()))
