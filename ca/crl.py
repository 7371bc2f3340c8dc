"""Certificate revocation lists, RFC 5280 §5: full, v2, and linear.

An entry is encoded once, to some fifty octets, and a list is those octets joined: the library's builder needs half
a minute for what a join does in a fraction of a second.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ca import der, signing
from ca.issuer import Issuer
from ca.ports import RevokedEntry

REASONS: Final = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
"""RFC 5280 §5.3.1, without removeFromCRL, which belongs to delta CRLs."""


def _entry_extensions(code: int) -> bytes:
    # RFC 5280 §5.3.1: unspecified is said by saying nothing.
    if code == 0:
        return b""
    return der.sequence(der.sequence(der.oid("2.5.29.21"), der.octet_string(der.enumerated(code))))


_EXTENSIONS = {name: _entry_extensions(code) for name, code in REASONS.items()}


def entry(revoked: RevokedEntry) -> bytes:
    """One DER element of `revokedCertificates`."""
    return der.sequence(der.integer(revoked.serial), der.time(revoked.revoked_at), _EXTENSIONS[revoked.reason])


def sign(
    issuer: Issuer, entries: Iterable[bytes], *, number: int, this_update: datetime, next_update: datetime
) -> bytes:
    """A DER CertificateList over `entries` as `entry` makes them, each serial once."""
    if not this_update < next_update:
        raise ValueError("nextUpdate is not after thisUpdate")
    joined = b"".join(entries)
    extensions = der.sequence(
        der.sequence(der.oid("2.5.29.35"), der.octet_string(der.sequence(der.implicit(0, issuer.key_identifier)))),
        der.sequence(der.oid("2.5.29.20"), der.octet_string(der.integer(number))),
    )
    tbs = der.sequence(
        der.integer(1),  # v2
        signing.algorithm(issuer.public_key),
        issuer.subject_der,
        der.time(this_update),
        der.time(next_update),
        der.tlv(der.SEQUENCE, joined) if joined else b"",  # RFC 5280 §5.1.2.6: absent, not empty
        der.explicit(0, extensions),
    )
    return issuer.sign(tbs)
