"""What relying parties fetch from a running service, held against programs that are not ours."""

import base64
import hashlib
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca import der
from ca import ocsp as questions
from ca.authority import Enrollment
from ca.ports import Serial, SubscriberId
from tests import judges
from tests.bot.console_program import Program
from tests.live import Live
from tests.outside import Clock, Key, Outside, Start

ISSUING = "/pki/issuing-1"


async def fetched(outside: Outside, path: str, **headers: str) -> Any:
    return await outside.browser().http.get(path, headers=headers)


async def asked(outside: Outside, serial: int, *, get: bool = False) -> tuple[Any, ocsp.OCSPResponse]:
    issuer = x509.load_der_x509_certificate((await fetched(outside, f"{ISSUING}.cer")).content)
    spki = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    name = hashlib.sha1(issuer.subject.public_bytes()).digest()
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, spki, serial, SHA1()).build()
    der = request.public_bytes(Encoding.DER)
    http = outside.browser().http
    if get:
        answer = await http.get("/pki/ocsp/" + quote(base64.b64encode(der).decode(), safe=""))
    else:
        answer = await http.post("/pki/ocsp", content=der, headers={"Content-Type": "application/ocsp-request"})
    assert answer.headers["content-type"] == "application/ocsp-response"
    return answer, ocsp.load_der_ocsp_response(answer.content)


async def status(outside: Outside, serial: int) -> str:
    return (await asked(outside, serial))[1].certificate_status.name


async def test_good_held_released_revoked_unknown(outside: Outside) -> None:
    _, issued = await outside.browser().enrolled()
    serial = Serial(int(issued["serial"], 16))
    registration, now = outside.service.registration, outside.clock()
    assert await status(outside, serial) == "GOOD"
    assert await status(outside, serial + 1) in {"UNKNOWN", "REVOKED"}
    await registration.hold(serial, now)
    assert await status(outside, serial) == "REVOKED"
    await registration.release(serial, now)
    assert await status(outside, serial) == "GOOD"
    await registration.revoke(serial, "keyCompromise", now)
    answer = (await asked(outside, serial))[1]
    assert (answer.certificate_status.name, answer.revocation_reason) == ("REVOKED", x509.ReasonFlags.key_compromise)


@pytest.mark.parametrize("how", ["the signer has ended", "revoked, but nobody knows since when"])
async def test_where_no_answer_would_be_right_it_is_an_error_and_never_good(outside: Outside, how: str) -> None:
    _, issued = await outside.browser().enrolled()
    if "signer" in how:
        outside.clock.move(days=91)
    else:
        spoil = "UPDATE certificates SET status = 'revoked', in_place = 0"
        await outside.service.database.run(lambda tx: tx.execute(spoil))
    _, answer = await asked(outside, int(issued["serial"], 16))
    assert answer.response_status is ocsp.OCSPResponseStatus.INTERNAL_ERROR


async def test_a_get_may_be_kept_for_a_minute_and_a_post_never(outside: Outside) -> None:
    _, issued = await outside.browser().enrolled()
    answer, response = await asked(outside, int(issued["serial"], 16), get=True)
    assert response.certificate_status.name == "GOOD"
    assert "max-age=60" in answer.headers["cache-control"]
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert answer.headers["expires"]
    assert answer.headers["last-modified"]
    posted, _ = await asked(outside, int(issued["serial"], 16))
    assert posted.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("garbage", ["", "x", "%00", "MAA=", "////", "%ED%A0%80", "M" * 3000])
async def test_garbage_is_answered_as_malformed_and_not_kept(outside: Outside, garbage: str) -> None:
    answer = await fetched(outside, f"/pki/ocsp/{garbage}")
    assert answer.status_code == 200
    response = ocsp.load_der_ocsp_response(answer.content)
    assert response.response_status in {ocsp.OCSPResponseStatus.MALFORMED_REQUEST, ocsp.OCSPResponseStatus.UNAUTHORIZED}
    assert answer.headers["cache-control"] == "no-store"


async def test_the_list_shows_a_revocation_at_the_next_look(outside: Outside) -> None:
    _, issued = await outside.browser().enrolled()
    serial = Serial(int(issued["serial"], 16))
    before = x509.load_der_x509_crl((await fetched(outside, f"{ISSUING}.crl")).content)
    assert before.get_revoked_certificate_by_serial_number(serial) is None
    await outside.service.registration.revoke(serial, "superseded", outside.clock())
    await outside.service.listing.work()
    after = x509.load_der_x509_crl((await fetched(outside, f"{ISSUING}.crl")).content)
    assert after.get_revoked_certificate_by_serial_number(serial) is not None
    assert number(after) > number(before)


async def test_a_long_request_is_answered_and_finds_no_room(outside: Outside) -> None:
    _, issued = await outside.browser().enrolled()
    answering, issuer = outside.service.answering, outside.service.registration.authority.current
    await answering.work()
    short = questions.request(issuer, Serial(int(issued["serial"], 16)), "sha256")
    [asks] = der.read(short).children()
    somebody = der.explicit(1, der.implicit(2, b"a" * 200))
    long = der.sequence(der.sequence(somebody, asks.content))
    for request, kept in ((short, True), (long, False)):
        made = await answering.answer(request)
        assert ocsp.load_der_ocsp_response(made.der).certificate_status is ocsp.OCSPCertStatus.GOOD
        assert (answering.prepared(request) is made) is kept


async def test_what_has_ended_stays_for_a_list_made_after_its_end(outside: Outside) -> None:
    """RFC 5280 §3.3: whoever fetches a list a day, checking what was signed on the last one, still finds it."""
    _, issued = await outside.browser().enrolled()
    serial, service = Serial(int(issued["serial"], 16)), outside.service
    end = (await service.registration.status(serial)).plan.not_after
    shown = []
    for hours in (-1, 2, 23, 30, 60):
        outside.clock.now = end + timedelta(hours=hours)
        if not shown:
            await service.registration.revoke(serial, "keyCompromise", outside.clock())
        await service.listing.work()
        crl = x509.load_der_x509_crl((await fetched(outside, f"{ISSUING}.crl")).content)
        shown.append(crl.get_revoked_certificate_by_serial_number(serial) is not None)
    assert shown == [True, True, True, True, False]


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def test_the_list_in_force_stays_over_restarts_while_nothing_changes(start: Start) -> None:
    numbers, clock = [], Clock()
    for _ in range(3):
        async with start(clock) as outside:
            for _ in range(3):
                await outside.service.listing.work()
                numbers.append(number(x509.load_der_x509_crl((await fetched(outside, f"{ISSUING}.crl")).content)))
    assert len(set(numbers)) == 1


async def test_two_workers_serve_one_list_and_agree_on_every_status(start: Start) -> None:
    clock = Clock()
    async with start(clock) as one, start(clock) as other:
        _, issued = await one.browser().enrolled()
        serial = Serial(int(issued["serial"], 16))
        for worker in (one, other):
            await worker.service.answering.work()
            await worker.service.listing.work()
            assert await status(worker, serial) == await status(worker, serial) == "GOOD"
        first = [number(x509.load_der_x509_crl((await fetched(w, f"{ISSUING}.crl")).content)) for w in (one, other)]
        await one.service.registration.revoke(serial, "superseded", clock())
        assert await status(one, serial) == "REVOKED", "at once in the process that did it"
        await other.service.answering.work()
        assert await status(other, serial) == "REVOKED", "and everywhere after the next look"
        await other.service.listing.work()
        clock.move(seconds=6)
        second = [number(x509.load_der_x509_crl((await fetched(w, f"{ISSUING}.crl")).content)) for w in (one, other)]
        assert first[0] == first[1] < second[0] == second[1]


async def test_what_another_worker_has_changed_is_not_said_again(start: Start) -> None:
    clock = Clock()
    async with start(clock) as one, start(clock) as other:
        _, issued = await one.browser().enrolled()
        serial, registration = Serial(int(issued["serial"], 16)), one.service.registration
        # From the second one on it is known what changed, and nothing else is forgotten.
        for change, after in ((registration.hold, "REVOKED"), (registration.release, "GOOD")) * 2:
            await change(serial, clock())
            await other.service.answering.work()
            assert await status(other, serial) == await status(other, serial) == after


async def test_asked_before_it_is_issued_it_is_good_afterwards(outside: Outside) -> None:
    registration, now, key = outside.service.registration, outside.clock(), Key()
    wanted = Enrollment("request-1", SubscriberId("DEMO0001"), "personal", "김데모", "DEMO0001", key.csr, key.r)
    plan = registration.authority.prepare(wanted, now)
    await outside.service.certificates.plan(plan)
    await outside.service.answering.work()
    assert await status(outside, plan.serial) == await status(outside, plan.serial) == "UNKNOWN"
    await registration.reconcile(now)
    assert await status(outside, plan.serial) == "GOOD"


async def test_what_was_prepared_is_not_trusted_without_a_look_at_the_changes(start: Start) -> None:
    clock = Clock()
    async with start(clock) as one, start(clock) as other:
        _, issued = await one.browser().enrolled()
        serial = Serial(int(issued["serial"], 16))
        await other.service.answering.work()
        assert await status(other, serial) == "GOOD"
        await one.service.registration.hold(serial, clock())
        clock.move(seconds=5)
        assert await status(other, serial) == "REVOKED"


async def test_lists_in_parts(start: Start) -> None:
    async with start(Clock(), crl_partitions=4) as outside:
        _, issued = await outside.browser().enrolled()
        certificate = x509.load_der_x509_certificate(base64.b64decode(issued["certificate"]))
        await outside.service.registration.revoke(Serial(certificate.serial_number), "superseded", outside.clock())
        await outside.service.listing.work()
        [point] = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        [name] = point.full_name or ()
        parts = [f"{ISSUING}.{index}.4.crl" for index in range(4)]
        [mine] = [part for part in parts if str(name.value).endswith(part)]
        for path in (f"{ISSUING}.crl", *parts):
            listed = x509.load_der_x509_crl((await fetched(outside, path)).content)
            found = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
            assert (found is not None) is (path in (mine, f"{ISSUING}.crl"))
        for stranger in (".4.4", ".0.8", ".0.1", ".0"):
            assert (await fetched(outside, f"{ISSUING}{stranger}.crl")).status_code == 404
    async with start(Clock()) as outside:
        await outside.service.listing.work()
        assert (await fetched(outside, mine)).status_code == 200, "its address stands in certificates"


@pytest.mark.parametrize(
    ("path", "kept_for"),
    [(f"{ISSUING}.crl", timedelta(days=1)), ("/pki/root.crl", timedelta(hours=1))],
    ids=["until nextUpdate", "that of the root, which may name an issuing CA at any time"],
)
async def test_a_list_that_is_known_is_not_sent_again(outside: Outside, path: str, kept_for: timedelta) -> None:
    first = await fetched(outside, path)
    assert f"max-age={int(kept_for.total_seconds())}," in first.headers["cache-control"]
    assert parsedate_to_datetime(first.headers["expires"]) == outside.clock().replace(microsecond=0) + kept_for
    made = x509.load_der_x509_crl(first.content).last_update_utc
    assert parsedate_to_datetime(first.headers["last-modified"]) == made
    assert first.headers["content-type"] == "application/pkix-crl"
    again = await fetched(outside, path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    since = await fetched(outside, path, **{"If-Modified-Since": first.headers["last-modified"]})
    assert since.status_code == 304
    changed = await fetched(
        outside, path, **{"If-None-Match": '"x"', "If-Modified-Since": first.headers["last-modified"]}
    )
    assert changed.status_code == 200
    head = await outside.browser().http.head(path)
    assert head.headers["content-length"] == str(len(first.content))
    assert x509.load_der_x509_crl(first.content).next_update_utc > outside.clock()


async def test_certificates_and_the_practice_statement(outside: Outside) -> None:
    root = await fetched(outside, "/pki/root.cer")
    assert root.headers["content-type"] == "application/pkix-cert"
    certificate = x509.load_der_x509_certificate(root.content)
    x509.load_der_x509_certificate((await fetched(outside, f"{ISSUING}.cer")).content).verify_directly_issued_by(
        certificate
    )
    statement = (await fetched(outside, "/pki/cps")).text
    assert certificate.fingerprint(SHA256()).hex() in statement
    assert "Certification practice" in (await fetched(outside, "/pki/cps?lang=en")).text
    for path in (
        "/pki/elsewhere.cer",
        "/pki/elsewhere.crl",
        "/pki/issuing-1.key",
        "/pki/root.key",
        "/pki/..%2Froot.key",
    ):
        assert (await fetched(outside, path)).status_code == 404


# -- judges over a real process -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("pki") / "data", CERTTALK_CA_KEY="p-256").start()
    yield service
    assert service.stop() == 0


@pytest.fixture(scope="module")
def leaf(live: Live) -> Path:
    """A certificate of the running service, enrolled over the console beside it."""
    return enrolled(live)


def enrolled(live: Live) -> Path:
    with Program(live.data, live.environment) as program:
        issued = program.enrol("kim")
    path = live.data.parent / f"{issued['serial']}.der"
    path.write_bytes(base64.b64decode(issued["certificate"]))
    return path


def pem(live: Live, name: str, path: str) -> Path:
    """A file fetched from the service as PEM."""
    certificate = x509.load_der_x509_certificate(live.fetch(path))
    file = live.data.parent / name
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return file


class TestJudged:
    pytestmark = judges.needs_judges

    def test_certificate_chain_and_list(self, live: Live, leaf: Path) -> None:
        issuing, root = pem(live, "issuing.pem", f"{ISSUING}.cer"), pem(live, "root.pem", "/pki/root.cer")
        crl = live.data.parent / "issuing.crl"
        crl.write_bytes(live.fetch(f"{ISSUING}.crl"))
        judges.lint_subscriber(leaf, issuing)
        judges.verify_chain(leaf, issuing, root)
        judges.check_crl(crl, issuing)

    def test_answers_over_the_wire(self, live: Live, leaf: Path) -> None:
        issuing = pem(live, "issuing.pem", f"{ISSUING}.cer")
        judges.judge("x509/check_ocsp.sh", f"{live.url}/pki/ocsp", issuing, leaf, "good")


def test_urls_inside_certificates_are_ours(live: Live, leaf: Path) -> None:
    certificate = x509.load_der_x509_certificate(leaf.read_bytes())
    assert certificate.not_valid_before_utc < datetime.now(UTC)
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    [name] = points[0].full_name or ()
    assert str(name.value).endswith(f"{ISSUING}.crl")
    with urllib.request.urlopen(live.url + ISSUING + ".crl", timeout=5) as answer:
        assert x509.load_der_x509_crl(answer.read()).issuer == certificate.issuer
