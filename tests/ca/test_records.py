"""Records signed as CMS: openssl takes them, nobody else's hand can make or change one."""

import hashlib
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from asn1crypto.cms import ContentInfo
from asn1crypto.tsp import SigningCertificateV2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca import ceremony, cms, keys, records, signing
from ca.errors import BadRequest, ProfileError
from ca.ports import Record, Status
from ca.records import RecordSigner
from ca.signing import SoftwareKey
from tests.ca.pki import NOW, enrollment, pki, request

CONTENT = records.write("Test record v1", {"name": "홍길동", "n": "1"})
SECOND = timedelta(seconds=1)


@cache
def signer_of(kind: str, below: str = "p-256") -> RecordSigner:
    key, issuer = SoftwareKey(keys.generate(kind)), pki(below).issuer
    certificate = ceremony.make_record_signer(issuer.certificate, issuer.key, key.public_key, NOW)
    return RecordSigner(certificate, issuer.certificate, key)


def verified(signed: bytes, root: x509.Certificate, folder: Path, at: datetime, *more: str) -> tuple[int, bytes]:
    """What `openssl cms -verify` says of it at a time: exit code, content."""
    (folder / "signed").write_bytes(signed)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", folder / "signed", "-binary", "-cades",
               "-x509_strict", "-purpose", "any", "-CAfile", folder / "root.pem",
               "-attime", str(int(at.timestamp())), *more]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("kind", ["p-256", "rsa-2048"])
@pytest.mark.parametrize("below", ["p-256", "rsa-3072"])
def test_openssl_reads_what_we_sign(kind: str, below: str, tmp_path: Path) -> None:
    root, signed = pki(below).issuer.root, signer_of(kind, below).sign(CONTENT, NOW)
    assert verified(signed, root, tmp_path, NOW) == (0, CONTENT)
    assert verified(signed, root, tmp_path, NOW + timedelta(days=40))[0] != 0, "by then the signer's time is over"
    assert verified(signed, pki("rsa-2048").issuer.root, tmp_path, NOW)[0] != 0
    opened = records.opened(signed, root)
    assert (opened.content, opened.at) == (CONTENT, NOW)
    assert records.read("Test record v1", ("name", "n"), opened.content) == {"name": "홍길동", "n": "1"}


def test_the_signed_attributes_as_an_independent_reader_has_them() -> None:
    """RFC 5652 §5.3, §5.4 and RFC 5035: in DER, sorted, the digest of the content, the certificate they are made by."""
    signer = signer_of("p-256")
    data = ContentInfo.load(signer.sign(CONTENT, NOW), strict=True)["content"]
    [info] = data["signer_infos"]
    attributes = {one["type"].native: one["values"] for one in info["signed_attrs"]}
    assert attributes.keys() == {"content_type", "message_digest", "signing_time", "signing_certificate_v2"}
    assert attributes["content_type"].native == ["data"] == [data["encap_content_info"]["content_type"].native]
    assert attributes["message_digest"].native == [hashlib.sha256(CONTENT).digest()]
    assert attributes["signing_time"].native == [NOW]
    [named] = attributes["signing_certificate_v2"]
    assert isinstance(named, SigningCertificateV2)
    assert (
        named.native["certs"][0]["cert_hash"] == hashlib.sha256(signer.certificate.public_bytes(Encoding.DER)).digest()
    )
    signed = info["signed_attrs"].untag().dump()
    assert [one.dump() for one in info["signed_attrs"]] == sorted(one.dump() for one in info["signed_attrs"])
    assert signing.is_valid(signer.key.public_key, info["signature"].native, signed)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # of a changed serial number
def test_not_one_octet_can_be_changed() -> None:
    root, signed = pki().issuer.root, signer_of("p-256").sign(CONTENT, NOW)
    # How many bits of a certificate's signature are unused, where its last ones are 0, is for the library to mind.
    unused = {signed.index(one.signature) - 1 for one in cms.read(signed).certificates}
    for at in set(range(len(signed))) - unused:
        for bit in (0x01, 0x80):
            changed = signed[:at] + bytes((signed[at] ^ bit,)) + signed[at + 1 :]
            with pytest.raises(BadRequest):
                records.opened(changed, root)
    for other in (b"", signed[:-1], signed + b"\0", b"\x30\x80" + signed[2:] + b"\0\0", bytes(70_000)):
        with pytest.raises(BadRequest):
            records.opened(other, root)


def test_a_customer_signs_no_record() -> None:
    """Below the same root, with a key that may sign: only the purpose tells them apart."""
    authority, issuer = pki().authority, pki().issuer
    key = keys.generate("p-256")
    planned = Record(authority.prepare(enrollment(csr=request(key)), NOW), Status.PLANNED)
    mine = x509.load_der_x509_certificate(authority.sign(planned))
    signed = cms.sign(CONTENT, (mine, issuer.certificate), SoftwareKey(key), NOW)
    assert cms.read(signed).content == CONTENT, "it is a SignedData all the same"
    with pytest.raises(BadRequest, match="not for records"):
        records.opened(signed, issuer.root)


def test_nor_do_the_authoritys_other_keys() -> None:
    issuer = pki().issuer
    assert issuer.ocsp is not None
    with pytest.raises(BadRequest, match="not for records"):
        records.opened(
            cms.sign(CONTENT, (issuer.ocsp.certificate, issuer.certificate), issuer.ocsp.key, NOW), issuer.root
        )
    with pytest.raises(BadRequest, match="not for records"):
        records.opened(cms.sign(CONTENT, (issuer.certificate,), issuer.key, NOW), issuer.root)


def test_another_root_another_signer_another_time() -> None:
    signer, root = signer_of("p-256"), pki().issuer.root
    signed = signer.sign(CONTENT, NOW)
    with pytest.raises(BadRequest, match="does not lead to this root"):
        records.opened(signed, pki("rsa-3072").issuer.root)
    for at in (signer.certificate.not_valid_before_utc - SECOND, signer.certificate.not_valid_after_utc + SECOND):
        with pytest.raises(BadRequest, match="outside of the signer's time"):
            records.opened(signer.sign(CONTENT, at), root)
    with pytest.raises(BadRequest, match="does not lead"):
        records.opened(cms.sign(CONTENT, (signer.certificate,), signer.key, NOW), root)
    stranger = signer_of("rsa-2048")
    with pytest.raises(ProfileError):
        replace(signer, key=stranger.key)


def test_the_signers_certificate_is_for_documents_for_a_month() -> None:
    made = signer_of("p-256").certificate
    found = {one.oid.dotted_string: one for one in made.extensions}
    purposes = found["2.5.29.37"].value
    assert isinstance(purposes, x509.ExtendedKeyUsage)
    assert [one.dotted_string for one in purposes] == ["1.3.6.1.5.5.7.3.36"]
    assert "2.5.29.56" in found, "RFC 9608: nobody can ask whether it was revoked"
    assert not found.keys() & {"2.5.29.31", "1.3.6.1.5.5.7.1.1"}, "and so it says nothing of where to ask"
    assert made.not_valid_after_utc == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    "content",
    [b"", b"Another record v1\nname: a\nn: 1\n", b"Test record v1\nn: 1\nname: a\n", b"Test record v1\nname: a\n",
     b"Test record v1\nname: a\nn: 1", b"Test record v1\nname: a\nn: 1\nx: y\n",
     b"Test record v1\r\nname: a\r\nn: 1\r\n",
     b"Test record v1\nname: a\nname: b\nn: 1\n", b"Test record v1\nname:a\nn: 1\n", b"\xff"],
)  # fmt: skip
def test_a_record_has_one_form(content: bytes) -> None:
    with pytest.raises(BadRequest):
        records.read("Test record v1", ("name", "n"), content)


@pytest.mark.parametrize("value", ["two\nlines", "two\rlines", "two\u2028lines", ""])
def test_a_field_is_one_line(value: str) -> None:
    if not value:
        assert records.read("T", ("a",), records.write("T", {"a": ""})) == {"a": ""}
        return
    with pytest.raises(ValueError, match="one line"):
        records.write("T", {"a": value})
