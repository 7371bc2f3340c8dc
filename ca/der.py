"""DER by hand: a writer for the structures no library builds, and a strict reader for the ones we must open.

The writer is a set of pure functions that return encoded bytes, so a structure reads like its ASN.1 and a
million CRL entries are one `b"".join`. Everything the library can build is still built by the library.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
UTF8_STRING, PRINTABLE_STRING, BMP_STRING, SEQUENCE, SET = 0x0C, 0x13, 0x1E, 0x30, 0x31


class DerError(ValueError):
    """Bytes that are not the DER they should be."""


def tlv(tag: int, *content: bytes) -> bytes:
    """One element. X.690 §8.1, §10.1: definite, shortest length."""
    size = 0
    for part in content:  # a certificate is sixty of these: the plain loop is twice as fast as `sum(map(…))`
        size += len(part)
    if size < 0x80:
        return b"".join((bytes((tag, size)), *content))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    # Header and all parts are joined once: a list of revoked certificates is tens of megabytes.
    return b"".join((bytes((tag, 0x80 | len(octets))), octets, *content))


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """X.690 §11.6: the elements of a SET OF are sorted by their encoding."""
    return tlv(SET, *sorted(parts))


def explicit(number: int, *parts: bytes) -> bytes:
    """Context tag [number], constructed: EXPLICIT of one element, or IMPLICIT over a SEQUENCE or SET."""
    return tlv(0xA0 | number, *parts)


def implicit(number: int, content: bytes) -> bytes:
    """Context tag [number], primitive: IMPLICIT over a string type."""
    return tlv(0x80 | number, content)


def boolean(value: bool) -> bytes:
    """X.690 §11.1: TRUE is all ones."""
    return tlv(BOOLEAN, b"\xff" if value else b"\0")


def integer(value: int) -> bytes:
    """X.690 §8.3: two's complement in as few octets as possible; only what a CA counts: not negative."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def enumerated(value: int) -> bytes:
    return tlv(0x0A, bytes((value,)))


def octet_string(value: bytes) -> bytes:
    return tlv(OCTET_STRING, value)


def bit_string(value: bytes) -> bytes:
    """Whole octets, no unused bits."""
    return tlv(BIT_STRING, b"\0", value)


def null() -> bytes:
    return b"\x05\x00"


def utf8_string(value: str) -> bytes:
    return tlv(UTF8_STRING, value.encode())


def printable_string(value: str) -> bytes:
    return tlv(PRINTABLE_STRING, value.encode("ascii"))


def ia5_string(value: str) -> bytes:
    return tlv(0x16, value.encode("ascii"))


def bmp_string(value: str) -> bytes:
    return tlv(BMP_STRING, value.encode("utf-16-be"))


def generalized_time(at: datetime) -> bytes:
    return tlv(GENERALIZED_TIME, _digits(at))


def _digits(at: datetime) -> bytes:
    at = at.astimezone(UTC)
    return b"%04d%02d%02d%02d%02d%02dZ" % (at.year, at.month, at.day, at.hour, at.minute, at.second)


def time(at: datetime) -> bytes:
    """Time ::= UTCTime to 2049, GeneralizedTime from 2050. RFC 5280 §4.1.2.5"""
    text = _digits(at)
    return tlv(UTC_TIME, text[2:]) if text < b"2050" else tlv(GENERALIZED_TIME, text)


@cache
def oid(dotted: str) -> bytes:
    first, second, *arcs = map(int, dotted.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *arcs):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return tlv(OID, bytes(out))


class Element(NamedTuple):
    """One element as read: its tag octet, its content and the whole encoding. A tuple: made by the dozen in a lint."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> list["Element"]:
        """The elements inside a constructed one."""
        content, at, found = self.content, 0, []
        while at < len(content):
            tag, start, stop = _header(content, at, len(content))
            found.append(Element(tag, content[start:stop], content[at:stop]))
            at = stop
        return found

    def expect(self, tag: int) -> "Element":
        if self.tag != tag:
            raise DerError(f"tag {tag:#04x} expected, {self.tag:#04x} found")
        return self

    def integer(self) -> int:
        return int.from_bytes(self.expect(INTEGER).content, "big", signed=True)


def read_time(element: Element) -> datetime:
    """The instant of a UTCTime or GeneralizedTime in the one form of RFC 5280 §4.1.2.5: to the second, in Z."""
    if element.tag not in (UTC_TIME, GENERALIZED_TIME):
        raise DerError(f"no time: tag {element.tag:#04x}")
    digits = bytes(element.content).decode("ascii", "replace")
    if element.tag == UTC_TIME:
        digits = ("20" if digits < "50" else "19") + digits  # §4.1.2.5.1
    if not re.fullmatch(r"[0-9]{14}Z", digits):
        raise DerError("a time not to the second in Z")
    # By slices, a tenth of what strptime takes: every OCSP answer is read back three times.
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
    try:
        return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise DerError("no such time") from error


def require_strict(data: bytes, *, depth: int = 16) -> None:
    """That `data` is one element of DER all the way down. Raises `DerError`.

    X.690 §10.1 lengths definite and shortest, §8.3.2 integers shortest, §11.1 booleans, §10.2 strings in one piece,
    §11.6 SET OF sorted (every SET that is signed here is one); nested no deeper than `depth`.
    """
    _require_strict(data, 0, len(read(data).raw), depth)


def _require_strict(data: bytes, at: int, end: int, depth: int) -> int:
    """The same of all the elements from `at` to `end`, and how many: by index, as every certificate comes by."""
    if depth == 0:
        raise DerError("nested too deep")
    count = 0
    while at < end:
        tag, start, stop = _header(data, at, end)
        if tag & 0x20:
            if tag & 0xC0 == 0 and tag not in (SEQUENCE, SET):
                raise DerError("a string in pieces")
            several = _require_strict(data, start, stop, depth - 1) > 1
            if tag == SET and several:
                inside = [one.raw for one in read(data[at:stop]).children()]
                if inside != sorted(inside):
                    raise DerError("a SET OF that is not sorted")
        elif tag in (SEQUENCE, SET):
            raise DerError("a structure that claims to be a value")
        elif tag == INTEGER:
            # The first nine bits must not all be the same.
            if start == stop or (stop - start > 1 and (data[start] << 8 | data[start + 1]) >> 7 in (0, 0x1FF)):
                raise DerError("an integer not in its shortest form")
        elif tag == BOOLEAN:
            if data[start:stop] not in (b"\0", b"\xff"):
                raise DerError("a boolean that is neither")
        elif tag == NULL and start != stop:
            raise DerError("a NULL with content")
        at, count = stop, count + 1
    return count


def read_oid(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER."""
    arcs, arc = [], 0
    for octet in element.expect(OID).content:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs:
        raise DerError("an empty object identifier")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def read(data: bytes, *, trailing: bool = False) -> Element:
    """The first element of `data`; bytes after it only where `trailing` allows them. Raises `DerError`."""
    if not data:
        raise DerError("no data")
    tag, start, stop = _header(data, 0, len(data))
    if not trailing and stop != len(data):
        raise DerError("bytes after the structure")
    return Element(tag, data[start:stop], data[:stop])


def _header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag of the element at `at`, where its content begins, and where it ends; within `end`."""
    if end - at < 2 or data[at] & 0x1F == 0x1F:
        raise DerError("truncated, or a tag we never use")
    tag, size, at = data[at], data[at + 1], at + 2
    if size >= 0x80:
        octets = data[at : at + (size & 0x7F)]
        size, at = int.from_bytes(octets, "big"), at + len(octets)
        if not octets or octets[0] == 0 or size < 0x80:
            raise DerError("length not in its shortest form")
    if at + size > end:
        raise DerError("truncated")
    return tag, at, at + size
