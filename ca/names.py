"""Subject names: what may enter one, how the common name is built, which folder it becomes.

A name comes from the bank's record and enters whole or not at all: a certificate with half a name says something
that nobody verified. Only the English name in parentheses may be left out, and only when the whole would not fit.
"""

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ca import der
from ca.errors import BadName
from ca.ports import Serial

COMMON_NAME_CHARACTERS = 64
"""X.520 ub-common-name counts characters (RFC 5280 Appendix A.1), so 64 Hangul syllables are as good as 64 letters."""

COUNTRY, ORGANIZATION, UNIT, COMMON_NAME = "2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.3"

_SHORT = {COUNTRY: "C", ORGANIZATION: "O", UNIT: "OU", COMMON_NAME: "CN"}
_ESCAPED = re.compile(r'[\x00-\x1f,+"\\<>;=]|^[ #]| $')  # RFC 4514 §2.4
# Latin without what only looks like other letters of it: dotless i, kra, ĳ, ŀ, ŉ (UTS #39 confusables).
_NAME = re.compile(r"[0-9A-Za-zÀ-ÖØ-öø-İĴ-ķĹ-ľŁ-ňŊ-ž가-힣 '.()&-]+")
_ENGLISH = re.compile(r"[A-Za-z][A-Za-z '.-]*")
_CODE = re.compile(r"[0-9]{4}")
_SUFFIX_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Placement:
    """The part of a subject that is the same for everybody: C, O, the unit of the use, the unit of the bank."""

    country: str
    organization: str
    unit: str
    bank_unit: str
    bank_code: str
    """Four digits, as in the common name."""


def checked(name: str) -> str:
    """`name` in NFC. Raises `BadName` unless it is Hangul syllables, Latin letters, digits, blanks and `' - . ( ) &`.

    Control, direction and format characters, combining marks, look-alikes of other scripts and the separators of a
    DN or of a folder path are all outside the list, so nothing needs to be escaped anywhere.
    """
    name = unicodedata.normalize("NFC", name)
    if not name or name != name.strip() or "  " in name:
        raise BadName("empty, or with blanks at an end or twice in a row")
    if not _NAME.fullmatch(name):
        raise BadName("a character that may not enter a certificate")
    if not any(c.isalnum() for c in name):
        raise BadName("no letter and no digit")
    return name


def common_name(name: str, english_name: str | None, bank_code: str, serial: Serial) -> str:
    """`이름(ENGLISH)` + bank code + `04` + 12 characters that tell nothing and are each certificate's own.

    At most 64 characters. Where they do not suffice the English name is left out (`이름()`, as the other banks
    write it); a name that does not fit even so is refused. 44 characters always fit.
    """
    name = checked(name)
    if not _CODE.fullmatch(bank_code):
        raise BadName("the bank code is not four digits")
    suffix = f"{bank_code}04{_unique(serial)}"
    english = (english_name or "").strip()
    # Before it is capitals: ſ, ı and ﬁ become letters of ASCII there, and the name another one.
    if english and not _ENGLISH.fullmatch(english):
        raise BadName("the English name has a character that may not enter a certificate")
    for inside in (english.upper(), ""):
        whole = f"{name}({inside}){suffix}"
        if len(whole) <= COMMON_NAME_CHARACTERS:
            return whole
    raise BadName(f"{len(name)} characters; {COMMON_NAME_CHARACTERS - len(suffix) - 2} fit")


def _unique(serial: Serial) -> str:
    """60 bits derived from the serial number, as letters and digits: unique as it is, and nothing personal."""
    digest = hashlib.sha256(b"common name" + serial.to_bytes(20, "big")).digest()
    return base64.b32hexencode(digest[:10]).decode()[:_SUFFIX_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Subject:
    """Attributes in the order of the certificate, as (OID, value).

    Not the library's `Name`, which counts 64 octets where X.520 counts 64 characters, and warns at every Hangul
    common name of more than 21 syllables.
    """

    attributes: tuple[tuple[str, str], ...]

    def der(self) -> bytes:
        """DER RDNSequence: countryName a PrintableString (RFC 5280 Appendix A.1), the rest UTF8String."""
        return der.sequence(*(_rdn(oid, value) for oid, value in self.attributes))

    def __str__(self) -> str:
        """RFC 4514 text, last attribute first."""
        return ",".join(
            f"{_SHORT.get(oid, oid)}={re.sub(_ESCAPED, _escape, value)}" for oid, value in reversed(self.attributes)
        )


@lru_cache(maxsize=64)  # four of five are the same for everybody
def _rdn(oid: str, value: str) -> bytes:
    text = der.printable_string(value) if oid == COUNTRY else der.utf8_string(value)
    return der.set_of(der.sequence(der.oid(oid), text))


def subject(placement: Placement, common: str) -> Subject:
    """C, O, OU (use), OU (bank), CN in this order."""
    return Subject(
        (
            (COUNTRY, placement.country),
            (ORGANIZATION, placement.organization),
            (UNIT, placement.unit),
            (UNIT, placement.bank_unit),
            (COMMON_NAME, common),
        )
    )


def read_subject(encoded: der.Element) -> Subject:
    """The subject (or issuer) as it stands in a certificate. Raises `der.DerError`."""
    return Subject(tuple((kind, text) for kind, _, text in read_attributes(encoded)))


def read_attributes(encoded: der.Element) -> tuple[tuple[str, int, str], ...]:
    """OID, tag of the value and its text, of each attribute of a DER Name. Raises `der.DerError`."""
    rdns = encoded.expect(der.SEQUENCE).children()
    return tuple(attribute for rdn in rdns for attribute in _read_rdn(rdn.raw))


@lru_cache(maxsize=64)
def _read_rdn(encoded: bytes) -> tuple[tuple[str, int, str], ...]:
    attributes = []
    for attribute in der.read(encoded).expect(der.SET).children():
        kind, value = attribute.children()
        codec = "utf-16-be" if value.tag == der.BMP_STRING else "utf-8"
        attributes.append((der.read_oid(kind), value.tag, value.content.decode(codec, "replace")))
    return tuple(attributes)


def folder_name(text: str) -> str:
    """`cn=…,ou=…,ou=…,o=…,c=kr`, the folder under `NPKI/<CA>/USER`, of a subject's RFC 4514 text (`Plan.subject`).

    Country in lower case whatever the certificate says: that is the folder every reader knows.
    """
    if re.search(r'[\x00-\x1f/\\:*?"<>|]', text):
        raise BadName("a name that cannot be a folder on every system")
    parts = [part.partition("=") for part in text.split(",")]
    return ",".join(f"{kind.lower()}={value.lower() if kind == 'C' else value}" for kind, _, value in parts)


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0] if found[0].isprintable() else "".join(f"\\{octet:02x}" for octet in found[0].encode())
