"""What customers asked in vain: kept with its reason, reviewed, learned, and refused when it makes things worse."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot import teaching
from bot.learning import fitting, keeping, scoring, utterances
from bot.learning.utterances import Utterance
from handlers.understanding import Understanding, shipped_model
from handlers.understanding.model import Model, ModelRefused
from tests.talking import Talk, unsure

FEW = {"faq_fee", "faq_lost", "int_issue", "int_revoke", "oos"}


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> list[Utterance]:
    """A few labels to learn, so that learning takes a moment."""
    by_label: dict[str, list[Utterance]] = {}
    for one in utterances.shipped():
        if len(one.labels) == 1 and one.label in FEW:
            by_label.setdefault(one.label, []).append(one)
    few = [one for those in by_label.values() for one in those[:40]]
    monkeypatch.setattr(utterances, "shipped", lambda: few)
    monkeypatch.setattr(utterances, "held_out", lambda: [one for those in by_label.values() for one in those[40:50]])
    return few


# -- what is kept -----------------------------------------------------------------------------------------------------


async def kept(talk: Talk) -> list[tuple[str, str, list[str]]]:
    rows = await talk.house.rows("SELECT words, why, candidates FROM unanswered ORDER BY at, message_id")
    return [(row["words"], row["why"], json.loads(row["candidates"])) for row in rows]


async def test_a_thumb_down_keeps_what_was_asked(talk: Talk) -> None:
    await talk.says("비밀번호는 몇 자리예요? 010-1234-5678", at=None)
    assert await kept(talk) == []
    await talk.presses("아쉬워요")
    ((words, why, candidates),) = await kept(talk)
    assert (why, candidates) == ("disliked", ["faq_password_rules"])
    assert words.startswith("비밀번호는 몇 자리예요?")
    assert "1234" not in words


async def test_the_button_that_was_meant_is_kept_as_the_label(talk: Talk) -> None:
    await talk.says(unsure(), "common.did_you_mean")
    meant = talk.choices[1]
    await talk.presses(meant)
    (_, asked_back, _), (words, why, candidates) = await kept(talk)
    assert (asked_back, why, words) == ("unsure", "chosen", unsure())
    assert candidates[0] == meant.value.removeprefix("means:")


async def test_none_of_these_is_kept_too(talk: Talk) -> None:
    await talk.says(unsure(), "common.did_you_mean")
    await talk.presses("여기에 없어요")
    assert [why for _, why, _ in await kept(talk)] == ["unsure", "none of these"]


# -- review -----------------------------------------------------------------------------------------------------------


async def test_review_as_lines_there_and_back(talk: Talk, capsys: pytest.CaptureFixture[str]) -> None:
    service = talk.house.service
    for said in ("화성에 가고 싶어요", "화성에 가고 싶어요!", "피자 먹고 싶다"):
        await talk.says(said)
    await teaching.as_json(service)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["text"], row["times"], row["label"]) for row in rows] == [
        ("화성에 가고 싶어요!", 2, None),
        ("피자 먹고 싶다", 1, None),
    ]
    rows[0]["label"] = "faq_overseas_foreigner"
    lines = "\n".join(json.dumps(row) for row in rows)
    assert await teaching.from_lines(service, lines.replace("faq_overseas", "faq_over"), service.texts["ko"]) == 2
    assert await teaching.from_lines(service, lines, service.texts["ko"]) == 0
    (learned,) = utterances.own(service.settings.data / utterances.OWN)
    assert (learned.text, learned.label) == ("화성에 가고 싶어요!", "faq_overseas_foreigner")
    capsys.readouterr()
    await teaching.as_json(service)
    assert "화성" not in capsys.readouterr().out


async def test_review_one_by_one(talk: Talk) -> None:
    service = talk.house.service
    for said in ("화성에 가고 싶어요", "피자 먹고 싶다", "점심 추천", "노래 불러"):
        await talk.says(said)
    answers = iter(["-", "oops", "=점심 뭐 먹지 123456", "oos", "", "q"])
    assert await teaching.one_by_one(service, service.texts["ko"], lambda _: next(answers)) == 0
    (learned,) = utterances.own(service.settings.data / utterances.OWN)
    assert learned.label == "oos"
    assert learned.text.startswith("점심 뭐 먹지")
    assert "123456" not in learned.text
    assert len(await talk.house.rows("SELECT 1 FROM unanswered WHERE reviewed_at IS NULL")) == 2


# -- training ---------------------------------------------------------------------------------------------------------


async def test_what_was_taught_is_answered_by_the_running_service(talk: Talk, little: Sequence[Utterance]) -> None:
    service = talk.house.service
    data = service.settings.data
    (data / utterances.OWN).write_text('{"label": "faq_fee", "text": "화성 갈 차비"}\n', "utf-8")
    keeping.write(data / keeping.FILE, fitting.pack(utterances.taught()))
    assert await teaching.train(service, service.texts["ko"], "so little is learned that one sentence tips it") == 0
    understanding = Understanding()
    own = keeping.OperatorsModel(data, understanding)
    await own.refresh()
    understood = understanding.hear("화성 갈 차비!").understood
    assert (understood.slugs[0], understood.decision) == ("faq_fee", "answer")
    (data / keeping.FILE).unlink()
    await own.refresh()
    assert understanding.model is shipped_model()


async def test_a_model_that_became_worse_is_refused(talk: Talk, little: list[Utterance]) -> None:
    service = talk.house.service
    data = service.settings.data
    keeping.write(data / keeping.FILE, fitting.pack(utterances.taught()))
    before = (data / keeping.FILE).read_bytes()
    swapped = {"faq_fee": "int_revoke", "int_revoke": "faq_fee"}
    mistaught = "".join(
        json.dumps({"label": swapped[one.label], "text": one.text}) + "\n" for one in little if one.label in swapped
    )
    (data / utterances.OWN).write_text(mistaught, "utf-8")
    assert await teaching.train(service, service.texts["ko"], None) == 1
    assert (data / keeping.FILE).read_bytes() == before
    assert await teaching.train(service, service.texts["ko"], "a drill") == 0
    assert (data / keeping.FILE).read_bytes() != before
    (row,) = await talk.house.rows("SELECT detail FROM audit WHERE act = 'understanding trained'")
    assert "a drill" in row["detail"]


def test_training_again_gives_the_same_file(little: list[Utterance]) -> None:
    assert fitting.pack(little) == fitting.pack(little)


@pytest.mark.parametrize("spoil", [b"", b"{}\n", b"\x00" * 100, None])
def test_a_damaged_model_is_refused_and_the_shipped_one_answers(tmp_path: Path, spoil: bytes | None) -> None:
    file = tmp_path / keeping.FILE
    shipped = Path(keeping.__file__).parents[2] / "handlers" / "understanding" / "shipped.model"
    shutil.copy(shipped, file)
    assert keeping.read(file) is not None
    if spoil is None:
        whole = bytearray(file.read_bytes())
        whole[-1000] ^= 1
        spoil = bytes(whole)
    file.write_bytes(spoil)
    with pytest.raises(ModelRefused):
        Model.read(spoil)
    assert keeping.read(file) is None


def test_a_model_of_other_features_is_refused() -> None:
    shipped = Path(keeping.__file__).parents[2] / "handlers" / "understanding" / "shipped.model"
    header, _, body = shipped.read_bytes().partition(b"\n")
    other = json.dumps(json.loads(header) | {"features": -1}).encode()
    with pytest.raises(ModelRefused, match="another version"):
        Model.read(other + b"\n" + body)


def test_worse_is_a_lower_score_or_more_wrong_acts() -> None:
    now = scoring.Score(100, 0.9, 0.95, 0.97, 0.9, 0.95, 0.93, 0.01, 0.8)
    assert not teaching.worse(now, now)
    assert teaching.worse(now, replace(now, first=0.8))
    assert teaching.worse(now, replace(now, wrong_acts=0.02))
    assert not teaching.worse(now, replace(now, first=0.95))
