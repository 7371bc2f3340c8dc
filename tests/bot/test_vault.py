"""The CA's folder: made whole or not at all, opened with its passphrase only, its OCSP signer never too old."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from bot.settings import load_settings
from bot.vault import Vault, folder
from ca import ceremony, keys
from ca.errors import KeyFileError
from tests.live import ROOT
from tests.outside import NOW


@pytest.fixture
def vault(prepared: Path, tmp_path: Path) -> Vault:
    shutil.copytree(prepared, tmp_path / "data")
    return Vault(load_settings(None, data=tmp_path / "data", ca_key="p-256"))


async def test_it_opens_the_same_every_time(vault: Vault) -> None:
    first, second = await vault.open(NOW), await vault.open(NOW)
    assert first.current.der == second.current.der
    assert vault.root_crl()


async def test_of_starters_at_once_one_makes_the_authority(tmp_path: Path) -> None:
    vaults = [Vault(load_settings(None, data=tmp_path / "data", ca_key="p-256")) for _ in range(3)]
    made = await asyncio.gather(*(vault.open(NOW) for vault in vaults))
    assert len({one.current.der for one in made}) == 1
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name.startswith(".ca")] == []


async def test_a_ceremony_that_dies_leaves_no_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(load_settings(None, data=tmp_path / "data", ca_key="p-256"))

    def die(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ceremony, "make_ocsp_signer", die)
        with pytest.raises(OSError, match="no space"):
            await vault.open(NOW)
    assert not vault.folder.exists()
    assert await vault.open(NOW)


@pytest.mark.parametrize("left", [timedelta(days=9), timedelta(0), timedelta(days=-300)])
async def test_an_ocsp_signer_near_its_end_is_replaced(vault: Vault, left: timedelta) -> None:
    before = (await vault.open(NOW)).current.ocsp
    assert before is not None
    late = before.certificate.not_valid_after_utc - left
    after = (await vault.open(late)).current.ocsp
    assert after is not None
    assert after.certificate.not_valid_after_utc > late + timedelta(days=10)
    assert after.certificate.serial_number != before.certificate.serial_number
    again = (await vault.open(late)).current.ocsp
    assert again is not None
    assert again.certificate.public_bytes(Encoding.DER) == after.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize(("content", "words"), [("", "empty"), ("\n", "empty"), ("another\n", "issuing-1")])
async def test_another_passphrase_opens_nothing(vault: Vault, tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "passphrase"
    file.write_text(content)
    file.chmod(0o600)
    other = Vault(vault.settings.model_copy(update={"ca_passphrase_file": file}))
    with pytest.raises(KeyFileError, match=words):
        await other.open(NOW)


class Death(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("part", ["issuing", "ocsp", "records", "root-crl"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_rotation_that_dies_at_any_file_leaves_a_whole_authority(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, part: str, after: bool
) -> None:
    monkeypatch.setattr("ca.keys._SCRYPT_N", 1 << 10)
    root = vault.open_root(vault.root_key_file(), vault.passphrase())

    def rotate() -> None:
        if part == "issuing":
            vault.rotate_issuing(root, "p-256", 10, NOW)
        elif part == "ocsp":
            vault.rotate_ocsp(NOW)
        elif part == "records":
            vault.records(NOW, force=True)
        else:
            vault.renew_root_crl(root, NOW)

    whole, fatal = folder.keep, 0
    while True:
        fatal, left = fatal + 1, [fatal + 1]

        def mortal(path: Path, content: bytes, left: list[int] = left) -> None:
            left[0] -= 1
            if after or left[0]:
                whole(path, content)
            if not left[0]:
                raise Death

        number = crl_number(vault)
        with monkeypatch.context() as patch:
            patch.setattr("bot.vault.folder.keep", mortal)
            patch.setattr("bot.vault.making.keep", mortal)
            with contextlib.suppress(Death):
                rotate()
        again = await Vault(vault.settings).open(NOW)
        assert list(again.issuers) == vault.files.issuing()
        assert all(issuer.ocsp for issuer in again.issuers.values())
        assert vault.records(NOW).sign(b"record", NOW)
        assert number <= crl_number(vault) <= number + 1
        if left[0] > 0:  # it lived: there are no more files
            break
    assert fatal == {"issuing": 6, "ocsp": 3, "records": 3, "root-crl": 2}[part]


def crl_number(vault: Vault) -> int:
    return vault.files.root_crl().extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def test_without_the_roots_key_everything_goes_on(vault: Vault) -> None:
    vault.root_key_file().unlink()
    assert await vault.open(NOW)


SCRIPT = re.search(r"```sh\n(set -eu\nkey=.*?)```", (ROOT / "docs/operations.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("kind", ["p-256", "rsa-3072"])
def test_openssl_opens_a_sealed_key_as_the_operators_guide_says(tmp_path: Path, kind: str) -> None:
    key = keys.generate(kind)
    (tmp_path / "issuing-1.key").write_bytes(keys.seal(key, "for an emergency, 비상용".encode()))
    (tmp_path / "passphrase").write_text("for an emergency, 비상용\n", "utf-8")
    assert SCRIPT
    done = subprocess.run(["bash", "-c", SCRIPT[1]], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    opened = load_pem_private_key(done.stdout, None)
    assert opened.public_key() == key.public_key()


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_keys_are_for_their_owner(vault: Vault) -> None:
    assert {path.stat().st_mode & 0o777 for path in vault.folder.glob("*.key")} == {0o600}
    assert vault.folder.stat().st_mode & 0o077 == 0
