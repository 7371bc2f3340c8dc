"""Doctor: each fault an operator can make is found, named in both languages, and nothing is changed by looking."""

import asyncio
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import doctor
from bot.doctor import Finding, examine, report
from bot.learning import keeping
from bot.settings import Settings, load_settings
from bot.storage.database import open_database
from bot.storage.upgrade import Upgrade
from ca.keys import generate, seal
from handlers.texts import load_texts

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def settings_for(data: Path, **given: object) -> Settings:
    return load_settings(None, data=data, **given)


def found(settings: Settings, env_file: Path = Path("/nowhere/.env"), now: datetime = NOW) -> dict[str, Finding]:
    findings = asyncio.run(examine(settings, env_file, now))
    for texts in load_texts().values():
        assert report(findings, texts)  # every finding has its words
    return {finding.check: finding for finding in findings}


def make_database(settings: Settings, statement: str = "SELECT 1") -> None:
    async def make() -> None:
        database = await open_database(settings.database_url.get_secret_value())
        await database.run(lambda tx: tx.execute(statement))
        await database.close()

    asyncio.run(make())


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(tmp_path: Path) -> None:
    findings = found(settings_for(tmp_path / "data"))
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert {findings[check].word for check in ("data", "database", "ca_keys")} == {"new"}
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_that_cannot_be_loaded(data: Path) -> None:
    """`serve` would refuse it; what can be loaded is not called, which would connect."""

    def sees(bank: str, sms: str) -> Finding:
        return found(settings_for(data, demo=False, public_url="https://cert.example", bank=bank, sms=sms))["settings"]

    fault = sees("tests.nowhere:connect", "json:loads")
    assert (fault.state, fault.word, fault.params["name"]) == ("fault", "adapter_broken", "CERTTALK_BANK")
    assert sees("json:loads", "json:nothing").params["name"] == "CERTTALK_SMS"
    assert sees("json:loads", "json:loads").state == "ok"


def test_a_folder_others_can_read(data: Path) -> None:
    assert found(settings_for(data))["data"].state == "ok"
    data.chmod(0o755)
    assert found(settings_for(data))["data"] == Finding("data", "warning", "open", {"path": data})


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert found(settings_for(tmp_path / "data"))["data"].word == "no_folder"


def test_a_folder_that_cannot_be_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)  # root may write anywhere
    assert found(settings_for(data))["data"].word == "readonly"


@pytest.mark.parametrize(("free_mb", "state"), [(1024, "ok"), (1023, "warning"), (99, "fault")])
def test_space(data: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, state: str) -> None:
    usage = doctor.shutil.disk_usage(data)._replace(free=free_mb * 2**20)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert found(settings_for(data))["space"].state == state


def test_an_own_model_that_cannot_be_used(data: Path) -> None:
    assert "understanding" not in found(settings_for(data))
    file = data / keeping.FILE
    shutil.copy(Path(doctor.__file__).parents[1] / "handlers/understanding/shipped.model", file)
    assert found(settings_for(data))["understanding"] == Finding("understanding", "ok", "own")
    file.write_bytes(file.read_bytes()[:-9])
    assert found(settings_for(data))["understanding"] == Finding("understanding", "warning", "refused", {"path": file})


def test_a_misspelt_setting(data: Path, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CERTTALK_PROT=1\n")
    env_file.chmod(0o644)
    findings = found(settings_for(data), env_file)
    assert findings["settings"].params == {"name": "CERTTALK_PROT", "closest": "CERTTALK_PORT"}
    assert findings["env_file"].word == "open"


@pytest.mark.parametrize(
    ("given", "check", "word"),
    [
        ({"public_url": "http://localhost:9"}, "public_url", "mismatch"),
        ({"public_url": "http://localhost:8710"}, "public_url", "ok"),
        ({"public_url": "https://cert.example.com"}, "demo", "public"),
        ({}, "demo", "on"),
    ],
)
def test_the_address(data: Path, given: dict[str, str], check: str, word: str) -> None:
    assert found(settings_for(data, **given))[check].word == word


def test_keys_open_with_the_right_passphrase_only(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("right\n")
    file.chmod(0o600)
    settings = settings_for(data, ca_passphrase_file=file)
    (data / "ca").mkdir()
    (data / "ca/root.key").write_bytes(seal(generate("p-256"), b"right"))
    (data / "ca/root.key").chmod(0o600)
    findings = found(settings)
    assert (findings["ca_keys"].word, findings["ca_keys"].params) == ("ok", {"count": 1})
    assert findings["passphrase"].word == "ok"
    file.write_text("wrong\n")
    assert found(settings)["ca_keys"].state == "fault"


def test_keys_whose_demo_passphrase_is_lost(data: Path) -> None:
    (data / "ca").mkdir()
    (data / "ca/root.key").write_bytes(seal(generate("p-256"), b"lost"))
    (data / "ca/root.key").chmod(0o600)
    assert found(settings_for(data))["ca_keys"].state == "fault"
    assert [path.name for path in data.iterdir()] == ["ca"]


@pytest.mark.parametrize(("content", "mode", "word"), [("", 0o600, "empty"), ("x\n", 0o640, "ca.error.readable")])
def test_the_passphrase_file(data: Path, tmp_path: Path, content: str, mode: int, word: str) -> None:
    file = tmp_path / "passphrase"
    file.write_text(content)
    file.chmod(mode)
    assert found(settings_for(data, ca_passphrase_file=file))["passphrase"].word == word


def test_a_passphrase_beside_the_keys(data: Path) -> None:
    (data / "passphrase").write_text("x\n")
    (data / "passphrase").chmod(0o600)
    settings = settings_for(data, ca_passphrase_file=data / "passphrase")
    assert found(settings)["passphrase"].word == "beside"


def test_a_database_that_opens(data: Path) -> None:
    settings = settings_for(data)
    make_database(settings)
    assert found(settings)["database"] == Finding("database", "ok")


def test_a_database_that_does_not(data: Path) -> None:
    (data / "certtalk.sqlite3").write_bytes(b"not a database at all" * 200)
    assert found(settings_for(data))["database"].state == "fault"


def test_a_database_of_a_newer_program(data: Path) -> None:
    settings = settings_for(data)
    make_database(settings)
    with sqlite3.connect(data / "certtalk.sqlite3") as raw:
        raw.execute("INSERT INTO schema_version VALUES (9999, 'later.sql')")
    raw.close()
    assert found(settings)["database"].state == "fault"


def test_a_clock_behind_the_last_record(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = Upgrade(
        1, "0001.sql", "CREATE TABLE audit (seq BIGINT PRIMARY KEY, at TEXT NOT NULL, act TEXT, subject TEXT);\n"
        "CREATE TABLE outbox (id TEXT, key TEXT, kind TEXT, channel TEXT, attempts BIGINT, last_error TEXT,"
        " closed_at TEXT, due_at TEXT, state TEXT);",
    )  # fmt: skip
    monkeypatch.setattr("bot.storage.upgrade.shipped_upgrades", lambda: [upgrade])
    monkeypatch.setattr(doctor, "shipped_upgrades", lambda: [upgrade])
    settings = settings_for(data)
    make_database(settings, "INSERT INTO audit VALUES (1, '2026-11-22T10:00:00.000000Z', 'issued', 'x')")
    assert found(settings, now=NOW - timedelta(minutes=5))["clock"].state == "ok"
    assert found(settings, now=NOW - timedelta(minutes=6))["clock"].word == "backwards"


def test_a_clock_from_before_this_program(data: Path) -> None:
    assert found(settings_for(data), now=datetime(1970, 1, 1, tzinfo=UTC))["clock"].word == "past"


def test_the_table_lines_up_in_korean_and_says_how_bad_it_is() -> None:
    texts = load_texts()["ko"]
    findings = [Finding("demo", "ok", "on"), Finding("clock", "fault", "past", {"now": "x"})]
    first, second, _, closing = report(findings, texts).splitlines()
    assert doctor._width(first[: first.index("켜져")]) == doctor._width(second[: second.index("시계가")])
    assert closing == texts("operator.doctor.faulty", count=1)


PROVIDER = {"alimtalk_provider": "webhook", "alimtalk_url": "https://notify.example.com/", "alimtalk_secret": "x" * 16}


@pytest.mark.parametrize(
    ("given", "state", "word"),
    [
        ({"alimtalk_test_phone": "01055550000"}, "ok", "test"),
        ({"alimtalk_test_phone": "01055550000", "demo": False, "bank": "a:b"}, "warning", "test"),
        ({"demo": False, "bank": "a:b"}, "warning", "no_code"),
        ({"demo": False, "bank": "a:b", "alimtalk_templates": "coded"}, "ok", "on"),
        ({"demo": False, "bank": "a:b", "alimtalk_templates": "broken"}, "fault", "templates"),
    ],
)
def test_the_provider(data: Path, tmp_path: Path, given: dict[str, object], state: str, word: str) -> None:
    assert "alimtalk" not in found(settings_for(data))
    (tmp_path / "coded").write_text('[ko.a]\ncode = "T1"\ncontent = "가"\n', "utf-8")
    (tmp_path / "broken").write_text("no toml", "utf-8")
    if templates := given.get("alimtalk_templates"):
        given = given | {"alimtalk_templates": tmp_path / str(templates)}
    finding = found(settings_for(data, **PROVIDER, **given))["alimtalk"]
    assert (finding.state, finding.word) == (state, word)


@pytest.mark.parametrize(("address", "word"), [("https://cert.example.com", "on"), ("", "not_https")])
def test_kakaotalk_must_reach_us(data: Path, address: str, word: str) -> None:
    assert "kakao" not in found(settings_for(data))
    settings = settings_for(data, kakao_secret="x" * 16, kakao_bot="b", public_url=address)
    assert found(settings)["kakao"].word == word
