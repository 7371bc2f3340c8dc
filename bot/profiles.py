"""What an operator decides about issuing, read from files: kinds of certificates, and keys never to be certified.

Both are read when the authority is opened and again when they change; a mistake stops the start and is named.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

from bot.settings import Settings
from ca.errors import ProfileError
from ca.profiles import Profile, Responder, parse, parse_responder


def load_profiles(settings: Settings) -> Mapping[str, Profile]:
    """Subscribers' profiles by name. Raises `ca.errors.ProfileError` that names the fields and the remedies."""
    return parse(
        _text(settings),
        base_url=settings.public_url,
        organization=settings.ca_name,
        bank_unit=settings.bank_ou,
        bank_code=settings.bank_code,
        crl_partitions=settings.crl_partitions,
    )


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
