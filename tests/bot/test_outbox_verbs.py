"""`certtalk outbox list | revive`: what was given up through a fault is listed without a word of it, and sent again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import doctor
from bot.app import running
from bot.cli import main
from bot.settings import load_settings
from bot.storage import outbox
from bot.storage.database import open_database
from bot.storage.effects import SMS, sms_payload
from tests.bot.test_doctor import found, settings_for

PHONE = "01000000001"
NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outbox") / "data"


@pytest.fixture
def data(made: Path) -> Path:
    """A folder whose outbox holds a refused notice, an old code, a reminder nobody wants, a blocked chat's bubble."""

    async def fill() -> None:
        async with running(load_settings(None, data=made, ca_key="p-256"), jobs=False) as service:

            def put(tx: outbox.Tx) -> None:
                tx.execute("DELETE FROM outbox")
                dead = (
                    ("sms:held:1", "SmsRefused"), ("code:1", "SmsUnavailable"), ("reminder:1:30", outbox.NOT_WANTED),
                    ("bubble:1", outbox.OUT_OF_REACH),
                )  # fmt: skip
                for key, error in dead:
                    payload = sms_payload(service.sealer, key, PHONE, "비밀스러운 말")
                    outbox.put(tx, key=key, kind=SMS, channel="sms", address="", payload=payload, due_at=NOW)
                    [item] = outbox.claim(tx, NOW)
                    outbox.bury(tx, item.id, item.attempts, NOW, error)
                payload = sms_payload(service.sealer, "sms:waits", PHONE, "기다려요")
                outbox.put(tx, key="sms:waits", kind=SMS, channel="sms", address="", payload=payload, due_at=NOW)
                tx.execute("INSERT INTO sendings (key, kind, state, asked_at) VALUES ('sms:held:1', 'sms', 'lost', 'x')"
                           " ON CONFLICT (key) DO UPDATE SET state = 'lost'")  # fmt: skip

            await service.database.run(put)

    asyncio.run(fill())
    return made


def verb(data: Path, *words: str) -> int:
    return main(["outbox", *words, "--data", str(data)])


def states(data: Path) -> dict[str, str]:
    async def read() -> Sequence[dict[str, str]]:
        database = await open_database(load_settings(None, data=data).database_url.get_secret_value())
        try:
            return await database.read(lambda tx: tx.all("SELECT key, state FROM outbox"))
        finally:
            await database.close()

    return {row["key"]: row["state"] for row in asyncio.run(read())}


def test_what_was_given_up_is_listed_without_a_word_of_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(data, "list") == 0
    told = capsys.readouterr().out
    assert "sms:held:1  (SmsRefused)" in told
    assert "code:1" in told
    assert "2건" in told
    assert not {"reminder:1:30", "bubble:1"} & set(told.split())
    assert "비밀" not in told
    assert PHONE not in told
    assert verb(data, "list", "--state", "queued") == 0
    assert "sms:waits" in capsys.readouterr().out


def test_nothing_is_sent_again_without_a_yes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(data, "revive", "--all") == 2
    assert "--yes" in capsys.readouterr().err
    assert states(data)["sms:held:1"] == "dead"


@pytest.mark.parametrize("chosen", [("--all",), ("--key", "sms:held:1")])
def test_it_goes_out_again_but_no_old_code_does(
    data: Path, capsys: pytest.CaptureFixture[str], chosen: Sequence[str]
) -> None:
    assert verb(data, "revive", *chosen, "--yes") == 0
    assert "1건" in capsys.readouterr().out
    told = states(data)
    assert told.pop("sms:held:1") == "queued"
    assert {told[key] for key in ("code:1", "reminder:1:30", "bubble:1")} == {"dead"}

    async def deliver() -> tuple[list[tuple[datetime, str]], list[dict[str, str]]]:
        async with running(load_settings(None, data=data, ca_key="p-256"), jobs=False) as service:
            await service.delivering.work()
            acts = await service.database.read(
                lambda tx: tx.all("SELECT actor, subject FROM audit WHERE act = 'message revived'")
            )
            assert await service.database.read(lambda tx: tx.all("SELECT key FROM sendings WHERE state = 'lost'")) == []
            return await service.phones.messages(PHONE, 10), acts

    messages, acts = asyncio.run(deliver())
    assert "비밀스러운 말" in [text for _, text in messages]
    assert {(row["actor"], row["subject"]) for row in acts} == {("operator", "sms:held:1")}


@pytest.mark.parametrize("key", ["sms:nobody", "reminder:1:30", "sms:waits"])
def test_a_key_that_is_not_among_them(data: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    assert verb(data, "revive", "--key", key, "--yes") == 2
    assert key in capsys.readouterr().err


def test_the_doctor_tells_of_them(data: Path) -> None:
    assert found(settings_for(data))["outbox"] == doctor.Finding("outbox", "warning", "dead", {"count": 2})
