"""OCSP: the right status, the right refusals, the nonce, and never a good for what was not issued."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library
from hypothesis import given
from hypothesis import strategies as st

from ca import ocsp
from ca.authority import CertificateAuthority
from ca.ports import Record, Serial, Status
from tests.ca.pki import NOW, enrollment, make_pki, pki

PLANNED = Record(pki().authority.prepare(enrollment(), NOW), Status.PLANNED)
DER = pki().authority.sign(PLANNED)
VALID = replace(PLANNED, status=Status.VALID, der=DER, issued_at=NOW)
GOOD, REVOKED, UNKNOWN = (
    library.OCSPCertStatus.GOOD,
    library.OCSPCertStatus.REVOKED,
    library.OCSPCertStatus.UNKNOWN,
)


def question(
    *,
    nonce: bytes | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
    issuer: x509.Certificate | None = None,
    extension: tuple[x509.ExtensionType, bool] | None = None,
) -> bytes:
    builder = library.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(DER), issuer or pki().issuer.certificate, algorithm or hashes.SHA1()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    if extension is not None:
        builder = builder.add_extension(*extension)
    return builder.build().public_bytes(Encoding.DER)


async def ask(request: bytes, record: Record | None = VALID, kind: str = "p-256") -> library.OCSPResponse:
    asked: list[int] = []

    async def lookup(serial: Serial) -> Record | None:
        asked.append(serial)
        return record

    response = library.load_der_ocsp_response(await pki(kind).authority.answer_ocsp(request, lookup, NOW))
    successful = response.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert asked == ([PLANNED.plan.serial] if successful else []), "the store is asked only what we may answer"
    return response


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["SHA-1", "SHA-256"])
async def test_good(algorithm: hashes.HashAlgorithm) -> None:
    response = await ask(question(algorithm=algorithm))
    signer = pki().issuer.ocsp
    assert signer is not None
    assert response.certificate_status is GOOD
    assert response.serial_number == PLANNED.plan.serial
    assert response.hash_algorithm.name == algorithm.name
    assert response.responder_key_hash == signer.key_hash
    assert response.certificates == [signer.certificate]
    assert (response.produced_at_utc, response.this_update_utc) == (NOW, NOW)
    assert response.next_update_utc == NOW + ocsp.LIFETIME
    assert ocsp.signing.is_valid(signer.key.public_key, response.signature, response.tbs_response_bytes)


REVOKED_AT = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("record", "status", "reason"),
    [
        (None, UNKNOWN, None),
        (PLANNED, UNKNOWN, None),
        (replace(VALID, plan=replace(VALID.plan, issuer="another")), UNKNOWN, None),
        (replace(VALID, der=None), UNKNOWN, None),
        (replace(PLANNED, status=Status.FAILED, revoked_at=REVOKED_AT), REVOKED, None),
        (replace(VALID, status=Status.REVOKED, revoked_at=REVOKED_AT, reason="superseded"), REVOKED, "superseded"),
        (replace(VALID, status=Status.REVOKED, revoked_at=REVOKED_AT, reason="unspecified"), REVOKED, None),
        (
            replace(VALID, status=Status.HELD, revoked_at=REVOKED_AT, reason="certificateHold"),
            REVOKED,
            "certificateHold",
        ),
    ],
    ids=["not ours", "planned", "another issuer", "no bytes", "failed", "revoked", "unspecified", "held"],
)
async def test_status(record: Record | None, status: library.OCSPCertStatus, reason: str | None) -> None:
    response = await ask(question(), record)
    assert response.certificate_status is status
    assert response.next_update_utc is not None
    if status is REVOKED:
        assert response.revocation_time_utc == REVOKED_AT
        found = response.revocation_reason
        assert (found.value if found else None) == reason


@pytest.mark.parametrize("size", [1, 16, 32, 127, 128])
async def test_a_nonce_comes_back(size: int) -> None:
    response = await ask(question(nonce=bytes(range(size))))
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == bytes(range(size))


async def test_no_nonce_none_back() -> None:
    assert len((await ask(question())).extensions) == 0


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"garbage", id="garbage"),
        pytest.param(question() + b"\0", id="trailing"),
        pytest.param(question(nonce=b""), id="nonce of 0"),
        pytest.param(question(nonce=bytes(129)), id="nonce of 129"),
        pytest.param(bytes(5000), id="too large"),
        pytest.param(
            question(extension=(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)),
            id="unknown critical extension",
        ),
    ],
)
async def test_malformed(request_: bytes) -> None:
    assert (await ask(request_)).response_status is library.OCSPResponseStatus.MALFORMED_REQUEST


async def test_another_ca_is_not_ours_to_answer_for() -> None:
    foreign = question(issuer=make_pki("p-256").issuer.certificate)
    assert (await ask(foreign)).response_status is library.OCSPResponseStatus.UNAUTHORIZED
    unknown_hash = question(algorithm=hashes.SHA512())
    assert (await ask(unknown_hash)).response_status is library.OCSPResponseStatus.UNAUTHORIZED


async def test_a_former_ca_still_answers() -> None:
    successor = make_pki("p-256")
    current = replace(successor.issuer, name="certtalk-2")
    authority = CertificateAuthority(current, pki().authority.profiles, former=[pki().issuer])

    async def lookup(serial: Serial) -> Record:
        return VALID

    response = library.load_der_ocsp_response(await authority.answer_ocsp(question(), lookup, NOW))
    assert response.certificate_status is GOOD


async def test_no_answer_outlives_its_signer() -> None:
    signer = pki().issuer.ocsp
    assert signer is not None
    end = signer.certificate.not_valid_after_utc
    asked = ocsp.read(question())
    assert isinstance(asked, ocsp.Question)
    late = ocsp.answer(asked, VALID, pki().issuer, signer, end - timedelta(hours=1))
    assert library.load_der_ocsp_response(late).next_update_utc == end


@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(question()) - 1), st.integers(1, 255)).map(
        lambda change: bytes(b ^ change[1] if at == change[0] else b for at, b in enumerate(question()))
    )
)
def test_noise_never_raises(request_: bytes) -> None:
    assert isinstance(ocsp.read(request_), ocsp.Question | ocsp.Refusal)
