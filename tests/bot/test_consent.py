"""What a customer agreed to, as a record that openssl verifies with the root alone."""

import asyncio
import hashlib
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from bot.cli import main
from bot.consent import NoConsent, consent, text_of
from bot.service import Service
from bot.storage.database import Tx
from ca.authority import Enrollment
from ca.errors import NotFound
from ca.ports import Serial, SubscriberId
from handlers.texts import load_texts
from tests.outside import Clock, Key, Outside, Start

Said = pytest.CaptureFixture[str]
KIM = SubscriberId("DEMO0001")


async def fields(service: Service, serial: int) -> dict[str, str]:
    return await consent(service.database, service.audit, service.certificates, Serial(serial))


async def issued(outside: Outside) -> int:
    _, shown = await outside.browser().enrolled()
    return int(shown["serial"], 16)


def unguarded(tx: Tx) -> None:
    tx.execute("DROP TRIGGER audit_unchanged")
    tx.execute("DROP TRIGGER audit_kept")


async def test_it_says_what_was_agreed_to_how_and_when(outside: Outside) -> None:
    serial = await issued(outside)
    said = await fields(outside.service, serial)
    full = load_texts()["ko"]("terms.full", in_chat=False)
    [row] = await outside.rows("SELECT * FROM audit WHERE act = 'terms accepted'")
    assert said == {
        "at": row["at"],
        "customer": outside.service.certificates.subject_id(KIM),
        "certificate": f"{serial:040x}",
        "terms": "2026-11",
        "sha256": hashlib.sha256(full.encode()).hexdigest(),
        "locale": "ko",
        "form": "web",
        "row": str(row["seq"]),
        "hash": row["hash"],
    }
    assert KIM not in said.values(), "whoever is given the record learns no customer number"
    assert text_of(said["sha256"], load_texts()) == full
    assert text_of("0" * 64, load_texts()) is None
    assert await fields(outside.service, serial) == said


async def test_a_successor_rests_on_the_first_ones(outside: Outside) -> None:
    """In its own journey nothing is agreed to."""
    service, first, key = outside.service, await issued(outside), Key()
    [before] = await service.certificates.active(KIM)
    wanted = Enrollment(
        "again", KIM, "personal", "김데모", KIM, key.csr, key.r,
        evidence={"terms": ""}, replaces=before.plan.serial, not_after=before.plan.not_after,
    )  # fmt: skip
    serial = (await service.registration.enroll(wanted, service.clock())).plan.serial
    assert await fields(service, serial) == await fields(service, first) | {"certificate": f"{serial:040x}"}


@pytest.mark.parametrize("act", ["terms accepted", "issuing"])
async def test_changed_rows_are_not_signed(outside: Outside, act: str) -> None:
    serial = await issued(outside)

    def change(tx: Tx) -> None:
        unguarded(tx)
        tx.execute("UPDATE audit SET at = '2026-01-01T00:00:00.000000Z' WHERE act = :act", act=act)

    await outside.service.database.run(change)
    with pytest.raises(NoConsent, match="changed"):
        await fields(outside.service, serial)


async def test_without_its_rows_there_is_none(outside: Outside) -> None:
    serial = await issued(outside)
    with pytest.raises(NotFound):
        await fields(outside.service, 1)

    def remove(tx: Tx) -> None:
        unguarded(tx)
        tx.execute("DELETE FROM audit WHERE act = 'terms accepted'")

    await outside.service.database.run(remove)
    with pytest.raises(NoConsent, match="gone"):
        await fields(outside.service, serial)


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=False)


def test_openssl_verifies_a_consent(
    start: Start, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def live() -> tuple[int, dict[str, str]]:
        # The verb and openssl look at the real clock.
        async with start(Clock(datetime.now(UTC)), data=tmp_path / "live") as outside:
            serial = await issued(outside)
            root = outside.service.registration.authority.current.root
            (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
            return serial, await fields(outside.service, serial)

    serial, said = asyncio.run(live())
    monkeypatch.chdir(tmp_path)
    verb = ["audit", "consent", f"{serial:x}", "--data", str(tmp_path / "live")]
    assert main(verb) == 0
    pem = capsys.readouterr().out
    (tmp_path / "consent.pem").write_text(pem)
    verify = (
        "cms",
        "-verify",
        "-cades",
        "-inform",
        "PEM",
        "-in",
        "consent.pem",
        "-CAfile",
        "root.pem",
        "-purpose",
        "any",
    )
    done = openssl(*verify, "-binary", "-signer", "signer.pem")
    assert done.returncode == 0, done.stderr
    title, *lines = done.stdout.decode().splitlines()
    assert title == "CertTalk consent v1"
    assert dict(line.split(": ") for line in lines) == said
    purpose = openssl("x509", "-in", "signer.pem", "-noout", "-ext", "extendedKeyUsage").stdout.decode()
    assert re.search(r"1\.3\.6\.1\.5\.5\.7\.3\.36|Document", purpose)
    (tmp_path / "consent.pem").write_text(pem.replace(pem.splitlines()[8], pem.splitlines()[9]))
    assert openssl(*verify).returncode != 0
    assert main([*verb, "--terms"]) == 0
    assert hashlib.sha256(capsys.readouterr().out.encode()).hexdigest() == said["sha256"]
    assert main(["audit", "consent", "1", "--data", str(tmp_path / "live")]) == 2
