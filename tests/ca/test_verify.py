"""The login check: each question by itself, and signatures as browsers make them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca import signing, verify
from ca.ports import Record, Status
from tests.ca.pki import IDN, NOW, R, enrollment, make_pki, pki, request, subscriber_key

MESSAGE = b"CertTalk login check v1\nchallenge"


def record(kind: str = "p-256") -> Record:
    authority = pki().authority
    planned = Record(authority.prepare(enrollment(csr=request(subscriber_key(kind))), NOW), Status.PLANNED)
    return replace(planned, status=Status.VALID, der=authority.sign(planned), issued_at=NOW)


RECORD = record()
assert RECORD.der is not None
SIGNATURE = signing.sign(signing.SoftwareKey(subscriber_key("p-256")), MESSAGE)


def check(certificate: bytes = RECORD.der, **changed: Any) -> verify.Checked:
    given = {
        "signature": SIGNATURE,
        "message": MESSAGE,
        "now": NOW,
        "issuers": pki().authority.issuers,
        "profiles": pki().authority.profiles,
        "record": RECORD,
        "idn": IDN,
        "r": R,
    }
    return verify.check(certificate, **(given | changed))


def failed(checked: verify.Checked) -> dict[str, str]:
    return {f.name: f.detail for f in checked.findings if f.ok is False}


def test_all_is_well() -> None:
    checked = check()
    assert checked.ok
    assert (checked.holder, checked.until) == ("홍길동", RECORD.plan.not_after)
    assert [f.name for f in checked.findings] == [
        "readable",
        "issuer",
        "validity",
        "policy",
        "status",
        "signature",
        "identity",
    ]


def test_signatures_of_every_kind() -> None:
    r, s = decode_dss_signature(SIGNATURE)
    assert check(signature=r.to_bytes(32, "big") + s.to_bytes(32, "big")).ok, "as WebCrypto makes it"
    rsa = record("rsa-2048")
    assert rsa.der is not None
    assert check(
        rsa.der, record=rsa, signature=signing.sign(signing.SoftwareKey(subscriber_key("rsa-2048")), MESSAGE)
    ).ok


@pytest.mark.parametrize("signature", [b"", bytes(64), SIGNATURE[:-1], SIGNATURE + b"\0", b"\xff" * 64])
def test_a_signature_that_does_not_fit(signature: bytes) -> None:
    assert failed(check(signature=signature)) == {"signature": "does_not_fit"}


def test_a_signature_over_something_else() -> None:
    assert failed(check(message=MESSAGE + b" ")) == {"signature": "does_not_fit"}


@pytest.mark.parametrize(
    ("now", "detail"),
    [
        (RECORD.plan.not_before - timedelta(seconds=1), "not_yet"),
        (RECORD.plan.not_before, None),
        (RECORD.plan.not_after, None),
        (RECORD.plan.not_after + timedelta(milliseconds=999), None),
        (RECORD.plan.not_after + timedelta(seconds=1), "expired"),
    ],
)
def test_validity_includes_its_last_second(now: datetime, detail: str | None) -> None:
    found = failed(check(now=now))
    assert found.get("validity") == detail


@pytest.mark.parametrize(
    ("known", "detail"),
    [
        (None, "unknown"),
        (replace(RECORD, status=Status.PLANNED, der=None), "unknown"),
        (replace(RECORD, der=b"another"), "another"),
        (replace(RECORD, status=Status.HELD, revoked_at=NOW, reason="certificateHold"), "held"),
        (replace(RECORD, status=Status.REVOKED, revoked_at=NOW, reason="keyCompromise"), "revoked"),
        (replace(RECORD, status=Status.FAILED), "failed"),
    ],
)
def test_status(known: Record | None, detail: str) -> None:
    assert failed(check(record=known)) == {"status": detail}


def test_another_ca() -> None:
    assert failed(check(issuers=make_pki("p-256").authority.issuers)) == {"issuer": "not_ours"}
    assert failed(check(issuers={})) == {"issuer": "not_ours"}


def test_a_ca_that_has_ended() -> None:
    later = pki().issuer.certificate.not_valid_after_utc + timedelta(days=1)
    assert failed(check(now=later)) == {"issuer": "issuer_expired", "validity": "expired"}


def test_another_policy() -> None:
    others = {"general": pki().authority.profiles["general"]}
    assert failed(check(profiles=others)) == {"policy": "other"}


@pytest.mark.parametrize(
    "wrong", [{"idn": "KB-0004712"}, {"r": bytes(20)}, {"r": b"short"}, {"idn": "고객"}], ids=lambda w: next(iter(w))
)
def test_another_identity(wrong: dict[str, Any]) -> None:
    assert failed(check(**wrong)) == {"identity": "does_not_fit"}


def test_identity_not_asked() -> None:
    checked = check(r=None)
    assert checked.ok
    assert checked.findings[-1] == verify.Finding("identity", ok=None, detail="not_asked")


def test_somebody_elses_certificate_of_an_unusual_kind() -> None:
    key = ed448.Ed448PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Other")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .public_key(key.public_key())
        .sign(key, None)
    )
    checked = check(made.public_bytes(Encoding.DER), record=None)
    assert checked.holder == "Other"
    assert failed(checked) == {
        "issuer": "not_ours",
        "policy": "none",
        "status": "unknown",
        "signature": "other_key",
        "identity": "none",
    }


# What the library still reads and only warns about, it will refuse one day; both are a finding.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(RECORD.der) - 1), st.integers(1, 255)).map(
        lambda change: bytes(b ^ change[1] if at == change[0] else b for at, b in enumerate(RECORD.der or b""))
    )
)
def test_a_changed_certificate_is_never_well(data: bytes) -> None:
    checked = check(data)
    assert not checked.ok
    assert (verify.serial_of(data) is None) == (checked.findings[0].ok is False)


def test_a_huge_one_is_not_even_read() -> None:
    assert failed(check(bytes(verify.MAX_OCTETS + 1))) == {"readable": "unreadable"}
