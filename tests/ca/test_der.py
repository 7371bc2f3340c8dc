"""The DER writer against asn1crypto, and the reader against what it must refuse."""

import contextlib
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from ca import der


@given(st.integers(min_value=0, max_value=1 << 200))
def test_integer(value: int) -> None:
    assert der.integer(value) == core.Integer(value).dump()
    assert der.read(der.integer(value)).integer() == value


@pytest.mark.parametrize("dotted", ["1.2.840.113549.1.1.11", "2.25.4294967295.1", "2.5.29.15", "0.9.2342", "2.999.3"])
def test_oid(dotted: str) -> None:
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths(size: int) -> None:
    assert der.octet_string(bytes(size)) == core.OctetString(bytes(size)).dump()


@pytest.mark.parametrize(
    ("year", "tag"),
    [pytest.param(2049, 0x17, id="UTCTime to 2049"), pytest.param(2050, 0x18, id="GeneralizedTime from 2050")],
)
def test_time(year: int, tag: int) -> None:
    at = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    encoded = der.time(at)
    assert encoded[0] == tag
    assert (core.UTCTime if tag == 0x17 else core.GeneralizedTime).load(encoded).native == at


@given(
    st.recursive(st.binary(max_size=40).map(der.octet_string), lambda s: st.lists(s).map(lambda x: der.sequence(*x)))
)
def test_what_was_written_is_read(data: bytes) -> None:
    element = der.read(data)
    assert element.raw == data
    if element.tag == der.SEQUENCE:
        assert b"".join(c.raw for c in element.children()) == element.content


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x03\x02\x01",
        b"\x30\x80\x00\x00",
        b"\x04\x81\x01\x00",
        b"\x04\x82\x00\x80" + bytes(128),
        b"\x1f\x81\x01\x00",
        b"\x05\x00\x00",
    ],
    ids=["empty", "no length", "truncated", "indefinite", "long form of 1", "leading zero", "high tag", "trailing"],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(der.DerError):
        der.read(data)


@given(st.binary(max_size=60))
def test_noise_raises_nothing_else(data: bytes) -> None:
    with contextlib.suppress(der.DerError):
        der.read(data, trailing=True).children()
