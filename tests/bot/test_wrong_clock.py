"""A clock that showed a far future and is right again: an operator says so, then all goes on."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp as library

from bot.app import running
from bot.cli import main
from bot.settings import load_settings
from ca import ocsp
from ca.authority import Enrollment
from ca.errors import ClockSetBack
from ca.ports import Serial, SubscriberId
from tests.outside import NOW, Clock, Key

RIGHT = NOW
FUTURE = RIGHT + timedelta(days=400)
Said = pytest.CaptureFixture[str]


def wanted(who: str) -> Enrollment:
    key = Key()
    return Enrollment(who, SubscriberId(who), "personal", "김데모", who, key.csr, key.r)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None) -> Path:
    """A data folder in which a clock of the future has issued, revoked, and renewed its OCSP signer."""
    folder = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.cli.logs.configure", lambda _: None)
    monkeypatch.setattr("ca.keys._SCRYPT_N", 1 << 10)
    for module in ("bot.app", "bot.service"):  # the verbs' clock
        monkeypatch.setattr(f"{module}.utc_now", Clock(RIGHT))
    monkeypatch.setenv("CERTTALK_DEFAULT_LOCALE", "en")
    monkeypatch.setenv("CERTTALK_CA_KEY", "p-256")

    async def live() -> None:
        async with running(load_settings(None, data=folder), Clock(RIGHT), jobs=False):
            pass
        async with running(load_settings(None, data=folder), Clock(FUTURE), jobs=False) as service:
            record = await service.registration.enroll(wanted("DEMO0001"), FUTURE)
            await service.registration.revoke(record.plan.serial, "superseded", FUTURE)
            await service.listing.work()
        # What somebody does since the clock is right again does not hide the future from the next start.
        async with running(load_settings(None, data=folder), Clock(RIGHT), jobs=False, keys=False) as service:
            await service.database.run(
                lambda tx: service.audit.append(tx, RIGHT, "customer", "page opened", "DEMO0002")
            )

    asyncio.run(live())
    return folder


def verb(folder: Path, *words: str) -> int:
    return main([*words, "--data", str(folder)])


def test_nothing_is_signed_until_an_operator_says_that_the_clock_is_right(data: Path, capsys: Said) -> None:
    async def refused() -> None:
        async with running(load_settings(None, data=data), Clock(RIGHT), jobs=False) as service:
            with pytest.raises(ClockSetBack):
                await service.registration.enroll(wanted("DEMO0002"), RIGHT)

    asyncio.run(refused())
    assert verb(data, "audit", "clock") == 2
    said = capsys.readouterr()
    assert f"{FUTURE:%Y-%m-%d}" in said.out
    assert "--yes" in said.err
    asyncio.run(refused())
    assert verb(data, "audit", "clock", "--yes") == 0

    async def goes_on() -> None:
        async with running(load_settings(None, data=data), Clock(RIGHT), jobs=False) as service:
            before = await service.listing.shelf.get("issuing-1")
            record = await service.registration.enroll(wanted("DEMO0002"), RIGHT)
            await service.listing.work()
            after = await service.listing.shelf.get("issuing-1")
            assert before is not None
            assert after is not None
            made_at = x509.load_der_x509_crl(after.der).last_update_utc
            assert made_at == after.this_update < RIGHT + timedelta(minutes=5), "not one of the future"
            assert after.number > before.number
            signer = service.registration.authority.current.ocsp
            assert signer is not None
            assert signer.certificate.not_valid_before_utc <= RIGHT
            request = ocsp.request(service.registration.authority.current, Serial(record.plan.serial), "sha1")
            answer = library.load_der_ocsp_response((await service.answering.answer(request)).der)
            assert answer.certificate_status is library.OCSPCertStatus.GOOD
            assert (await service.audit.verify(service.database)).broken is None

    asyncio.run(goes_on())
    capsys.readouterr()
    assert verb(data, "audit", "clock") == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert verb(data, "audit", "clock", "--yes") == 0, "and nothing is written"
    assert verb(data, "audit", "export") == 0
    assert capsys.readouterr().out.count('"clock_set"') == 1
    assert verb(data, "ca", "show") == 0
    assert "The revocation list issuing-1: number" in capsys.readouterr().out
