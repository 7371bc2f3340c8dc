"""The CA's folder as the service meets it: opened with its keys, or looked at without any."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bot.profiles import blocked_keys, load_profiles, load_responder
from bot.settings import Settings
from bot.vault import making
from bot.vault.folder import Folder, keep
from bot.vault.keyring import Keyring, open_file
from bot.vault.members import Member, members
from bot.vault.passphrases import Ask, passphrase, token_pin
from bot.vault.refusal import VaultRefused
from bot.vault.tokens import Token
from ca import keys, order
from ca.authority import CertificateAuthority
from ca.errors import SignerUnavailable
from ca.issuer import Issuer, OcspSigner, public_key
from ca.order import Order
from ca.profiles import Places, Profile
from ca.recorded import Recorded
from ca.records import RecordSigner
from ca.signing import PublicKey, Signer


class Unopened:
    """A key that was left where it is: whoever only looks signs nothing. Implements `ca.signing.Signer`."""

    takes_time = False

    def __init__(self, public_key: PublicKey) -> None:
        self.public_key = public_key

    def sign(self, data: bytes) -> bytes:  # noqa: ARG002 - as `Signer` has it
        raise SignerUnavailable("the CA's keys are not open here")


class Vault:
    """`settings` say where the folder is and what opens it; with `may_make=False` a missing one was lost.

    `ask` reaches a person at a terminal, if there is one: it is given a word (`ca.ask.WORD`) and returns a secret.
    `secret` is the passphrase where it is known already.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        may_make: bool = True,
        ask: Ask | None = None,
        secret: bytes | None = None,
        recorded: Recorded | None = None,
        plan_key: bytes = b"",
    ) -> None:
        self.settings, self.may_make, self.ask = settings, may_make, ask
        self.files = Folder(settings.data / "ca")
        self.recorded, self._plan_key = recorded, plan_key
        self._asking, self._passphrase = threading.Lock(), secret
        self._seen: frozenset[tuple[str, int]] = frozenset()

    @property
    def folder(self) -> Path:
        return self.files.path

    @property
    def root_folder(self) -> Path:
        """Where the root's key goes unless the operator names another place."""
        return self.settings.data / "ca-root"

    def passphrase(self) -> bytes:
        """Asked for once, however often and in however many threads keys are opened. Raises `VaultRefused`."""
        with self._asking:
            if self._passphrase is None:
                self._passphrase = passphrase(self.settings, self.ask)
            return self._passphrase

    @cached_property
    def keyring(self) -> Keyring:
        return Keyring(self.passphrase, self._token())

    def _token(self) -> Token | None:
        s = self.settings
        return Token(s.ca_token, s.ca_token_label, lambda: token_pin(s, self.ask)) if s.ca_token else None

    def profiles(self) -> Mapping[str, Profile]:
        """Raises `ca.errors.ProfileError` that names the field and the remedy."""
        return load_profiles(self.settings)

    async def open(self, now: datetime) -> CertificateAuthority:
        """The authority with its keys, in the demo made first if there is none. Raises `ca.errors.CaError`."""
        if not self.files.exists():
            if not self.may_make:
                # Another root under the same name would make strangers of all certificates handed out so far.
                raise VaultRefused("lost", path=self.folder)
            if not self.settings.demo:
                raise VaultRefused("no_authority", path=self.folder)
            await asyncio.to_thread(self.make, self.order(), self.root_folder, self.passphrase(), now)
        self._seen = await asyncio.to_thread(self._changes)
        root, names = self.files.root(), self._in_force(now)
        # scrypt takes 0.4 s a key on purpose and leaves the GIL alone: open them side by side.
        issuers = await asyncio.gather(*(asyncio.to_thread(self._issuer, name, root, now) for name in names))
        return self._authority(issuers)

    def look(self) -> CertificateAuthority:
        """The authority without its keys: what it signed can be read, nothing can be signed. Raises `VaultRefused`."""
        if not self.files.exists():
            raise VaultRefused("lost" if not self.may_make else "no_authority", path=self.folder)
        root = self.files.root()
        issuers = [self._unopened(name, root) for name in self.files.issuing()]
        return self._authority(issuers)

    def _authority(self, issuers: list[Issuer]) -> CertificateAuthority:
        return CertificateAuthority(
            issuers[-1], self.profiles(), former=issuers[:-1], blocked=blocked_keys(self.settings),
            recorded=self.recorded, plan_key=self._plan_key, withdrawn=self.files.withdrawn,
        )  # fmt: skip

    def is_due(self, authority: CertificateAuthority, now: datetime) -> bool:
        """Whether to `open` again: files changed beside this process, or an OCSP signer nears its end."""
        ending = any(i.ocsp and _is_due(i.ocsp.certificate, i.certificate, now) for i in authority.issuers.values())
        return ending or self._changes() != self._seen

    def _changes(self) -> frozenset[tuple[str, int]]:
        own = [file for file in (self.settings.profiles, self.settings.blocked_keys) if file is not None]
        return self.files.changes() | {(str(file), file.stat().st_mtime_ns) for file in own}

    def order(self, text: str = "") -> Order:
        """What a ceremony would make: the operator's TOML over the settings. Raises `ca.errors.ProfileError`."""
        return order.parse(text, organization=self.settings.ca_name, key=self.settings.ca_key)

    def make(self, wanted: Order, root_folder: Path, root_passphrase: bytes, now: datetime) -> Path:
        """The first authority; the file of the root's key. Raises `VaultRefused` when there is one already."""
        places = Places(self.settings.public_url)
        return making.make_authority(
            self.files, wanted, places, self.keyring, load_responder(self.settings), root_folder, root_passphrase, now
        )

    def rotate_issuing(self, root_signer: Signer, kind: str, years: int, now: datetime) -> str:
        places = Places(self.settings.public_url)
        return making.next_issuing(
            self.files, root_signer, kind, years, places, self.keyring, load_responder(self.settings), now
        )

    def rotate_ocsp(self, now: datetime) -> None:
        """A new OCSP signer for every issuing CA in force."""
        for name in self._in_force(now):
            self._next_ocsp(name, self.files.certificate(name), self._key(name), now, force=True)

    def records(self, now: datetime, *, force: bool = False) -> RecordSigner:
        """Who signs records below the current issuing CA, opened for this one time: a day needs one, issuing never.

        Made where there is none, or where it ends soon. Raises `ca.errors.CaError`.
        """
        issuer = self.files.issuing()[-1]
        if issuer in self.files.withdrawn():
            raise VaultRefused("withdrawn", name=issuer)
        name, issuing = f"records-{issuer}", self.files.certificate(issuer)
        with self.files.alone():
            known = self.files.certificate(name) if self.files.has(name) else None
            if known is not None and not force and not _is_due(known, issuing, now):
                return RecordSigner(known, issuing, self._key(name))
            wanted = load_responder(self.settings)
            return making.make_records(self.files, issuer, issuing, self._key(issuer), self.keyring, wanted, now)

    def renew_root_crl(self, root_signer: Signer, now: datetime) -> None:
        with self.files.alone():
            making.renew_root_crl(self.files, root_signer, now)

    def revoke_issuing(self, name: str, root_signer: Signer, reason: str, now: datetime) -> None:
        making.revoke_issuing(self.files, name, root_signer, reason, now)

    def open_root(self, file: Path, secret: bytes) -> Signer:
        """The root's key out of the safe. Raises `VaultRefused` when it is another root's, or stays shut."""
        if not file.is_file():
            raise VaultRefused("no_root_key", path=file)
        signer = open_file(file, secret)
        if keys.spki(signer.public_key) != keys.spki(public_key(self.files.root())):
            raise VaultRefused("another_root", name=self.files.root().subject.rfc4514_string())
        return signer

    def reseal_root(self, file: Path, secret: bytes, new: bytes, target: Path) -> Path:
        """The root's key once more, under another passphrase, into the folder `target`; the file."""
        self.open_root(file, secret)
        copy = target / making.root_key_name(self.files.root())
        sealed = keys.seal(keys.open_sealed(file.read_bytes(), secret), new)
        keep(copy, sealed + self.files.root().public_bytes(Encoding.PEM))
        return copy

    def root_key_file(self) -> Path:
        """Where the root's key is if it was left where the ceremony put it."""
        return self.root_folder / making.root_key_name(self.files.root())

    def members(self) -> list[Member]:
        """The authority's own certificates. Raises `VaultRefused`."""
        return list(members(self.files, Places(self.settings.public_url)))

    def in_token(self) -> int:
        """How many of the CA's keys the token has, each found. Raises `ca.errors.CaError`."""
        names = [n for n in self.files.running() if not self.files.key_file(n).is_file()]
        return len([self._key(n) for n in names])

    def root_crl(self) -> bytes:
        """The root's own list: it names no issuing CA."""
        return self.files.root_crl_der()

    def _in_force(self, now: datetime) -> list[str]:
        """The issuing CAs that still have to list and answer; the current one whatever the clock says."""
        names = self.files.issuing()
        return [n for n in names[:-1] if self.files.certificate(n).not_valid_after_utc > now] + names[-1:]

    def _key(self, name: str) -> Signer:
        return self.keyring.open(self.files.key_file(name), self.files.certificate(name))

    def _issuer(self, name: str, root: x509.Certificate, now: datetime) -> Issuer:
        certificate, key = self.files.certificate(name), self._key(name)
        signer = self._next_ocsp(name, certificate, key, now)
        return Issuer(name, certificate, root, key, signer)

    def _unopened(self, name: str, root: x509.Certificate) -> Issuer:
        certificate, responder = self.files.certificate(name), self.files.certificate(f"ocsp-{name}")
        signer = OcspSigner(responder, Unopened(public_key(responder)))
        return Issuer(name, certificate, root, Unopened(public_key(certificate)), signer)

    def _next_ocsp(
        self, name: str, issuing: x509.Certificate, key: Signer, now: datetime, *, force: bool = False
    ) -> OcspSigner:
        """The OCSP signer of `name`, made anew where it ends soon."""
        ocsp = f"ocsp-{name}"
        certificate = self.files.certificate(ocsp)
        if not force and not _is_due(certificate, issuing, now):
            return OcspSigner(certificate, self._key(ocsp))
        with self.files.alone():
            known = self.files.certificate(ocsp)
            if known != certificate:  # somebody else was faster
                return OcspSigner(known, self._key(ocsp))
            wanted = load_responder(self.settings)
            return making.make_ocsp(self.files, name, issuing, key, self.keyring, wanted, now)


def _is_due(signer: x509.Certificate, issuing: x509.Certificate, now: datetime) -> bool:
    """Whether a signer, whose OCSP answers must not outlive it, is in its last third and a later one can be made; or
    whether it is of the future."""
    end = signer.not_valid_after_utc
    if signer.not_valid_before_utc > max(now, issuing.not_valid_before_utc):  # made under a clock that was wrong
        return True
    return end - now < (end - signer.not_valid_before_utc) / 3 and end < issuing.not_valid_after_utc
