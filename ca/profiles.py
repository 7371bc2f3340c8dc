"""Kinds of certificates: TOML in, validated values out, once, at start.

After `parse` nothing needs to be checked again, and all that is wrong is named at once, each field with its remedy and
the clause it would break. Validity is counted in whole Korean days, as customers count: from 00:00:00 of the first
day to 23:59:59 of the last, both included and not one second more (RFC 5280 §4.1.2.5).
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from ca.errors import ProfileError
from ca.names import Placement
from ca.partition import partition_of
from ca.ports import Serial

KOREA: Final = timezone(timedelta(hours=9), "KST")
"""Fixed: Korea has no daylight saving time."""

KEY_KINDS: Final = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256", "ed25519")
"""CA/B BR §6.1.5 and, for Ed25519, RFC 8410; RSA below 2,048 bits does not exist here."""
BROWSER_KINDS: Final = KEY_KINDS[:4]
"""What the secure page can make; Ed25519 is for requests made elsewhere."""
MAX_DAYS: Final = 1190
"""A little over 39 months: what outlives it should not be an end entity certificate."""
YEAR: Final = 365
RENEWED_EARLY: Final = 32
"""Thirty days before the day of the end, that day itself, and a leap day."""
RESPONDER: Final = "ocsp"
"""The one table that is no subscriber's."""
RESPONDER_KINDS: Final = ("p-256", "rsa-2048", "rsa-3072")
RESPONDER_DAYS: Final = range(15, 91)
"""RFC 6960 §4.2.2.2.1: with nocheck nobody asks whether it was revoked, so it lives shortly; it is replaced with ten
days left."""

OTHERS_ARCS: Final = ("1.2.410.200", "1.3.6.1.5.5.7.", "2.5.29.", "2.23.140.")
"""Arcs that have an owner who is not an operator: KISA's and its licensees', PKIX, X.509, the CA/Browser Forum."""
_NAME = re.compile("[A-Za-z0-9_-]{1,64}")
_OID = re.compile(r"(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))+")
_SUBSCRIBER_FIELDS: Final[Mapping[str, type]] = {
    "use": str,
    "policy": str,
    "npki_policies": bool,
    "keys": list,
    "days": int,
    "notice": str,
}
_RESPONDER_FIELDS: Final[Mapping[str, type]] = {"key": str, "days": int}
_KIND_NAMES: Final = {str: "text in quotes", bool: "true or false", list: "list in [ ]", int: "whole number"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Places:
    """Where relying parties find what a certificate points to, under the service's base URL."""

    base_url: str
    crl_partitions: int = 1
    """In how many parts an issuing CA's list is also published; its certificates name the part they are in."""

    @property
    def ocsp(self) -> str:
        return f"{self.base_url}/pki/ocsp"

    @property
    def cps(self) -> str:
        return f"{self.base_url}/pki/cps"

    def crl(self, listed: str) -> str:
        """Of the whole list of an issuing CA, or of the part that `listed_in` names."""
        return f"{self.base_url}/pki/{listed}.crl"

    def listed_in(self, issuer: str, serial: Serial) -> str:
        """The list that a certificate points to."""
        return issuer if self.crl_partitions == 1 else issuer + partition_of(serial, self.crl_partitions).suffix

    def certificate(self, issuer: str) -> str:
        return f"{self.base_url}/pki/{issuer}.cer"


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of subscribers' certificate."""

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

    def extended(self, end: datetime) -> datetime:
        """Where a renewed one ends: a year later on the same Korean day, or as many days later as this profile has."""
        if self.days != YEAR:
            return end + timedelta(days=self.days)
        here = end.astimezone(KOREA)
        leap_day = (here.month, here.day) == (2, 29)
        return here.replace(year=here.year + 1, day=28 if leap_day else here.day).astimezone(UTC)

    def longest(self, *, successor: bool) -> int:
        """How many days one may last. A renewed one begins up to a month before the end that it moves on."""
        return min(self.days + (RENEWED_EARLY if successor else 0), MAX_DAYS)


@dataclass(frozen=True, slots=True)
class Responder:
    """The kind of key and the life of an OCSP signer."""

    key: str
    days: int


def day_begins(now: datetime) -> datetime:
    """00:00:00 of the Korean day of `now`, in UTC."""
    return now.astimezone(KOREA).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


class _Findings:
    """Collects what is wrong, so that an operator corrects it in one go."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def of(self, check: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return check(*arguments)
        except ProfileError as error:
            self.found.append(str(error))
            return None

    def settle(self) -> None:
        """Raises `ProfileError` with one finding a line."""
        if self.found:
            raise ProfileError("\n".join(self.found))


def parse(
    text: str,
    *,
    base_url: str,
    organization: str,
    bank_unit: str,
    bank_code: str,
    country: str = "KR",
    crl_partitions: int = 1,
) -> Mapping[str, Profile]:
    """Subscribers' profiles by name out of `profiles.toml`. Raises `ProfileError`: all wrong fields, their remedies."""
    findings = _Findings()
    address = findings.of(_base_url, base_url)
    findings.of(_matching, "country", country, "[A-Z]{2}", "write two capital letters, e.g. KR (RFC 5280 Appendix A.1)")
    findings.of(_matching, "bank_code", bank_code, "[0-9]{4}", "write four digits, e.g. 0999")
    findings.of(_unit, "organization", organization)
    findings.of(_unit, "bank_unit", bank_unit)
    tables = {name: table for name, table in _tables(text).items() if name != RESPONDER}
    profiles: dict[str, Profile] = {}
    for name, table in tables.items():
        before = len(findings.found)
        findings.of(_named, name)
        fields = dict(_fields(name, table, _SUBSCRIBER_FIELDS, findings))
        values = {field: findings.of(_CHECKS[field], name, value) for field, value in fields.items()}
        if address is not None and len(findings.found) == before:
            placement = Placement(country, organization, fields["use"], bank_unit, bank_code)
            profiles[name] = Profile(
                name=name, placement=placement, policy=fields["policy"], npki_policies=fields["npki_policies"],
                keys=values["keys"] or (), days=fields["days"], notice=fields["notice"],
                places=Places(address, crl_partitions),
            )  # fmt: skip
    policies = [p.policy for p in profiles.values()]
    for shared in sorted({p for p in policies if policies.count(p) > 1}):
        findings.found.append(f"policy: two profiles share an OID, {shared}; give each its own (RFC 5280 §4.2.1.4)")
    if not tables:
        findings.found.append("profiles.toml: no profile; add a table such as [personal]")
    findings.settle()
    return profiles


def parse_responder(text: str) -> Responder:
    """The `[ocsp]` table of `profiles.toml`. Raises `ProfileError`."""
    findings = _Findings()
    fields = dict(_fields(RESPONDER, _tables(text).get(RESPONDER, {}), _RESPONDER_FIELDS, findings))
    if "key" in fields and fields["key"] not in RESPONDER_KINDS:
        findings.found.append(f"[{RESPONDER}] key: {fields['key']!r}; write one of {', '.join(RESPONDER_KINDS)}")
    if "days" in fields and fields["days"] not in RESPONDER_DAYS:
        limits = f"{RESPONDER_DAYS.start} to {RESPONDER_DAYS.stop - 1}"
        findings.found.append(f"[{RESPONDER}] days: {fields['days']}; write {limits} (RFC 6960 §4.2.2.2.1)")
    findings.settle()
    return Responder(fields["key"], fields["days"])


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profiles.toml: {error}") from error


def _fields(name: str, table: object, known: Mapping[str, type], findings: _Findings) -> Iterator[tuple[str, Any]]:
    """The fields of the right type; everything else is a finding."""
    if not isinstance(table, dict):
        findings.found.append(f"{name}: not a table; write [{name}] and its fields below")
        return
    for field in sorted(table.keys() - known.keys()):
        findings.found.append(f"[{name}] {field}: not a field; there are {', '.join(known)}")
    for field, kind in known.items():
        if field not in table:
            findings.found.append(f"[{name}] {field}: missing; add a {_KIND_NAMES[kind]}")
        elif not isinstance(table[field], kind) or (isinstance(table[field], bool) and kind is not bool):
            findings.found.append(f"[{name}] {field}: {table[field]!r}; write a {_KIND_NAMES[kind]}")
        else:
            yield field, table[field]


def _named(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ProfileError(f"[{name!r}]: a profile's name is 1 to 64 letters, digits, _ and -; write e.g. [personal]")


def _matching(field: str, value: str, pattern: str, remedy: str) -> None:
    if not re.fullmatch(pattern, value):
        raise ProfileError(f"{field}: {value!r}; {remedy}")


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if (
        not url.isprintable()  # urlsplit leaves out tabs and line breaks without a word
        or " " in url
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or not url.isascii()
    ):
        raise ProfileError(f"base_url: {url!r}; write http://host or https://host, nothing after the path")
    return url.rstrip("/")


def _unit(field: str, value: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z가-힣][0-9A-Za-z가-힣 .()-]{0,62}[0-9A-Za-z가-힣.)]|[0-9A-Za-z가-힣]", value):
        raise ProfileError(f"{field}: {value!r}; 1 to 64 letters, digits, blanks and . ( ) - (RFC 5280 Appendix A.1)")


def _policy(name: str, value: str) -> None:
    if not _OID.fullmatch(value):
        raise ProfileError(f"[{name}] policy: {value!r}; write an object identifier in dots (RFC 5280 §4.2.1.4)")
    # Readers built on 32-bit arcs (GnuTLS, pyasn1) refuse the whole certificate.
    if any(int(arc) >= 1 << 32 for arc in value.split(".")):
        raise ProfileError(f"[{name}] policy: {value}; no number in it may have more than 32 bits")
    # What others have defined says what they promise, not what is kept here.
    if value.startswith(OTHERS_ARCS):
        raise ProfileError(
            f"[{name}] policy: {value} belongs to another authority; use an arc of your own, 2.25.<number> (X.667)"
        )


def _keys(name: str, value: list[object]) -> tuple[str, ...]:
    kinds = tuple(k for k in value if isinstance(k, str) and k in KEY_KINDS)
    if not kinds or len(kinds) != len(value) or len(set(kinds)) != len(kinds):
        raise ProfileError(
            f"[{name}] keys: {value!r}; one or more of {', '.join(KEY_KINDS)}, each once (CA/B BR §6.1.5)"
        )
    if kinds[0] not in BROWSER_KINDS:
        raise ProfileError(f"[{name}] keys: {kinds[0]} comes first, which browsers do not make; put another before it")
    return kinds


def _days(name: str, value: int) -> None:
    if not 1 <= value <= MAX_DAYS:
        raise ProfileError(f"[{name}] days: {value}; write 1 to {MAX_DAYS} (RFC 5280 §4.1.2.5, both ends included)")


def _notice(name: str, value: str) -> None:
    # RFC 5280 §4.2.1.4: explicitText has at most 200 characters; a BMPString knows only the basic plane. Controls,
    # marks that turn the direction of what follows (RLO) and other unseen ones have no place in what customers read.
    unseen = any(ord(c) > 0xFFFF or (not c.isprintable()) for c in value)
    if not 1 <= len(value) <= 200 or unseen or value != value.strip():
        raise ProfileError(
            f"[{name}] notice: {value!r}; write 1 to 200 characters that can be seen, no line breaks, no emoji,"
            " no blanks at its ends (RFC 5280 §4.2.1.4)"
        )


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "use": lambda name, value: _unit(f"[{name}] use", value),
    "policy": _policy,
    "npki_policies": lambda _name, _value: None,
    "keys": _keys,
    "days": _days,
    "notice": _notice,
}
