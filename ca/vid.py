"""The identity inside a certificate: real name, and a hash only its holder can explain (VID).

The VID is a double hash over a number and a random R that stays with the private key. It proves the number to
who is shown R and tells nobody else anything. The number is the bank's own customer number, never a resident
registration number. Formats: NPKI, `kisa-identifyData`.
"""

import hashlib
import re
from dataclasses import dataclass

from ca import der
from ca.errors import BadRequest

IDENTIFY_DATA = "1.2.410.200004.10.1.1"
VID = "1.2.410.200004.10.1.1.1"
RANDOM = "1.2.410.200004.10.1.1.3"
RANDOM_OCTETS = 20
_SHA256 = "2.16.840.1.101.3.4.2.1"
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?-]{1,64}")  # X.680 §41.4


def hash_content(idn: str, r: bytes) -> bytes:
    """`HashContent ::= SEQUENCE { PrintableString idn, BIT STRING r }`, `r` of exactly 20 octets."""
    if not _PRINTABLE.fullmatch(idn):
        raise BadRequest("the identity number is not a PrintableString of 1 to 64 characters")
    if len(r) != RANDOM_OCTETS:
        raise BadRequest(f"R must be {RANDOM_OCTETS} octets, not {len(r)}")
    return der.sequence(der.printable_string(idn), der.bit_string(r))


def vid(idn: str, r: bytes) -> bytes:
    """32 octets: SHA-256 twice over the DER of HashContent."""
    return hashlib.sha256(hashlib.sha256(hash_content(idn, r)).digest()).digest()


def identify_data(real_name: str, value: bytes) -> bytes:
    """DER `IdentifyData`, the value of the otherName `IDENTIFY_DATA` in subjectAltName."""
    algorithm = der.sequence(der.oid(_SHA256))
    user = der.sequence(der.oid(VID), der.sequence(algorithm, der.explicit(0, der.octet_string(value))))
    return der.sequence(der.utf8_string(real_name), der.sequence(user))


@dataclass(frozen=True, slots=True)
class Identity:
    real_name: str
    vid: bytes | None


def read_identify_data(data: bytes) -> Identity:
    """Real name and VID of an IdentifyData; a VID by another hash than SHA-256 is left out. Raises `der.DerError`."""
    try:
        return _read(data)
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise der.DerError("not an IdentifyData") from error


def _read(data: bytes) -> Identity:
    name, *rest = der.read(data).expect(der.SEQUENCE).children()
    value = None
    for user in rest[0].children() if rest else ():
        kind, content = user.children()
        if kind.raw == der.oid(VID):
            algorithm, tagged = content.children()
            if algorithm.children()[0].raw == der.oid(_SHA256):
                value = tagged.children()[0].expect(der.OCTET_STRING).content
    return Identity(name.expect(der.UTF8_STRING).content.decode(), value)
