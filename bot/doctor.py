"""`certtalk doctor`: is everything in order that an operator can put in order?

It looks and changes nothing: what the first start would make is reported as still to be made. Every finding has a
sentence in the operator's language (`operator.doctor.CHECK.WORD`) and, where something is wrong, the remedy.
"""

import asyncio
import os
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from bot.gateways.adapters import adapter, named, templates_of
from bot.learning import keeping
from bot.sealing import SealingError
from bot.settings import ENV_FILE, Settings, SettingsError, is_loopback, unknown_settings
from bot.storage import outbox
from bot.storage.audit import newest
from bot.storage.database import DatabaseError, SchemaTooNew, Tx, open_database
from bot.storage.upgrade import schema_version, shipped_upgrades
from bot.vault import Vault, VaultRefused
from bot.vault.condition import conditions
from bot.vault.keyring import open_file
from bot.vault.passphrases import passphrase_file
from ca.errors import CaError
from handlers.texts import Texts
from handlers.understanding.model import Model, ModelRefused

RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock that shows less is wrong: this program did not exist then."""
SLACK: Final = timedelta(minutes=5)
ENOUGH_MB: Final = 1024
HARDLY_MB: Final = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `word` names the sentence: `operator.doctor.CHECK.WORD`."""

    check: str
    state: Literal["ok", "warning", "fault"]
    word: str = "ok"
    params: Mapping[str, Any] = field(default_factory=dict)

    def text(self, texts: Texts) -> str:
        # Why the vault refused is said in the vault's own words.
        key = self.word if self.word.startswith("ca.error.") else f"operator.doctor.{self.check}.{self.word}"
        return texts(key, **self.params)


async def examine(settings: Settings, env_file: Path = ENV_FILE, now: datetime | None = None) -> list[Finding]:
    """Look at everything; nothing raises, a fault is a finding."""
    now = now or datetime.now(UTC)
    database, last_record, dead = await _database(settings)
    local = await asyncio.to_thread(
        lambda: [*_configuration(settings, env_file), *disk(settings), *_own_model(settings), *_keys(settings, now)]
    )
    letters = [Finding("outbox", "warning", "dead", {"count": dead})] if dead else []
    return [*local, database, *letters, _clock(now, last_record)]


def report(findings: list[Finding], texts: Texts) -> str:
    """The findings as a table, and a closing line."""
    rows = [
        (texts(f"operator.doctor.state.{f.state}"), texts(f"operator.doctor.check.{f.check}"), f.text(texts))
        for f in findings
    ]
    widths = [max(_width(row[column]) for row in rows) for column in (0, 1)]
    lines = [
        "  ".join((*(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)), row[2]))
        for row in rows
    ]
    counts = {state: sum(f.state == state for f in findings) for state in ("fault", "warning")}
    closing = next(
        (texts(f"operator.doctor.{word}", count=counts[state]) for state, word in _CLOSING if counts[state]),
        texts("operator.doctor.healthy"),
    )
    return "\n".join([*lines, "", closing])


_CLOSING: Final = (("fault", "faulty"), ("warning", "warned"))


def _width(text: str) -> int:
    """Columns on a terminal: Hangul takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def unknown_names(env_file: Path = ENV_FILE) -> list[Finding]:
    """What `serve` warns of, too: names that look like settings and are none."""
    return [
        Finding("settings", "warning", "unknown_closest" if unknown.closest else "unknown", asdict(unknown))
        for unknown in unknown_settings(env_file)
    ]


def _adapters(settings: Settings) -> Iterator[Finding]:
    """Whether the functions named by the settings can be loaded; they are not called, which would connect."""
    for name in named(settings):
        try:
            adapter(settings, name)
        except SettingsError as error:
            problem = error.problems[0]
            yield Finding("settings", "fault", "adapter_broken", {"name": problem.name, **problem.params})


def _configuration(settings: Settings, env_file: Path) -> Iterator[Finding]:
    yield from [*unknown_names(env_file), *_adapters(settings)] or [Finding("settings", "ok")]
    if not env_file.is_file():
        yield Finding("env_file", "ok", "absent")
    else:
        yield _private(env_file, "env_file")

    address = urlsplit(settings.public_url)
    local = is_loopback(address.hostname or "")
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    if local and port != settings.port:
        params = {"url": settings.public_url, "port": settings.port}
        yield Finding("public_url", "warning", "mismatch", params)
    else:
        yield Finding("public_url", "ok", params={"url": settings.public_url})
    if settings.telegram_token.get_secret_value():
        yield Finding("telegram", "ok", "on", {"mode": settings.telegram_mode})
    if settings.kakao_secret.get_secret_value():
        reached = settings.public_url.startswith("https://")
        yield Finding("kakao", "ok" if reached else "warning", "on" if reached else "not_https")
    if settings.alimtalk_provider:
        yield _provider(settings)
    if settings.email_server:
        yield _mail(settings)
    if not settings.demo:
        yield Finding("demo", "ok", "off")
    else:
        yield Finding("demo", "ok", "on") if local else Finding("demo", "warning", "public")


def _provider(settings: Settings) -> Finding:
    """Who sends 알림톡 and text messages, to whom, and for how many texts a template is registered."""
    try:
        templates = templates_of(settings)
    except SettingsError:
        return Finding("alimtalk", "fault", "templates")
    coded = sum(bool(one.code) for one in templates.values())
    params = {"provider": settings.alimtalk_provider, "coded": coded, "count": len(templates)}
    if settings.alimtalk_test_phone:
        return Finding("alimtalk", "ok" if settings.demo else "warning", "test", params)
    return Finding("alimtalk", *(("ok", "on") if coded else ("warning", "no_code")), params)


def _mail(settings: Settings) -> Finding:
    params = {"server": settings.email_server, "sender": settings.email_from}
    if settings.email_test_address:
        return Finding("email", "ok" if settings.demo else "warning", "test", params)
    listed = "email" in settings.notice_order.split(",")
    return Finding("email", *(("ok", "on") if listed else ("warning", "not_listed")), params)


def _private(path: Path, check: str, word: str = "ok") -> Finding:
    """Whether only its owner may look into `path`."""
    is_open = path.stat().st_mode & 0o077
    return Finding(check, "warning" if is_open else "ok", "open" if is_open else word, {"path": path})


def disk(settings: Settings) -> Iterator[Finding]:
    """The folder of everything that is kept, and the room there is."""
    folder = settings.data
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        yield Finding("data", "fault", "no_folder", {"path": folder})
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("data", "fault", "readonly", {"path": existing})
    else:
        yield _private(folder, "data") if folder.exists() else Finding("data", "ok", "new", {"path": folder})

    free = shutil.disk_usage(existing).free // 2**20
    if free < HARDLY_MB:
        yield Finding("space", "fault", "none", {"free": free})
    else:
        yield Finding("space", *(("ok", "ok") if free >= ENOUGH_MB else ("warning", "low")), {"free": free})


def _own_model(settings: Settings) -> Iterator[Finding]:
    file = settings.data / keeping.FILE
    if file.is_file():
        try:
            Model.read(file.read_bytes())
        except (ModelRefused, OSError):
            yield Finding("understanding", "warning", "refused", {"path": file})
        else:
            yield Finding("understanding", "ok", "own")


def _keys(settings: Settings, now: datetime) -> Iterator[Finding]:
    vault, file = Vault(settings), passphrase_file(settings)
    # The demo's passphrase is made where it is missing: not by looking.
    known = file is not None or (settings.demo and (settings.data / "ca.passphrase").is_file())
    passphrase, refused = b"", ""
    try:
        passphrase = vault.passphrase() if known else b""
    except (CaError, SealingError, OSError) as error:
        refused = error.word if isinstance(error, VaultRefused) else "empty"
    if file is None:
        yield Finding("passphrase", *(("ok", "demo") if settings.demo else ("warning", "asked")))
    elif not passphrase:
        word = "ca.error.readable" if refused == "readable" else "empty"
        yield Finding("passphrase", "fault", word, {"path": file})
    elif file.resolve().is_relative_to(settings.data.resolve()):
        yield Finding("passphrase", "warning", "beside")
    else:
        yield Finding("passphrase", "ok", params={"path": file})
    yield _opened(vault, passphrase, asked=file is None and not settings.demo)
    found = conditions(vault, now)
    yield from (Finding("authority", one.state, one.word, one.params) for one in found)
    if vault.files.exists() and "broken" not in [one.word for one in found]:
        for name, entry in vault.files.withdrawn().items():
            yield Finding("authority", "ok", "revoked", {"name": name, "at": entry.revoked_at, "reason": entry.reason})
    if not found:
        yield Finding("authority", "ok", "ok" if vault.files.exists() else "new" if settings.demo else "init")


def _opened(vault: Vault, passphrase: bytes, *, asked: bool) -> Finding:
    """Whether every key opens: the files with the passphrase, and what the token should have."""
    files = sorted(vault.folder.glob("*.key"))
    if asked and files:
        return Finding("ca_keys", "ok", "asked", {"count": len(files)})
    try:
        for file in files:
            open_file(file, passphrase)
        if vault.settings.ca_token and vault.files.exists():
            return Finding("ca_keys", "ok", "in_token", {"count": vault.in_token(), "files": len(files)})
    except VaultRefused as error:
        if error.word == "wrong_passphrase":
            return Finding("ca_keys", "fault", "failed", {"file": error.params["path"]})
        return Finding("ca_keys", "fault", f"ca.error.{error.word}", error.params)
    except OSError as error:
        return Finding("ca_keys", "fault", "failed", {"file": error.filename})
    return Finding("ca_keys", "ok", "ok", {"count": len(files)}) if files else Finding("ca_keys", "ok", "new")


async def _database(settings: Settings) -> tuple[Finding, datetime | None, int]:
    """The database's finding, when something was last recorded in it, and how many messages were given up."""
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite:///") and not await asyncio.to_thread(Path(url.removeprefix("sqlite:///")).is_file):
        return Finding("database", "ok", "new"), None, 0
    try:
        database = await open_database(url, upgrade=False)
        try:
            last, dead = await database.read(_recorded)
        finally:
            await database.close()
    except DatabaseError as error:
        return Finding("database", "fault", "failed", {"reason": str(error)}), None, 0
    return Finding("database", "ok"), last, dead


def _recorded(tx: Tx) -> tuple[datetime | None, int]:
    reached, known = schema_version(tx), len(shipped_upgrades())
    if reached > known:
        raise SchemaTooNew(f"schema {reached}, this program knows {known}")
    # An older program's database may not have all tables yet.
    return newest(tx) if reached else None, len(outbox.standing(tx, "dead")) if reached == known else 0


def _clock(now: datetime, last: datetime | None) -> Finding:
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < RELEASED:
        return Finding("clock", "fault", "past", {"now": shown})
    if last is not None and now < last - SLACK:
        return Finding("clock", "fault", "backwards", {"now": shown, "last": f"{last:%Y-%m-%d %H:%M:%S} UTC"})
    return Finding("clock", "ok", params={"now": shown})
