"""Certificate revocation lists, RFC 5280 §5: full, v2, and linear.

An entry is encoded once, to some fifty octets, and a list is those octets joined: the library's builder needs half
a minute for what a join does in a fraction of a second.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509

from ca import der, signing
from ca.issuer import Issuer
from ca.ports import RevokedEntry, Serial

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


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return der.sequence(der.oid(oid), der.boolean(True) if critical else b"", der.octet_string(value))


def _entry_extensions(code: int) -> bytes:
    # RFC 5280 §5.3.1: unspecified is said by saying nothing.
    if code == 0:
        return b""
    return der.sequence(_extension("2.5.29.21", der.enumerated(code)))


_EXTENSIONS = {name: _entry_extensions(code) for name, code in REASONS.items()}


def entry(revoked: RevokedEntry) -> bytes:
    """One DER element of `revokedCertificates`."""
    return der.sequence(der.integer(revoked.serial), der.time(revoked.revoked_at), _EXTENSIONS[revoked.reason])


def serial_in(encoded: bytes) -> Serial:
    """The serial number of an entry that `entry` made."""
    return Serial(der.read(encoded).children()[0].integer())


def entries_of(listed: x509.CertificateRevocationList) -> list[RevokedEntry]:
    """What a list of ours says, as `entry` was given it."""
    found = []
    for one in listed:
        reason = "unspecified"
        for extension in one.extensions:
            if isinstance(extension.value, x509.CRLReason):
                reason = extension.value.reason.value
        found.append(RevokedEntry(Serial(one.serial_number), one.revocation_date_utc, reason))
    return found


def sign(
    issuer: Issuer,
    entries: Sequence[bytes],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    distribution_point: str | None = None,
) -> bytes:
    """A DER CertificateList over `entries` as `entry` makes them (or many of them joined), each serial once.

    `distribution_point` is the address of a list that holds a part only; a full list has none.
    """
    if not this_update < next_update:
        raise ValueError("nextUpdate is not after thisUpdate")
    extensions = der.sequence(
        _extension("2.5.29.35", der.sequence(der.implicit(0, issuer.key_identifier))),
        _extension("2.5.29.20", der.integer(number)),
        b"" if distribution_point is None else _part(distribution_point),
    )
    tbs = der.sequence(
        der.integer(1),  # v2
        signing.algorithm(issuer.public_key),
        issuer.subject_der,
        der.time(this_update),
        der.time(next_update),
        der.sequence(*entries) if any(entries) else b"",  # RFC 5280 §5.1.2.6: absent, not empty
        der.explicit(0, extensions),
    )
    return issuer.sign(tbs)


def _part(url: str) -> bytes:
    """issuingDistributionPoint, RFC 5280 §5.2.5: critical, with the very name that the certificates in it have."""
    name = der.explicit(0, der.explicit(0, der.implicit(6, url.encode("ascii"))))
    # onlyContainsUserCerts: an issuing CA here has no CAs below it. All other flags are FALSE, the default.
    return _extension("2.5.29.28", der.sequence(name, der.implicit(1, b"\xff")), critical=True)
