"""`certtalk notices …`: templates as registered or not, one message to the operator, what it cost; its settings."""

import argparse
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot import notice_verbs
from bot.cli import main
from bot.gateways.alimtalk_templates import load_templates
from bot.service import utc_now
from bot.settings import Settings, SettingsError, load_settings
from bot.storage.database import open_database
from bot.storage.sendings import Sendings
from tests.providers import KEY, PFID, SECRET, SENDER, FakeReceiver, FakeSolapi

ARGUMENTS = argparse.Namespace(template=None, email=False)
PHONE = "01055550000"
SHIPPED = load_templates(None, "http://127.0.0.1:8710")
CODES = {("ko", "reminder.ahead"): "T1", ("ko", "reminder.today"): "T2", ("ko", "reminder.after"): "T3"}


@pytest_asyncio.fixture
async def solapi() -> AsyncIterator[FakeSolapi]:
    fake = FakeSolapi(utc_now, {code: SHIPPED[at].content for at, code in CODES.items()})
    async with fake.serving():
        yield fake


def settings(tmp_path: Path, solapi: FakeSolapi, **more: object) -> Settings:
    """The operator's templates are the shipped ones with three ids filled in."""
    from importlib.resources import files

    text = files("locales").joinpath("kakao_templates.toml").read_text("utf-8")
    for (locale, name), code in CODES.items():
        text = text.replace(f'[{locale}."{name}"]\ncode = ""', f'[{locale}."{name}"]\ncode = "{code}"')
    (file := tmp_path / "templates.toml").write_text(text, "utf-8")
    (tmp_path / "data").mkdir(exist_ok=True)
    given: dict[str, object] = {
        "data": tmp_path / "data", "alimtalk_provider": "solapi", "alimtalk_url": solapi.origin, "alimtalk_key": KEY,
        "alimtalk_secret": SECRET, "alimtalk_channel": PFID, "alimtalk_sender": SENDER, "alimtalk_templates": file,
        "alimtalk_test_phone": PHONE,
    }  # fmt: skip
    return load_settings(None, **given | more)


async def test_templates_that_are_the_same_pass(
    tmp_path: Path, solapi: FakeSolapi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await notice_verbs.check(ARGUMENTS, settings(tmp_path, solapi)) == 0
    told = capsys.readouterr().out
    assert told.count("등록된 글과 같고") == 3
    assert told.count("code가 비어") == len(SHIPPED) - 3


async def test_one_letter_is_enough_to_differ(
    tmp_path: Path, solapi: FakeSolapi, capsys: pytest.CaptureFixture[str]
) -> None:
    solapi.templates["T2"] = solapi.templates["T2"].replace("밤", "밥")
    del solapi.templates["T3"]
    assert await notice_verbs.check(ARGUMENTS, settings(tmp_path, solapi)) == 1
    told = capsys.readouterr().out.splitlines()
    assert [one for one in told if "reminder.today" in one and "달라요" in one]
    assert [one for one in told if "reminder.after" in one and "404" in one]


@pytest.mark.parametrize(("template", "kind"), [(None, "SMS"), ("reminder.ahead", "ATA")])
async def test_a_test_goes_to_the_operator(
    tmp_path: Path, solapi: FakeSolapi, capsys: pytest.CaptureFixture[str], template: str | None, kind: str
) -> None:
    arguments = argparse.Namespace(template=template, email=False)
    assert await notice_verbs.test_one(arguments, settings(tmp_path, solapi)) == 0
    assert solapi.sent == [(kind, PHONE)]
    assert PHONE not in capsys.readouterr().out


async def test_what_it_cost(tmp_path: Path, solapi: FakeSolapi, capsys: pytest.CaptureFixture[str]) -> None:
    told = settings(tmp_path, solapi, alimtalk_prices="alimtalk=13,sms=8.5")
    database = await open_database(told.database_url.get_secret_value())
    kept = Sendings(database)
    for n, kind in enumerate(("alimtalk", "alimtalk", "sms", "sms", "lms")):
        await kept.ask(f"k{n}", kind, utc_now())  # type: ignore[arg-type]
    await kept.close("k0", "lost", utc_now())
    await database.close()
    assert await notice_verbs.costs(ARGUMENTS, told) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [line[1:] for line in lines] == [
        ["sms", "보냄 2", "실패 0", "17원"], ["lms", "보냄 1", "실패 0", "-"], ["alimtalk", "보냄 1", "실패 1", "13원"],
    ]  # fmt: skip


async def test_the_texts_to_register(tmp_path: Path, solapi: FakeSolapi, capsys: pytest.CaptureFixture[str]) -> None:
    assert await notice_verbs.templates(ARGUMENTS, settings(tmp_path, solapi)) == 0
    told = capsys.readouterr().out
    assert "== ko reminder.ahead  T1" in told
    assert "[인증서 창구 열기] http://127.0.0.1:8710/" in told


def test_the_texts_are_there_before_the_first_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notices", "templates", "--data", str(tmp_path / "none")]) == 0
    assert "#{만료일}" in capsys.readouterr().out
    assert main(["notices", "costs", "--data", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


async def test_without_a_provider(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    off = load_settings(None, data=tmp_path)
    assert await notice_verbs.check(ARGUMENTS, off) == 2
    assert await notice_verbs.test_one(ARGUMENTS, off) == 2
    assert "CERTTALK_ALIMTALK_PROVIDER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "name", "reason"),
    [
        ({"alimtalk_test_phone": ""}, "TEST_PHONE", "test_phone_needed"),
        ({"alimtalk_key": ""}, "KEY", "provider_needs"),
        ({"alimtalk_channel": ""}, "CHANNEL", "provider_needs"),
        ({"alimtalk_sender": ""}, "SENDER", "provider_needs"),
        ({"alimtalk_sender": "02-123"}, "SENDER", "string_pattern_mismatch"),
        ({"alimtalk_secret": "short"}, "SECRET", "kakao_secret"),
        ({"alimtalk_provider": "webhook", "alimtalk_url": ""}, "URL", "provider_url"),
        ({"alimtalk_provider": "webhook", "alimtalk_url": "http://notify.example.com/"}, "URL", "provider_url"),
        ({"alimtalk_url": "https://u:hunter2hunter2@notify.example.com/"}, "URL", "provider_url"),
        ({"alimtalk_prices": "alimtalk=a"}, "PRICES", "prices"),
        ({"alimtalk_templates": "/nowhere"}, "TEMPLATES", "no_such_file"),
    ],
)
async def test_wrong_settings(
    tmp_path: Path, solapi: FakeSolapi, more: dict[str, object], name: str, reason: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, solapi, **more)
    assert [(p.name, p.reason) for p in caught.value.problems] == [(f"CERTTALK_ALIMTALK_{name}", reason)]
    assert "hunter2" not in str(caught.value)


async def test_templates_no_provider_tells_are_compared_by_hand(
    tmp_path: Path, solapi: FakeSolapi, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver = FakeReceiver()
    async with receiver.serving():
        told = settings(tmp_path, solapi, alimtalk_provider="webhook", alimtalk_url=receiver.url)
        assert await notice_verbs.check(ARGUMENTS, told) == 0
    assert capsys.readouterr().out.count("직접 견주어") == 3
