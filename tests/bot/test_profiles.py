"""The operator's files about issuing: read, and refused by line."""

from hashlib import sha256
from pathlib import Path

import pytest

from bot.profiles import blocked_keys, load_profiles, load_responder
from bot.settings import Settings, SettingsError, load_settings
from ca.errors import ProfileError
from ca.profiles import Responder
from tests.ca.pki import PROFILES_TOML


def settings(**given: object) -> Settings:
    return load_settings(None, **given)


def test_what_is_shipped_serves_without_a_file() -> None:
    assert set(load_profiles(settings())) == {"personal", "business", "general"}
    assert load_responder(settings()) == Responder("p-256", 30)
    assert blocked_keys(settings()) == frozenset()


def test_an_operators_own_kinds(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(PROFILES_TOML.replace("days = 365", "days = 730").replace("days = 30 ", "days = 20 "), "utf-8")
    own = settings(profiles=file, public_url="https://cert.example", ca_name="Bank")
    assert {one.days for one in load_profiles(own).values()} == {730}
    assert load_profiles(own)["personal"].places.cps == "https://cert.example/pki/cps"
    assert load_responder(own).days == 20


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_bytes(PROFILES_TOML.encode("euc-kr", "replace"))
    with pytest.raises(ProfileError, match="UTF-8"):
        load_profiles(settings(profiles=file))


@pytest.mark.parametrize("name", ["profiles", "blocked_keys"])
def test_a_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(**{name: tmp_path / "nowhere"})
    assert f"CERTTALK_{name.upper()}" in str(raised.value)


def test_blocked_keys(tmp_path: Path) -> None:
    file, digest = tmp_path / "blocked", sha256(b"key").digest()
    file.write_text(f"# leaked in spring\n\n{digest.hex().upper()}  # desk 3\n{sha256(b'2').hexdigest()}\n", "utf-8")
    assert blocked_keys(settings(blocked_keys=file)) == {digest, sha256(b"2").digest()}
    file.write_text(f"{digest.hex()}\nabc\n", "utf-8")
    with pytest.raises(ProfileError, match="line 2"):
        blocked_keys(settings(blocked_keys=file))
