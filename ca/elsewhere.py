"""What a file from elsewhere is: certificates (DER, PEM, PKCS #7, bare base64), a private key, or neither.

Everything here was written by strangers. Structures are read by hand, no deeper than what is shown, so that a name no
library would take is still a name and the work is bounded by the size of the file; nothing is decompressed. What is
read is claimed and not verified: `ca.paths` asks for proof.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ca import der, institutions, vid
from ca.errors import CaError
from ca.institutions import Known

MOST_OCTETS: Final = 128 * 1024
MOST_CERTIFICATES: Final = 32
LONGEST_NAME: Final = 64
PUBLIC: Final = (".der", ".cer", ".crt", ".pem", ".p7b", ".p7c")
PRIVATE: Final = (".p12", ".pfx", ".key", ".p8", ".pk8", ".jks", ".keystore", ".bks", ".ppk")

_COMMON_NAME, _ORGANIZATION = "2.5.4.3", "2.5.4.10"
_SAN, _BASIC, _POLICIES = "2.5.29.17", "2.5.29.19", "2.5.29.32"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_OPEN_LEVELS: Final = 6
_OPEN_PARTS: Final = 100
_KEY_STORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce", b"PuTTY-User-Key-File")
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*+)-----END")  # no "-" in base64: linear
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\s]{64,}")
_ENCODINGS: Final[Mapping[int, str]] = {
    der.UTF8_STRING: "utf-8", der.PRINTABLE_STRING: "ascii", 0x12: "ascii", 0x14: "cp949", 0x16: "ascii",
    0x1C: "utf-32-be", der.BMP_STRING: "utf-16-be",
}  # fmt: skip
"""By tag; TeletexString held cp949 in old Korean certificates. X.680 §41."""


class NotACertificate(CaError):
    """`code` is `private_key`, `too_large`, `archive`, `none`, `too_many`, `broken` or `authority`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself; nothing of it is verified. Names are cleaned of what cannot be shown."""

    der: bytes = field(repr=False)
    serial: int
    holder: str = field(repr=False)
    """Whose it is, as a person would say it: without the bank's numbers after the name."""
    issuer: str
    """The issuer's organisation, or its common name."""
    issuer_name: bytes = field(repr=False)
    """DER Name, as are `subject_name` and the next certificate's."""
    subject_name: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    policies: tuple[str, ...] = ()
    is_authority: bool = False

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def known(self) -> Known | None:
        return institutions.known(self.policies)


def is_private(name: str, content: bytes = b"") -> bool:
    """Whether there is, or may be, a private key in a file: by its name alone, or by what is in it."""
    if name.lower().endswith(PRIVATE):  # NPKI: signPri.key and kmPri.key
        return True
    content = _plain_text(content[:MOST_OCTETS])
    if b"PRIVATE KEY" in content or content.startswith(_KEY_STORES):
        return True
    # An archive is not opened, but it names what is in it.
    if content[:2] == b"PK" and any(ending.encode() in content.lower() for ending in PRIVATE[:4]):
        return True
    return any(_is_key(octets) for _, octets in _pieces(content))


def is_public(name: str, size: int | None) -> bool:
    """Whether a file is worth fetching."""
    return name.lower().endswith(PUBLIC) and size is not None and 0 < size <= MOST_OCTETS


def read(content: bytes, name: str = "", *, authorities: bool = False) -> tuple[Certificate, ...]:
    """All certificates of a file, the holder's own first. Raises `NotACertificate`.

    With `authorities` a file of nothing but CAs is fine: a trust store is made of such.
    """
    if is_private(name, content):
        raise NotACertificate("private_key")
    if len(content) > MOST_OCTETS:
        raise NotACertificate("too_large")
    content = _plain_text(content)
    if content[:2] in (b"PK", b"\x1f\x8b", b"Ra", b"7z"):
        raise NotACertificate("archive")
    found: dict[bytes, Certificate] = {}
    for raw in _certificates(content):
        if raw not in found:
            if len(found) == MOST_CERTIFICATES:
                raise NotACertificate("too_many")
            found[raw] = parse(raw)
    if not found:
        raise NotACertificate("none")
    leaves = [one for one in found.values() if not one.is_authority or authorities]
    if not leaves:
        raise NotACertificate("authority")
    return (leaves[0], *(one for one in found.values() if one is not leaves[0]))


def parse(raw: bytes) -> Certificate:
    """One DER certificate. Raises `NotACertificate` (`broken`)."""
    try:
        return _parse(der.read(raw, trailing=True))
    except (ValueError, IndexError) as error:  # a DerError is a ValueError
        raise NotACertificate("broken") from error


# -- what is in the file ----------------------------------------------------------------------------------------------


def _plain_text(content: bytes) -> bytes:
    """Text that an editor saved as UTF-16 as the plain characters it stands for."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    return content


def _pieces(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(label, octets) of what a file holds: its PEM blocks, its bare base64, or itself."""
    blocks = _PEM.findall(content)
    if not blocks and _BASE64.fullmatch(content.removeprefix(b"\xef\xbb\xbf")):
        blocks = [(b"", content)]
    if not blocks:
        yield b"", content
    for label, text in blocks:
        try:
            octets = base64.b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", text))
        except binascii.Error:
            continue
        yield label, octets


def _certificates(content: bytes) -> Iterator[bytes]:
    for label, octets in _pieces(content):
        if label in (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST", b"PUBLIC KEY", b"X509 CRL"):
            continue
        try:
            # Windows and Java write PKCS #7 with lengths left open.
            closed = _definite(octets, 0, _OPEN_LEVELS)[0] if octets[1:2] == b"\x80" else octets
            whole = der.read(closed, trailing=True).expect(der.SEQUENCE)
            first = der.read(whole.content, trailing=True)
            if first.tag == der.OID and der.read_oid(first) == _SIGNED_DATA:
                yield from _in_signed_data(whole)
            elif first.tag == der.SEQUENCE:
                yield whole.raw
        except (der.DerError, IndexError) as error:
            if label or octets[:1] == b"\x30":
                raise NotACertificate("broken") from error


def _definite(data: bytes, at: int, levels: int) -> tuple[bytes, int]:
    """The element at `at` with the open lengths (X.690 §8.1.3.6) of its outer levels closed, and where it ends."""
    if data[at + 1] != 0x80:
        raw = der.read(data[at:], trailing=True).raw
        return raw, at + len(raw)
    parts: list[bytes] = []
    inside = at + 2
    while data[inside : inside + 2] != b"\0\0":
        if levels == 0 or len(parts) > _OPEN_PARTS:
            raise der.DerError("nested too deep, or never closed")
        part, inside = _definite(data, inside, levels - 1)
        parts.append(part)
    return der.tlv(data[at], *parts), inside + 2


def _in_signed_data(whole: der.Element) -> Iterator[bytes]:
    """ContentInfo { OID, [0] SignedData { version, digests, content, [0] certificates … } }. RFC 5652 §5.1"""
    wrapped = whole.children()[1].expect(0xA0)
    for part in wrapped.children()[0].expect(der.SEQUENCE).children():
        if part.tag == 0xA0:
            yield from (one.raw for one in part.children() if one.tag == der.SEQUENCE)


def _is_key(octets: bytes) -> bool:
    """A PKCS #1, #8 (sealed or not), SEC 1 or #12 structure, from its first octets; cut short ones as well."""
    if octets[:1] != b"\x30" or len(octets) < 8:
        return False
    length = octets[1]
    inside = octets[2 + (length & 0x7F if length > 0x80 else 0) :]
    if inside[:2] == b"\x02\x01":  # a version: no public structure of ours begins with one
        return True
    try:
        parts = der.read(octets, trailing=True).children()
        # EncryptedPrivateKeyInfo { { OID, … }, OCTET STRING }. RFC 5958 §3
        sealed = [part.tag for part in parts] == [der.SEQUENCE, der.OCTET_STRING]
        return sealed and parts[0].content[:1] == bytes((der.OID,))
    except der.DerError:
        return False


# -- what a certificate says ------------------------------------------------------------------------------------------


def _parse(whole: der.Element) -> Certificate:
    body, _, _ = whole.expect(der.SEQUENCE).children()
    fields = body.expect(der.SEQUENCE).children()
    if fields[0].tag == 0xA0:  # [0] version
        fields = fields[1:]
    serial, _, issuer, validity, subject, _ = fields[:6]
    not_before, not_after = map(der.read_time, validity.expect(der.SEQUENCE).children())
    extensions = dict(_extensions(next((one for one in fields[6:] if one.tag == 0xA3), None)))
    issued_by = _name(issuer)
    return Certificate(
        der=whole.raw,
        serial=serial.integer(),
        holder=_holder(_name(subject), extensions.get(_SAN)),
        issuer=issued_by.get(_ORGANIZATION) or issued_by.get(_COMMON_NAME, ""),
        issuer_name=issuer.raw,
        subject_name=subject.raw,
        not_before=not_before,
        not_after=not_after,
        policies=tuple(_policies(extensions.get(_POLICIES))),
        is_authority=_is_authority(extensions.get(_BASIC)),
    )


def _extensions(tagged: der.Element | None) -> Iterator[tuple[str, bytes]]:
    """Extension ::= SEQUENCE { OID, BOOLEAN DEFAULT FALSE, OCTET STRING }. RFC 5280 §4.1.2.9"""
    for extension in tagged.children()[0].children() if tagged else ():
        parts = extension.children()
        yield der.read_oid(parts[0]), parts[-1].expect(der.OCTET_STRING).content


def _policies(value: bytes | None) -> Iterator[str]:
    for information in der.read(value).children()[:MOST_CERTIFICATES] if value else ():
        yield der.read_oid(information.children()[0])


def _is_authority(value: bytes | None) -> bool:
    first = der.read(value).children()[:1] if value else []
    return bool(first) and first[0].tag == der.BOOLEAN and first[0].content == b"\xff"


def _name(name: der.Element) -> dict[str, str]:
    """The first value of each attribute type, with what cannot be shown (NUL, controls) left out."""
    found: dict[str, str] = {}
    for relative in name.expect(der.SEQUENCE).children():
        for attribute in relative.expect(der.SET).children():
            kind, value = attribute.children()
            found.setdefault(
                der.read_oid(kind), shown(value.content.decode(_ENCODINGS.get(value.tag, "utf-8"), "replace"))
            )
    return found


def shown(text: str) -> str:
    """At most `LONGEST_NAME` characters that can be seen, in one line."""
    seen = "".join(c if c.isprintable() and c != "\ufffd" else " " for c in text[: 4 * LONGEST_NAME])
    return " ".join(seen.split())[:LONGEST_NAME]


def _holder(subject: Mapping[str, str], alternative: bytes | None) -> str:
    if (real := _real_name(alternative)) is not None:
        return real
    common = subject.get(_COMMON_NAME) or subject.get(_ORGANIZATION, "")
    # NPKI writes the name and the bank's number into one: "홍길동()0004…", "홍길동(HONG)0004…".
    return re.sub(r"\([^()]*\)\d{4}\w*$", "", common) or common


def _real_name(alternative: bytes | None) -> str | None:
    """realName of the VID's IdentifyData, where it can be read."""
    try:
        for name in der.read(alternative).children() if alternative else ():
            if name.tag == 0xA0:  # otherName { OID, [0] value }
                kind, value = name.children()
                if der.read_oid(kind) == vid.IDENTIFY_DATA:
                    return shown(vid.read_identify_data(value.content).real_name) or None
    except (ValueError, IndexError):
        pass
    return None
