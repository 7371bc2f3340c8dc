"""Logs: one record is one line, and no secret is in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure("info", out)
    yield out
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    "secret",
    [
        "code 482913",
        "코드는 482913입니다",
        "code=482913",
        "card 4561-1234-5678-9012",
        "account 000-00-0000-000",
        "phone 010 0000 1234",
        "password: correct-horse",
        'form {"password": "correct horse", "x": 1}',
        "비밀번호=correct-horse",
        "Authorization: Bearer correct-horse",
        "postgresql://certtalk:correct-horse@db/x",
        "GET /s/correct-horse-battery-staple HTTP/1.1",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\ncorrect-horse\n-----END ENCRYPTED PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncorrect-horse",
    ],
)
def test_what_looks_secret_is_hidden(secret: str) -> None:
    shown = logs.redact(secret)
    assert logs.HIDDEN in shown
    for part in ("482913", "4561", "9012", "0000", "1234", "correct", "horse", "battery"):
        assert part not in shown


@pytest.mark.parametrize(
    "harmless",
    [
        "serial 3f2a1234567890aabbccddeeff00112233445566",
        "turn 9f1c2d3e-1234-4678-9abc-123456789abc",
        "at 2026-11-22T10:00:00.123456Z",
        "on 2027-10-20 sent 12345 of 12345 in 30 s",
        "listening on http://127.0.0.1:8710",
    ],
)
def test_what_an_operator_searches_for_stays(harmless: str) -> None:
    assert logs.redact(harmless) == harmless


@given(st.from_regex(r"[0-9]{6,19}", fullmatch=True), st.text(alphabet=st.characters(exclude_categories=["N", "L"])))
def test_no_run_of_six_digits_passes(digits: str, around: str) -> None:
    assert digits not in logs.redact(f"{around}{digits}{around}")


@given(st.text())
def test_a_record_is_one_line_whatever_was_typed(typed: str) -> None:
    record = logging.makeLogRecord(
        {"name": "t", "levelname": "INFO", "msg": "said %s", "args": (typed,), "extra": typed}
    )
    for formatter in (logs.JsonLine(), logs.HumanLine()):
        line = formatter.format(record)
        assert len(line.splitlines()) == 1
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)
        line.encode()
    json.loads(logs.JsonLine().format(record))


def test_a_line_is_json_with_turn_and_extras(stream: io.StringIO) -> None:
    mark = logs.turn_id.set("t-1")
    try:
        logging.getLogger("bot.jobs").warning(
            "sent\n%s", "\x1b[31mred", extra={"count": 3, "otp": "12", "note": "call 010-0000-1234", "at": "forged"}
        )
    finally:
        logs.turn_id.reset(mark)
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert line.pop("at") != "forged"
    assert line == {
        "level": "warning",
        "logger": "bot.jobs",
        "turn": "t-1",
        "message": "sent\n\x1b[31mred",
        "count": 3,
        "otp": logs.HIDDEN,
        "note": f"call {logs.HIDDEN}",
    }
    assert "\x1b" not in stream.getvalue()


def test_a_traceback_stays_in_its_line_and_keeps_no_secret(stream: io.StringIO) -> None:
    try:
        int("otp=482913")
    except ValueError:
        logging.getLogger("bot").exception("failed")
    assert stream.getvalue().count("\n") == 1
    assert "482913" not in stream.getvalue()
    assert "ValueError" in json.loads(stream.getvalue())["exception"]


def test_on_a_terminal_it_is_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = Terminal()
    try:
        logs.configure("info", out)
        logging.getLogger("bot.jobs").info("sent", extra={"count": 3})
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert out.getvalue().endswith("info    bot.jobs  sent  count=3\n")


def test_a_large_number_in_an_extra_is_no_number(stream: io.StringIO) -> None:
    logging.getLogger("bot").info("x", extra={"value": 482913, "ratio": 0.5})
    line = json.loads(stream.getvalue())
    assert (line["value"], line["ratio"]) == (logs.HIDDEN, 0.5)


@pytest.mark.parametrize("formatter", [logs.JsonLine(), logs.HumanLine()])
def test_a_message_is_redacted_on_its_way_into_a_line(formatter: logging.Formatter) -> None:
    record = logging.makeLogRecord({"msg": "the code is %s", "args": ("482913",), "levelname": "INFO"})
    assert "482913" not in formatter.format(record)
    assert logs.HIDDEN in formatter.format(record)
