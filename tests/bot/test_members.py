"""The authority's own certificates: in the audit trail from the first to the last, and looked at by `ca lint`."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509

from bot import relint
from bot.app import note_certificates
from bot.cli import main
from bot.service import Service
from bot.vault.members import RECORDED, Member
from ca import ceremony
from tests.bot.test_ca_verbs import ROOT_SECRET, Said, alone, made
from tests.outside import Clock, Start

__all__ = ["alone"]  # the fixture
DAY = timedelta(days=1)


async def recorded(service: Service) -> list[tuple[str, str, str, str]]:
    """Name, serial number, SHA-256 and actor, as the trail has them."""
    rows = [row async for row in service.audit.rows(service.database) if row["act"] == RECORDED]
    told = [(row, json.loads(row["detail"])) for row in rows]
    return [(d["name"], row["subject"], d["certificate_sha256"], row["actor"]) for row, d in told]


def there(service: Service) -> set[tuple[str, str, str]]:
    return {(one.name, one.serial, sha256(one.der).hexdigest()) for one in service.vault.members()}


async def test_every_one_is_in_the_trail_once_however_often_it_is_started(start: Start) -> None:
    clock = Clock()
    for _ in range(2):
        async with start(clock) as outside:
            service = outside.service
            told = await recorded(service)
            assert {one[:3] for one in told} == there(service)
            assert len(told) == len(there(service)) == 3
            assert {by for *_, by in told} == {"ca"}


async def test_a_signer_that_renews_itself_is_recorded(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        service = outside.service
        job = next(job for job in service.runner.jobs if job.name == "responder")
        await asyncio.to_thread(service.vault.records, clock())  # as the anchor of the day does
        await job.work()
        first = await recorded(service)
        assert len(first) == 4
        clock.now += 21 * DAY
        await job.work()
        names = [name for name, *_ in await recorded(service)]
        assert names == [name for name, *_ in first] + ["ocsp-issuing-1"]
        assert {one[:3] for one in await recorded(service)} >= there(service)


def test_the_ceremony_and_each_rotation_are_recorded_as_the_operators(alone: Path, capsys: Said) -> None:
    made(alone)
    for part in ("ocsp", "records", "issuing"):
        assert main(["ca", "rotate", part, "--yes", *ROOT_SECRET]) == 0
    capsys.readouterr()
    assert main(["audit", "export"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(json.loads(row["detail"])["name"], row["actor"]) for row in rows if row["act"] == RECORDED]
    names = [
        "root", "issuing-1", "ocsp-issuing-1", "ocsp-issuing-1", "records-issuing-1", "issuing-2", "ocsp-issuing-2",
    ]  # fmt: skip
    assert told == [(name, "operator") for name in names]
    assert main(["ca", "lint"]) == 0
    assert "6 certificates looked at, 0 with findings" in capsys.readouterr().out


async def found(service: Service, own: list[Member]) -> list[str]:
    linted = relint.relint(service.certificates, service.registration.authority, None, service.database, own)
    return [finding async for one in linted for finding in one.findings]


async def test_what_is_wrong_with_one_is_named(start: Start) -> None:
    async with start(Clock()) as outside:
        service = outside.service
        own = service.vault.members()
        assert await found(service, own) == []
        root, issuing, signer = own
        spoilt = x509.load_der_x509_certificate(issuing.der[:-1] + bytes((issuing.der[-1] ^ 1,)))
        assert await found(service, [replace(issuing, certificate=spoilt)]) == [
            "CertTalk: the signature is not the issuer's",
            "CertTalk: not the certificate that the audit trail has recorded",
        ]
        assert await found(service, [replace(signer, wanted=replace(signer.wanted, kind=issuing.wanted.kind))])
        # Signed by the authority's own key, and nobody was told.
        key = service.registration.authority.current.key
        again = ceremony.make_ocsp_signer(issuing.certificate, key, signer.wanted.key, outside.clock())
        assert await found(service, [replace(signer, certificate=again)]) == [
            "CertTalk: the audit trail knows nothing of it"
        ]
        # The same number, other octets: what the trail has is another certificate.
        await service.database.run(
            lambda tx: service.audit.append(
                tx, outside.clock(), "ca", RECORDED, root.serial, {"name": "root", "certificate_sha256": "0" * 64}
            )
        )
        assert await found(service, [root]) == ["CertTalk: not the certificate that the audit trail has recorded"]


async def test_noting_is_idempotent_also_side_by_side(start: Start) -> None:
    async with start(Clock()) as outside:
        service = outside.service
        before = await recorded(service)
        await asyncio.gather(
            *(note_certificates(service.vault, service.database, service.audit, outside.clock()) for _ in range(4))
        )
        assert await recorded(service) == before


class Death(BaseException):
    """The process ends here."""


def test_a_ceremony_that_died_before_it_was_written_down_is_recorded_at_the_first_start(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    async def dies(*_: object, **__: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr("bot.ca_desk.Desk.note", dies)
        with pytest.raises(Death):
            main(["ca", "init", "--yes", *ROOT_SECRET])
    assert main(["ca", "rotate", "ocsp", "--yes"]) == 0
    capsys.readouterr()
    assert main(["audit", "export"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if RECORDED in line]
    assert len(told) == 3
