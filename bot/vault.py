"""The CA's keys and certificates on disk: made at the first start, opened at every start.

    data/ca/root.pem, root.key, root.crl    the key is needed for ceremonies only: take root.key off this machine
    data/ca/issuing-1.pem, issuing-1.key
    data/ca/ocsp-issuing-1.pem, .key        made anew before it ends

Keys are sealed (AES-256 under scrypt). The folder appears whole or not at all: it is made aside and renamed, and
of several starters at once one wins.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bot.profiles import blocked_keys, load_profiles
from bot.sealing import load_or_make_key, sync_folder
from bot.settings import Settings
from ca import ceremony, crl, keys
from ca.authority import CertificateAuthority
from ca.errors import KeyFileError
from ca.issuer import Issuer, OcspSigner
from ca.profiles import Places, Profile
from ca.signing import PrivateKey, SoftwareKey

ISSUING: Final = "issuing-1"
ROOT_CRL: Final = timedelta(days=366)
"""The root is offline, so its list holds for a year; the next ceremony makes the next one."""
OCSP_LEFT: Final = timedelta(days=10)
"""An OCSP signer with less time left is replaced; its answers must not outlive it."""


class Vault:
    """`settings` say where the folder is and what opens it; with `may_make=False` a missing one was lost."""

    def __init__(self, settings: Settings, *, may_make: bool = True) -> None:
        self.settings, self.may_make = settings, may_make
        self.folder = settings.data / "ca"

    def passphrase(self) -> bytes:
        """From the operator's file, or the demo's own. Raises `KeyFileError` when the file is empty."""
        file = self.settings.ca_passphrase_file
        if file is None:
            return load_or_make_key(self.settings.data / "ca.passphrase").hex().encode()
        lines = file.read_text("utf-8").splitlines()
        if not lines or not lines[0].strip():
            raise KeyFileError(f"the passphrase file {file} is empty: put the passphrase in its first line")
        return lines[0].strip().encode()

    def profiles(self) -> Mapping[str, Profile]:
        """Raises `ca.errors.ProfileError` that names the field and the remedy."""
        return load_profiles(self.settings)

    async def open(self, now: datetime) -> CertificateAuthority:
        """The authority with its keys loaded, made first if there is none. Raises `ca.errors.CaError`."""
        if not self.folder.exists():
            if not self.may_make:
                # Another root under the same name would make strangers of all certificates handed out so far.
                raise KeyFileError(f"{self.folder} is gone: restore it from the backup of this database's time")
            await asyncio.to_thread(self._ceremony, now)
        return await self._load(now)

    async def _load(self, now: datetime) -> CertificateAuthority:
        passphrase = self.passphrase()
        root, issuing = self._certificate("root"), self._certificate(ISSUING)
        # scrypt takes 0.4 s a key on purpose and leaves the GIL alone: open them side by side.
        key, signer = await asyncio.gather(
            asyncio.to_thread(self._key, ISSUING, passphrase), asyncio.to_thread(self._ocsp, passphrase)
        )
        if signer.certificate.not_valid_after_utc - now < OCSP_LEFT:
            signer = await asyncio.to_thread(self._next_ocsp, issuing, key, passphrase, now)
        issuer = Issuer(ISSUING, issuing, root, SoftwareKey(key), signer)
        return CertificateAuthority(issuer, self.profiles(), blocked=blocked_keys(self.settings))

    def _ceremony(self, now: datetime) -> None:
        """Root, issuing CA and OCSP signer, from one set of settings."""
        passphrase, organization = self.passphrase(), self.settings.ca_name
        draft = self.folder.with_name(f".ca.{secrets.token_hex(6)}")
        draft.mkdir(mode=0o700, parents=True)
        root_key, key, ocsp_key = (
            keys.generate(kind) for kind in (self.settings.ca_key, self.settings.ca_key, ceremony.OCSP_KEY)
        )
        root_signer, signer = SoftwareKey(root_key), SoftwareKey(key)
        root = ceremony.make_root(
            root_signer, ceremony.name(f"{organization} Root CA 1", organization=organization), now
        )
        issuing = ceremony.make_issuing(
            root, root_signer, signer.public_key, ceremony.name(f"{organization} CA 1", organization=organization), now,
            Places(self.settings.public_url),
        )  # fmt: skip
        ocsp = ceremony.make_ocsp_signer(issuing, signer, ocsp_key.public_key(), now)
        for name, certificate, private in (
            ("root", root, root_key), (ISSUING, issuing, key), (f"ocsp-{ISSUING}", ocsp, ocsp_key),
        ):  # fmt: skip
            _write(draft, name, certificate, private, passphrase)
        root_issuer = Issuer("root", root, root, root_signer)
        listed = crl.sign(root_issuer, (), number=1, this_update=now.replace(microsecond=0), next_update=now + ROOT_CRL)
        _keep(draft / "root.crl", listed)
        try:
            draft.rename(self.folder)
        except OSError:
            # Another process finished first: its CA is the CA.
            shutil.rmtree(draft)
            if not self.folder.exists():
                raise
        sync_folder(self.folder.parent)

    def _next_ocsp(self, issuing: x509.Certificate, key: PrivateKey, passphrase: bytes, now: datetime) -> OcspSigner:
        fresh = keys.generate(ceremony.OCSP_KEY)
        signer = OcspSigner(
            ceremony.make_ocsp_signer(issuing, SoftwareKey(key), fresh.public_key(), now), SoftwareKey(fresh)
        )
        _write(self.folder, f"ocsp-{ISSUING}", signer.certificate, fresh, passphrase)
        return signer

    def root_crl(self) -> bytes:
        """The root's own list, made at the ceremony: it names no issuing CA."""
        return (self.folder / "root.crl").read_bytes()

    def _certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())

    def _key(self, name: str, passphrase: bytes) -> PrivateKey:
        try:
            return keys.open_sealed((self.folder / f"{name}.key").read_bytes(), passphrase)
        except KeyFileError as error:
            raise KeyFileError(f"{self.folder / name}.key: {error}") from error

    def _ocsp(self, passphrase: bytes) -> OcspSigner:
        # One file, so that certificate and key are replaced together.
        text = (self.folder / f"ocsp-{ISSUING}.key").read_bytes()
        return OcspSigner(x509.load_pem_x509_certificate(text), SoftwareKey(keys.open_sealed(text, passphrase)))


def _write(folder: Path, name: str, certificate: x509.Certificate, key: PrivateKey, passphrase: bytes) -> None:
    """NAME.pem and NAME.key; the key file repeats its certificate, so that a pair is never mixed."""
    pem = certificate.public_bytes(Encoding.PEM)
    for suffix, content in ((".key", keys.seal(key, passphrase) + pem), (".pem", pem)):
        _keep(folder / f"{name}{suffix}", content)


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all, for its owner only, and on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
