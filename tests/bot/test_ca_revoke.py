"""An issuing CA is revoked: it issues nothing from that moment on, and nothing it has issued is good any more."""

import asyncio
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from bot.app import reconcile
from bot.cli import main
from bot.service import Service
from bot.storage.exporting import Exported
from bot.vault import Vault, VaultRefused
from ca import keys
from ca.errors import LintFailed, SignerUnavailable
from ca.ports import Record, Serial, Status
from ca.revocation import OF_A_CA, below
from tests.bot.test_ca_verbs import ROOT_SECRET, Said, alone, killed, made
from tests.ca.pki import enrollment, request, subscriber_key
from tests.judges import check_crl, needs_judges
from tests.outside import Clock, Start

__all__ = ["alone"]  # the fixture
DAY = timedelta(days=1)


def revoke(service: Service, reason: str = "cACompromise", name: str = "issuing-1") -> None:
    """As the verb in another process does it."""
    vault = Vault(service.settings)
    root = vault.open_root(vault.root_key_file(), vault.passphrase())
    vault.revoke_issuing(name, root, reason, service.clock())


async def issued(service: Service) -> Exported:
    return max([one async for one in service.certificates.export()], key=lambda one: one.issued_at)


def question(certificate: bytes, issuer: x509.Certificate) -> bytes:
    asked = ocsp.OCSPRequestBuilder().add_certificate(x509.load_der_x509_certificate(certificate), issuer, SHA256())
    return asked.build().public_bytes(Encoding.DER)


async def answer(service: Service, asked: bytes) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response((await service.answering.answer(asked)).der)


async def test_a_running_worker_stops_at_once(start: Start) -> None:
    """No job has run since: what signs looks at the root's list itself."""
    async with start(Clock()) as outside:
        service, now = outside.service, outside.clock()
        await outside.browser("kim").enrolled()
        authority = service.registration.authority
        one, asked = await issued(service), question((await issued(service)).der, authority.current.certificate)
        planned = await service.certificates.plan(
            authority.prepare(enrollment(csr=request(subscriber_key("rsa-2048"))), now)
        )
        await service.answering.work()
        assert (await answer(service, asked)).certificate_status is ocsp.OCSPCertStatus.GOOD

        await asyncio.to_thread(revoke, service)

        with pytest.raises(SignerUnavailable, match="rotate issuing"):
            authority.prepare(enrollment(request_id="another"), now)
        with pytest.raises(LintFailed, match="issuing-1 is revoked"):
            authority.sign(planned)
        await service.answering.work()
        told = await answer(service, asked)
        assert told.certificate_status is ocsp.OCSPCertStatus.REVOKED, "before anybody has touched the database"
        assert told.revocation_reason is None, "cACompromise is said of the CA alone"
        assert (await service.certificates.by_serial(Serial(int(one.serial, 16)))).status is Status.VALID  # type: ignore[union-attr]

        await reconcile(service.registration, outside.clock())
        for serial, status in ((int(one.serial, 16), Status.REVOKED), (planned.plan.serial, Status.FAILED)):
            record = await service.certificates.by_serial(Serial(serial))
            assert record is not None
            assert record.status is status
        await service.answering.work()
        assert (await answer(service, asked)).certificate_status is ocsp.OCSPCertStatus.REVOKED
        await service.listing.work()
        kept = await service.listing.of("issuing-1")
        assert kept is not None
        assert {entry.serial_number for entry in x509.load_der_x509_crl(kept.der)} == {
            int(one.serial, 16), planned.plan.serial,
        }  # fmt: skip
        assert await service.registration.withdraw(outside.clock()) == 0, "once"


async def test_the_holder_is_told_and_gets_one_of_the_next_ca(start: Start) -> None:
    async with start(Clock()) as outside:
        service = outside.service
        kim = outside.browser("kim")
        await kim.enrolled()
        vault = service.vault
        root = vault.open_root(vault.root_key_file(), vault.passphrase())
        await asyncio.to_thread(vault.rotate_issuing, root, "p-256", 10, outside.clock())
        await asyncio.to_thread(revoke, service, "superseded")
        job = next(job for job in service.runner.jobs if job.name == "responder")
        await job.work()
        await reconcile(service.registration, outside.clock())
        old = await issued(service)
        assert (old.status, old.reason) == (Status.REVOKED, "superseded")
        queued = await service.database.read(lambda tx: tx.all("SELECT kind FROM outbox WHERE kind = 'revoked'"))
        assert len(queued) == 1
        outside.clock.move(minutes=5)
        await kim.said("처음으로")
        await kim.enrolled()
        new = await issued(service)
        assert new.serial != old.serial
        assert service.registration.authority.current.name == "issuing-2"
        told = await answer(service, question(new.der, service.registration.authority.current.certificate))
        assert told.certificate_status is ocsp.OCSPCertStatus.GOOD


async def test_what_was_signed_in_the_very_moment_is_revoked_by_whoever_completes_it(start: Start) -> None:
    async with start(Clock()) as outside:
        service, now = outside.service, outside.clock()
        sign = service.registration.authority.sign

        def slowly(record: Record) -> bytes:
            signed = sign(record)
            revoke(service)
            return signed

        service.registration.authority.sign = slowly  # type: ignore[method-assign]
        swept = await service.registration.withdraw(now)
        record = await service.registration.enroll(enrollment(), now)
        assert (swept, record.status) == (0, Status.REVOKED)


async def test_all_of_many_are_revoked_and_no_others(start: Start) -> None:
    """More than one page; what had ended or is of another CA stays as it was."""
    async with start(Clock()) as outside:
        service, now = outside.service, outside.clock()
        for number in range(120):
            key = subscriber_key("p-256") if number == 0 else keys.generate("p-256")
            await service.registration.enroll(
                enrollment(request_id=f"r{number}", subscriber=f"c{number}", csr=request(key)), now
            )
        vault = service.vault
        root = vault.open_root(vault.root_key_file(), vault.passphrase())
        await asyncio.to_thread(vault.rotate_issuing, root, "p-256", 10, now)
        service.registration.authority = await vault.open(now)
        other = await service.registration.enroll(
            enrollment(request_id="other", subscriber="other", csr=request(keys.generate("p-256"))), now
        )
        await asyncio.to_thread(revoke, service, "superseded")
        assert await service.registration.withdraw(now) == 120
        found = [one async for one in service.certificates.export()]
        assert {one.serial: one.reason for one in found if one.status is not Status.REVOKED} == {
            f"{other.plan.serial:040x}": None
        }
        assert {one.reason for one in found if one.status is Status.REVOKED} == {"superseded"}


async def test_no_record_is_signed_below_a_revoked_ca(start: Start) -> None:
    async with start(Clock()) as outside:
        await asyncio.to_thread(outside.service.vault.records, outside.clock())
        await asyncio.to_thread(revoke, outside.service)
        with pytest.raises(VaultRefused, match="withdrawn"):
            await asyncio.to_thread(outside.service.vault.records, outside.clock())


async def test_without_the_roots_list_nothing_is_signed(start: Start) -> None:
    """Who cannot know whether the CA was revoked does not sign as it; relying parties are asked to come again."""
    async with start(Clock()) as outside:
        service = outside.service
        await outside.browser("kim").enrolled()
        authority, one = service.registration.authority, await issued(service)
        listed = service.vault.folder / "root.crl"
        content = listed.read_bytes()
        for spoil in (listed.unlink, lambda: listed.write_bytes(b"rubbish")):
            spoil()
            with pytest.raises(SignerUnavailable, match="backup"):
                authority.prepare(enrollment(), outside.clock())
            told = await answer(service, question(one.der, authority.current.certificate))
            assert told.response_status is ocsp.OCSPResponseStatus.TRY_LATER
        listed.write_bytes(content)
        authority.prepare(enrollment(), outside.clock())


def listed(vault: Vault) -> dict[int, str]:
    return {entry.serial: entry.reason for entry in vault.files.withdrawn().values()}


def test_the_one_that_issues_is_revoked_only_when_its_key_is_lost(alone: Path, capsys: Said) -> None:
    vault = made(alone)
    for more in ([], ["--stop-issuing"]):
        assert main(["ca", "revoke", "issuing-1", "--reason", "superseded", "--yes", *more, *ROOT_SECRET]) == 2
        assert "ca rotate issuing" in capsys.readouterr().err
    assert main(["ca", "revoke", "issuing-1", "--reason", "cACompromise", "--yes", *ROOT_SECRET]) == 2
    assert "--stop-issuing" in capsys.readouterr().err
    compromise = ["ca", "revoke", "issuing-1", "--reason", "cACompromise", "--stop-issuing", *ROOT_SECRET]
    assert main(compromise) == 2, "not without a yes"
    assert listed(vault) == {}
    assert main([*compromise, "--yes"]) == 0
    assert "rotate issuing" in capsys.readouterr().out
    assert list(listed(vault).values()) == ["cACompromise"]
    assert main(["ca", "show"]) == 0
    said = capsys.readouterr().out
    assert "issuing-1 (REVOKED" in said
    assert "issues now" not in said
    assert main(["doctor"]) == 1
    assert "issuing-1 is revoked, so nobody gets a certificate" in capsys.readouterr().out
    assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 0
    assert list(listed(vault).values()) == ["cACompromise"], "the next list of the root says so, too"
    assert main(["ca", "rotate", "root-crl", "--yes", *ROOT_SECRET]) == 0
    assert list(listed(vault).values()) == ["cACompromise"]
    capsys.readouterr()
    main(["doctor"])
    assert "issuing-1 was revoked on" in capsys.readouterr().out


def test_a_former_one_and_what_may_be_said_afterwards(alone: Path, capsys: Said) -> None:
    vault = made(alone)
    assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 0
    assert main(["ca", "revoke", "issuing-3", "--reason", "superseded", "--yes", *ROOT_SECRET]) == 2
    assert "issuing-1, issuing-2" in capsys.readouterr().err
    nowhere = ["--yes", "--root-key", "nowhere.key", *ROOT_SECRET]
    assert main(["ca", "revoke", "issuing-1", "--reason", "superseded", *nowhere]) == 2
    assert "--root-key" in capsys.readouterr().err
    assert main(["ca", "revoke", "issuing-1", "--reason", "superseded", "--yes", *ROOT_SECRET]) == 0
    at = vault.files.withdrawn()["issuing-1"].revoked_at
    again = vault.files.root_crl_der()
    assert main(["ca", "revoke", "issuing-1", "--reason", "superseded", "--yes", *ROOT_SECRET]) == 0
    assert vault.files.root_crl_der() == again, "said once"
    assert main(["ca", "revoke", "issuing-1", "--reason", "cessationOfOperation", "--yes", *ROOT_SECRET]) == 2
    assert "Only cACompromise" in capsys.readouterr().err
    assert main(["ca", "revoke", "issuing-1", "--reason", "cACompromise", "--yes", *ROOT_SECRET]) == 0
    entry = vault.files.withdrawn()["issuing-1"]
    assert (entry.reason, entry.revoked_at) == ("cACompromise", at)
    capsys.readouterr()
    assert main(["audit", "export"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(json.loads(row["detail"])["reason"], row["actor"]) for row in rows if row["act"] == "ca_revoked"]
    assert told == [("superseded", "operator"), ("cACompromise", "operator")]
    assert main(["audit", "verify"]) == 0
    # A list from before, put back: the trail still knows.
    assert main(["ca", "lint"]) == 0
    shutil.copy(vault.folder / "root.crl", "kept.crl")
    asyncio.run(_older_list(vault))
    capsys.readouterr()
    assert main(["ca", "lint"]) == 1
    assert "issuing-1  CertTalk: revoked in the audit trail, not in the root's list" in capsys.readouterr().out


async def _older_list(vault: Vault) -> None:
    from bot.vault import making

    vault.folder.joinpath("root.crl").unlink()
    root = vault.open_root(vault.root_key_file(), b"for the safe")
    now = vault.files.root().not_valid_before_utc
    vault.folder.joinpath("root.crl").write_bytes(making._root_crl(vault.files.root(), root, 2, now))


@pytest.mark.parametrize("at", [1, 2])
def test_killed_in_between_the_next_start_goes_on(alone: Path, at: int, capsys: Said) -> None:
    """Before the list is there nothing has happened; from then on the rest follows by itself."""
    vault = made(alone)
    assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 0
    verb = ["ca", "revoke", "issuing-1", "--reason", "superseded", "--yes", *ROOT_SECRET]
    died = killed(1, "folder" if at == 1 else "members", "sync_folder" if at == 1 else "record", *verb)
    assert died != 0
    assert list(listed(vault).values()) == ["superseded"], "the file was renamed into its place"
    capsys.readouterr()
    assert main(["ca", "revoke", "issuing-1", "--reason", "superseded"]) == 0, "goes on without a yes or the root's key"
    assert main(["audit", "export"]) == 0
    assert capsys.readouterr().out.count("ca_revoked") == 1


@pytest.mark.parametrize("reason", OF_A_CA)
def test_openssl_finds_the_path_broken(start: Start, tmp_path: Path, reason: str) -> None:
    """`openssl verify -crl_check_all`: good before, `certificate revoked` at the issuing CA's depth after."""

    async def play() -> None:
        async with start(Clock()) as outside:
            service = outside.service
            await outside.browser("kim").enrolled()
            leaf, authority = await issued(service), service.registration.authority
            kept = await service.listing.of("issuing-1")
            assert kept is not None
            current = authority.current
            parts = {"leaf.pem": x509.load_der_x509_certificate(leaf.der), "issuing.pem": current.certificate}
            parts |= {"root.pem": current.root}
            for name, one in parts.items():
                (tmp_path / name).write_bytes(one.public_bytes(Encoding.PEM))
            issuing_crl = x509.load_der_x509_crl(kept.der).public_bytes(Encoding.PEM)
            before = service.vault.files.root_crl().public_bytes(Encoding.PEM)
            at = int(outside.clock().timestamp()) + 60
            assert verified(tmp_path, issuing_crl + before, at).endswith("leaf.pem: OK\n")
            await asyncio.to_thread(revoke, service, reason)
            after = service.vault.files.root_crl()
            said = verified(tmp_path, issuing_crl + after.public_bytes(Encoding.PEM), at)
            assert "error 23 at 1 depth lookup: certificate revoked" in said
            shown = spelt(after)
            assert f"{current.certificate.serial_number:040X}" in shown
            assert SPELT.get(reason, "Revocation Date") in shown

    asyncio.run(play())


@pytest.mark.parametrize("reason", ["cACompromise", "unspecified"])
class TestJudged:
    pytestmark = needs_judges

    def test_the_roots_list_contents_every_judge(self, alone: Path, tmp_path: Path, reason: str) -> None:
        vault = made(alone)
        (tmp_path / "before.crl").write_bytes(vault.files.root_crl_der())
        assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 0
        assert main(["ca", "revoke", "issuing-1", "--reason", reason, "--yes", *ROOT_SECRET]) == 0
        root = tmp_path / "root.cer"
        root.write_bytes(vault.files.root().public_bytes(Encoding.DER))
        check_crl(vault.folder / "root.crl", root, tmp_path / "before.crl")


SPELT = {
    "cACompromise": "CA Compromise",
    "superseded": "Superseded",
    "cessationOfOperation": "Cessation Of Operation",
    "affiliationChanged": "Affiliation Changed",
    "privilegeWithdrawn": "Privilege Withdrawn",
}


def spelt(listed: x509.CertificateRevocationList) -> str:
    command, pem = ["openssl", "crl", "-noout", "-text"], listed.public_bytes(Encoding.PEM).decode()
    return subprocess.run(command, input=pem, capture_output=True, text=True, check=True).stdout


def verified(folder: Path, lists: bytes, at: int) -> str:
    (folder / "lists.pem").write_bytes(lists)
    command = ["openssl", "verify", "-x509_strict", "-crl_check_all", "-attime", str(at), "-CAfile", "root.pem"]
    command += ["-untrusted", "issuing.pem", "-CRLfile", "lists.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr + done.stdout


def test_what_is_said_of_what_lies_below() -> None:
    assert {reason: below(reason) for reason in OF_A_CA} == {
        **{reason: reason for reason in OF_A_CA}, "cACompromise": "unspecified",
    }  # fmt: skip
