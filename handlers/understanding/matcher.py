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
from itertools import accumulate
from typing import Any, Final, Literal

from handlers.understanding.keyboard import as_korean
from handlers.understanding.reading import HEAD, Lang, Reader, language, tidy

OUT_OF_SCOPE: Final = "oos"
NEAREST_SHARE: Final = 0.3
"""How much the nearest examples weigh against the whole label."""
NEAREST: Final = (0.6 + 0.4 / 3, 0.4 / 3, 0.4 / 3)
"""Weights of a label's first, second and third nearest example."""
COMMON: Final = 0.15
"""Runs in more than this share of the examples tell nothing apart and would cost most of the time."""
IN_SCOPE: Final = 0.04
"""How far ahead of "out of scope" the best label must be. The four limits were set by cross-validating the examples."""
SURELY_OURS: Final = 0.10
"""How far ahead it must be to be answered without asking back …"""
SURE: Final = 0.05
"""… and how far ahead of the second label."""
FOREIGN: Final = 0.15
"""What naming another business, and no certificate, takes away from that lead."""

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
    """One language's teaching: examples by label (`oos` among them), and words that say something by themselves."""

    examples: Mapping[str, Sequence[str]]
    same: Mapping[str, Sequence[str]]
    """Words that mean the same, by the one the examples use."""
    ours: Sequence[str] = ()
    foreign: Sequence[str] = ()
    """Words of other businesses: they count against a message that has none of `ours`."""


class Matcher:
    """Immutable once built; `match` depends on nothing but its text."""

    def __init__(self, catalogue: Mapping[Lang, Phrases]) -> None:
        self._indexes = {lang: _Index(lang, phrases) for lang, phrases in catalogue.items()}

    def match(self, text: str) -> Understood:
        tidied = tidy(text)
        lang = language(tidied)
        if (taught := self._indexes[lang].taught.get(_bare(tidied))) is not None:
            return _said_as_taught(taught, self._indexes[lang].scores(tidied)[0], lang)
        scores, foreign = self._indexes[lang].scores(tidied)
        # The case of a key tells ㄷ from ㄸ, so the keys are read from the text as typed.
        if lang == "en" and (korean := as_korean(text[:HEAD])):
            typed, typed_foreign = self._indexes["ko"].scores(tidy(korean))
            if max(typed.values(), default=0.0) > max(scores.values(), default=0.0):
                lang, scores, foreign = "ko", typed, typed_foreign
        return _judge(scores, foreign, lang)


class _Index:
    def __init__(self, lang: Lang, phrases: Phrases) -> None:
        self._reader = Reader(lang, phrases.same)
        self._ours, self._foreign = (
            [word if lang == "ko" else f" {word} " for word in words] for words in (phrases.ours, phrases.foreign)
        )
        labelled = [(label, text) for label, texts in phrases.examples.items() for text in texts]
        self.taught: dict[str, str] = {}
        """The one label whose example a message is, letter by letter; what two labels share is left to the scores."""
        shared = set()
        for label, text in labelled:
            if self.taught.setdefault(_bare(tidy(text)), label) != label:
                shared.add(_bare(tidy(text)))
        for bare in shared:
            del self.taught[bare]
        counted = [self._reader.features(self._reader.read(tidy(text))) for _, text in labelled]
        total = len(counted)
        seen = Counter(feature for features in counted for feature in features)
        self._weight = {
            feature: math.log((1 + total) / (1 + times)) + 1
            for feature, times in seen.items()
            if times <= max(COMMON * total, 20)
        }
        self._unseen = math.log(1 + total) + 1
        self._where: dict[str, list[tuple[int, float]]] = {feature: [] for feature in self._weight}
        sums: dict[str, dict[str, float]] = {label: {} for label in phrases.examples}
        for number, features in enumerate(counted):
            vector = {f: (1 + math.log(n)) * self._weight[f] for f, n in features.items() if f in self._weight}
            length = math.hypot(*vector.values()) or 1.0
            label_sum = sums[labelled[number][0]]
            for feature, weight in vector.items():
                self._where[feature].append((number, weight / length))
                label_sum[feature] = label_sum.get(feature, 0.0) + weight / length
        ends = list(accumulate(len(texts) for texts in phrases.examples.values()))
        lengths = [math.hypot(*label_sum.values()) or 1.0 for label_sum in sums.values()]
        self._examples = total
        self._labels = list(zip(sums, [0, *ends], ends, lengths, strict=False))
        """Each label with where its examples begin and end, and the length of their sum."""

    def scores(self, tidied: str) -> tuple[dict[str, float], bool]:
        """Every label's likeness (0..1) to the text, none if it has no letters; and whether it names other business."""
        read = self._reader.read(tidied)
        features = self._reader.features(read)
        if not features:
            return {}, False
        likeness = [0.0] * self._examples
        squared = 0.0
        for feature, times in features.items():
            weight = (1 + math.log(times)) * self._weight.get(feature, self._unseen)
            squared += weight * weight
            for number, share in self._where.get(feature, ()):
                likeness[number] += weight * share
        length = math.sqrt(squared)
        scores = {}
        for label, begin, end, label_length in self._labels:
            values = likeness[begin:end]
            whole = sum(values) / label_length
            values.sort(reverse=True)
            nearest = sum(w * v for w, v in zip(NEAREST, values, strict=False))
            scores[label] = (NEAREST_SHARE * nearest + (1 - NEAREST_SHARE) * whole) / length
        return scores, any(w in read for w in self._foreign) and not any(w in read for w in self._ours)


def _bare(tidied: str) -> str:
    return "".join(filter(str.isalnum, tidied))


def _said_as_taught(label: str, scores: Mapping[str, float], lang: Lang) -> Understood:
    """A clerk taught these very words: they mean what they were taught to mean."""
    others = sorted(
        ((slug, round(s, 6)) for slug, s in scores.items() if slug not in {label, OUT_OF_SCOPE}),
        key=lambda pair: (-pair[1], pair[0]),
    )
    if label == OUT_OF_SCOPE:
        return Understood(tuple(others[:10]), 0.0, "reject", lang)
    return Understood(((label, 1.0), *others[:9]), 1.0, "answer", lang)


def _judge(scores: Mapping[str, float], foreign: bool, lang: Lang) -> Understood:
    ours = sorted(
        ((slug, round(s, 6)) for slug, s in scores.items() if slug != OUT_OF_SCOPE),
        key=lambda pair: (-pair[1], pair[0]),
    )
    if not ours:
        return Understood((), 0.0, "reject", lang)
    lead = ours[0][1] - scores.get(OUT_OF_SCOPE, 0.0) - (FOREIGN if foreign else 0.0)
    decision: Decision = "reject"
    if lead >= IN_SCOPE:
        clear = len(ours) == 1 or ours[0][1] - ours[1][1] >= SURE
        decision = "answer" if clear and lead >= SURELY_OURS else "clarify"
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
    other, foreign = tables["oos"], tables["foreign"]
    combined = [act.replace("{}", thing) for thing in other["things"] for act in other["acts"]]
    examples = {**tables["examples"], OUT_OF_SCOPE: [*other["examples"], *combined]}
    return Phrases(examples, tables["same"], foreign["ours"], foreign["words"])
