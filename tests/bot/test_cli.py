"""`python -m bot VERB` as an operator meets it: exit codes, words, and nothing done that was not asked for."""

import asyncio
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from bot.app import running
from bot.cli import LOOKING, main
from bot.settings import load_settings
from tests.live import Live
from tests.outside import Clock, Outside
from tests.years import YEARS


@pytest.fixture
def data(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with one certificate; the process's own settings do not matter."""
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.cli.logs.configure", lambda _: None)  # pytest has its own
    monkeypatch.setenv("CERTTALK_DATA", str(folder))
    monkeypatch.setenv("CERTTALK_DEFAULT_LOCALE", "en")

    async def enrol() -> None:
        async with running(load_settings(None, data=folder), Clock(), jobs=False) as service:
            await Outside(service, Clock()).browser().enrolled()
            await service.delivering.work()

    asyncio.run(enrol())
    return folder


def test_reminders_are_shown_queued_and_not_queued_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["remind", "preview", "--now", f"{2027 + YEARS}-10-23"]) == 0
        said = capsys.readouterr().out
        assert "30 days left" in said
        assert "Nothing was sent" in said
    assert main(["remind", "run", "--now", f"{2027 + YEARS}-10-23"]) == 0
    assert "Queued 1 reminder." in capsys.readouterr().out
    assert main(["remind", "run", "--now", f"{2027 + YEARS}-10-23"]) == 0
    assert "Queued 0 reminders." in capsys.readouterr().out
    assert main(["remind", "preview", "--now", f"{2027 + YEARS}-10-22"]) == 0


@pytest.mark.parametrize("given", ["soon", "2027-13-01", "", "20271"])
def test_what_is_no_date_is_said(data: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    if given:
        assert main(["remind", "run", "--now", given]) == 2
        assert f"Not a date: {given}" in capsys.readouterr().err


def test_export_tells_everything_about_a_certificate(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certificates", "export", "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    one = json.loads(line)
    assert set(one) >= {"serial", "pem", "status", "subject_id", "issued_at", "revoked_at", "reason"}
    certificate = x509.load_pem_x509_certificate(one["pem"].encode())
    assert int(one["serial"], 16) == certificate.serial_number
    assert (one["status"], one["revoked_at"], one["reason"]) == ("valid", None, None)
    assert "DEMO0001" not in line
    assert one["issued_at"].endswith("Z")


def test_unlocking_wants_a_yes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = sqlite3.connect(data / "certtalk.sqlite3")
    with database:
        database.execute(
            "INSERT OR REPLACE INTO factor_failures VALUES ('DEMO0001', 'card', 3, '2026-11-22T00:00:00.000000Z')"
        )
    failures = "SELECT count(*) FROM factor_failures WHERE number = 'DEMO0001' AND failures > 0"
    assert main(["customers", "unlock", "DEMO0001"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert database.execute(failures).fetchone() == (1,)
    assert main(["customers", "unlock", "DEMO0001", "--yes"]) == 0
    assert "DEMO0001" in capsys.readouterr().out
    assert database.execute(failures).fetchone() == (0,)
    assert database.execute("SELECT actor, act FROM audit ORDER BY seq DESC").fetchone() == ("operator", "unlocked")
    database.close()
    assert main(["audit", "verify"]) == 0


def test_no_unlocking_without_its_audit_record(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are one transaction: an unlocking that nobody can find later must not be possible."""
    database = sqlite3.connect(data / "certtalk.sqlite3")
    with database:
        database.execute("INSERT INTO factor_failures VALUES ('DEMO0002', 'card', 3, '2026-11-22T00:00:00.000000Z')")
        database.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert main(["customers", "unlock", "DEMO0002", "--yes"]) == 2
    left = database.execute("SELECT failures FROM factor_failures WHERE number = 'DEMO0002'").fetchall()
    database.close()
    assert left == [(3,)]


def test_a_changed_audit_row_is_found(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == 0
    assert "whole" in capsys.readouterr().out
    database = sqlite3.connect(data / "certtalk.sqlite3")
    with database:
        database.execute("DROP TRIGGER audit_unchanged")  # whoever has the file can
        database.execute("UPDATE audit SET detail = replace(detail, 'personal', 'Personal') WHERE seq = 2")
        database.execute("UPDATE audit SET act = act || '!' WHERE seq = 3")
    database.close()
    assert main(["audit", "verify"]) == 1
    assert "not as it was written" in capsys.readouterr().err


def test_doctor_looks_and_changes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) in {0, 1}
    assert "database" in capsys.readouterr().out


def test_wrong_settings_and_wrong_use(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["chat", "--as", "nobody"]) == 2
    assert "kim, lee" in capsys.readouterr().err
    monkeypatch.setenv("CERTTALK_PORT", "70000")
    assert main(["audit", "verify"]) == 2
    assert "CERTTALK_PORT" in capsys.readouterr().err
    for wrong in ([], ["nothing"], ["certificates"], ["customers", "unlock"]):
        with pytest.raises(SystemExit) as stopped:
            main(wrong)
        assert stopped.value.code == 2


def test_an_adapter_that_cannot_be_loaded(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"DEMO": "false", "BANK": "nowhere:bank", "SMS": "nowhere:sms"}
    for name, value in (given | {"CA_PASSPHRASE_FILE": str(data / "ca.passphrase")}).items():
        monkeypatch.setenv(f"CERTTALK_{name}", value)
    assert main(["audit", "verify"]) == 2
    assert "CERTTALK_BANK" in capsys.readouterr().err


def test_a_database_of_a_newer_program(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = sqlite3.connect(data / "certtalk.sqlite3")
    with database:
        database.execute("INSERT INTO schema_version VALUES (999, 'tomorrow')")
    database.close()
    assert main(["audit", "verify"]) == 2
    said = capsys.readouterr().err
    assert "newer program" in said
    assert "Traceback" not in said


def test_a_folder_that_is_none_is_said_as_the_doctor_says_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["serve", "--port", "1", "--data", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert "CERTTALK_DATA" in said
    assert "Errno" not in said


def test_unlocking_a_stranger_is_not_said_to_have_unlocked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["customers", "unlock", "NOBODY", "--yes"]) == 0
    assert "NOBODY has no failures to clear" in capsys.readouterr().out


def test_without_a_verb_all_verbs_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "doctor" in capsys.readouterr().err


@pytest.mark.parametrize("group", sorted(LOOKING | {"ca", "telegram", "kakao"}))
def test_every_group_of_verbs_says_what_it_is_for(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([group, "--help"])
    _, told, *_ = re.split(r"\n\n", capsys.readouterr().out)
    assert told.endswith("."), told


def test_what_is_no_serial_number_is_told_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["certificates", "show", "zz"])
    assert "certtalk certificates list" in capsys.readouterr().err


def test_a_port_that_is_taken(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert f"--port {port + 1}" in capsys.readouterr().err


def test_in_a_process_of_its_own(data: Path) -> None:
    live = Live(data, CERTTALK_DEFAULT_LOCALE="en")
    assert live.verb("audit", "verify").returncode == 0
    done = live.verb("certificates", "export", "--json")
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, 1, "")


def test_a_reader_that_has_seen_enough(data: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "bot", "certificates", "export", "--json", "--data", str(data)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
