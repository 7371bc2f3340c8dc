"""Settings: right ones become values, wrong ones are all named with a remedy and without their values."""

import os
import re
from pathlib import Path

import pytest

from bot.gateways.adapters import connect
from bot.settings import Settings, SettingsError, is_loopback, load_settings, operator_locale, unknown_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CERTTALK_", "LC_", "LANG")):
            monkeypatch.delenv(name)


def refused(**given: object) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, **given)
    return {problem.name: problem.reason for problem in caught.value.problems}


def test_defaults_are_fit_for_the_demo() -> None:
    settings = load_settings(None)
    assert settings.demo
    assert settings.public_url == "http://127.0.0.1:8710"
    assert settings.database_url.get_secret_value() == "sqlite:///data/certtalk.sqlite3"


def test_command_line_over_environment_over_file_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("\ufeffCERTTALK_BANK_OU=FILE\nCERTTALK_PORT=1001\nCERTTALK_TRIES=4\n", "utf-8")
    monkeypatch.setenv("CERTTALK_PORT", "1002")
    monkeypatch.setenv("CERTTALK_TRIES", "3")
    settings = load_settings(env_file, port=1003, host=None)
    assert (settings.port, settings.tries, settings.bank_ou, settings.host) == (1003, 3, "FILE", "127.0.0.1")


def test_an_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTTALK_CA_PASSPHRASE_FILE", "")
    monkeypatch.setenv("CERTTALK_PORT", "")
    assert load_settings(None) == Settings(_env_file=None)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "eighty", "int_parsing"),
        ("PORT", "0", "greater_than_equal"),
        ("PORT", "65536", "less_than_equal"),
        ("DEMO", "maybe", "bool_parsing"),
        ("DEFAULT_LOCALE", "fr", "literal_error"),
        ("CA_KEY", "rsa-1024", "literal_error"),
        ("CA_NAME", "씨톡", "string_pattern_mismatch"),
        ("CA_NAME", "a/b", "string_pattern_mismatch"),
        ("BANK_CODE", "99", "string_pattern_mismatch"),
        ("CODE_SECONDS", "601", "less_than_equal"),
        ("LOG_LEVEL", "loud", "literal_error"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x", "database"),
        ("DATABASE_URL", "sqlite:///", "database"),
        ("CA_PASSPHRASE_FILE", "/nowhere/at/all", "no_such_file"),
        ("PUBLIC_URL", "http://cert.example.com", "https"),
        ("PUBLIC_URL", "http://192.168.0.7:8710", "https"),
        ("PUBLIC_URL", "https://cert.example.com/chat", "origin"),
        ("PUBLIC_URL", "https://user:hunter2@cert.example.com", "origin"),
        ("PUBLIC_URL", "https://cert.example.com:99999", "origin"),
        ("PUBLIC_URL", "https://cert.example.com\nhttps://b.example.com", "origin"),
        ("PUBLIC_URL", "cert.example.com", "origin"),
        ("PUBLIC_URL", "https://", "origin"),
        ("HOST", "0.0.0.0", "public_url_needed"),
    ],
)
def test_a_wrong_one_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str) -> None:
    monkeypatch.setenv(f"CERTTALK_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    guilty = "PUBLIC_URL" if name == "HOST" else name
    assert [(p.name, p.reason) for p in caught.value.problems] == [(f"CERTTALK_{guilty}", reason)]
    shown = str(caught.value)
    assert f"CERTTALK_{guilty}: " in shown
    assert "hunter2" not in shown + repr(caught.value)


def test_all_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "TRIES", "LINK_MINUTES"):
        monkeypatch.setenv(f"CERTTALK_{name}", "x")
    assert set(refused()) == {"CERTTALK_PORT", "CERTTALK_TRIES", "CERTTALK_LINK_MINUTES"}


@pytest.mark.parametrize("locale", ["ko", "en"])
@pytest.mark.parametrize("reason", ["int_parsing", "no_such_thing"])
def test_every_reason_has_words_in_the_operators_language(
    monkeypatch: pytest.MonkeyPatch, locale: str, reason: str
) -> None:
    monkeypatch.setenv("LANG", f"{locale}_XX.UTF-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(None, port=1.5 if reason == "no_such_thing" else "x")  # a type without words of its own
    assert caught.value.locale == locale
    assert bool(re.search("[가-힣]", str(caught.value))) == (locale == "ko")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Cert.Example.com/", "https://cert.example.com"),
        ("https://cert.example.com:8443", "https://cert.example.com:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_public_address_is_kept_as_an_origin(given: str, kept: str) -> None:
    assert load_settings(None, public_url=given, host="0.0.0.0").public_url == kept


def test_outside_the_demo_bank_and_sms_are_the_operators(tmp_path: Path) -> None:
    assert refused(demo=False) == {
        "CERTTALK_BANK": "adapter_needed",
        "CERTTALK_SMS": "adapter_needed",
    }
    file = tmp_path / "passphrase"
    file.write_text("long and secret\n")
    given = {"demo": False, "ca_passphrase_file": file, "bank": "my_bank.register:connect", "sms": "my_bank:sms"}
    assert load_settings(None, **given).ca_passphrase_file == file


@pytest.mark.parametrize("place", ["mybank", "mybank.register", "mybank:", ":connect", "my bank:connect", "a:b:c"])
def test_an_adapter_is_named_by_module_and_function(place: str) -> None:
    assert refused(bank=place) == {"CERTTALK_BANK": "adapter"}


@pytest.mark.parametrize("place", ["no_such_package:connect", "json:no_such_function"])
def test_an_adapter_that_cannot_be_loaded_is_named(place: str) -> None:
    with pytest.raises(SettingsError, match="CERTTALK_BANK") as caught:
        connect(load_settings(None, bank=place), "bank")
    assert [problem.reason for problem in caught.value.problems] == ["adapter_broken"]


def test_an_adapter_is_called_with_the_settings() -> None:
    settings = load_settings(None, bank="builtins:repr")
    assert connect(settings, "bank") == repr(settings)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes("CERTTALK_CA_NAME=씨톡\n".encode("cp949"))
    with pytest.raises(SettingsError, match=re.escape(str(env_file))):
        load_settings(env_file)


def test_a_password_in_the_database_url_is_not_shown() -> None:
    settings = load_settings(None, database_url="postgresql://certtalk:hunter2@db/certtalk")
    assert "hunter2" not in repr(settings) + str(settings)


def test_a_misspelt_name_is_found_with_the_one_it_resembles(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("certtalk_prot=1\nCERTTALK_DEMO=true\nOTHER=1\n")
    environ = {"CERTTALK_QWV": "1", "CERTTALK_PORT": "1", "CERTTALK_TEST_POSTGRES_URL": "x", "CERTTALK_CHECKS": "x"}
    found = {unknown.name: unknown.closest for unknown in unknown_settings(env_file, environ)}
    assert found == {"CERTTALK_PROT": "CERTTALK_PORT", "CERTTALK_QWV": None}


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *((h, True) for h in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST.", "a.localhost")),
        *((h, False) for h in ("0.0.0.0", "::", "", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com")),
    ],
)
def test_loopback_is_this_machine_only(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_the_operators_language() -> None:
    assert operator_locale({}) == "ko"
    assert operator_locale({"LANG": "en_US.UTF-8"}) == "en"
    assert operator_locale({"LANG": "C.UTF-8"}) == "ko"
    assert operator_locale({"LANG": "en_US.UTF-8", "CERTTALK_DEFAULT_LOCALE": "ko"}) == "ko"
