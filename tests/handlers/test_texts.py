"""Keys become sentences; what is missing is an error that names itself."""

from datetime import UTC, date, datetime

import pytest
from jinja2.exceptions import SecurityError

from handlers.texts import MissingText, Texts, flatten, load_texts

LATE = datetime(2027, 11, 21, 15, 5, tzinfo=UTC)
"""Already the 22nd in Korea."""


def ko(**catalogue: str) -> Texts:
    shipped = load_texts()["ko"]
    formats = {f"format.{k}": v for k, v in shipped.section("format").items()}
    return Texts("ko", {**formats, **{k.replace("__", "."): v for k, v in catalogue.items()}})


def test_a_sentence_is_found_by_its_key_and_filled() -> None:
    texts = ko(hi="  {{ name|josa('이/가') }} 왔어요.\n")
    assert texts("hi", name="홍길동") == "홍길동이 왔어요."
    assert "hi" in texts
    assert "ho" not in texts


@pytest.mark.parametrize(
    ("template", "params", "said"),
    [
        ("{{ t|date }}", {"t": LATE}, "2027년 11월 22일"),
        ("{{ t|date }}", {"t": date(2027, 3, 1)}, "2027년 3월 1일"),
        ("{{ t|time }}", {"t": LATE}, "오전 12:05"),
        ("{{ t|time }}", {"t": datetime(2027, 1, 1, 3, 0, tzinfo=UTC)}, "오후 12:00"),
        ("{{ t|moment }}", {"t": datetime(2027, 1, 1, 6, 5, tzinfo=UTC)}, "2027년 1월 1일 오후 3:05"),
        ("{{ n|won }}", {"n": 4400}, "4,400원"),
        ("{{ n|days }}", {"n": 30}, "30일"),
        ("{{ n|lasts }}", {"n": 180.0}, "3분"),
        ("{{ n|lasts }}", {"n": 90}, "1분 30초"),
    ],
)
def test_filters_write_korean(template: str, params: dict[str, object], said: str) -> None:
    assert ko(t=template)("t", **params) == said


@pytest.mark.parametrize(
    ("key", "params", "said"),
    [
        ("format.moment", {"moment": LATE}, "22 November 2027, 12:05 am"),
        ("format.won", {"won": 4400}, "KRW 4,400"),
        ("format.days", {"days": 1}, "1 day"),
        ("format.days", {"days": 2}, "2 days"),
        ("format.lasts", {"lasts": 60}, "1 minute"),
        ("format.lasts", {"lasts": 150}, "2 minutes 30 seconds"),
    ],
)
def test_filters_write_english(key: str, params: dict[str, object], said: str) -> None:
    assert load_texts()["en"](key, **params) == said


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ko(t="{{ t|date }}")("t", t=datetime(2027, 1, 1))  # noqa: DTZ001


def test_a_missing_key_names_itself_and_the_language() -> None:
    with pytest.raises(MissingText, match=r"no\.such \[ko\]"):
        ko()("no.such")


def test_every_missing_placeholder_is_named() -> None:
    with pytest.raises(MissingText, match=r"hi \[ko\]: not given: day, name"):
        ko(hi="{{ name }} {{ day }}")("hi")


def test_a_missing_attribute_is_no_empty_sentence() -> None:
    with pytest.raises(MissingText, match=r"hi \[ko\]"):
        ko(hi="{{ bank.nmae }}")("hi")


def test_what_a_customer_types_is_data() -> None:
    typed = "{{ bank.phone }}{% for x in y %}"
    assert ko(hi="{{ said }}")("hi", said=typed) == typed


def test_templates_reach_nothing_of_python() -> None:
    with pytest.raises((SecurityError, MissingText)):
        ko(hi="{{ x.__class__.__mro__ }}")("hi", x="")


def test_a_section_is_filled_but_for_what_the_page_fills_itself() -> None:
    texts = ko(bank__name="국민은행", page__title="{{ bank.name }} 인증서", page__cell="{{ n }}번 칸", other="x")
    assert texts.section("page") == {"title": "국민은행 인증서", "cell": "{{ n }}번 칸"}


def test_the_operators_own_words_win_everywhere() -> None:
    own = {"ko": {"bank": {"name": "한빛은행"}}}
    texts = load_texts(own)["ko"]
    assert "한빛은행" in texts("common.greeting")
    assert "한빛은행" not in load_texts()["ko"]("common.greeting")


def test_lists_are_data_and_not_sentences() -> None:
    assert flatten({"a": {"b": "x", "c": ["y"]}}) == {"a.b": "x"}
