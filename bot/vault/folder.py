"""The files of `data/ca`: names, and writing them whole or not at all."""

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bot.sealing import sync_folder
from bot.vault.refusal import VaultRefused
from ca import crl
from ca.errors import SignerUnavailable
from ca.ports import RevokedEntry, Serial

FIRST: Final = "issuing-1"


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._withdrawn: tuple[tuple[int, int], Mapping[str, RevokedEntry]] | None = None

    def exists(self) -> bool:
        return self.path.exists()

    def issuing(self) -> list[str]:
        """Names of the issuing CAs, the current one last. A CA is there when its certificate is, written last."""
        numbers = (re.fullmatch(r"issuing-([1-9]\d*)\.pem", file.name) for file in self.path.glob("issuing-*.pem"))
        return [f"issuing-{number}" for number in sorted(int(found[1]) for found in numbers if found)]

    def next_issuing(self) -> str:
        return f"issuing-{int(self.issuing()[-1].removeprefix('issuing-')) + 1}"

    def running(self) -> list[str]:
        """Names of all keys but the root's: each issuing CA's, its signers'."""
        every = (n for issuing in self.issuing() for n in (issuing, f"ocsp-{issuing}", f"records-{issuing}"))
        return [name for name in every if self.has(name)]

    def has(self, name: str) -> bool:
        return self.key_file(name).is_file() or (self.path / f"{name}.pem").is_file()

    def key_file(self, name: str) -> Path:
        return self.path / f"{name}.key"

    def certificate(self, name: str) -> x509.Certificate:
        """The certificate of a key: out of the key's own file where there is one, so that a pair is never mixed."""
        for file in (self.key_file(name), self.path / f"{name}.pem"):
            if file.is_file():
                return _first_certificate(file)
        raise VaultRefused("no_certificate", path=self.path / f"{name}.pem")

    def root(self) -> x509.Certificate:
        return self.certificate("root")

    def root_crl(self) -> x509.CertificateRevocationList:
        return x509.load_der_x509_crl(self.root_crl_der())

    def root_crl_der(self) -> bytes:
        return (self.path / "root.crl").read_bytes()

    def withdrawn(self) -> Mapping[str, RevokedEntry]:
        """The issuing CAs that the root's list revokes, as `ca.ports.Withdrawn`. Raises `SignerUnavailable`.

        One look at the file's date and number where nothing has changed; what signs looks each time.
        """
        file = self.path / "root.crl"
        try:
            stat = file.stat()
            seen = stat.st_mtime_ns, stat.st_ino
            if self._withdrawn is None or self._withdrawn[0] != seen:
                listed = {entry.serial: entry for entry in crl.entries_of(self.root_crl())}
                serials = {name: Serial(self.certificate(name).serial_number) for name in self.issuing()}
                self._withdrawn = seen, {name: listed[one] for name, one in serials.items() if one in listed}
        except (OSError, ValueError) as error:
            # Who cannot know whether a CA is revoked does not sign as it.
            raise SignerUnavailable(f"{file} cannot be read ({error}): restore it from the backup") from error
        return self._withdrawn[1]

    def keep_pair(self, name: str, certificate: x509.Certificate, sealed: bytes | None) -> None:
        """NAME.key (unless a token keeps it), then NAME.pem: killed between, the pair before is still the pair."""
        pem = certificate.public_bytes(Encoding.PEM)
        if sealed is not None:
            keep(self.key_file(name), sealed + pem)
        keep(self.path / f"{name}.pem", pem)
        if sealed is None:
            self.key_file(name).unlink(missing_ok=True)

    def changes(self) -> frozenset[tuple[str, int]]:
        """Differs once a rotation or renewal has changed something here."""
        return frozenset((file.name, file.stat().st_mtime_ns) for file in self.path.glob("[!.]*"))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time makes keys here; the lock ends with the process."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _first_certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise VaultRefused("no_certificate", path=file) from error


def keep(path: Path, content: bytes) -> None:
    """Whole or not at all, for its owner only, and on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
