"""An operator restores the database and forgets a key: nobody may make a new one in silence."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app import running
from bot.sealing import KeyFileRefused
from bot.service import demo_customer
from bot.settings import Settings, load_settings
from ca.errors import KeyFileError

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


@pytest.fixture
async def used(tmp_path: Path) -> Settings:
    """The settings of a service that has been used."""
    settings = load_settings(None, data=tmp_path / "data", ca_key="p-256")
    async with running(settings, lambda: NOW, jobs=False) as service:
        await service.database.run(lambda tx: service.audit.append(tx, NOW, "operator", "unlocked", "1"))
    return settings


async def start(settings: Settings) -> None:
    async with running(settings, lambda: NOW, jobs=False):
        pass


async def test_a_lost_certification_authority_is_not_made_anew(used: Settings) -> None:
    """Another root under the same name: every certificate handed out so far would be a stranger's."""
    shutil.rmtree(used.data / "ca")
    with pytest.raises(KeyFileError, match="lost"):
        await start(used)
    assert not (used.data / "ca").exists()


async def test_a_lost_service_key_is_not_made_anew(used: Settings) -> None:
    """Audit chain, links, queued messages: a new key fits none of them, and the chain could not be mended."""
    key = used.data / "service.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(KeyFileRefused, match="backup"):
        await start(used)
    assert not key.exists()

    key.write_bytes(kept)
    key.chmod(0o600)
    await start(used)


async def test_a_key_that_sealed_no_more_than_a_conversation_is_missed(tmp_path: Path) -> None:
    settings = load_settings(None, data=tmp_path / "data", ca_key="p-256")
    async with running(settings, lambda: NOW, jobs=False) as service:
        await service.conversation.greet("web", "demo:kim", demo_customer("kim"))
    (settings.data / "service.key").unlink()
    with pytest.raises(KeyFileRefused, match="backup"):
        await start(settings)
