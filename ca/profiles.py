"""Kinds of certificates: TOML in, validated `Profile` values out, once, at start.

After `parse` nothing needs to be checked again. Validity is counted in whole Korean days, as customers count:
from 00:00:00 of the first day to 23:59:59 of the last, both included (RFC 5280 §4.1.2.5).
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlsplit

from ca.errors import ProfileError
from ca.names import Placement

KOREA: Final = timezone(timedelta(hours=9), "KST")
"""Fixed: Korea has no daylight saving time."""

KEY_KINDS: Final = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256")
MAX_DAYS: Final = 1190
"""A little over 39 months: what outlives it should not be an end entity certificate."""

_OID = re.compile(r"(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))+")
_FIELDS: Final[dict[str, type]] = {
    "use": str,
    "policy": str,
    "npki_policies": bool,
    "keys": list,
    "days": int,
    "notice": str,
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where relying parties find what a certificate points to, under the service's base URL."""

    base_url: str

    @property
    def ocsp(self) -> str:
        return f"{self.base_url}/pki/ocsp"

    @property
    def cps(self) -> str:
        return f"{self.base_url}/pki/cps"

    def crl(self, issuer: str) -> str:
        return f"{self.base_url}/pki/{issuer}.crl"

    def certificate(self, issuer: str) -> str:
        return f"{self.base_url}/pki/{issuer}.cer"


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate."""

    name: str
    placement: Placement
    policy: str
    npki_policies: bool
    """certificatePolicies exactly as NPKI has them: critical, the notice a BMPString. Off, they are as RFC 5280 wants
    them; path validation in Java and `cryptography` refuses the critical one, pkilint the BMPString."""
    keys: tuple[str, ...]
    """Kinds of subscriber keys, of `KEY_KINDS`; the first is the recommended one."""
    days: int
    notice: str
    places: Places

    def validity(self, now: datetime) -> tuple[datetime, datetime]:
        """First and last second of a certificate made at `now`, in UTC."""
        first = day_begins(now)
        return first, first + timedelta(days=self.days) - timedelta(seconds=1)


def day_begins(now: datetime) -> datetime:
    """00:00:00 of the Korean day of `now`, in UTC."""
    return now.astimezone(KOREA).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def parse(
    text: str, *, base_url: str, organization: str, bank_unit: str, bank_code: str, country: str = "KR"
) -> Mapping[str, Profile]:
    """Profiles by name out of `profiles.toml`. Raises `ProfileError` that names the field and the remedy."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profiles.toml: {error}") from error
    if not tables:
        raise ProfileError("profiles.toml: no profile; add a table such as [personal]")
    places = Places(_base_url(base_url))
    if not re.fullmatch("[A-Z]{2}", country):
        raise ProfileError(f"country: {country!r}; write two capital letters, e.g. KR")
    if not re.fullmatch("[0-9]{4}", bank_code):
        raise ProfileError(f"bank_code: {bank_code!r}; write four digits, e.g. 0999")
    organization, bank_unit = _unit("organization", organization), _unit("bank_unit", bank_unit)
    profiles = {}
    for name, table in tables.items():
        fields = _fields(name, table)
        placement = Placement(country, organization, _unit(f"[{name}] use", fields["use"]), bank_unit, bank_code)
        profiles[name] = Profile(
            name=name,
            placement=placement,
            policy=_policy(name, fields["policy"]),
            npki_policies=fields["npki_policies"],
            keys=_keys(name, fields["keys"]),
            days=_days(name, fields["days"]),
            notice=_notice(name, fields["notice"]),
            places=places,
        )
    policies = [p.policy for p in profiles.values()]
    if len(set(policies)) < len(policies):
        raise ProfileError("policy: two profiles share an OID; give each its own")
    return profiles


def _fields(name: str, table: object) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ProfileError(f"{name}: not a table; write [{name}] and its fields below")
    for field in sorted(table.keys() - _FIELDS.keys()):
        raise ProfileError(f"[{name}] {field}: not a field; there are {', '.join(_FIELDS)}")
    for field, kind in _FIELDS.items():
        if field not in table:
            raise ProfileError(f"[{name}] {field}: missing; add it")
        if not isinstance(table[field], kind) or (isinstance(table[field], bool) and kind is not bool):
            raise ProfileError(f"[{name}] {field}: {table[field]!r}; write a TOML {kind.__name__}")
    return table


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or not url.isascii()
    ):
        raise ProfileError(f"base_url: {url!r}; write http://host or https://host, nothing after the path")
    return url.rstrip("/")


def _unit(field: str, value: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z가-힣][0-9A-Za-z가-힣 .()-]{0,62}[0-9A-Za-z가-힣.)]|[0-9A-Za-z가-힣]", value):
        raise ProfileError(f"{field}: {value!r}; 1 to 64 letters, digits, blanks and . ( ) -")
    return value


def _policy(name: str, value: str) -> str:
    if not _OID.fullmatch(value):
        raise ProfileError(f"[{name}] policy: {value!r}; write an object identifier in dots")
    # Readers built on 32-bit arcs (GnuTLS, pyasn1) refuse the whole certificate.
    if any(int(arc) >= 1 << 32 for arc in value.split(".")):
        raise ProfileError(f"[{name}] policy: {value}; no number in it may have more than 32 bits")
    if value.startswith("1.2.410.200"):
        raise ProfileError(
            f"[{name}] policy: {value} belongs to another authority; use an arc of your own, 2.25.<number>"
        )
    return value


def _keys(name: str, value: list[object]) -> tuple[str, ...]:
    kinds = tuple(k for k in value if isinstance(k, str) and k in KEY_KINDS)
    if not kinds or len(kinds) != len(value) or len(set(kinds)) != len(kinds):
        raise ProfileError(f"[{name}] keys: {value!r}; one or more of {', '.join(KEY_KINDS)}, each once")
    return kinds


def _days(name: str, value: int) -> int:
    if not 1 <= value <= MAX_DAYS:
        raise ProfileError(f"[{name}] days: {value}; write 1 to {MAX_DAYS}")
    return value


def _notice(name: str, value: str) -> str:
    # RFC 5280 §4.2.1.4: explicitText has at most 200 characters; a BMPString knows only the basic plane.
    if not 1 <= len(value) <= 200 or any(ord(c) > 0xFFFF or unicodedata.category(c) == "Cc" for c in value):
        raise ProfileError(f"[{name}] notice: write 1 to 200 characters, no line breaks, no emoji")
    return value
