"""`certtalk counter` and `certtalk remind`: what an operator types, over a folder that a service has used."""

import asyncio
import io
import re
from pathlib import Path

import pytest

from bot.app import running
from bot.cli import main
from bot.service import demo_customer
from bot.settings import load_settings
from handlers.message import Incoming
from tests.outside import Clock


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody asked for a person."""
    monkeypatch.setattr("bot.cli.logs.configure", lambda _: None)  # pytest has its own
    monkeypatch.setenv("CERTTALK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CERTTALK_DEFAULT_LOCALE", "en")

    async def ask() -> None:
        async with running(load_settings(None), Clock(), jobs=False) as service:
            for n, text in enumerate(("상담원", "카드가 없어요")):
                said = Incoming("console", "kim", demo_customer("kim"), f"m{n}", text, None, "ko")
                await service.conversation.handle(said)

    asyncio.run(ask())
    return tmp_path / "data"


def test_a_conversation_is_listed_read_answered_and_given_back(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["counter", "list"]) == 0
    listed = capsys.readouterr().out
    assert "waiting" in listed
    assert "카드가 없어요" in listed
    found = re.search(r"\d{5}-[0-9A-F]{4}", listed)
    assert found is not None
    reference = found[0]
    monkeypatch.setattr("sys.stdin", io.StringIO("  \n"))
    assert main(["counter", "reply", reference, "--as", "park"]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("곧 도와드릴게요.\n"))
    assert main(["counter", "reply", reference, "--as", "park"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("저도요.\n"))
    assert main(["counter", "reply", reference, "--as", "choi"]) == 1
    capsys.readouterr()
    assert main(["counter", "show", reference]) == 0
    shown = capsys.readouterr().out
    assert "with park" in shown
    assert "상담원: 곧 도와드릴게요." in shown
    assert main(["counter", "close", reference, "--as", "choi"]) == 1
    assert main(["counter", "close", reference, "--as", "park"]) == 0
    capsys.readouterr()
    assert main(["counter", "list"]) == 0
    assert "0 in all" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("noch etwas"))
    for verb in ("reply", "show", "close"):
        assert main(["counter", verb, "00000-0000"]) == 1
    assert "There is no hand-over 00000-0000" in capsys.readouterr().err


def test_reminders_are_paused_and_resumed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for verb in ("status", "pause", "pause", "status", "run", "resume", "status"):
        assert main(["remind", verb]) == 0
        said.append(capsys.readouterr().out.splitlines()[0].split(".")[0].partition(" since")[0])
    on, paused = "Expiry reminders are sent", "Expiry reminders are paused"
    assert said == [on, paused, paused, paused, "Queued 0 reminders", on, on]
