"""What every verb `certtalk ca …` needs: words, the vault, a person to ask, the root's key, the audit trail."""

import argparse
import asyncio
import getpass
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.settings import Settings
from bot.storage.database import Tx
from bot.vault.passphrases import Ask
from ca.revocation import By
from handlers.texts import Texts, load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_root_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root-key", type=Path, metavar="FILE", help="the root's sealed key, back from the safe")
    add_root_passphrase(parser)


def add_root_passphrase(parser: argparse.ArgumentParser) -> None:
    text = "its first line opens the root's key (else it is typed at the terminal; in the demo it is the demo's own)"
    parser.add_argument("--root-passphrase-file", type=Path, metavar="FILE", help=text)


def asking(settings: Settings) -> Ask | None:
    """Asks whoever sits at the terminal for a secret, typed unseen; None where nobody does."""
    texts = load_texts()[settings.default_locale]
    return (lambda word: getpass.getpass(f"{texts(f'ca.ask.{word}')}: ")) if sys.stdin.isatty() else None


class Desk:
    """What every verb here needs: words, the vault, a person to ask."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings) -> None:
        from bot.service import utc_now
        from bot.vault import Vault

        self.arguments, self.settings = arguments, settings
        self.texts: Texts = load_texts()[settings.default_locale]
        self.ask = asking(settings)
        self.vault = Vault(settings, ask=self.ask)
        self.now: datetime = utc_now()

    def say(self, word: str, **params: Any) -> None:
        print(self.texts(f"ca.{word}", **params))

    def chosen(self, word: str) -> bytes:
        """A new secret, typed twice."""
        from bot.vault import VaultRefused
        from bot.vault.passphrases import long_enough

        if self.ask is None:
            raise VaultRefused("nobody_to_ask")
        first = self.ask(word).strip()
        if first != self.ask(f"{word}_again").strip():
            raise VaultRefused("not_the_same")
        return long_enough(first.encode())

    def agreed(self) -> bool:
        """Whether the operator wants what was just said."""
        if self.arguments.yes:
            return True
        if self.ask is None:
            print(self.texts("ca.say_yes"), file=sys.stderr)
            return False
        if input(f"{self.texts('ca.ask.yes')} ").strip().lower() in ("yes", "y", "네", "예"):
            return True
        self.say("nothing_done")
        return False

    def root_secret(self, *, new: bool = False) -> bytes:
        """What seals the root's key: a passphrase of its own, so that who has the service's has not the root; in the
        demo they are one. Raises `VaultRefused`."""
        from bot.vault import VaultRefused
        from bot.vault.passphrases import first_line, long_enough, typed

        if file := self.arguments.root_passphrase_file:
            secret = first_line(file).encode()
            return long_enough(secret) if new else secret
        if self.settings.demo:
            return self.vault.passphrase()
        if self.ask is None:
            raise VaultRefused("no_root_passphrase")
        return self.chosen("root_new") if new else typed(self.ask, "root")

    def root(self) -> Any:
        """The root's signer, out of the safe."""
        return self.vault.open_root(self.arguments.root_key or self.vault.root_key_file(), self.root_secret())

    async def note(self, act: str, subject: str, **detail: Any) -> None:
        """Into the audit trail, by the operator; and what certificates there are now."""
        from bot.app import running
        from bot.vault.members import record

        found = await asyncio.to_thread(self.vault.members)
        async with running(self.settings, jobs=False, keys=False) as service:

            def note(tx: Tx) -> None:
                service.audit.append(tx, service.clock(), By.OPERATOR.value, act, subject, detail)
                record(tx, service.audit, found, service.clock(), By.OPERATOR.value)

            await service.database.run(note)
