"""What a message most likely means, from examples of how people say it.

Every example is a vector of weighted character runs (TF-IDF); a message is compared with all of them at once through
an inverted index. A label's score mixes its nearest examples with the sum of all its examples. Out of scope is one more
label with examples of its own, so "not ours" is recognised and not merely "unlike ours".
"""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from handlers.understanding.keyboard import as_korean
from handlers.understanding.reading import Lang, Reader, language, tidy

OUT_OF_SCOPE: Final = "oos"
NEAREST_SHARE: Final = 0.3
"""How much the nearest examples weigh against the whole label."""
NEAREST: Final = (0.6 + 0.4 / 3, 0.4 / 3, 0.4 / 3)
"""Weights of a label's first, second and third nearest example."""
COMMON: Final = 0.3
"""Runs in more than this share of the examples tell nothing apart and would cost most of the time."""
IN_SCOPE: Final = 0.05
"""How far ahead of "out of scope" the best label must be. Set by cross-validation over the examples."""
SURE: Final = 0.06
"""How far ahead of the second label the best must be to be answered without asking back."""

Decision = Literal["answer", "clarify", "reject"]


@dataclass(frozen=True, slots=True)
class Understood:
    """`ranked` is best first, without out-of-scope; `score` (0..1) says how surely the message is ours at all."""

    ranked: tuple[tuple[str, float], ...]
    score: float
    decision: Decision
    lang: Lang

    @property
    def accept(self) -> bool:
        return self.decision != "reject"

    @property
    def slugs(self) -> tuple[str, ...]:
        return tuple(slug for slug, _ in self.ranked)


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language's teaching: examples by label (`oos` among them) and words that mean the same."""

    examples: Mapping[str, Sequence[str]]
    same: Mapping[str, Sequence[str]]


class Matcher:
    """Immutable once built; `match` depends on nothing but its text."""

    def __init__(self, catalogue: Mapping[Lang, Phrases]) -> None:
        self._indexes = {lang: _Index(lang, phrases) for lang, phrases in catalogue.items()}

    def match(self, text: str) -> Understood:
        tidied = tidy(text)
        lang = language(tidied)
        scores = self._indexes[lang].scores(tidied)
        # The case of a key tells ㄷ from ㄸ, so the keys are read from the text as typed.
        if lang == "en" and (korean := as_korean(text[:300])):
            as_typed = self._indexes["ko"].scores(tidy(korean))
            if max(as_typed.values(), default=0.0) > max(scores.values(), default=0.0):
                lang, scores = "ko", as_typed
        return _judge(scores, lang)


class _Index:
    def __init__(self, lang: Lang, phrases: Phrases) -> None:
        self._reader = Reader(lang, phrases.same)
        labelled = [(label, text) for label, texts in phrases.examples.items() for text in texts]
        counted = [self._reader.features(tidy(text)) for _, text in labelled]
        total = len(counted)
        seen = Counter(feature for features in counted for feature in features)
        self._weight = {
            feature: math.log((1 + total) / (1 + times)) + 1
            for feature, times in seen.items()
            if times <= max(COMMON * total, 20)
        }
        self._unseen = math.log(1 + total) + 1
        self._labels = tuple(phrases.examples)
        place = {label: number for number, label in enumerate(self._labels)}
        self._owner = [place[label] for label, _ in labelled]
        self._where: dict[str, list[tuple[int, float]]] = {feature: [] for feature in self._weight}
        sums: list[Counter[str]] = [Counter() for _ in self._labels]
        for number, features in enumerate(counted):
            vector = {f: (1 + math.log(n)) * self._weight[f] for f, n in features.items() if f in self._weight}
            length = math.hypot(*vector.values()) or 1.0
            label_sum = sums[self._owner[number]]
            for feature, weight in vector.items():
                self._where[feature].append((number, weight / length))
                label_sum[feature] += weight / length  # type: ignore[assignment]  # Counter counts fractions too
        self._lengths = [math.hypot(*label_sum.values()) or 1.0 for label_sum in sums]

    def scores(self, tidied: str) -> dict[str, float]:
        """Every label's likeness (0..1) to the text; nothing for a text without letters or digits."""
        features = self._reader.features(tidied)
        if not features:
            return {}
        likeness = [0.0] * len(self._owner)
        squared = 0.0
        for feature, times in features.items():
            weight = (1 + math.log(times)) * self._weight.get(feature, self._unseen)
            squared += weight * weight
            for number, share in self._where.get(feature, ()):
                likeness[number] += weight * share
        length = math.sqrt(squared)
        by_label: list[list[float]] = [[] for _ in self._labels]
        for owner, value in zip(self._owner, likeness, strict=True):
            by_label[owner].append(value)
        scores = {}
        for label, values, label_length in zip(self._labels, by_label, self._lengths, strict=True):
            whole = sum(values) / label_length
            values.sort(reverse=True)
            nearest = sum(w * v for w, v in zip(NEAREST, values, strict=False))
            scores[label] = (NEAREST_SHARE * nearest + (1 - NEAREST_SHARE) * whole) / length
        return scores


def _judge(scores: Mapping[str, float], lang: Lang) -> Understood:
    ours = sorted(
        ((slug, round(s, 6)) for slug, s in scores.items() if slug != OUT_OF_SCOPE),
        key=lambda pair: (-pair[1], pair[0]),
    )
    if not ours:
        return Understood((), 0.0, "reject", lang)
    lead = ours[0][1] - scores.get(OUT_OF_SCOPE, 0.0)
    decision: Decision = "reject"
    if lead >= IN_SCOPE:
        decision = "answer" if len(ours) == 1 or ours[0][1] - ours[1][1] >= SURE else "clarify"
    return Understood(tuple(ours[:10]), round(min(1.0, max(0.0, 0.5 + lead)), 4), decision, lang)


def load_catalogue() -> dict[Lang, Phrases]:
    """The examples of `locales/*/understanding.toml`."""
    langs: tuple[Lang, ...] = ("ko", "en")
    return {lang: _phrases(spoken(lang)) for lang in langs}


@cache
def spoken(lang: Lang) -> dict[str, Any]:
    """The tables of one language's `understanding.toml`: `commands`, `same`, `examples`, `oos`."""
    return tomllib.loads((files("locales") / lang / "understanding.toml").read_text("utf-8"))


def _phrases(tables: Mapping[str, Any]) -> Phrases:
    foreign = tables["oos"]
    combined = [act.replace("{}", thing) for thing in foreign["things"] for act in foreign["acts"]]
    return Phrases({**tables["examples"], OUT_OF_SCOPE: [*foreign["examples"], *combined]}, tables["same"])
