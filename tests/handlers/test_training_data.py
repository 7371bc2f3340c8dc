"""How people say things, as the engine learns it: known labels, nothing twice, and nothing of the tests.

A sentence is the same as another when they differ in blanks, case and punctuation only. What is held out, and what the
public test asks, is never learned: figures would be too good. The public test is here as digests.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.test_words import LABELS

FOLDER = Path(__file__).parents[2] / "locales" / "training"
PUBLIC_TEST = frozenset(re.findall(r"\b[0-9a-f]{12}\b", Path(__file__).with_name("public_test.sha256").read_text()))
TIERS = {"typical", "varied", "hard"}
FAQ_LABELS = sorted(label for label in LABELS if label.startswith("faq_"))
LEAST = {"ko": 50, "en": 20, "heldout": 5}


@dataclass(frozen=True, slots=True)
class Said:
    file: str
    labels: tuple[str, ...]
    text: str
    tier: str | None

    @property
    def bare(self) -> str:
        return "".join(letter for letter in self.text.casefold() if letter.isalnum())

    @property
    def language(self) -> str:
        return "ko" if re.search("[가-힣ㄱ-ㅎㅏ-ㅣ]", self.text) else "en"


def said(pattern: str) -> Iterator[Said]:
    for file in sorted(FOLDER.glob(pattern)):
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            labels = tuple(row["labels"]) if "labels" in row else (row["label"],)
            yield Said(file.name, labels, row["text"], row.get("tier"))


EVERYTHING = list(said("*.jsonl"))
FAQ = {name: list(said(file)) for name, file in
       [("ko", "faq.ko.jsonl"), ("en", "faq.en.jsonl"), ("heldout", "heldout.faq.jsonl")]}  # fmt: skip


def twice(rows: list[Said]) -> list[tuple[Said, Said]]:
    seen: dict[str, Said] = {}
    return [(seen[row.bare], row) for row in rows if row.bare and seen.setdefault(row.bare, row) is not row]


def harmful(one: Said, other: Said) -> bool:
    """Two labels for the same words, a figure measured on what was learned, or an FAQ sentence that teaches nothing."""
    held_out = one.file.startswith("heldout.") is not other.file.startswith("heldout.")
    return held_out or not set(one.labels) & set(other.labels) or {"faq"} == {x.file[:3] for x in (one, other)}


def public(rows: list[Said]) -> list[Said]:
    return [row for row in rows if hashlib.sha256(row.bare.encode()).hexdigest()[:12] in PUBLIC_TEST]


def test_labels_are_known_and_text_is_normal() -> None:
    for row in EVERYTHING:
        assert set(row.labels) <= {*LABELS, "oos"}, row
        assert unicodedata.is_normalized("NFC", row.text), row
        assert row.tier in TIERS | {None}, row


def test_nothing_is_said_twice_where_it_harms() -> None:
    assert [pair for pair in twice(EVERYTHING) if harmful(*pair)] == []


SEEDS = {"reissuemycertificate", "changemycertificatepassword", "changelanguage"}
"""What the catalogue, which is there to be learned, and the public test have in common."""


def test_the_public_test_is_not_learned() -> None:
    told = {row.bare for row in public(EVERYTHING) if len(row.bare) >= 10}  # shorter ones are what everybody says
    assert told == SEEDS


def test_what_is_the_same_is_found() -> None:
    one, other = (
        Said("faq.ko.jsonl", ("int_renew",), "연장 언제?", None),
        Said("multi.jsonl", ("oos",), "연장언제", None),
    )
    assert twice([one, other]) == [(one, other)]
    assert harmful(one, other)
    assert harmful(one, replace(one, file="heldout.faq.jsonl"))
    assert harmful(one, one)
    assert not harmful(one, replace(one, file="first.ko.jsonl"))
    assert public([Said("", ("faq_mobile_steps",), "스마트폰 앱에서 발급하는 절차 알려주세요", None)])


@pytest.mark.parametrize("name", FAQ)
def test_every_question_is_asked_in_many_ways(name: str) -> None:
    rows = FAQ[name]
    counts = Counter(row.labels[0] for row in rows)
    assert {label: counts[label] for label in FAQ_LABELS if counts[label] < LEAST[name]} == {}
    assert {(row.labels[0], row.tier) for row in rows} == {(label, tier) for label in FAQ_LABELS for tier in TIERS}


def test_a_file_is_in_one_language() -> None:
    for language in ("ko", "en"):
        assert [row for row in FAQ[language] if row.language != language] == []
