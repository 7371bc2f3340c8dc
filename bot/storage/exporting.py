"""Everything that was ever signed, for whoever checks from outside: by serial, in small reads beside the service."""

import hmac
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, instant_or_none, text_of
from ca.ports import Status

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Exported:
    """One certificate that was signed. `subject_id` is opaque: a keyed hash of the subscriber."""

    serial: str
    der: bytes
    status: Status
    subject_id: str
    profile: str
    issued_at: datetime
    not_after: datetime
    revoked_at: datetime | None
    reason: str | None
    replaces: str | None

    def as_json(self) -> dict[str, str | None]:
        return {
            "serial": self.serial,
            "pem": ssl.DER_cert_to_PEM_cert(self.der),
            **self.summary(),
        }

    def summary(self) -> dict[str, str | None]:
        """Without the certificate itself."""
        return {
            "status": self.status.value,
            "subject_id": self.subject_id,
            "profile": self.profile,
            "issued_at": text_of(self.issued_at),
            "not_after": text_of(self.not_after),
            "revoked_at": None if self.revoked_at is None else text_of(self.revoked_at),
            "reason": self.reason,
            "replaces": self.replaces,
        }


def subject_id(key: bytes, subscriber: str) -> str:
    return hmac.digest(key, subscriber.encode(), "sha256").hex()[:32]


async def export(database: Database, key: bytes, subscriber: str = "") -> AsyncIterator[Exported]:
    """All of them, or those of one subscriber. `key` makes the opaque ids."""
    after = ""
    while page := await database.read(_signed_after, after, subscriber):
        for row in page:
            yield _exported(row, key)
        after = page[-1]["serial"]


def _exported(row: Row, key: bytes) -> Exported:
    return Exported(
        serial=row["serial"],
        der=row["der"],
        status=Status(row["status"]),
        subject_id=subject_id(key, row["subscriber"]),
        profile=row["profile"],
        issued_at=instant(row["issued_at"]),
        not_after=instant(row["not_after"]),
        revoked_at=instant_or_none(row["revoked_at"]),
        reason=row["reason"],
        replaces=row["replaces"],
    )


def _signed_after(tx: Tx, after: str, subscriber: str) -> list[Row]:
    return tx.all(
        "SELECT serial, der, status, subscriber, profile, issued_at, not_after, revoked_at, reason, replaces"
        " FROM certificates WHERE serial > :after AND der IS NOT NULL"
        " AND (subscriber = :subscriber OR :subscriber = '') ORDER BY serial LIMIT :page",
        after=after,
        subscriber=subscriber,
        page=PAGE,
    )
