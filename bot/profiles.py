"""What an operator decides about issuing, read from files: kinds of certificates, and keys never to be certified.

Both are read when the authority is opened and again when they change; a mistake stops the start and is named. The audit
trail keeps what the kinds were at each time, so that a certificate is held against those it was issued under.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from bot.settings import Settings
from bot.storage.audit import AuditTrail
from bot.storage.database import Tx
from bot.storage.instants import instant
from ca.errors import ProfileError
from ca.profiles import Profile, Responder, parse, parse_responder

RECORDED: Final = "profiles"
"""Act and subject of the audit rows."""


def load_profiles(settings: Settings) -> Mapping[str, Profile]:
    """Subscribers' profiles by name. Raises `ca.errors.ProfileError` that names the fields and the remedies."""
    return parse(**_given(settings))


def record(tx: Tx, audit: AuditTrail, settings: Settings, at: datetime, by: str) -> None:
    """A row in the audit trail if the profiles, or what enters them of the settings, are others than before."""
    given, before = _given(settings), _recorded(tx)
    if not before or before[-1][1] != given:
        audit.append(tx, at, by, RECORDED, RECORDED, given)


def in_force(tx: Tx) -> list[tuple[datetime, Mapping[str, Profile]]]:
    """Since when there were which profiles, oldest first; what today's rules would not take is left out."""
    found = []
    for since, given in _recorded(tx):
        with contextlib.suppress(ProfileError):
            found.append((since, parse(**given)))
    return found


def _recorded(tx: Tx) -> list[tuple[datetime, dict[str, Any]]]:
    rows = tx.all("SELECT at, detail FROM audit WHERE subject = :act AND act = :act ORDER BY seq", act=RECORDED)
    return [(instant(row["at"]), json.loads(row["detail"])) for row in rows]


def _given(settings: Settings) -> dict[str, Any]:
    """The arguments of `ca.profiles.parse`."""
    return {
        "text": _text(settings),
        "base_url": settings.public_url,
        "organization": settings.ca_name,
        "bank_unit": settings.bank_ou,
        "bank_code": settings.bank_code,
        "crl_partitions": settings.crl_partitions,
    }


def load_responder(settings: Settings) -> Responder:
    """What an OCSP signer is made like. Raises `ca.errors.ProfileError`."""
    return parse_responder(_text(settings))


def _text(settings: Settings) -> str:
    file = settings.profiles
    try:
        return ((files("ca") / "profiles.toml") if file is None else file).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{file}: not UTF-8; save it as UTF-8") from error


def blocked_keys(settings: Settings) -> frozenset[bytes]:
    """SHA-256 digests of SubjectPublicKeyInfo, one in hex a line; `#` begins a comment.

    Raises `ca.errors.ProfileError` that names the line.
    """
    if settings.blocked_keys is None:
        return frozenset()
    found = set()
    for number, line in enumerate(settings.blocked_keys.read_text("utf-8", "replace").splitlines(), 1):
        digest = line.partition("#")[0].strip()
        if not re.fullmatch("(?:[0-9A-Fa-f]{64})?", digest):
            raise ProfileError(f"{settings.blocked_keys}, line {number}: write a SHA-256 as 64 hex digits")
        if digest:
            found.add(bytes.fromhex(digest))
    return frozenset(found)
