"""What a ceremony is to make: a TOML file, or answers, in; a validated `Order` out.

    organization = "Example Bank"
    [root]
    name = "Example Bank Root CA 1"
    key = "rsa-3072"
    years = 20
    [issuing]
    name = "Example Bank CA 1"
    key = "rsa-3072"
    years = 10

Every field may be left out; what a subject may contain is what a printed certificate shows without doubt.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ca.errors import ProfileError

KEY_KINDS: Final = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256")
MAX_YEARS: Final = 30
MAX_OCTETS: Final = 64
_FIELDS: Final[dict[str, dict[str, type]]] = {
    "": {"organization": str, "country": str, "root": dict, "issuing": dict},
    "root": {"name": str, "key": str, "years": int},
    "issuing": {"name": str, "key": str, "years": int},
}
_NAME: Final = re.compile(r"[0-9A-Za-z가-힣](?:[0-9A-Za-z가-힣 .()-]{0,62}[0-9A-Za-z가-힣.)])?")


@dataclass(frozen=True, slots=True)
class Member:
    """One CA of the hierarchy: common name, kind of key, years it lives."""

    name: str
    key: str
    years: int


@dataclass(frozen=True, slots=True)
class Order:
    organization: str
    country: str
    root: Member
    issuing: Member


def parse(text: str, *, organization: str, key: str) -> Order:
    """The order in `text`, which may be empty; `organization` and `key` stand for what it leaves out.

    Raises `ProfileError` that names the field and the remedy.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"ceremony: {error}") from error
    _known("", table)
    organization = _named("organization", table.get("organization", organization))
    country = table.get("country", "KR")
    if not re.fullmatch("[A-Z]{2}", country):
        raise ProfileError(f"country: {country!r}; write two capital letters, e.g. KR")
    root = _member("root", table, Member(f"{organization} Root CA 1", key, 20))
    issuing = _member("issuing", table, Member(f"{organization} CA 1", key, 10))
    if root.name == issuing.name:
        # RFC 5280 §4.1.2.6: a subject names one CA.
        raise ProfileError("[issuing] name: the root has the same; give each its own")
    if issuing.years > root.years:
        raise ProfileError(f"[issuing] years: {issuing.years}; write at most the root's {root.years}")
    return Order(organization, country, root, issuing)


def _known(name: str, table: Mapping[str, object]) -> None:
    where = f"[{name}] " if name else ""
    for field, value in table.items():
        kind = _FIELDS[name].get(field)
        if kind is None:
            raise ProfileError(f"{where}{field}: not a field; there are {', '.join(_FIELDS[name])}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ProfileError(f"{where}{field}: {value!r}; write a TOML {kind.__name__}")


def _table(name: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    inner: Mapping[str, Any] = table.get(name, {})
    _known(name, inner)
    return inner


def _member(name: str, table: Mapping[str, Any], default: Member) -> Member:
    inner = _table(name, table)
    years = lasting(f"[{name}] years", inner.get("years", default.years))
    return Member(
        _named(f"[{name}] name", inner.get("name", default.name)), _kind(name, inner.get("key", default.key)), years
    )


def lasting(field: str, years: int) -> int:
    """`years` that a CA may live. Raises `ProfileError`."""
    if not 1 <= years <= MAX_YEARS:
        raise ProfileError(f"{field}: {years}; write 1 to {MAX_YEARS}")
    return years


def _named(field: str, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ProfileError(f"{field}: {value!r}; 1 to 64 letters, digits, blanks and . ( ) -")
    # The library writes no longer one, and the number of a successor has to fit, too.
    if len(successor(value, 99).encode()) > MAX_OCTETS:
        raise ProfileError(f"{field}: {value!r}; at most 20 Hangul syllables or 61 letters, write a shorter one")
    return value


def _kind(name: str, value: str) -> str:
    if value not in KEY_KINDS:
        raise ProfileError(f"[{name}] key: {value!r}; one of {', '.join(KEY_KINDS)}")
    return value


def successor(name: str, number: int) -> str:
    """`name` with `number` in the place of its last one: the CA after `Example CA 1` is `Example CA 2`."""
    return f"{re.sub(r' [0-9]+$', '', name)} {number}"
