"""Where a passphrase or PIN comes from: a file, a systemd credential, a person at the terminal. Never argv, never an
environment variable's value: both can be read by others while the program runs.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bot.sealing import load_or_make_key
from bot.settings import Settings
from bot.vault.refusal import VaultRefused

Ask = Callable[[str], str]
"""Asks a person without showing what is typed, e.g. `getpass.getpass`."""

CREDENTIAL: Final = "certtalk-ca-passphrase"
PIN_CREDENTIAL: Final = "certtalk-ca-token-pin"


def credential(name: str) -> Path | None:
    """The file systemd has put there by `LoadCredential=name:…`; a path is all the environment tells."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    file = Path(folder) / name if folder else None
    return file if file and file.is_file() else None


def _handed_over(file: Path) -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and file.absolute().parent == Path(folder).absolute()


SHORTEST: Final = 12
"""Characters of a new passphrase. A stolen key file is guessed at without end, each guess 0.4 s of a core and 128 MiB
(scrypt, N=2^17): twelve letters and digits at random (2^62) outlast every key here, eight (2^41) a thousand cores for
some years only."""


def refuse_open(file: Path) -> None:
    """Raises `VaultRefused` when others than its owner may read `file`.

    As ssh has it, but that everybody is too many whosever it is: a group may read what is another user's, as root gives
    a service its secret by a group. What systemd hands over is its own doing: an access list shows as the group's bits.
    """
    if os.name != "posix" or _handed_over(file):
        return
    found = file.stat()
    if found.st_mode & (0o077 if found.st_uid == os.getuid() else 0o007):
        raise VaultRefused("readable", path=file)


def long_enough(secret: bytes) -> bytes:
    """A passphrase to seal something new with. Raises `VaultRefused` when it is too short."""
    if len(secret.decode("utf-8", "replace")) < SHORTEST:
        raise VaultRefused("too_short", shortest=SHORTEST)
    return secret


def first_line(file: Path) -> str:
    """The secret in the first line of `file`. Raises `VaultRefused` with the remedy."""
    if not file.is_file():
        raise VaultRefused("no_file", path=file)
    refuse_open(file)
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VaultRefused("unreadable", path=file) from error
    if not lines or not lines[0].strip():
        raise VaultRefused("empty", path=file)
    return lines[0].strip()


def passphrase_file(settings: Settings) -> Path | None:
    """The operator's: the setting, else systemd's credential."""
    return settings.ca_passphrase_file or credential(CREDENTIAL)


def passphrase(settings: Settings, ask: Ask | None = None) -> bytes:
    """What opens the running CA's keys: the operator's file, the demo's own, or what a person types."""
    if file := passphrase_file(settings):
        return first_line(file).encode()
    if settings.demo:
        return load_or_make_key(settings.data / "ca.passphrase").hex().encode()
    if ask is None:
        raise VaultRefused("no_passphrase")
    return typed(ask, "passphrase")


def token_pin(settings: Settings, ask: Ask | None = None) -> str:
    """The PIN of the token's user."""
    if file := settings.ca_token_pin_file or credential(PIN_CREDENTIAL):
        return first_line(file)
    if ask is None:
        raise VaultRefused("no_pin")
    return typed(ask, "pin").decode()


def typed(ask: Ask, word: str) -> bytes:
    """What a person types when asked for `ca.ask.WORD`; nothing typed is refused."""
    answer = ask(word).strip()
    if not answer:
        raise VaultRefused("nothing_typed")
    return answer.encode()
