"""What the registration authority needs from outside: a store that remembers, and keys that sign.

The store's transactions are the order of effects of issuing (see `docs/architecture.md`): `plan` is durable
before the real key signs, `complete` is one commit of certificate, status, notices and audit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

Serial = NewType("Serial", int)
SubscriberId = NewType("SubscriberId", str)
"""Opaque number of the subscriber at the registration authority (a bank's customer number)."""


class Status(StrEnum):
    """Where a serial number stands. A planned or failed one is never answered as good."""

    PLANNED = "planned"
    VALID = "valid"
    HELD = "held"
    REVOKED = "revoked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be signed, stored before it is signed. `tbs` is the DER TBSCertificate."""

    serial: Serial
    request_id: str
    request_digest: bytes
    """SHA-256 over what was asked; the same `request_id` with another digest is a conflict."""
    issuer: str
    """Name of the issuing CA, a key of the authority's CAs."""
    subscriber: SubscriberId
    profile: str
    subject: str
    """RFC 4514 text of the subject."""
    not_before: datetime
    not_after: datetime
    public_key_sha256: bytes
    tbs: bytes
    planned_at: datetime
    evidence: Mapping[str, str] = field(default_factory=dict)
    """What was proven and how, for the audit; no secrets."""
    replaces: Serial | None = None
    """The certificate in place that this one is to succeed. Both stand side by side until `settle`."""
    seal: bytes = field(default=b"", repr=False)
    """32 octets by which the authority knows its own plan again in another life: see `ca.intention.seal`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One serial number as the store knows it. `der` is None until it was signed."""

    plan: Plan
    status: Status
    der: bytes | None = None
    issued_at: datetime | None = None
    revoked_at: datetime | None = None
    reason: str | None = None
    """RFC 5280 §5.3.1 name, e.g. `keyCompromise`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a relying party may be told about a serial number that is known."""

    issuer: str
    status: Status
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RevokedEntry:
    serial: Serial
    revoked_at: datetime
    reason: str


Withdrawn = Callable[[], Mapping[str, RevokedEntry]]
"""The issuing CAs that the root's list in force revokes, by name: asked before each signature, so it is quick."""


class CertificateStore(Protocol):
    """Durable memory of the CA. Every method is one transaction; times are aware UTC."""

    async def plan(self, plan: Plan) -> Record:
        """Store an intention. A known `request_id` returns its record (whatever its status).

        Raises `ca.errors.RequestConflict` (same id, other digest), `ca.errors.ActiveCertificateExists`
        (one active or planned certificate per subscriber and profile, one successor for each), `ca.errors.KeyReused`,
        `ca.errors.NotFound` (`replaces` names no certificate in place of this subscriber and profile).
        """

    async def complete(self, serial: Serial, der: bytes, at: datetime) -> Record:
        """Planned becomes valid, with notices, reminders and audit in the same commit. Idempotent."""

    async def fail(self, serial: Serial, at: datetime, why: str) -> None:
        """A planned serial that will not be finished: listed as revoked for ever, never reused. Idempotent."""

    async def unfinished(self) -> Sequence[Record]: ...

    async def by_serial(self, serial: Serial) -> Record | None: ...

    async def by_request(self, request_id: str) -> Record | None: ...

    async def active(self, subscriber: SubscriberId) -> Sequence[Record]:
        """Valid or held certificates not past their end, newest first."""

    async def settle(self, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        """The successor takes its place and what it replaces is revoked, in one commit. Idempotent.

        One that has passed its end, or was revoked meanwhile, stays as it is and only stands aside. Raises `NotFound`,
        `RequestConflict` (replaces nothing, or is not valid itself), `ActiveCertificateExists`.
        """

    async def revoke(self, serial: Serial, at: datetime, reason: str, by: str) -> Record:
        """Valid or held becomes revoked (or held, for `certificateHold`). Revoking again changes nothing."""

    async def release(self, serial: Serial, at: datetime, by: str) -> Record:
        """Held becomes valid again."""

    async def below(self, issuer: str, now: datetime, after: Serial) -> Sequence[Serial]:
        """The next of what this issuing CA has issued that is valid or held and not past its end, by serial number."""

    async def lapsed(self, held_before: datetime) -> Sequence[Serial]:
        """On hold since before then, and not past their end."""
