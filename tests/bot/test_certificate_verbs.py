"""What an operator does to certificates and the audit trail from the command line, beside or without the service."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from bot.app import running
from bot.cli import main
from bot.jobs.anchoring import ANCHORS, read_anchors
from bot.service import utc_now
from bot.settings import load_settings
from ca.authority import Enrollment
from ca.ports import SubscriberId
from tests.outside import Key


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder with one certificate in it, and its serial number."""
    data = tmp_path_factory.mktemp("verbs") / "data"

    async def issue() -> str:
        key = Key()
        async with running(load_settings(None, data=data, ca_key="p-256"), jobs=False) as service:
            wanted = Enrollment("r", SubscriberId("DEMO0001"), "personal", "김데모", "DEMO0001", key.csr, key.r)
            record = await service.registration.enroll(wanted, utc_now())
        return f"{record.plan.serial:040x}"

    return data, asyncio.run(issue())


@pytest.fixture
def folder(made: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "data"))


@pytest.fixture
def serial(made: tuple[Path, str]) -> str:
    return made[1]


def verb(folder: Path, *words: str) -> int:
    return main([*words, "--data", str(folder)])


def test_from_hold_to_revocation(folder: Path, serial: str, capsys: pytest.CaptureFixture[str]) -> None:
    colons = ":".join(serial[i : i + 2] for i in range(0, 40, 2)).upper()
    assert verb(folder, "certificates", "hold", colons) == 0
    assert verb(folder, "certificates", "list", "--status", "held", "--customer", "DEMO0001") == 0
    assert serial in capsys.readouterr().out
    assert verb(folder, "certificates", "release", serial) == 0
    capsys.readouterr()
    assert verb(folder, "certificates", "release", serial) == 2
    assert "효력정지된 인증서가 아니" in capsys.readouterr().err
    assert verb(folder, "certificates", "revoke", serial, "--reason", "privilegeWithdrawn") == 2
    assert "--yes" in capsys.readouterr().err
    assert verb(folder, "certificates", "revoke", serial, "--reason", "privilegeWithdrawn", "--yes") == 0
    capsys.readouterr()
    assert verb(folder, "certificates", "show", serial) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["reason"]) == ("revoked", "privilegeWithdrawn")
    acts = [(row["actor"], row["act"]) for row in shown["audit"]]
    assert acts == [
        ("ca", "issuing"), ("ca", "issued"), ("operator", "held"), ("operator", "released"), ("operator", "revoked"),
    ]  # fmt: skip
    assert json.loads(shown["audit"][-1]["detail"]) == {
        "before": "valid", "after": "revoked", "reason": "privilegeWithdrawn",
    }  # fmt: skip


@pytest.mark.parametrize("given", ["f" * 40, "1"])
def test_an_unknown_serial(folder: Path, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(folder, "certificates", "show", given) == 2
    assert "certtalk certificates list" in capsys.readouterr().err
    assert verb(folder, "certificates", "revoke", given, "--reason", "superseded", "--yes") == 2


@pytest.mark.parametrize("given", ["", "x", "f" * 41, "--", "१"])
def test_what_is_no_serial(folder: Path, given: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        verb(folder, "certificates", "show", given)
    assert stopped.value.code == 2


@pytest.mark.parametrize("reason", ["cACompromise", "certificateHold", "removeFromCRL"])
def test_a_reason_that_is_not_the_operators(folder: Path, serial: str, reason: str) -> None:
    with pytest.raises(SystemExit):
        verb(folder, "certificates", "revoke", serial, "--reason", reason, "--yes")


def test_anchors_find_a_database_that_was_set_back(
    folder: Path, serial: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = Path(shutil.copytree(folder, tmp_path / "older"))
    assert verb(folder, "certificates", "hold", serial) == 0
    assert verb(folder, "audit", "anchor") == 0
    assert verb(folder, "audit", "verify") == 0
    assert [one.seq for one in read_anchors(folder / ANCHORS)] == [7]
    assert verb(older, "audit", "verify") == 0, "it proves itself"
    assert verb(older, "audit", "verify", "--anchors", str(folder / ANCHORS)) == 1
    assert "7" in capsys.readouterr().err
    forged = (folder / ANCHORS).read_text("utf-8").replace('"seq": 7', '"seq": 2')
    (folder / ANCHORS).write_text(forged + '{"torn', "utf-8")
    assert verb(folder, "audit", "verify") == 1


def test_the_trail_as_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(folder, "audit", "export") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["act"] for row in rows] == ["ca_certificate"] * 3 + ["profiles", "issuing", "issued"]
