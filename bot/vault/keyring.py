"""Making and opening private keys, in software under a passphrase or inside a token. Which, the settings say for new
keys; for those there are, their place does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from bot.vault.passphrases import refuse_open
from bot.vault.refusal import VaultRefused
from bot.vault.tokens import Token
from ca import keys
from ca.errors import KeyFileError
from ca.issuer import public_key
from ca.signing import Signer, SoftwareKey


@dataclass(frozen=True, slots=True)
class Fresh:
    """A key just made. `sealed` is its PEM at rest, None when a token keeps it."""

    signer: Signer
    sealed: bytes | None = field(repr=False)


class Keyring:
    """`passphrase` is asked for only where a key of this process is made or opened."""

    def __init__(self, passphrase: Callable[[], bytes], token: Token | None) -> None:
        self._passphrase, self._token = passphrase, token

    def make(self, kind: str, label: str) -> Fresh:
        """`label` is for people who look into the token."""
        if self._token is not None:
            return Fresh(self._token.generate(kind, label), None)
        key = keys.generate(kind)
        return Fresh(SoftwareKey(key), keys.seal(key, self._passphrase()))

    def open(self, file: Path, certificate: x509.Certificate) -> Signer:
        """The key of `certificate`: in `file`, else in the token. Raises `ca.errors.CaError`."""
        if file.is_file():
            return open_file(file, self._passphrase())
        if self._token is None:
            raise VaultRefused("no_key", path=file)
        return self._token.key(public_key(certificate))


def open_file(file: Path, passphrase: bytes) -> SoftwareKey:
    refuse_open(file)
    try:
        return SoftwareKey(keys.open_sealed(file.read_bytes(), passphrase))
    except KeyFileError as error:
        raise VaultRefused("wrong_passphrase", path=file) from error
