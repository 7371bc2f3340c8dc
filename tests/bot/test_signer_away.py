"""While a token is away nothing is signed, everybody is told so in the right words, and it goes on by itself."""

import logging
import threading
from dataclasses import replace

import pytest
from cryptography.x509 import ocsp as library

from bot.app import LEFT_UNFINISHED, reconcile
from ca import ocsp
from ca.authority import CertificateAuthority
from ca.errors import SignerUnavailable
from ca.issuer import OcspSigner
from ca.ports import Serial, Status
from ca.signing import PublicKey, Signer
from tests.outside import Clock, Key, Outside, Start


class Device:
    """A key as a token keeps it: worth a thread, and sometimes not there."""

    takes_time = True

    def __init__(self, signer: Signer) -> None:
        self.signer, self.away = signer, False
        self.threads: set[int] = set()

    @property
    def public_key(self) -> PublicKey:
        return self.signer.public_key

    def sign(self, data: bytes) -> bytes:
        self.threads.add(threading.get_ident())
        if self.away:
            raise SignerUnavailable("token certtalk: DeviceRemoved")
        return self.signer.sign(data)


def in_devices(outside: Outside) -> tuple[Device, Device]:
    """Have the service's keys be in a token: the issuing CA's and its responder's."""
    authority = outside.service.registration.authority
    known = authority.current
    assert known.ocsp is not None
    key, responder = Device(known.key), Device(known.ocsp.key)
    issuer = replace(known, key=key, ocsp=OcspSigner(known.ocsp.certificate, responder))
    outside.service.registration.authority = CertificateAuthority(
        issuer, authority.profiles, recorded=authority.recorded, plan_key=authority._plan_key
    )
    return key, responder


async def asked(outside: Outside, serial: Serial) -> library.OCSPResponse:
    request = ocsp.request(outside.service.registration.authority.current, serial, "sha1")
    answer = await outside.browser().http.post("/pki/ocsp", content=request)
    assert answer.status_code == 200
    return library.load_der_ocsp_response(answer.content)


async def test_a_customer_is_asked_to_press_again_and_then_has_one(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    key, _ = in_devices(outside)
    browser, own = outside.browser(), Key()
    path = await browser.to_page()
    key.away = True
    with caplog.at_level(logging.ERROR):
        refused = await browser.issue(path, own)
    assert (refused.status_code, refused.json()["error"], refused.json()["final"]) == (409, "signer", False)
    assert refused.json()["text"] == outside.service.texts["ko"]("page.error.signer")
    assert [record.getMessage() for record in caplog.records if record.name == "bot.registry"] == [
        "nothing can be signed for now: token certtalk: DeviceRemoved"
    ]
    key.away = False
    issued = await browser.issue_again(path, own)
    assert issued.status_code == 200, issued.text
    [row] = await outside.rows("SELECT status FROM certificates")
    assert row["status"] == "valid"


async def test_what_its_customer_gave_up_is_finished_and_in_nobodys_way(outside: Outside) -> None:
    key, _ = in_devices(outside)
    browser = outside.browser()
    path = await browser.to_page()
    key.away = True
    await browser.issue(path, Key())
    registration = outside.service.registration
    await reconcile(registration, outside.clock() + LEFT_UNFINISHED, LEFT_UNFINISHED)
    assert len(await outside.service.certificates.unfinished()) == 1, "still away: it waits"
    key.away = False
    await reconcile(registration, outside.clock(), LEFT_UNFINISHED)
    assert len(await outside.service.certificates.unfinished()) == 1, "somebody may be at it this moment"
    outside.clock.move(minutes=2)
    await reconcile(registration, outside.clock(), LEFT_UNFINISHED)
    assert await outside.service.certificates.unfinished() == []
    [now] = (await browser.said("새 링크 받기"))[-1:]
    again = str(now["link"]["url"]).removeprefix(outside.service.settings.public_url)
    answer = await browser.issue(again, Key())
    assert answer.status_code == 200, answer.text
    rows = await outside.rows("SELECT status FROM certificates ORDER BY planned_at")
    assert [row["status"] for row in rows] == ["revoked", "valid"]


async def test_ocsp_says_try_later_and_then_answers(outside: Outside, caplog: pytest.LogCaptureFixture) -> None:
    _, issued = await outside.browser().enrolled()
    serial = Serial(int(issued["serial"], 16))
    _, responder = in_devices(outside)
    responder.away = True
    for _ in range(3):
        assert (await asked(outside, serial)).response_status is library.OCSPResponseStatus.TRY_LATER
    assert [one.getMessage() for one in caplog.records if one.name == "bot.jobs.answering"] == [
        "OCSP answers tryLater: token certtalk: DeviceRemoved"
    ]
    responder.away = False
    assert (await asked(outside, serial)).certificate_status is library.OCSPCertStatus.GOOD
    assert threading.get_ident() not in responder.threads, "a device is not waited for in the event loop"


async def test_what_was_signed_before_is_still_given_out_and_a_change_still_heard(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        _, issued = await outside.browser().enrolled()
        serial, answering = Serial(int(issued["serial"], 16)), outside.service.answering
        _, responder = in_devices(outside)
        await answering.work()
        assert (await asked(outside, serial)).certificate_status is library.OCSPCertStatus.GOOD
        responder.away = True
        clock.move(seconds=1)
        await answering.work()
        assert (await asked(outside, serial)).certificate_status is library.OCSPCertStatus.GOOD
        await outside.service.registration.hold(serial, clock())
        answer = await asked(outside, serial)
        assert answer.response_status is library.OCSPResponseStatus.TRY_LATER, "never the good of before"


async def test_a_clock_set_back_is_said_to_the_customer_and_to_relying_parties(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        _, issued = await outside.browser().enrolled()
        # Before the customer comes: a proof of the future would hold for nothing anyway.
        clock.move(minutes=-10)
        browser = outside.browser("lee")
        refused = await browser.issue(await browser.to_page(), Key())
        assert refused.json()["error"] == "signer", refused.text
        answer = await asked(outside, Serial(int(issued["serial"], 16)))
        assert answer.response_status is library.OCSPResponseStatus.INTERNAL_ERROR
        assert [row["status"] for row in await outside.rows("SELECT status FROM certificates")] == [Status.VALID]


async def test_a_plan_of_a_profile_that_is_gone_does_not_keep_the_service_from_starting(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        key, _ = in_devices(outside)
        path = await outside.browser().to_page()
        key.away = True
        await outside.browser().issue(path, Key())
        await outside.service.database.run(lambda tx: tx.execute("UPDATE certificates SET profile = 'gone'"))
    async with start(clock) as outside:
        [row] = await outside.rows("SELECT status FROM certificates")
        assert row["status"] == Status.FAILED
