"""Profiles: what is wrong is named with its remedy, and days are Korean days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import ProfileError
from ca.profiles import KOREA, Responder, parse_responder
from tests.ca.pki import PROFILES_TOML, parse_profiles


def test_the_file_beside_the_code() -> None:
    found = parse_profiles()
    assert set(found) == {"personal", "business", "general"}
    assert all(p.policy.startswith("2.25.") for p in found.values())
    assert found["personal"].keys[0] == "rsa-2048"


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        ("2026-11-22T14:59:59", "2026-11-21T15:00:00", "2027-11-21T14:59:59"),
        ("2026-11-22T15:00:00", "2026-11-22T15:00:00", "2027-11-22T14:59:59"),
        ("2028-02-29T01:00:00", "2028-02-28T15:00:00", "2029-02-27T14:59:59"),
    ],
    ids=["last second of a Korean day", "first second of a Korean day", "leap day"],
)
def test_validity(now: str, first: str, last: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert [t.isoformat()[:19] for t in parse_profiles()["personal"].validity(at)] == [first, last]


@given(st.integers(0, 20 * 365 * 86400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s)))
def test_validity_is_whole_korean_days(now: datetime) -> None:
    first, last = parse_profiles()["personal"].validity(now)
    assert first <= now < first + timedelta(days=1)
    assert first.astimezone(KOREA).strftime("%H%M%S") == "000000"
    assert last.astimezone(KOREA).strftime("%H%M%S") == "235959"
    assert last - first + timedelta(seconds=1) == timedelta(days=365)


@pytest.mark.parametrize(
    ("was", "becomes", "named"),
    [
        ("days = 365", "days = 0", "[personal] days"),
        ("days = 365", "days = 4000", "[personal] days"),
        ("days = 365", "days = true", "[personal] days"),
        ("days = 365", 'days = "365"', "[personal] days"),
        ("days = 365", "", "[personal] days: missing"),
        ("days = 365", "days = 365\ncolour = 1", "[personal] colour"),
        ('"rsa-2048", ', '"rsa-1024", ', "[personal] keys"),
        ('"rsa-2048", ', '"p-256", ', "[personal] keys"),
        ('policy = "2.25', 'policy = "1.2.410.200005', "another authority"),
        ('policy = "2.25', 'policy = "3.25', "[personal] policy"),
        ('policy = "2.25', 'policy = "2.25.99999999999', "32 bits"),
        ('use = "personal4IB"', 'use = "a,b"', "[personal] use"),
        ('notice = "이', 'notice = "\\n이', "[personal] notice"),
        ('notice = "이', 'notice = "😀이', "[personal] notice"),
        ("[personal]", "[personal", "profiles.toml"),
        (".1.2", ".1.1", "share an OID"),
        ('keys = ["rsa-2048", ', 'keys = ["ed25519", "rsa-2048", ', "browsers do not make"),
        ('policy = "2.25', 'policy = "2.5.29.32.0.2.25', "another authority"),
        ("npki_policies = false", "npki_policies = 0", "true or false"),
        ('policy = "2.25', 'policy = "1.3.6.1.5.5.7.3.2.25', "another authority"),
        ('notice = "이', 'notice = "\u202e이', "[personal] notice"),
        ('notice = "이', 'notice = "\u200b이', "[personal] notice"),
        ('notice = "이 인증서는 개인의 은행 거래용 인증서입니다"', 'notice = "   "', "[personal] notice"),
        ('notice = "이', 'notice = " 이', "[personal] notice"),
        ("[personal]", '["per\\u0000sonal"]', "['per\\x00sonal']: a profile's name"),
        ("[personal]", '[""]', "a profile's name"),
        ("[personal]", '["per sonal"]', "a profile's name"),
    ],
)
def test_a_mistake_is_named(was: str, becomes: str, named: str) -> None:
    assert was in PROFILES_TOML
    with pytest.raises(ProfileError) as raised:
        parse_profiles(PROFILES_TOML.replace(was, becomes, 1))
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "ftp://x"),
        ("base_url", "pki.example"),
        ("base_url", "http://x?y"),
        ("base_url", "http://x\n"),
        ("base_url", "http://x\n/path"),
        ("base_url", "http://x/a b"),
        ("organization", ""),
        ("organization", "a=b"),
        ("bank_unit", "x" * 65),
        ("bank_code", "4"),
        ("country", "kr"),
    ],
)
def test_a_wrong_setting_is_named(field: str, value: str) -> None:
    with pytest.raises(ProfileError, match=field):
        parse_profiles(**{field: value})


def test_no_profile_at_all() -> None:
    with pytest.raises(ProfileError, match="no profile"):
        parse_profiles("")


def test_all_that_is_wrong_is_named_at_once_with_its_clause() -> None:
    text = PROFILES_TOML.replace("days = 365", "days = 0").replace('"rsa-2048", ', '"rsa-512", ', 1)
    with pytest.raises(ProfileError) as raised:
        parse_profiles(text, bank_code="1", country="korea")
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "country", "bank_code", "[personal] keys", "[personal] days", "[business] days", "[general] days",
    ]  # fmt: skip
    assert "BR §6.1.5" in lines[2]
    assert "RFC 5280 §4.1.2.5" in lines[3]


def test_the_ocsp_signers_table() -> None:
    assert parse_responder(PROFILES_TOML) == Responder("p-256", 30)
    assert "ocsp" not in parse_profiles()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "[ocsp] key: missing"),
        ("ocsp = 1", "ocsp: not a table"),
        ('[ocsp]\nkey = "ed25519"\ndays = 30', "[ocsp] key"),
        ('[ocsp]\nkey = "p-256"\ndays = 10', "§4.2.2.2.1"),
        ('[ocsp]\nkey = "p-256"\ndays = 91', "15 to 90"),
        ('[ocsp]\nkey = "p-256"\ndays = 30\nnotice = "x"', "[ocsp] notice: not a field"),
    ],
)
def test_a_mistake_in_it_is_named(text: str, named: str) -> None:
    with pytest.raises(ProfileError) as raised:
        parse_responder(text)
    assert named in str(raised.value)
