"""Independent judges over what the ring really makes: parsers, linters and path validators of other people."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library

from ca import ceremony, crl, npki, pkcs12
from ca.authority import CertificateAuthority
from ca.partition import partition_of
from ca.ports import Record, RevokedEntry, Serial, Standing, Status
from ca.signing import SoftwareKey
from tests import judges
from tests.ca.pki import IDN, Pki, R, enrollment, make_pki, request, subscriber_key

pytestmark = judges.needs_judges
PASSWORD = "Test!2026pw"
DAY = timedelta(days=1)
only_default = pytest.mark.parametrize("made", ["rsa-3072"], indirect=True)


@dataclass(frozen=True)
class Made:
    """A CA and one certificate of it as files; judges look at the real clock, so it is made now."""

    pki: Pki
    record: Record
    now: datetime
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    @property
    def issuing(self) -> Path:
        return self.folder / "issuing.pem"

    @property
    def ocsp(self) -> Path:
        return self.folder / "ocsp.pem"

    @property
    def leaf(self) -> Path:
        return self.folder / "leaf.der"

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture(scope="module", params=["rsa-3072", "p-256"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    now = datetime.now(UTC).replace(microsecond=0)
    return make(request.param, now, tmp_path_factory.mktemp(request.param))


def make(kind: str, now: datetime, folder: Path) -> Made:
    pki = make_pki(kind, now)
    issuer, authority = pki.issuer, pki.authority
    assert issuer.ocsp is not None
    csr = request(subscriber_key("rsa-2048"))
    planned = Record(authority.prepare(enrollment(csr=csr, name="홍" * 21), now), Status.PLANNED)
    record = replace(planned, status=Status.VALID, der=authority.sign(planned), issued_at=now)
    made = Made(pki, record, now, folder)
    for path, certificate in (
        (made.root, issuer.root),
        (made.issuing, issuer.certificate),
        (made.ocsp, issuer.ocsp.certificate),
    ):
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.leaf.write_bytes(record.der or b"")
    return made


def test_the_ceremonys_certificates(made: Made) -> None:
    judges.lint_cert(made.root)
    judges.lint_cert(made.issuing, made.root)
    judges.lint_cert(made.ocsp, made.issuing)


@pytest.mark.parametrize("kind", ["p-256", "rsa-2048"])
def test_a_signer_of_records(made: Made, kind: str, tmp_path: Path) -> None:
    key, issuer = SoftwareKey(subscriber_key(kind)), made.pki.issuer
    certificate = ceremony.make_record_signer(issuer.certificate, issuer.key, key.public_key, made.now)
    signer = tmp_path / "records.pem"
    signer.write_bytes(certificate.public_bytes(Encoding.PEM))
    judges.lint_cert(signer, made.issuing)


def test_a_subscribers_certificate(made: Made) -> None:
    judges.lint_subscriber(made.leaf, made.issuing)


def issued(made: Made, profile: str, kind: str, folder: Path) -> Path:
    """A certificate of this kind for a key of that kind."""
    offered = replace(made.pki.authority.profile(profile), keys=(kind,))
    authority = CertificateAuthority(made.pki.issuer, {profile: offered})
    planned = authority.prepare(enrollment(profile=profile, csr=keyed(kind)), made.now)
    leaf = folder / "leaf.der"
    leaf.write_bytes(authority.sign(Record(planned, Status.PLANNED)))
    return leaf


@only_default
@pytest.mark.parametrize(
    ("profile", "kind"), [("personal", "p-256"), ("business", "rsa-2048"), ("general", "p-256")], ids=str
)
def test_every_kind_of_certificate(made: Made, tmp_path: Path, profile: str, kind: str) -> None:
    leaf = issued(made, profile, kind, tmp_path)
    judges.lint_subscriber(leaf, made.issuing)
    judges.verify_chain(leaf, made.issuing, made.root)


@only_default
def test_ed25519_is_read_by_all_but_nss(made: Made, tmp_path: Path) -> None:
    leaf = issued(made, "general", "ed25519", tmp_path)
    linted = judges.judge("x509/lint_cert.sh", leaf, "pkix", made.issuing, expect=1)
    assert [line[:16] for line in linted.splitlines() if line.startswith("FAIL")] == ["FAIL  nss parses"]
    chain = judges.judge("x509/verify_chain.sh", leaf, made.issuing, made.root, "any", expect=None, EXPECT="accept")
    for judge in ("openssl verify -x509_strict", "cryptography x509.verification"):
        assert f"PASS  {judge}" in chain, chain


def keyed(kind: str) -> bytes:
    """A request for a key of this kind; Ed25519 signs without a digest of its own."""
    if kind != "ed25519":
        return request(subscriber_key(kind))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(Ed25519PrivateKey.generate(), None).public_bytes(Encoding.DER)


def test_the_chain(made: Made, tmp_path: Path) -> None:
    output = judges.verify_chain(made.leaf, made.issuing, made.root)
    assert "PASS  openssl verify -x509_strict" in output
    assert "PASS  cryptography x509.verification" in output
    stranger = make("p-256", made.now, tmp_path)
    judges.verify_chain(made.leaf, made.issuing, stranger.root, expect="reject")


def test_revocation_lists(made: Made) -> None:
    issuer, sign = made.pki.issuer.name, made.pki.authority.sign_crl
    revoked = [
        crl.entry(one)
        for one in (
            RevokedEntry(made.record.plan.serial, made.now, "keyCompromise"),
            RevokedEntry(Serial(1 << 158), made.now, "unspecified"),
            RevokedEntry(Serial(1 << 158 | 1), made.now, "certificateHold"),
        )
    ]
    empty = made.write("empty.crl", sign(issuer, [], 1, made.now, DAY))
    full = made.write("full.crl", sign(issuer, revoked, 2, made.now, DAY))
    judges.check_crl(empty, made.issuing)
    judges.check_crl(full, made.issuing, empty)
    part = partition_of(made.record.plan.serial, 4)
    judges.check_crl(made.write("part.crl", sign(issuer, revoked[:1], 2, made.now, DAY, part)), made.issuing)


@pytest.mark.parametrize("status", ["good", "revoked", "hold", "unknown"])
def test_ocsp_answers(made: Made, status: str) -> None:
    serial, issuer = made.record.plan.serial, made.pki.issuer.name
    known = {
        "good": {serial: Standing(issuer, Status.VALID)},
        "revoked": {serial: Standing(issuer, Status.REVOKED, made.now, "superseded")},
        "hold": {serial: Standing(issuer, Status.HELD, made.now, "certificateHold")},
        "unknown": {},
    }[status]

    async def lookup(serials: Sequence[Serial]) -> dict[Serial, Standing]:
        return known

    leaf = x509.load_der_x509_certificate(made.leaf.read_bytes())
    issuing = made.pki.issuer.certificate
    asked = library.OCSPRequestBuilder().add_certificate(leaf, issuing, hashes.SHA256()).build()
    answer = asyncio.run(made.pki.authority.answer_ocsp(asked.public_bytes(Encoding.DER), lookup, made.now))
    judges.check_ocsp(
        made.write(f"{status}.ocsp", answer), made.issuing, made.leaf, "revoked" if status == "hold" else status
    )


@only_default
def test_an_npki_folder(made: Made) -> None:
    key = subscriber_key("rsa-2048")
    made.write("signCert.der", made.leaf.read_bytes())
    made.write("signPri.key", npki.write_key(key, R, PASSWORD.encode()))
    judges.check_npki(made.folder, PASSWORD, IDN)


@only_default
def test_a_pkcs12_file(made: Made) -> None:
    issuer = made.pki.issuer
    chain = (made.leaf.read_bytes(), issuer.der, issuer.root_der)
    file = pkcs12.write(subscriber_key("rsa-2048"), R, chain, PASSWORD, "CertTalk")
    judges.check_p12(made.write("certificate.p12", file), PASSWORD, 100_000, made.root)
