"""`certtalk chat --json`: one line in, one object out, whatever the line is."""

import json
from collections.abc import Iterator

import pytest

from bot.channels import console
from handlers.message import Answered, Choice, CustomerId, Link, Reply
from tests.bot.console_program import Program
from tests.live import Live

SEAT = console.Seat(CustomerId("demo:kim"), "demo:kim")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    return Live(tmp_path_factory.mktemp("console") / "data", CERTTALK_CA_KEY="p-256")


@pytest.fixture
def program(live: Live) -> Iterator[Program]:
    with Program(live.data, live.environment) as running:
        yield running


def test_a_whole_journey(program: Program) -> None:
    turn = program.says("수수료가 얼마예요?")
    assert set(turn) == {"replies", "flow", "step"}
    assert set(turn["replies"][0]) == {"key", "text", "choices", "link", "document", "progress"}
    assert program.polls() == {"replies": [], "flow": None, "step": None}
    assert len(program.enrol()["serial"]) == 40
    turn = program.polls()
    assert (turn["flow"], turn["step"]) == ("enroll", "works")
    assert turn["replies"][-1]["key"] == "enroll.works.ask"
    turn = program.presses("later", turn)
    assert turn["flow"] is None
    assert turn["replies"][-1]["key"].startswith("enroll.done")


BAD = [
    b"{",
    b'{"choice": 1}',
    b'{"choice": "a", "text": 5}',
    b"{}",
    b'{"a":' * 50_000,
    b'{"choice": ' + b"9" * 9000 + b"}",
]
ODD = [
    b"\xff\xfe",
    b"\x00",
    b'{"choice": "nothing=there"}',
    b'{"text": "\\ud800"}',
    b'"text"',
    b"[]",
    "ㅇㅇ".encode() * 2000,
]


def test_no_line_ends_the_talk(program: Program) -> None:
    for line in BAD:
        answer = program.raw(line)
        assert answer["error"] == "bad_line", line[:40]
        assert answer["text"]
    for line in ODD:
        assert program.raw(line)["replies"], line[:40]
    assert program.says("안녕하세요")["replies"]


@pytest.mark.parametrize("line", [one.decode() for one in BAD])
def test_bad_lines(line: str) -> None:
    with pytest.raises(console.BadLine):
        console.incoming(line, SEAT, "console:1")


def test_lines_become_messages() -> None:
    assert console.incoming("  \n", SEAT, "console:1") is None
    for line, text, choice in (
        ("안녕\n", "안녕", None), ('{"choice": "a=b"}', "", "a=b"), ('{"text": "안녕"}', "안녕", None),
        ('{"choice": "a", "text": "b"}', "b", "a"),
    ):  # fmt: skip
        said = console.incoming(line, SEAT, "console:1")
        assert said is not None
        assert (said.text, said.choice, said.message_id) == (text, choice, "console:1")


def test_turns_for_people_number_their_choices() -> None:
    replies = [
        Reply("a", "하나", (Choice("x", "네"), Choice("y", "아니요")), progress=(1, 8)),
        Reply("b", "둘", (Choice("z", "셋"),), link=Link("http://here", "열기")),
    ]
    assert console.turn_text(replies).splitlines() == [
        "", "하나 (1/8)", "  1. 네", "  2. 아니요", "", "둘", "  → 열기: http://here", "  3. 셋",
    ]  # fmt: skip
    assert json.loads(json.dumps(console.turn_object(replies, Answered(), ["SMS"])))["sms"] == ["SMS"]
