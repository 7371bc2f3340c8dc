"""The authority's own certificates, each with what it is to be; and their place in the audit trail.

The ceremony comes before the database, signers renew themselves, and anything may die in between: so whoever opens the
folder, or has changed something in it, writes down what the trail does not have yet.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bot.storage.audit import AuditTrail
from bot.storage.certificate_rows import hex_of
from bot.storage.database import Tx
from bot.storage.instants import text_of
from bot.vault.folder import Folder
from ca.issuer import public_key
from ca.lint_ca import Kind, Wanted
from ca.ports import RevokedEntry, Serial
from ca.profiles import Places

RECORDED: Final = "ca_certificate"
REVOKED: Final = "ca_revoked"
"""The acts of the rows; their subject is the serial number."""


@dataclass(frozen=True, slots=True)
class Member:
    """`name` is the one of its file, without the ending."""

    name: str
    certificate: x509.Certificate
    wanted: Wanted
    revoked: RevokedEntry | None = None
    """What the root's list says of it."""

    @property
    def serial(self) -> str:
        return hex_of(Serial(self.certificate.serial_number))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def members(files: Folder, places: Places) -> Iterator[Member]:
    """Root, issuing CAs and the signers in force, as the folder has them. Raises `ca.errors.CaError`."""
    withdrawn = files.withdrawn()
    root = files.root()
    yield Member("root", root, Wanted(Kind.ROOT, public_key(root)))
    for name in files.running():
        certificate = files.certificate(name)
        key, (kind, _, issuer) = public_key(certificate), name.rpartition("issuing-")
        above = files.certificate(f"issuing-{issuer}") if kind else root
        match kind:
            case "ocsp-":
                wanted = Wanted(Kind.OCSP, key, above)
            case "records-":
                wanted = Wanted(Kind.RECORDS, key, above)
            case _:
                wanted = Wanted(Kind.ISSUING, key, above, places)
        yield Member(name, certificate, wanted, withdrawn.get(name))


def record(tx: Tx, audit: AuditTrail, found: Iterable[Member], at: datetime, by: str) -> None:
    """A row for each that has none (serial number, SHA-256, name), and for each that was revoked. Idempotent."""
    for one in found:
        if not told(tx, one.serial, RECORDED):
            detail = {
                "name": one.name,
                "kind": one.wanted.kind.value,
                "certificate_sha256": sha256(one.der).hexdigest(),
            }
            audit.append(tx, at, by, RECORDED, one.serial, detail)
        if one.revoked and one.revoked.reason not in [row["reason"] for row in told(tx, one.serial, REVOKED)]:
            said = {"name": one.name, "reason": one.revoked.reason, "revoked_at": text_of(one.revoked.revoked_at)}
            audit.append(tx, at, by, REVOKED, one.serial, said)


def told(tx: Tx, serial: str, act: str) -> list[dict[str, str]]:
    """The details of the rows of one of the acts above, oldest first."""
    statement = "SELECT detail FROM audit WHERE subject = :serial AND act = :act ORDER BY seq"
    return [json.loads(detail) for detail in tx.column(statement, serial=serial, act=act)]
