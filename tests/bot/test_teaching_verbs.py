"""`certtalk faq review` and `faq train`: what is typed reaches what does it, and what it answers is the exit code."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import teaching
from bot.cli import main
from bot.learning.fitting import TrainingMissing
from bot.learning.utterances import UtterancesRefused

Called = list[tuple[Any, ...]]


@pytest.fixture
def called(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Called:
    """Every function the verbs can end in, replaced by one that notes its arguments; the folder is a whole one."""
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.cli.logs.configure", lambda _: None)  # pytest has its own
    monkeypatch.setenv("CERTTALK_DATA", str(folder))
    monkeypatch.setenv("CERTTALK_DEFAULT_LOCALE", "en")
    calls: Called = []

    def noting(name: str, code: int) -> Callable[..., Any]:
        async def note(service: object, *given: object) -> int:
            calls.append((name, *given))
            return code

        return note

    for name, code in (("as_json", 0), ("from_lines", 1), ("one_by_one", 0), ("train", 1)):
        monkeypatch.setattr(teaching, name, noting(name, code))
    monkeypatch.setattr(teaching, "train_shipped", lambda _: calls.append(("train_shipped",)) or 0)
    return calls


def test_review(called: Called, tmp_path: Path) -> None:
    lines = tmp_path / "asked"
    lines.write_text('{"label": "faq_fee"}\n', "utf-8")
    assert main(["faq", "review"]) == 0
    assert main(["faq", "review", "--json"]) == 0
    assert main(["faq", "review", "--file", str(lines)]) == 1
    assert [name for name, *_ in called] == ["one_by_one", "as_json", "from_lines"]
    assert called[2][1] == '{"label": "faq_fee"}\n'


def test_train(called: Called) -> None:
    assert main(["faq", "train"]) == 1
    assert main(["faq", "train", "--even-if-worse", "a drill"]) == 1
    assert [(name, why) for name, _, why in called] == [("train", None), ("train", "a drill")]
    called.clear()
    assert main(["faq", "train", "--shipped"]) == 0
    assert called == [("train_shipped",)]


@pytest.mark.parametrize(
    "given", [["faq"], ["faq", "review", "--json", "--file", "x"], ["faq", "train", "--even-if-worse"]]
)
def test_what_makes_no_sense_is_refused(called: Called, given: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert called == []


def test_a_folder_where_nothing_is_becomes_none(called: Called, tmp_path: Path) -> None:
    assert main(["faq", "train", "--data", str(tmp_path / "mistyped")]) == 2
    assert called == []
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize(
    ("fault", "said"), [(TrainingMissing(), "scikit-learn"), (UtterancesRefused("utterances.jsonl:7"), "jsonl:7")]
)
def test_why_training_cannot_be(
    called: Called, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception, said: str
) -> None:
    async def refuse(*_: object) -> int:
        raise fault

    monkeypatch.setattr(teaching, "train", refuse)
    assert main(["faq", "train"]) == 2
    assert said in capsys.readouterr().err
