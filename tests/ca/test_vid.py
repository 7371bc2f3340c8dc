"""The VID against the known answers of real implementations."""

import pytest

from ca import der, vid
from ca.errors import BadRequest

R = bytes(range(20))
SYNTHETIC = "9001011234560"  # not a number that can exist: its check digit is wrong


def test_known_answers() -> None:
    content = vid.hash_content(SYNTHETIC, R)
    assert content.hex() == "3026130d39303031303131323334353630031500000102030405060708090a0b0c0d0e0f10111213"
    assert vid.vid(SYNTHETIC, R).hex() == "7094daf19f05136d2fd7a544c1e9f24a9a47f0c1676bfbe14a2fa757332a9bc9"


def test_identify_data_is_the_known_encoding() -> None:
    value = vid.vid(SYNTHETIC, R)
    data = vid.identify_data("홍길동", value)
    assert data.hex() == (
        "304e0c09ed998deab8b8eb8f993041303f060a2a831a8c9a440a0101013031300b0609608648016503040201a0220420" + value.hex()
    )
    assert vid.read_identify_data(data) == vid.Identity("홍길동", value)


def test_a_ca_has_a_name_only() -> None:
    assert vid.read_identify_data(der.sequence(der.utf8_string("CertTalk"))) == vid.Identity("CertTalk", None)


@pytest.mark.parametrize("r", [b"", bytes(19), bytes(21)])
def test_r_has_twenty_octets(r: bytes) -> None:
    with pytest.raises(BadRequest):
        vid.vid(SYNTHETIC, r)


@pytest.mark.parametrize("idn", ["", "고객-1", "a_b", "a\0", "x" * 65, "1\n"])
def test_the_number_is_a_printable_string(idn: str) -> None:
    with pytest.raises(BadRequest):
        vid.vid(idn, R)


@pytest.mark.parametrize(
    "data", [b"", b"\x30\x00", b"\x0c\x01a", der.sequence(der.utf8_string("a"), der.sequence(b"\x30\x00"))]
)
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(der.DerError):
        vid.read_identify_data(data)
