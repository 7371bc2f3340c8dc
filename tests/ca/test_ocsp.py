"""OCSP: the right status, the right refusals, the nonce, and never a good for what was not issued."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library
from hypothesis import given
from hypothesis import strategies as st

from ca import der, ocsp
from ca.authority import CertificateAuthority
from ca.ports import Record, Serial, Standing, Status
from tests.ca.pki import NOW, enrollment, make_pki, pki

PLANNED = Record(pki().authority.prepare(enrollment(), NOW), Status.PLANNED)
CERTIFICATE = pki().authority.sign(PLANNED)
VALID = replace(PLANNED, status=Status.VALID, der=CERTIFICATE, issued_at=NOW)
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
        x509.load_der_x509_certificate(CERTIFICATE), issuer or pki().issuer.certificate, algorithm or hashes.SHA1()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    if extension is not None:
        builder = builder.add_extension(*extension)
    return builder.build().public_bytes(Encoding.DER)


def standing(record: Record) -> Standing:
    return Standing(record.plan.issuer, record.status, record.revoked_at, record.reason)


async def ask(request: bytes, record: Record | None = VALID, kind: str = "p-256") -> library.OCSPResponse:
    asked: list[int] = []

    async def lookup(serials: Sequence[Serial]) -> dict[Serial, Standing]:
        asked.extend(serials)
        return {} if record is None else dict.fromkeys(serials, standing(record))

    response = library.load_der_ocsp_response(await pki(kind).authority.answer_ocsp(request, lookup, NOW))
    successful = response.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert asked == ([PLANNED.plan.serial] if successful else []), "the store is asked only what we may answer"
    return response


async def test_who_asks_and_what_else_is_said_changes_nothing() -> None:
    """RFC 6960 §4.1.1: requestorName; §4.4: an extension that is not critical and means nothing here."""
    whole = der.read(question()).children()[0].children()
    named = der.sequence(der.explicit(1, der.explicit(4, pki().issuer.subject_der)), *(one.raw for one in whole))
    assert (await ask(der.sequence(named))).certificate_status is GOOD
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    answer = await ask(question(extension=(other, False)))
    assert (answer.certificate_status, len(answer.extensions)) == (GOOD, 0)


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
        (replace(PLANNED, status=Status.FAILED, revoked_at=REVOKED_AT), REVOKED, None),
        (replace(VALID, status=Status.REVOKED, revoked_at=REVOKED_AT, reason="superseded"), REVOKED, "superseded"),
        (replace(VALID, status=Status.REVOKED, revoked_at=REVOKED_AT, reason="unspecified"), REVOKED, None),
        (
            replace(VALID, status=Status.HELD, revoked_at=REVOKED_AT, reason="certificateHold"),
            REVOKED,
            "certificateHold",
        ),
    ],
    ids=["not ours", "planned", "another issuer", "failed", "revoked", "unspecified", "held"],
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


# -- many in one request, which the library can neither ask nor read: by hand here as well -----------------------------


def many(*changed: bytes) -> bytes:
    """A request with these DER Requests."""
    return der.sequence(der.sequence(der.sequence(*changed)))


def single(serial: int, *, extensions: bytes = b"", hash_name: str = "sha1") -> bytes:
    about = ocsp.about(pki().issuer, hash_name)
    certificate_id = der.sequence(
        der.sequence(about.algorithm), der.octet_string(about.name), der.octet_string(about.key), der.integer(serial)
    )
    return der.sequence(certificate_id, extensions)


def critical(value: bool) -> bytes:
    flag = der.boolean(True) if value else b""
    return der.explicit(0, der.sequence(der.sequence(der.oid("1.2.3"), flag, der.octet_string(b"\5\0"))))


async def test_several_questions_are_answered_in_their_order() -> None:
    held = Standing("certtalk-1", Status.HELD, REVOKED_AT, "certificateHold")
    known = {Serial(5): standing(VALID), Serial(7): held}

    async def lookup(serials: Sequence[Serial]) -> dict[Serial, Standing]:
        return known

    request = many(single(7), single(6, hash_name="sha256"), single(5, extensions=critical(False)))
    answered = await pki().authority.answer_ocsp(request, lookup, NOW)
    response = library.load_der_ocsp_response(answered)
    singles = list(response.responses)
    assert [(one.serial_number, one.certificate_status) for one in singles] == [(7, REVOKED), (6, UNKNOWN), (5, GOOD)]
    assert singles[1].hash_algorithm.name == "sha256"
    for asked_id in (single(7), single(6, hash_name="sha256")):
        assert der.read(asked_id).children()[0].raw in answered, "the CertID comes back to the octet"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(many(), id="no question"),
        pytest.param(many(*[single(5)] * (ocsp.MAX_QUESTIONS + 1)), id="too many"),
        pytest.param(many(single(5, extensions=critical(True))), id="critical extension of a question"),
        pytest.param(der.sequence(der.sequence(der.explicit(0, der.integer(1)), der.sequence(single(5)))), id="v2"),
        pytest.param(many(single(5))[:-1], id="truncated"),
        pytest.param(der.tlv(0x30, *[b"\x30\x80"] * 5), id="indefinite length"),
    ],
)
async def test_several_malformed(request_: bytes) -> None:
    assert (await ask(request_)).response_status is library.OCSPResponseStatus.MALFORMED_REQUEST


async def test_questions_about_two_authorities_are_nobodys_to_answer() -> None:
    other = replace(make_pki("p-256").issuer, name="certtalk-2")
    authority = CertificateAuthority(other, pki().authority.profiles, former=[pki().issuer])
    theirs = der.read(der.read(der.read(ocsp.request(other, Serial(5), "sha1")).content).content).children()[0].raw
    asked = authority.read_ocsp(many(single(5), theirs))
    assert asked is ocsp.Refusal.UNAUTHORIZED
    assert isinstance(authority.read_ocsp(many(theirs)), ocsp.Asked)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
def test_the_usual_request_is_what_clients_send(algorithm: hashes.HashAlgorithm) -> None:
    assert ocsp.request(pki().issuer, PLANNED.plan.serial, algorithm.name) == question(algorithm=algorithm)


async def test_another_ca_is_not_ours_to_answer_for() -> None:
    foreign = question(issuer=make_pki("p-256").issuer.certificate)
    assert (await ask(foreign)).response_status is library.OCSPResponseStatus.UNAUTHORIZED
    unknown_hash = question(algorithm=hashes.SHA512())
    assert (await ask(unknown_hash)).response_status is library.OCSPResponseStatus.UNAUTHORIZED


async def test_a_former_ca_still_answers() -> None:
    successor = make_pki("p-256")
    current = replace(successor.issuer, name="certtalk-2")
    authority = CertificateAuthority(current, pki().authority.profiles, former=[pki().issuer])

    async def lookup(serials: Sequence[Serial]) -> dict[Serial, Standing]:
        return dict.fromkeys(serials, standing(VALID))

    response = library.load_der_ocsp_response(await authority.answer_ocsp(question(), lookup, NOW))
    assert response.certificate_status is GOOD


async def test_no_answer_outlives_its_signer() -> None:
    signer = pki().issuer.ocsp
    assert signer is not None
    end = signer.certificate.not_valid_after_utc
    asked = pki().authority.read_ocsp(question())
    assert isinstance(asked, ocsp.Asked)
    late = ocsp.answer(asked, {}, end - timedelta(hours=1))
    assert library.load_der_ocsp_response(late).next_update_utc == end


@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(question()) - 1), st.integers(1, 255)).map(
        lambda change: bytes(b ^ change[1] if at == change[0] else b for at, b in enumerate(question()))
    )
)
def test_noise_never_raises(request_: bytes) -> None:
    assert isinstance(ocsp.read(request_), ocsp.Questions | ocsp.Refusal)
