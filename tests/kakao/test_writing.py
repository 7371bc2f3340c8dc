"""Bubbles as skill responses: every limit kept whatever is said, nothing lost, every label of ours cut by meaning."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.kakao.writing import MOST_LABEL, Ink, respond
from bot.channels.labels import SHORT, fitting
from handlers.message import Choice, Document, Link, Reply
from handlers.texts import Texts, load_texts
from tests.kakao.judging import buttons, judged, said

TEXTS = load_texts()
KO = TEXTS["ko"]
FILE = Document("d" * 22, "CertTalk-20261122.p12", "application/x-pkcs12", 3)
LABELLED = re.compile(
    r"[a-z_]+(\.[a-z_]+)?\.(choice\.\w+|start|link)|faq\.\w+\.short|kakao\.(more|file\.(choice|again))"
)
ELSEWHERE = re.compile(r"(desk|page|chat|telegram|ca|operator|cli)\.")
"""Labels of pages and of other channels."""


def ink(texts: Texts = KO, **more: str) -> Ink:
    return Ink(texts, "7", lambda document: f"https://bank.example/k/{document.id}", **more)


PAGE = Link("https://bank.example/s/x", "보안 페이지 열기", "link-1")


def shown(*replies: Reply, **more: str) -> dict:
    response, count = respond(replies, ink(**more))
    assert count == len(replies)
    return judged(response)


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_every_label_is_short_by_meaning(texts: Texts) -> None:
    """Where this fails, give the label a shorter word under `[kakao.short]` in both languages."""
    labels = {key: fitting(texts(key), texts, MOST_LABEL) for key in texts
              if LABELLED.fullmatch(key) and not ELSEWHERE.match(key) and not texts.placeholders(key)}  # fmt: skip
    assert len(labels) > 60
    assert {key: label for key, label in labels.items() if len(label) > MOST_LABEL or "…" in label} == {}


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_every_short_word_stands_for_a_label_and_fits(texts: Texts) -> None:
    short = {key.removeprefix(SHORT): texts(key) for key in texts if key.startswith(SHORT)}
    assert [key for key in short if key not in texts or not LABELLED.fullmatch(key)] == []
    assert {key: word for key, word in short.items() if len(word) > MOST_LABEL} == {}


@pytest.mark.parametrize(
    ("label", "most", "cut"),
    [("개인용", 14, "개인용"), ("아주 긴 개인용 인증서 (무료로 드려요)", 14, "아주 긴 개인용 인증서"),
     ("하나 둘 셋 넷 다섯 여섯 일곱", 14, "하나 둘 셋 넷 다섯…"), ("가" * 30, 14, "가" * 13 + "…"),
     ("금융결제원(yessign) ~2027년", 14, "금융결제원…")],
)  # fmt: skip
def test_a_label_nobody_shortened_is_cut_at_a_word(label: str, most: int, cut: str) -> None:
    assert fitting(label, KO, most) == cut


@given(st.text(min_size=1, max_size=60), st.integers(2, 20))
def test_a_label_fits(label: str, most: int) -> None:
    assert 0 < len(fitting(label, KO, most)) <= most


words = st.text(alphabet="가나다 abc.\n😀", min_size=1, max_size=1500).filter(lambda text: text.strip())
choices = st.lists(st.tuples(st.text("가나다라마 ()", min_size=1, max_size=30).filter(str.strip), st.integers(0, 99)),
                   max_size=12, unique_by=(lambda one: one[0].strip()[:6], lambda one: one[1]))  # fmt: skip
replies = st.lists(
    st.builds(
        lambda text, offered, link, document: Reply(
            "k", text, tuple(Choice(f"kind={n}", label) for label, n in offered),
            Link("https://bank.example/s/x", "보안 페이지 열기") if link else None, FILE if document else None,
        ),
        words, choices, st.booleans(), st.booleans(),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(replies)
def test_whatever_is_said_keeps_the_limits(said_now: Sequence[Reply]) -> None:
    rest = list(said_now)
    while rest:
        response, count = respond(rest, ink())
        assert count >= 1
        outputs = response["template"]["outputs"]
        assert 1 <= len(outputs) <= 3
        assert len(response["template"].get("quickReplies", ())) <= 10
        rest = rest[count:]


@given(st.lists(words, min_size=1, max_size=3))
def test_no_word_is_lost(texts: Sequence[str]) -> None:
    rest, heard = [Reply("k", text) for text in texts], ""
    while rest:
        response, count = respond(rest, ink())
        heard, rest = heard + said(judged(response)), rest[count:]
    assert "".join(heard.split()) == "".join("".join(texts).split())


def test_a_link_is_a_card_with_a_button() -> None:
    link = Link("https://bank.example/s/x", "보안 페이지 열기")
    response = shown(Reply("k", "열어 주세요.", (Choice("page=new_link", "새 링크 받기"),), link, progress=(10, 11)))
    [output] = response["template"]["outputs"]
    assert output["textCard"]["description"] == "열어 주세요. (10/11)"
    assert output["textCard"]["buttons"] == [
        {"action": "webLink", "label": "보안 페이지 열기", "webLinkUrl": "https://bank.example/s/x"}
    ]
    assert [one["label"] for one in response["template"]["quickReplies"]] == ["새 링크 받기"]


def test_a_file_is_fetched_from_its_page_and_its_link_renewed() -> None:
    [card] = [one["textCard"] for one in shown(Reply("k", "파일이에요.", document=FILE))["template"]["outputs"]]
    assert card["buttons"][0]["webLinkUrl"].endswith("/k/" + FILE.id)
    assert card["buttons"][1]["extra"] == {"file": FILE.id, "nonce": "7"}
    assert card["buttonLayout"] == "horizontal"


def test_buttons_bring_back_their_value_and_say_their_whole_label() -> None:
    label = "아주 길고 긴 이름의 단추 하나"
    offered = Reply("k", "?", (Choice("kind=a", label),), link=PAGE)  # beside a link there is no room for a list
    by_label = shown(offered)["template"]["quickReplies"][1:]
    by_block = shown(offered, block="block1")["template"]["quickReplies"][1:]
    assert by_label[0]["messageText"] == by_block[0]["messageText"] == label
    assert by_label[0]["extra"] == by_block[0]["extra"] == {"choice": "kind=a", "nonce": "7"}
    assert (by_label[0]["action"], by_block[0]["action"], by_block[0]["blockId"]) == ("message", "block", "block1")


def test_labels_that_are_cut_to_the_same_are_told_apart() -> None:
    offered = tuple(Choice(f"kind={n}", f"아주 길고 긴 이름의 단추 가운데 {n}번째") for n in range(6))
    labels = [one["label"] for one in shown(Reply("k", "?", offered))["template"]["quickReplies"]]
    assert labels == ["아주 길고 긴 이름의…", *(f"아주 길고 긴 이름의 {n}" for n in range(2, 7))]


def test_a_label_that_would_be_cut_has_a_line_of_its_own() -> None:
    offered = (Choice("which=a", "금융결제원(yessign) ~2027년 1월 27일"), Choice("start:register", "등록하기"))
    response = shown(Reply("registered.which.ask", "어느 것을 볼까요?", offered))
    [output] = response["template"]["outputs"]
    [line] = output["listCard"]["items"]
    assert (line["title"], line["extra"]) == (offered[0].label, {"choice": "which=a", "nonce": "7"})
    assert [one["label"] for one in response["template"]["quickReplies"]] == ["등록하기"]


def test_a_page_has_a_button_for_whoever_comes_back_from_it() -> None:
    asked = Reply("k", "보안 페이지예요.", (Choice("page=new_link", "새 링크 받기"),), link=PAGE)
    quick = shown(asked)["template"]["quickReplies"]
    assert [(one["label"], one["extra"]) for one in quick] == [
        ("다 했어요", {"done": "1", "nonce": "7"}), ("새 링크 받기", {"choice": "page=new_link", "nonce": "7"}),
    ]  # fmt: skip
    anybodys = Reply("k", "순서예요.", link=Link("https://bank.example/device", "순서 보기"))
    assert "quickReplies" not in shown(anybodys)["template"]


def test_one_step_is_no_progress() -> None:
    assert Reply("k", "하나예요.", progress=(1, 1)).told == "하나예요."
    assert Reply("k", "둘이에요.", progress=(1, 2)).told == "둘이에요. (1/2)"


def test_questions_are_a_list_with_every_word() -> None:
    reply = Reply(
        "common.did_you_mean", "혹시 이 중에 찾으시는 것이 있나요?",
        (Choice("means:faq_fee", "수수료"), Choice("means:faq_lost", "분실"),
         Choice("cmd:none_of_these", "여기에 없어요")),
    )  # fmt: skip
    response = shown(reply)
    [output] = response["template"]["outputs"]
    assert [item["title"] for item in output["listCard"]["items"]] == [
        KO("faq.faq_fee.question"), KO("faq.faq_lost.question"),
    ]  # fmt: skip
    assert [one["label"] for one in response["template"]["quickReplies"]] == ["여기에 없어요"]


def test_an_earlier_bubble_keeps_its_buttons() -> None:
    response = shown(
        Reply("k", "도움이 됐나요?", (Choice("rate:up:x", "도움됐어요"), Choice("rate:down:x", "아쉬워요"))),
        Reply("k", "어디에 보관할까요?", (Choice("place=usb", "USB"),)),
    )
    card = response["template"]["outputs"][0]["textCard"]
    assert [one["label"] for one in card["buttons"]] == ["도움됐어요", "아쉬워요"]
    assert [one["label"] for one in response["template"]["quickReplies"]] == ["USB"]


def test_many_cards_turn_like_pages() -> None:
    files = [Reply("k", f"파일 {n}", document=FILE) for n in range(4)]
    first = shown(*files)["template"]["outputs"][0]
    assert len(first["carousel"]["items"]) == 2


def test_the_greeting_has_a_picture_where_it_can_be_fetched() -> None:
    reply = Reply("common.greeting", KO("common.greeting"), (Choice("start:enroll", "인증서 발급"),))
    card = shown(reply, picture="https://bank.example/static/kakao/welcome.png")["template"]["outputs"][0]["basicCard"]
    assert card["thumbnail"]["altText"]
    assert "simpleText" in shown(reply)["template"]["outputs"][0]
    assert len(buttons(shown(reply))) == 1
