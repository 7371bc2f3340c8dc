"""Signed anchors: noted once a day whatever happens, and checked from outside with other people's tools."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from bot.app import running
from bot.cli import main
from bot.jobs import anchoring as jobs
from bot.jobs.anchoring import ANCHORS, Anchoring, add_anchor, alone, read_anchors, statement_of
from bot.service import Service
from bot.settings import load_settings
from bot.storage import audit
from bot.storage.audit import Anchor, Verdict
from bot.storage.stretches import NOTHING, Statement, exported, stated
from bot.vault import Vault, folder, making
from ca import ceremony, cms, keys
from ca.errors import SignerUnavailable
from ca.records import RecordSigner
from ca.signing import SoftwareKey
from tests.ca.pki import pki
from tests.outside import Clock, Start

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
Said = pytest.CaptureFixture[str]


def anchoring(service: Service, signer: Callable[[datetime], RecordSigner] | None = None) -> Anchoring:
    """The job as the service has it, or with another signer."""
    issuer = service.registration.authority.current
    file, years = service.settings.data / ANCHORS, service.settings.audit_years
    signer = signer or service.vault.records
    return Anchoring(service.database, service.audit, file, years, service.clock, issuer.root, signer)


async def acts(service: Service, count: int = 3) -> None:
    def fill(tx: audit.Tx) -> None:
        for n in range(count):
            service.audit.append(tx, service.clock(), "customer", "page opened", f"serial {n}", {"이름": "홍*동"})

    await service.database.run(fill)


def noted(service: Service) -> list[Anchor]:
    return read_anchors(service.settings.data / ANCHORS)


def said(service: Service) -> list[Statement]:
    root = service.registration.authority.current.root
    return [statement_of(one, root) for one in noted(service) if one.cms]


async def test_one_a_day_each_going_on_from_the_one_before(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        for _ in range(3):
            await acts(outside.service)
            await anchoring(outside.service).work()
            await anchoring(outside.service).work()
            clock.now += DAY
        first, second, third = said(outside.service)
        assert (first.after, first.previous) == (0, NOTHING)
        assert [(one.after, one.previous) for one in (second, third)] == [
            (first.seq, first.digest), (second.seq, second.digest),
        ]  # fmt: skip
        assert all(outside.service.audit.is_ours(one) for one in noted(outside.service))


async def test_of_several_workers_one_notes(start: Start) -> None:
    async with start() as outside:
        await acts(outside.service)
        jobs = [anchoring(outside.service) for _ in range(5)]
        await asyncio.gather(*(job.work() for job in jobs))
        assert len(noted(outside.service)) == 1
        with (
            alone(outside.service.settings.data / ANCHORS) as first,
            alone(outside.service.settings.data / ANCHORS) as second,
        ):
            assert (first, second) == (True, False)


async def test_without_a_signer_it_is_sealed_and_signed_when_there_is_one(start: Start) -> None:
    def away(_: datetime) -> RecordSigner:
        raise SignerUnavailable("token certtalk: DeviceRemoved")

    async with start() as outside:
        service = outside.service
        await acts(service)
        for _ in range(2):
            await anchoring(service, away).work()
        (sealed,) = noted(service)
        assert service.audit.is_ours(sealed)
        assert not sealed.cms
        await acts(service)
        for _ in range(2):
            await anchoring(service).work()
        assert [bool(one.cms) for one in noted(service)] == [False, True]
        (signed,) = said(service)
        assert (signed.after, signed.seq) == (0, noted(service)[-1].seq)


class Death(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("where", ["folder.keep", "making.RecordSigner", "audit.stretch", "anchoring.add_anchor"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_at_any_step_there_is_one_for_the_day(
    start: Start, monkeypatch: pytest.MonkeyPatch, where: str, after: bool
) -> None:
    def mortal(act: Callable[..., object]) -> Callable[..., object]:
        def dies(*given: object, **named: object) -> object:
            if after:
                act(*given, **named)
            raise Death

        return dies

    modules = {"folder": folder, "making": making, "anchoring": jobs}
    async with start() as outside:
        service = outside.service
        await acts(service)
        module, name = where.split(".")
        with monkeypatch.context() as patch:
            whole = modules.get(module, service.audit)
            patch.setattr(whole, name, mortal(getattr(whole, name)) if module != "audit" else dying(service, after))
            with pytest.raises(Death):
                await anchoring(service).work()
        await anchoring(service).work()
        (only,) = said(service)
        assert len(noted(service)) == 1
        assert await service.audit.verify(service.database, (), [only]) == Verdict(only.seq)


def dying(service: Service, after: bool) -> Callable[..., Awaitable[object]]:
    whole = service.audit.stretch

    async def dies(*given: Any) -> object:
        if after:
            await whole(*given)
        raise Death

    return dies


async def test_a_file_from_before_goes_on(start: Start) -> None:
    async with start() as outside:
        service = outside.service
        await acts(service)
        head = await service.database.read(service.audit.head)
        old = service.audit.sealed("2026-11-01T00:00:00.000000Z", head)
        file = service.settings.data / ANCHORS
        line = {name: getattr(old, name) for name in ("at", "seq", "hash", "seal")}
        file.write_text(json.dumps(line) + '\n{"at": "torn', "utf-8")
        assert read_anchors(file) == [old]
        await acts(service)
        await anchoring(service).work()
        assert [bool(one.cms) for one in noted(service)] == [False, True], "behind the torn line, not in it"
        assert said(service)[0].after == 0, "it speaks of all rows"


async def test_one_that_is_not_ours_is_not_gone_on_from(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        service = outside.service
        await acts(service)
        await anchoring(service).work()
        clock.now += DAY
        for forged in (replace(noted(service)[0], seq=2), forge(noted(service))[0]):
            add_anchor(service.settings.data / ANCHORS, forged)
        await anchoring(service).work()
        root = service.registration.authority.current.root
        first, last = (statement_of(noted(service)[at], root) for at in (0, -1))
        assert (last.after, last.previous) == (first.seq, first.digest)


async def test_the_next_issuing_ca_signs_the_next_anchor(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        service = outside.service
        await acts(service)
        await anchoring(service).work()
        vault = service.vault
        root = vault.open_root(vault.root_key_file(), vault.passphrase())
        await asyncio.to_thread(vault.rotate_issuing, root, "p-256", 10, clock())
        service.registration.authority = await vault.open(clock())
        clock.now += DAY
        await anchoring(service).work()
        first, second = said(service)
        assert second.previous == first.digest
        assert vault.files.running() == [
            "issuing-1", "ocsp-issuing-1", "records-issuing-1", "issuing-2", "ocsp-issuing-2", "records-issuing-2",
        ]  # fmt: skip


@pytest.fixture
def vault(prepared: Path, tmp_path: Path) -> Vault:
    shutil.copytree(prepared, tmp_path / "data")
    return Vault(load_settings(None, data=tmp_path / "data", ca_key="p-256"))


async def test_the_signer_is_kept_until_its_last_third(vault: Vault) -> None:
    clock = Clock()
    first = vault.records(clock()).certificate
    assert vault.records(clock() + 19 * DAY).certificate == first
    second = vault.records(clock() + 21 * DAY).certificate
    assert second != first
    assert vault.records(clock() + 22 * DAY).certificate == second
    third = vault.records(clock()).certificate
    assert third not in (first, second), "one of the future is nobody's"
    await asyncio.to_thread(vault.records, clock(), force=True)
    assert vault.records(clock()).certificate not in (first, second, third)


# -- from outside -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an auditor holds after three months: the root, the anchors, the export; and the data folder beside."""
    folder = tmp_path_factory.mktemp("auditor")
    shutil.copytree(prepared, folder / "data")

    async def live() -> None:
        clock = Clock()
        settings = load_settings(None, data=folder / "data", ca_key="p-256")
        async with running(settings, clock, jobs=False) as service:
            for count in (0, 1, 2, 3):  # the four rows of the start are the first stretch
                await acts(service, count)
                await anchoring(service).work()
                clock.now += 30 * DAY
            await acts(service, 2)
            rows = [exported(row) + "\n" async for row in service.audit.rows(service.database)]
            (folder / "export.jsonl").write_text("".join(rows), "utf-8")
            root = service.registration.authority.current.root.public_bytes(Encoding.DER)
            (folder / "root.cer").write_bytes(root)

    asyncio.run(live())
    shutil.copy(folder / "data" / ANCHORS, folder)
    return folder


@pytest.fixture
def held(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("export.jsonl", "root.cer", ANCHORS):
        shutil.copy(kept / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CERTTALK_DEFAULT_LOCALE", "en")
    monkeypatch.setenv("CERTTALK_DATA", str(tmp_path / "nothing is here"))
    return tmp_path


CHECK = ["audit", "check", "export.jsonl", "--anchors", ANCHORS, "--root", "root.cer"]
SCRIPT = re.search(r"```sh\n(set -eu\nopenssl x509.*?)```", (ROOT / "docs/operations.md").read_text("utf-8"), re.DOTALL)


def by_hand() -> subprocess.CompletedProcess[str]:
    """The lines of `docs/operations.md`, as they stand there."""
    assert SCRIPT
    return subprocess.run(["bash", "-c", SCRIPT[1]], capture_output=True, text=True, timeout=60, check=False)


def test_what_was_kept_is_found_whole_by_both(held: Path, capsys: Said) -> None:
    assert main(CHECK) == 0
    assert (
        "records 1 to 10 are exactly those of which 4 signed anchors speak (12 records in the export)"
        in capsys.readouterr().out
    )
    done = by_hand()
    assert done.returncode == 0, done.stderr
    assert [line.split(" are ")[0] for line in done.stdout.splitlines()] == [
        "rows 1 to 4", "rows 5 to 5", "rows 6 to 7", "rows 8 to 10",
    ]  # fmt: skip
    assert not (held / "nothing is here").exists()


def lines_of(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines(keepends=True)


def change(row: int, **fields: object) -> Callable[[list[str]], list[str]]:
    return lambda lines: [*lines[:row], exported(json.loads(lines[row]) | fields) + "\n", *lines[row + 1 :]]


SPOILT: dict[str, tuple[Callable[[list[str]], list[str]], int]] = {
    "a word": (change(6, act="nothing"), 6),
    "a time": (change(8, at="2027-01-01T00:00:00.000000Z"), 8),
    "a row less": (lambda lines: lines[:5] + lines[6:], 6),
    "the first row less": (lambda lines: lines[1:], 1),
    "the last rows less": (lambda lines: lines[:8], 8),
    "all rows less": (lambda _: [], 1),
    "two in another order": (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], 6),
    "one twice": (lambda lines: [*lines[:5], *lines[4:]], 6),
    "a row more": (lambda lines: [*lines[:1], *change(0, seq=2)(lines)[:1], *lines[1:]], 2),
    "a blank more": (lambda lines: [lines[0].replace('"seq": 1', '"seq":  1'), *lines[1:]], 1),
    "a line that is none": (lambda lines: [*lines[:7], "[]\n", *lines[7:]], 8),
}


@pytest.mark.parametrize("how", SPOILT)
def test_whatever_is_done_to_the_export_is_found(held: Path, how: str, capsys: Said) -> None:
    spoil, first = SPOILT[how]
    export = held / "export.jsonl"
    export.write_text("".join(spoil(lines_of(export))), "utf-8")
    assert main(CHECK) == 1
    assert f"Audit record {first} is not as it was written" in capsys.readouterr().err
    assert by_hand().returncode != 0


def forge(anchors: list[Anchor]) -> list[Anchor]:
    """The last one as somebody would sign it who has made an authority of the same names."""
    key, issuer, at = SoftwareKey(keys.generate("p-256")), pki().issuer, datetime.fromisoformat(anchors[-1].at)
    certificate = ceremony.make_record_signer(issuer.certificate, issuer.key, key.public_key, at)
    content = replace(stated(cms.read(base64.b64decode(anchors[-1].cms)).content), digest="f" * 64).content()
    signed = RecordSigner(certificate, issuer.certificate, key).sign(content, at)
    return [*anchors[:-1], replace(anchors[-1], cms=base64.b64encode(signed).decode())]


ALTERED: dict[str, Callable[[list[Anchor]], list[Anchor]]] = {
    "one is missing": lambda anchors: [anchors[0], *anchors[2:]],
    "one of another authority": forge,
    "another one's signature": lambda anchors: [*anchors[:-1], replace(anchors[-1], cms=anchors[1].cms)],
    "no signature": lambda anchors: [*anchors[:-1], replace(anchors[-1], cms="AAAA")],
    "no base64": lambda anchors: [*anchors[:-1], replace(anchors[-1], cms="*")],
    "another row": lambda anchors: [*anchors[:-1], replace(anchors[-1], seq=9)],
}


@pytest.mark.parametrize("how", ALTERED)
def test_whatever_is_done_to_the_anchors_is_found(held: Path, how: str, capsys: Said) -> None:
    altered = ALTERED[how](read_anchors(held / ANCHORS))
    (held / ANCHORS).unlink()
    for one in altered:
        add_anchor(held / ANCHORS, one)
    assert main(CHECK) == 1
    assert "not signed by this authority, or does not fit the others" in capsys.readouterr().err
    # By hand only what is signed is read: what stands beside it in the line says nothing.
    assert (by_hand().returncode != 0) is (how != "another row")


def test_copies_one_after_another_and_an_older_copy(held: Path, capsys: Said) -> None:
    whole = (held / ANCHORS).read_text("utf-8")
    (held / ANCHORS).write_text("".join(lines_of(held / ANCHORS)[:2]) + whole, "utf-8")
    assert main(CHECK) == 0
    (held / ANCHORS).write_text("".join(lines_of(held / ANCHORS)[1:2]), "utf-8")
    assert main(CHECK) == 0
    assert "records 5 to 5 are exactly those of which 1 signed anchor speaks" in capsys.readouterr().out
    assert by_hand().returncode == 0


def test_what_was_pruned_is_said_by_a_row(held: Path, kept: Path, tmp_path: Path, capsys: Said) -> None:
    shutil.copytree(kept / "data", tmp_path / "pruned")

    async def prune() -> list[str]:
        settings = load_settings(None, data=tmp_path / "pruned", ca_key="p-256")
        async with running(settings, Clock(), jobs=False, keys=False) as service:
            now = service.clock() + 120 * DAY
            await service.database.run(lambda tx: service.audit.prune(tx, now, now, most=6))
            return [exported(row) + "\n" async for row in service.audit.rows(service.database)]

    left = asyncio.run(prune())
    (held / "export.jsonl").write_text("".join(left), "utf-8")
    assert main(CHECK) == 0
    assert "records 8 to 10" in capsys.readouterr().out, "of the stretch 6 to 7 a row is gone"
    assert by_hand().stdout.startswith("rows 8 to 10 are those of")
    (held / "export.jsonl").write_text("".join(left[1:]), "utf-8")
    assert main(CHECK) == 1
    assert "Audit record 7" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["export.jsonl", "root.cer", ANCHORS])
def test_a_file_that_is_not_there(held: Path, missing: str, capsys: Said) -> None:
    (held / missing).unlink()
    assert main(CHECK) == 2
    assert missing in capsys.readouterr().err


def test_files_that_are_something_else(held: Path, capsys: Said) -> None:
    (held / ANCHORS).write_text("", "utf-8")
    assert main(CHECK) == 1
    assert "nothing could be checked" in capsys.readouterr().err
    (held / "root.cer").write_bytes(b"no certificate")
    assert main(CHECK) == 2
    assert "not a root certificate" in capsys.readouterr().err


async def test_before_the_first_act(prepared: Path, held: Path, capsys: Said) -> None:
    settings = load_settings(None, data=Path(shutil.copytree(prepared, held / "data")), ca_key="p-256")
    for file in settings.data.glob("certtalk.sqlite3*"):
        file.unlink()
    async with running(settings, Clock(), jobs=False, keys=False) as service:  # nobody has started it yet
        await anchoring(service).work()
        shutil.copy(settings.data / ANCHORS, held)
        root = service.registration.authority.current.root
        (held / "root.cer").write_bytes(root.public_bytes(Encoding.DER))
    (held / "export.jsonl").write_text("", "utf-8")
    assert await asyncio.to_thread(main, CHECK) == 0
    assert "no audit records yet" in capsys.readouterr().out
    assert (await asyncio.to_thread(by_hand)).returncode == 0


def test_the_service_itself_checks_the_new_form(held: Path, kept: Path, capsys: Said) -> None:
    data = Path(shutil.copytree(kept / "data", held / "data"))
    verify = ["audit", "verify", "--data", str(data)]
    assert main(verify) == 0
    anchors = read_anchors(data / ANCHORS)
    (data / ANCHORS).unlink()
    for one in (*anchors[:-1], replace(anchors[-1], cms=anchors[1].cms)):
        add_anchor(data / ANCHORS, one)
    assert main(verify) == 1
    assert f"The anchor of {anchors[-1].at} is not signed by this authority" in capsys.readouterr().err
