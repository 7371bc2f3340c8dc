"""What a message talks about, found by the words people use for it: `fee`, `lose`, `phone`, `q_can` …

Vocabulary that two ways of saying a thing share, across Korean and English. The words are `locales/concepts.toml`.
Korean is searched letter by letter (자모) from the beginning of every syllable, so that 지우 is found in 지워; a word
of six letters or more is found with one letter wrong or missing, too.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from handlers.understanding.keyboard import strokes

FORGIVEN_FROM: Final = 6
"""Letters a word must have for a slip in it to be forgiven: shorter words are too like each other."""
OPENING: Final = 5
_ENGLISH_WORD: Final = re.compile(r"[a-z0-9$]+(?:['/-][a-z0-9]+)*")
PHRASE: Final = 4


class Concepts:
    """`find` lists the concepts of a message in the order they are met, repeats included."""

    def __init__(self, words: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._korean: dict[str, tuple[str, ...]] = {}
        self._words: dict[str, tuple[str, ...]] = {}
        self._beginnings: dict[str, tuple[str, ...]] = {}
        for concept, by_language in words.items():
            for word in by_language["ko"]:
                _add(self._korean, strokes(word.replace(" ", "")), concept)
            for word in by_language["en"]:
                _add(self._beginnings if word.endswith("*") else self._words, word.rstrip("*"), concept)
        self._slips: dict[str, tuple[str, ...]] = {}
        for word, concepts in self._korean.items():
            if len(word) >= FORGIVEN_FROM and not word.isascii():
                for shorter in _without_one(word):
                    for concept in concepts:
                        _add(self._slips, shorter, concept)
        self._openings = frozenset(shorter[:OPENING] for shorter in self._slips)
        self._lengths: dict[str, list[int]] = {}
        """How long the words are that begin with these two letters, the longest first."""
        for word in sorted(self._korean, key=len, reverse=True):
            lengths = self._lengths.setdefault(word[:2], [])
            if len(word) not in lengths:
                lengths.append(len(word))

    def korean(self, letters: str, starts: Sequence[int]) -> list[str]:
        """Concepts in `letters` (strokes of a text without blanks), looked for from each of `starts`."""
        found: list[str] = []
        end = 0
        for start in starts:
            for length in self._lengths.get(letters[start : start + 2], ()):
                piece = letters[start : start + length]
                if len(piece) == length and piece in self._korean:
                    # A word inside a longer one (발급 in 재발급) is not a word of its own.
                    if start + length > end:
                        found.extend(self._korean[piece])
                        end = start + length
                    break
            else:
                if start >= end:
                    found.extend(self._forgiven(letters, start))
        return found

    def _forgiven(self, letters: str, start: int) -> tuple[str, ...]:
        opening = letters[start : start + OPENING]
        if opening not in self._openings and self._openings.isdisjoint(_without_one(opening)):
            return ()  # nearly always: no word begins like this, whatever the slip
        for length in (10, 9, 8, 7, 6):
            piece = letters[start : start + length]
            if len(piece) < length:
                continue
            for shorter in _without_one(piece):
                if (concepts := self._slips.get(shorter)) is not None:
                    return concepts
        return ()

    def english(self, words: Sequence[str]) -> list[str]:
        """Concepts in lower-case `words`; a phrase counts beside the words it is made of."""
        found: list[str] = []
        for at in range(len(words)):
            for size in range(min(PHRASE, len(words) - at), 0, -1):
                phrase = " ".join(words[at : at + size])
                concepts = self._words.get(phrase) or self._beginning(phrase, size)
                if concepts:
                    found.extend(concepts)
                    break
        return found

    def _beginning(self, phrase: str, size: int) -> tuple[str, ...]:
        for length in range(len(phrase), 2, -1):
            concepts = self._beginnings.get(phrase[:length])
            if concepts and phrase[:length].count(" ") == size - 1:
                return concepts
        return ()


def english_words(text: str) -> list[str]:
    return _ENGLISH_WORD.findall(text)


@cache
def load_concepts() -> Concepts:
    return Concepts(tomllib.loads((files("locales") / "concepts.toml").read_text("utf-8")))


def _add(table: dict[str, tuple[str, ...]], word: str, concept: str) -> None:
    if concept not in table.get(word, ()):
        table[word] = (*table.get(word, ()), concept)


def _without_one(word: str) -> Iterator[str]:
    """`word` with a gap for one letter: two words that differ in one letter share one of these."""
    return (f"{word[:i]}_{word[i + 1 :]}" for i in range(1, len(word)))
