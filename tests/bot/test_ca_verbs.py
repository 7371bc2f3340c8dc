"""`certtalk ca …` as an operator meets it: nothing before a yes, everything afterwards, and old CAs go on."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp

from bot.app import running
from bot.cli import main
from bot.settings import load_settings
from bot.vault import Vault
from bot.vault.condition import conditions
from ca import keys
from tests.live import ROOT, free_port
from tests.outside import NOW, Clock, Outside

Said = pytest.CaptureFixture[str]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None) -> Path:
    """No authority yet, outside the demo; the data folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.cli.logs.configure", lambda _: None)
    monkeypatch.setattr("ca.keys._SCRYPT_N", 1 << 10)  # what sealing costs is not looked at here
    secret(tmp_path / "passphrase", "the running keys")
    secret(tmp_path / "root-passphrase", "for the safe")
    given = {"DATA": "data", "DEMO": "false", "BANK": "tests.outside:nobody", "SMS": "tests.outside:nobody"}
    given |= {"CA_PASSPHRASE_FILE": "passphrase", "CA_KEY": "p-256", "DEFAULT_LOCALE": "en"}
    for name, value in given.items():
        monkeypatch.setenv(f"CERTTALK_{name}", value)
    return tmp_path / "data"


def secret(file: Path, content: str) -> Path:
    file.write_text(f"{content}\n")
    file.chmod(0o600)
    return file


ROOT_SECRET = ["--root-passphrase-file", "root-passphrase"]
INIT = ["ca", "init", "--yes", *ROOT_SECRET]


def made(alone: Path, *more: str) -> Vault:
    assert main([*INIT, *more]) == 0
    return Vault(load_settings(None))


def test_serving_without_an_authority_says_what_to_do(alone: Path, capsys: Said) -> None:
    assert main(["serve", "--port", str(free_port())]) == 2
    assert "certtalk ca init" in capsys.readouterr().err
    assert not (alone / "ca").exists()


def test_nothing_is_made_without_a_yes(alone: Path, capsys: Said) -> None:
    assert main(["ca", "init"]) == 2
    out, err = capsys.readouterr()
    assert "CertTalk Root CA 1 (p-256, 20 years)" in out
    assert "--yes" in err
    assert not alone.exists()


def test_a_ceremony_from_a_file(alone: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "ceremony.toml").write_text(
        'organization = "Example Bank"\n[root]\nyears = 25\nname = "Example Root"\n[issuing]\nkey = "rsa-2048"\n'
    )
    vault = made(alone, "--file", "ceremony.toml", "--root-folder", "safe")
    root, issuing = vault.files.root(), vault.files.certificate("issuing-1")
    assert root.subject.rfc4514_string() == "CN=Example Root,OU=CA,O=Example Bank,C=KR"
    assert root.not_valid_after_utc - root.not_valid_before_utc > timedelta(days=25 * 365)
    assert keys.kind(issuing.public_key()) == "rsa-2048"
    [file] = (tmp_path / "safe").iterdir()
    assert str(file.relative_to(tmp_path)) in capsys.readouterr().out
    assert vault.open_root(file, b"for the safe")
    with pytest.raises(Exception, match="wrong_passphrase"):
        vault.open_root(file, b"the running keys")
    assert main(["audit", "verify"]) == 0
    file.unlink()
    assert asyncio.run(vault.open(NOW)), "the service does not need the root's key"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[root]\nyears = 31", "[root] years"),
        ("[issuing]\nyears = 21", "[issuing] years"),
        ('[root]\nkey = "rsa-1024"', "[root] key"),
        ('organization = "a/b"', "organization"),
        ('country = "kr"', "country"),
        ('[issuing]\nname = "CertTalk Root CA 1"', "[issuing] name"),
        ("[leaf]\nx = 1", "leaf"),
        ("[root]\ncolour = 1", "colour"),
        ("rubbish", "ceremony"),
        pytest.param(f'organization = "{"가" * 21}"', "organization", id="63 octets without a number"),
        pytest.param(f'[issuing]\nname = "{"a" * 62}"', "[issuing] name", id="no room for a successor's number"),
        pytest.param("\ud7b0", "UTF-8", id="not UTF-8"),
    ],
)
def test_a_wrong_ceremony_file_names_the_field(alone: Path, tmp_path: Path, text: str, word: str, capsys: Said) -> None:
    (tmp_path / "ceremony.toml").write_bytes(text.encode("utf-16" if word == "UTF-8" else "utf-8"))
    assert main([*INIT, "--file", "ceremony.toml"]) == 2
    assert word in capsys.readouterr().err
    assert not alone.exists()


def test_a_long_hangul_name_makes_an_authority_and_its_successor(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "ceremony.toml").write_text(
        f'organization = "{"은" * 20}"\n[root]\nname = "{"가" * 20}"\n[issuing]\nname = "{"나" * 20}"', "utf-8"
    )
    vault = made(alone, "--file", "ceremony.toml")
    assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 0
    assert "나" * 20 + " 2" in vault.files.certificate("issuing-2").subject.rfc4514_string()


def test_a_second_ceremony_is_refused(alone: Path, capsys: Said) -> None:
    before = made(alone).files.root()
    assert main(INIT) == 2
    assert "ca rotate" in capsys.readouterr().err
    assert Vault(load_settings(None)).files.root() == before
    shutil.rmtree(alone / "ca")
    assert main(INIT) == 2, "what was lost is restored, not made anew"
    assert "backup" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o640, 0o620])
@pytest.mark.parametrize("name", ["passphrase", "root-passphrase"])
def test_a_passphrase_others_can_read_is_refused(
    alone: Path, tmp_path: Path, capsys: Said, name: str, mode: int
) -> None:
    (tmp_path / name).chmod(mode)
    assert main(INIT) == 2
    assert f"chmod 600 {name}" in capsys.readouterr().err
    assert not (alone / "ca").exists()


@pytest.mark.parametrize("name", ["passphrase", "root-passphrase"])
def test_a_short_passphrase_seals_nothing_new(alone: Path, tmp_path: Path, capsys: Said, name: str) -> None:
    secret(tmp_path / name, "열한 글자로는 안 돼")
    assert main(INIT) == 2
    assert "12 characters or more" in capsys.readouterr().err
    assert not (alone / "ca").exists()
    secret(tmp_path / name, "열두 글자이면 이제 돼")
    assert made(alone)


def test_the_root_has_a_passphrase_of_its_own(alone: Path, capsys: Said) -> None:
    """Who holds the running service's must not hold the root, so it is never taken in silence."""
    assert main(["ca", "init", "--yes"]) == 2
    assert "--root-passphrase-file" in capsys.readouterr().err
    assert not (alone / "ca").exists()
    made(alone)
    assert main(["ca", "rotate", "root-crl", "--yes"]) == 2
    assert "--root-passphrase-file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["BANK", "SMS"])
def test_what_cannot_be_loaded_is_said_before_anything_is_made(
    alone: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"CERTTALK_{name}", "nowhere.at_all:connect")
    assert main(INIT) == 2
    assert f"CERTTALK_{name}" in capsys.readouterr().err
    assert not (alone / "ca").exists()


def test_systemds_credential(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CERTTALK_CA_PASSPHRASE_FILE")
    assert main(INIT) == 2, "nobody to ask, and no file"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    given = secret(tmp_path / "credentials/certtalk-ca-passphrase", "from systemd")
    given.chmod(0o440)  # its access list shows so
    vault = made(alone)
    assert vault.passphrase() == b"from systemd"
    assert asyncio.run(vault.open(NOW))


def test_typed_at_a_terminal(alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.delenv("CERTTALK_CA_PASSPHRASE_FILE")
    answers = iter(["running-keys", "running-keys", "root-in-safe", "root-in-safe"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    monkeypatch.setattr("bot.ca_desk.getpass.getpass", lambda _: next(answers))
    assert main(["ca", "init"]) == 0
    vault = Vault(load_settings(None), secret=b"running-keys")
    assert asyncio.run(vault.open(NOW))
    assert vault.open_root(vault.root_key_file(), b"root-in-safe")
    assert "running-keys" not in "".join(capsys.readouterr())


def test_show_tells_what_ends_soon(alone: Path, capsys: Said) -> None:
    vault = made(alone)
    assert main(["ca", "show"]) == 0
    said = capsys.readouterr().out
    fingerprint = vault.files.root().fingerprint(SHA256()).hex(":").upper()
    assert fingerprint in said
    assert "issuing-1 (issues now)" in said
    assert "still on this machine" in said
    vault.root_key_file().unlink()
    now = vault.files.root_crl().last_update_utc
    assert conditions(vault, now) == []
    assert [c.word for c in conditions(vault, now + timedelta(days=340))] == ["root_crl"]
    assert [c.word for c in conditions(vault, now + timedelta(days=367))] == ["root_crl_over"]
    assert "issuing" in [c.word for c in conditions(vault, now + timedelta(days=9 * 365 - 10))]
    assert "issuing_over" in [c.word for c in conditions(vault, now + timedelta(days=9 * 365 + 10))]


def test_export_is_what_relying_parties_ask_for(alone: Path, tmp_path: Path) -> None:
    vault = made(alone)
    assert main(["ca", "export", "out"]) == 0
    found = {file.name for file in (tmp_path / "out").iterdir()}
    assert found == {
        "root.cer", "root.pem", "issuing-1.cer", "issuing-1.pem", "chain-issuing-1.pem", "authorities.p7b", "root.crl",
        "SHA256SUMS.txt",
    }  # fmt: skip
    assert len(pkcs7.load_der_pkcs7_certificates((tmp_path / "out/authorities.p7b").read_bytes())) == 2
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS.txt"], cwd=tmp_path / "out", capture_output=True)
    assert checked.returncode == 0
    assert not any(b"PRIVATE" in file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert vault.files.root().public_bytes(Encoding.DER) == (tmp_path / "out/root.cer").read_bytes()


def test_the_next_issuing_ca_and_the_one_before(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    """What the former one issued is still listed and answered; what comes now is the new one's."""
    data = tmp_path / "data"
    shutil.copytree(prepared, data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.cli.logs.configure", lambda _: None)
    for module in ("bot.app", "bot.service"):  # what runs, and the ceremony
        monkeypatch.setattr(f"{module}.utc_now", Clock())
    for name, value in {"DATA": str(data), "DEFAULT_LOCALE": "en", "CA_KEY": "p-256"}.items():
        monkeypatch.setenv(f"CERTTALK_{name}", value)
    settings, clock = load_settings(None), Clock()

    async def enrol(who: str) -> x509.Certificate:
        async with running(settings, clock, jobs=False) as service:
            outside = Outside(service, clock)
            await outside.browser(who).enrolled()
            await service.delivering.work()
            exported = [one async for one in service.certificates.export()]
            return x509.load_der_x509_certificate(max(exported, key=lambda one: one.issued_at).der)

    old = asyncio.run(enrol("kim"))
    assert main(["ca", "rotate", "issuing", "--yes"]) == 0
    assert "issuing-1 goes on" in capsys.readouterr().out
    clock.move(minutes=5)
    new = asyncio.run(enrol("lee"))
    assert old.issuer != new.issuer
    assert crl_of(old).endswith("/pki/issuing-1.crl")
    assert crl_of(new).endswith("/pki/issuing-2.crl")

    async def ask() -> None:
        async with running(settings, clock, jobs=False) as service:
            browser = Outside(service, clock).browser()
            for certificate, name in ((old, "issuing-1"), (new, "issuing-2")):
                issuing = x509.load_der_x509_certificate((await browser.http.get(f"/pki/{name}.cer")).content)
                certificate.verify_directly_issued_by(issuing)
                listed = x509.load_der_x509_crl((await browser.http.get(f"/pki/{name}.crl")).content)
                assert listed.issuer == issuing.subject
                question = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuing, SHA256()).build()
                answer = await browser.http.post("/pki/ocsp", content=question.public_bytes(Encoding.DER))
                status = ocsp.load_der_ocsp_response(answer.content).certificate_status
                assert status is ocsp.OCSPCertStatus.GOOD
            assert (await service.health())["warnings"] == []

    asyncio.run(ask())
    assert Vault(settings).files.root_crl().extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2


def crl_of(certificate: x509.Certificate) -> str:
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return str((points[0].full_name or [])[0].value)


def test_rotation_needs_the_right_root_key(alone: Path, tmp_path: Path, capsys: Said) -> None:
    vault = made(alone)
    key = vault.root_key_file()
    key.rename(tmp_path / "away.key")
    assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 2
    assert "--root-key" in capsys.readouterr().err
    stranger = tmp_path / "stranger.key"
    secret(stranger, keys.seal(keys.generate("p-256"), b"for the safe").decode())
    assert main(["ca", "rotate", "root-crl", "--yes", *ROOT_SECRET, "--root-key", str(stranger)]) == 2
    assert "does not belong to" in capsys.readouterr().err
    for years in ("0", "-5", "31"):  # dead at once, or longer than any root
        assert (
            main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET, "--root-key", "away.key", f"--years={years}"]) == 2
        )
        assert f"--years: {years}" in capsys.readouterr().err
    assert vault.files.issuing() == ["issuing-1"]
    assert main(["ca", "rotate", "root-crl", "--yes", *ROOT_SECRET, "--root-key", "away.key"]) == 0
    assert main(["ca", "rotate", "ocsp", "--yes"]) == 0
    assert main(["ca", "rotate", "issuing", "--root-key", "away.key"]) == 2, "and not without a yes"


async def test_a_running_service_takes_up_what_was_rotated(alone: Path) -> None:
    now = datetime.now(UTC)  # as the verb that makes it
    vault = await asyncio.to_thread(made, alone)
    authority = await vault.open(now)
    assert not vault.is_due(authority, now)
    other = Vault(vault.settings)
    root = other.open_root(other.root_key_file(), b"for the safe")
    await asyncio.to_thread(other.rotate_issuing, root, "p-256", 10, now)
    assert vault.is_due(authority, now)
    assert list((await vault.open(now)).issuers) == ["issuing-1", "issuing-2"]


def test_looking_opens_no_key(alone: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    made(alone)

    def never(*_: object) -> None:
        raise AssertionError("a key was opened")

    monkeypatch.setattr("ca.keys.open_sealed", never)
    for verb in (["audit", "verify"], ["certificates", "export", "--json"], ["remind", "preview"], ["ca", "show"]):
        assert main(verb) == 0, verb


KILLED = """
import os, signal, sys
import ca.keys
ca.keys._SCRYPT_N = 1 << 10
import bot.vault.{module} as module
from bot.cli import main
whole, left = getattr(module, "{name}"), [int(sys.argv[1])]
def mortal(*given, **named):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*given, **named)
setattr(module, "{name}", mortal)
sys.exit(main(sys.argv[2:]))
"""


def killed(at: int, module: str, name: str, *verb: str) -> int:
    """The exit code of a verb whose process dies before its `at`-th call of a function."""
    program = KILLED.format(module=module, name=name)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {json.dumps(str(ROOT))})\n{program}", str(at)]
    return subprocess.run([*command, *verb], capture_output=True, timeout=60, check=False).returncode


Whole = Callable[[Path], object]


@pytest.mark.parametrize("at", [1, 7])
def test_killed_in_the_ceremony_there_is_no_authority_and_the_next_one_works(alone: Path, at: int) -> None:
    assert killed(at, "folder", "keep" if at < 7 else "sync_folder", *INIT) == -signal.SIGKILL
    assert not (alone / "ca").exists()
    assert asyncio.run(made(alone).open(NOW))


@pytest.mark.parametrize("at", [2, 5])
def test_killed_in_a_rotation_the_authority_is_whole(alone: Path, at: int) -> None:
    vault = made(alone)
    before = vault.files.root()
    assert killed(at, "folder", "sync_folder", "ca", "rotate", "issuing", "--yes", *ROOT_SECRET) == -signal.SIGKILL
    again = asyncio.run(Vault(vault.settings).open(NOW))
    assert again.current.root == before
    assert main(["ca", "rotate", "issuing", "--yes", *ROOT_SECRET]) == 0
    assert len(vault.files.issuing()) in (2, 3)
    assert asyncio.run(Vault(vault.settings).open(NOW))
