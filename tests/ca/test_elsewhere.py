"""Files from elsewhere: in every encoding they come in, and every hostile one in bounded time."""

import base64
import contextlib
import time
import zipfile
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ca import der, elsewhere, institutions, npki
from ca.elsewhere import MOST_CERTIFICATES, MOST_OCTETS, NotACertificate, is_private, is_public, read
from tests.elsewhere import BANK, Institution, pem
from tests.elsewhere import der as der_of

HERE = Institution()
OWN = HERE.subscriber()
RAW, PEM = der_of(OWN), pem(OWN)
P7B = pkcs7.serialize_certificates([HERE.root, HERE.ca, OWN], Encoding.DER)
P7B_PEM = pkcs7.serialize_certificates([HERE.ca, OWN], Encoding.PEM)


def opened(element: der.Element, levels: int) -> bytes:
    """With the lengths of the outer levels left open, as Windows and Java write it."""
    if not levels or not element.tag & 0x20:
        return element.raw
    inside = (opened(one, levels - 1) for one in element.children())
    return bytes((element.tag, 0x80)) + b"".join(inside) + b"\0\0"


KEY = ec.generate_private_key(ec.SECP256R1())
PLAIN, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


def code(content: bytes, name: str = "") -> str:
    with pytest.raises(NotACertificate) as caught:
        read(content, name)
    return caught.value.code


# -- every encoding ---------------------------------------------------------------------------------------------------

ENCODINGS = {
    "DER": RAW,
    "DER with octets after it": RAW + bytes(46),
    "PEM": PEM,
    "PEM with CRLF": PEM.replace(b"\n", b"\r\n"),
    "PEM with CR": PEM.replace(b"\n", b"\r"),
    "PEM after a BOM": b"\xef\xbb\xbf" + PEM,
    "PEM in UTF-16": PEM.decode().encode("utf-16"),
    "PEM within Korean words": "제 인증서예요:\n".encode() + PEM + "고맙습니다 - 홍길동".encode("cp949"),
    "PEM with what OpenSSL prints before it": b"Bag Attributes\n    friendlyName: a\nsubject=CN = b\n" + PEM,
    "PEM with blanks in its lines": PEM.replace(b"MII", b"M I I"),
    "PEM in one line": b"-----BEGIN CERTIFICATE-----" + base64.b64encode(RAW) + b"-----END CERTIFICATE-----",
    "PEM under an old name": PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
    "bare base64": base64.encodebytes(RAW),
    "PEM chain, the own one last": pem(HERE.root) + pem(HERE.ca) + PEM,
    "PKCS #7": P7B,
    "PKCS #7 as PEM": P7B_PEM,
    "PKCS #7 with one length left open": opened(der.read(P7B), 1),
    "PKCS #7 with all lengths left open": opened(der.read(P7B), 4),
}


@pytest.mark.parametrize("content", ENCODINGS.values(), ids=ENCODINGS)
def test_a_certificate_is_found_in_every_encoding(content: bytes) -> None:
    own, *others = read(content)
    assert own.der == RAW
    assert own.fingerprint == OWN.fingerprint(SHA256()).hex()
    assert (own.holder, own.issuer, own.serial) == ("홍길동", "yessign", 123_456_789)
    assert own.known == ("yessign", "personal_bank")
    assert own.not_after == OWN.not_valid_after_utc
    assert all(other.is_authority for other in others)


@pytest.mark.parametrize(
    ("common", "shown"),
    [
        ("홍길동()00880412026112311234567", "홍길동"),
        ("홍길동(HONG GILDONG)0004047H0ABC", "홍길동"),
        ("(주)가나다(GANADA)008804", "(주)가나다"),
        ("홍길동()", "홍길동()"),
        ("A\x00B\x1b[31m\u202eC", "A B [31m C"),
        ("가" * 21, "가" * 21),
    ],
)
def test_the_holder_is_named_without_numbers_and_controls(common: str, shown: str) -> None:
    (own,) = read(der_of(HERE.subscriber(common=common, real_name=None)))
    assert own.holder == shown


# -- the table of policies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", institutions.POLICIES)
def test_every_policy_in_the_table_is_recognised(policy: str) -> None:
    (own,) = read(der_of(HERE.subscriber(policy=policy)))
    assert own.known == institutions.POLICIES[policy]


def test_the_table_has_what_is_published() -> None:
    assert len(institutions.POLICIES) == 36
    assert institutions.POLICIES[BANK] == ("yessign", "personal_bank")
    assert institutions.POLICIES["1.2.410.200098.5.1.1.1.3"] == ("toss", "personal")
    assert institutions.POLICIES["1.2.410.200004.5.2.1.6.257"] == ("kica", "tax")


def test_another_policy_is_nobody_we_know() -> None:
    (own,) = read(der_of(HERE.subscriber(policy="2.25.1")))
    assert own.known is None


# -- private keys -----------------------------------------------------------------------------------------------------

RSA = rsa.generate_private_key(65537, 1024)
P12 = pkcs12.serialize_key_and_certificates(b"me", KEY, None, None, BestAvailableEncryption(b"password"))
ENCRYPTED = KEY.private_bytes(Encoding.DER, PLAIN, BestAvailableEncryption(b"password"))
PRIVATE = {
    "PKCS #8": KEY.private_bytes(Encoding.DER, PLAIN, NoEncryption()),
    "PKCS #8 of RSA": RSA.private_bytes(Encoding.DER, PLAIN, NoEncryption()),
    "PKCS #8 as PEM": KEY.private_bytes(Encoding.PEM, PLAIN, NoEncryption()),
    "sealed PKCS #8": ENCRYPTED,
    "sealed PKCS #8 as base64": base64.encodebytes(ENCRYPTED),
    "signPri.key": npki.write_key(RSA, bytes(20), b"Test!2026pw"),
    "signPri.key with octets after it": npki.write_key(RSA, bytes(20), b"Test!2026pw") + bytes(46),
    "a sealed key called a certificate": (
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(ENCRYPTED) + b"-----END CERTIFICATE-----\n"
    ),
    "PKCS #1": RSA.private_bytes(Encoding.DER, TRADITIONAL, NoEncryption()),
    "SEC 1": KEY.private_bytes(Encoding.DER, TRADITIONAL, NoEncryption()),
    "PKCS #12": P12,
    "half a PKCS #12": P12[: len(P12) // 2],
    "PKCS #12 with its length left open": b"\x30\x80\x02\x01\x03" + P12[8:],
    "a certificate with its key below": PEM + KEY.private_bytes(Encoding.PEM, PLAIN, NoEncryption()),
    "PEM in UTF-16": KEY.private_bytes(Encoding.PEM, PLAIN, NoEncryption()).decode().encode("utf-16"),
    "a Java key store": b"\xfe\xed\xfe\xed" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("content", PRIVATE.values(), ids=PRIVATE)
def test_a_private_key_is_known_whatever_it_is_called(content: bytes) -> None:
    assert is_private("signCert.der", content)
    assert code(content, "signCert.der") == "private_key"


def test_a_private_key_is_known_by_its_name_alone() -> None:
    assert all(is_private(name) for name in ("signPri.key", "KMPRI.KEY", "a.p12", "a.PFX", "a.p8", "a.jks"))
    assert code(b"", "signPri.key") == "private_key"
    assert not any(is_private(f"a{ending}") for ending in elsewhere.PUBLIC)


def test_an_archive_with_a_key_in_it_is_a_key() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("NPKI/signPri.key", b"sealed")
    assert code(packed.getvalue()) == "private_key"


@pytest.mark.parametrize("content", ENCODINGS.values(), ids=ENCODINGS)
def test_a_certificate_is_no_private_key(content: bytes) -> None:
    assert not is_private("signCert.der", content)


def test_public_files_are_known_by_name_and_size() -> None:
    assert is_public("a.P7B", 10)
    assert not is_public("a.p7b", MOST_OCTETS + 1)
    assert not is_public("a.jpg", 10)
    assert not is_public("a.der", None)


# -- hostile files ----------------------------------------------------------------------------------------------------


def bomb() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("signCert.der", bytes(20_000_000))
    return packed.getvalue()


def deep(levels: int) -> bytes:
    inside = b""
    for _ in range(levels):
        inside = der.sequence(inside)
    return inside


def many(count: int) -> bytes:
    return b"".join(
        b"-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(RAW.replace(b"\x07[\xcd\x15", number.to_bytes(4)))
        + b"-----END CERTIFICATE-----\n"
        for number in range(0x10000000, 0x10000000 + count)
    )


HOSTILE = {
    "nothing": (b"", "none"),
    "words": ("인증서 보내요".encode(), "none"),
    "ten megabytes": (b"\x30\x84" + bytes(10_000_000), "too_large"),
    "a zip bomb": (bomb(), "archive"),
    "gzip": (b"\x1f\x8b" + bytes(100), "archive"),
    "deep DER": (deep(20_000), "broken"),
    "deep DER in a PEM": (b"-----BEGIN CERTIFICATE-----" + base64.b64encode(deep(9_000)) + b"-----END", "broken"),
    "open to the end": (b"\x30\x80" * 60_000, "broken"),
    "open and never closed": (b"\x30\x80" + b"\x05\0" * 60_000, "broken"),
    "more than it says": (b"\x30\x84\x7f\xff\xff\xff" + bytes(50), "broken"),
    "half a certificate": (RAW[: len(RAW) // 2], "broken"),
    "too many": (many(MOST_CERTIFICATES + 1), "too_many"),
    "only beginnings": (b"-----BEGIN CERTIFICATE-----" * 4000, "none"),
    "only ends of lines": (b"\n" * MOST_OCTETS, "none"),
    "a PEM of nothing": (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "broken"),
    "only an authority": (der_of(HERE.ca), "authority"),
    "a picture": (b"\xff\xd8\xff\xe0" + bytes(1000), "none"),
    "a date that is none": (RAW.replace(OWN.not_valid_after_utc.strftime("%y%m%d").encode(), b"991399"), "broken"),
    "an encrypted message": (der.sequence(der.oid("1.2.840.113549.1.7.3"), der.explicit(0, der.sequence())), "none"),
    "PKCS #7 without certificates": (
        der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, der.sequence(der.integer(1), der.set_of()))),
        "none",
    ),
    "PKCS #7 with nothing in it": (der.sequence(der.oid("1.2.840.113549.1.7.2")), "broken"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_at_once(content: bytes, expected: str) -> None:
    began = time.process_time()
    assert code(content) == expected
    assert time.process_time() - began < 1


def test_a_thousand_certificates_in_a_pkcs7_are_too_many() -> None:
    tiny = [der.sequence(der.sequence(der.integer(number))) for number in range(1000)]
    data = der.sequence(der.integer(1), der.set_of(), der.sequence(), der.explicit(0, *tiny))
    assert code(der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, data))) in {"broken", "too_many"}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(RAW) - 1), st.integers(0, 255), st.booleans())
def test_one_octet_changed_is_read_or_refused(at: int, octet: int, in_pem: bool) -> None:
    changed = RAW[:at] + bytes((octet,)) + RAW[at + 1 :]
    if in_pem:
        changed = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(changed) + b"-----END CERTIFICATE-----\n"
    try:
        own = read(changed)[0]
    except NotACertificate:
        return
    assert own.holder.isprintable()
    assert len(own.issuer) <= elsewhere.LONGEST_NAME


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(content: bytes) -> None:
    for wrapped in (content, b"\x30" + content, b"\x30\x82\x01\x00" + content):
        with contextlib.suppress(NotACertificate):  # and nothing else
            read(wrapped)
