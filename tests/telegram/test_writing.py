"""Bubbles as calls: nothing Telegram would refuse, nothing lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.splitting import split
from bot.channels.telegram.writing import MOST_TEXT, Call, button_data, calls, file_name, keyboard_rows, resolve
from handlers.message import Choice, Document, Link, Reply
from handlers.texts import load_texts
from tests.telegram.rules import units

KO = load_texts()["ko"]
FILE = Document("d" * 22, "CertTalk-20261122.p12", "application/x-pkcs12", 3)


def at(link_id: str) -> str:
    return f"https://bank.example/app/{link_id}"


def only(reply: Reply, **how: bool) -> Call:
    [call] = calls(reply, KO, at, **how)
    return call


@given(st.text(alphabet="가나다 abc.\n😀🏦", max_size=400), st.integers(8, 60))
def test_a_split_text_fits_and_keeps_every_word(text: str, most: int) -> None:
    parts = split(text, most)
    assert all(units(part) <= most for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_long_text_is_cut_at_sentences() -> None:
    sentence = "인증서는 일 년 동안 쓸 수 있어요. "
    parts = split(sentence * 400, MOST_TEXT)
    assert len(parts) > 1
    assert all(part.endswith("요.") for part in parts)


def test_only_the_last_part_has_the_buttons() -> None:
    first, last = calls(Reply("k", "글 " * 2500, (Choice("cmd:help", "도움말"),)), KO, at)
    assert "reply_markup" not in first.arguments
    assert "reply_markup" in last.arguments


@pytest.mark.parametrize(
    ("value", "itself"),
    [("kind=personal", True), ("a=" + "x" * 62, True), ("a=" + "x" * 63, False), ("가" * 22, False), ("#x", False)],
)
def test_data_a_button_can_hold(value: str, itself: bool) -> None:
    data = button_data(value)
    assert len(data.encode()) <= 64
    assert (data == value) is itself
    assert resolve(data, lambda: iter(["other", value])) == value


def test_no_two_long_values_share_a_button() -> None:
    assert len({button_data(f"{'long' * 20}{number}") for number in range(1000)}) == 1000


def test_a_reference_nobody_knows_stays_one() -> None:
    assert resolve("#gone", lambda: iter(["a"])) == "#gone"


def test_short_labels_stand_in_pairs() -> None:
    rows = keyboard_rows(
        tuple(Choice(str(n), label) for n, label in enumerate(["네", "아니요", "상담원과 이야기하기 원해요", "뒤로"]))
    )
    assert [[button["text"] for button in row] for row in rows] == [
        ["네", "아니요"],
        ["상담원과 이야기하기 원해요"],
        ["뒤로"],
    ]


def test_a_page_is_a_mini_app_on_https_and_an_address_elsewhere() -> None:
    app = only(Reply("k", "글", link=Link("https://bank.example/s/x", "열기", "x")))
    [[button]] = app.arguments["reply_markup"]["inline_keyboard"]
    assert button == {"text": "열기", "web_app": {"url": "https://bank.example/app/x"}}
    assert (
        "열기: http://127.0.0.1/s/x"
        in only(Reply("k", "글", link=Link("http://127.0.0.1/s/x", "열기", "x"))).arguments["text"]
    )
    refused = only(Reply("k", "글", link=Link("https://bank.example/s/x", "열기", "x")), plain=True)
    assert "https://bank.example/s/x" in refused.arguments["text"]


def test_a_file_has_a_korean_name_and_a_guide() -> None:
    assert file_name(FILE, KO) == "공동인증서-20261122.p12"
    assert "설치" in only(Reply("k", "다 됐어요.", document=FILE)).arguments["caption"]
    before, file = calls(Reply("k", "긴 말. " * 300, document=FILE), KO, at)
    assert (before.method, file.method) == ("sendMessage", "sendDocument")
    assert units(file.arguments["caption"]) <= 1024


def test_a_text_of_our_own_is_never_markup() -> None:
    assert MOST_TEXT == 4096
    assert not {"parse_mode", "entities"} & only(Reply("k", "<b>*_[x](y)")).arguments.keys()
