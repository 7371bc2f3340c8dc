"""Utterances to a model, with scikit-learn (the extra `train`): nothing of it is needed to answer.

A linear support vector machine for each label over the features of `handlers/understanding/features.py`, weighed by
rarity (IDF). Chance plays no part: the seed is fixed and everything is sorted, so training again decides the same.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bot.learning.calibrating import Guess, limits_of
from bot.learning.utterances import Utterance, digest
from handlers.understanding.features import KINDS, features
from handlers.understanding.matcher import bare
from handlers.understanding.model import Model, Taught
from handlers.understanding.reading import language, tidy

LARGEST: Final = 80_000
"""Features kept, those with the most to say: of 98,000, 40,000 lose a point in cross-validation, 80,000 none."""
REGULARITY: Final = 2.0
SEED: Final = 20261122
SECOND_WISH: Final = 0.7
"""What a message with several wishes counts as an example of each wish after its first."""
FOLDS: Final = 4


class TrainingMissing(RuntimeError):
    """scikit-learn is not installed."""


def pack(utterances: Sequence[Utterance]) -> bytes:
    """A model's file. Raises `TrainingMissing`."""
    lesson = _Lesson(utterances)
    limits = limits_of([Guess.of(one.labels, scores) for one, scores in lesson.crossed()])
    everything = range(len(utterances))
    names, values, machine = lesson.fit(everything)
    weights = machine.coef_.T.tolist()
    says = [max(map(abs, row)) * value for row, value in zip(weights, values, strict=True)]
    kept = sorted(range(len(names)), key=lambda i: (-says[i], names[i]))[:LARGEST]
    return Model.pack(
        Taught(
            lesson.labels, machine.intercept_.tolist(), {names[i]: (values[i], weights[i]) for i in kept},
            _said(utterances), limits, digest(utterances),
        )
    )  # fmt: skip


def crossed(
    utterances: Sequence[Utterance], heard: Callable[[str], str] | None = None
) -> list[tuple[Utterance, Mapping[str, float]]]:
    """Each utterance, as `heard`, with the scores of a model that has not learned it: one of `FOLDS`, each held out of
    another part. Raises `TrainingMissing`."""
    return list(_Lesson(utterances).crossed(heard))


class _Lesson:
    """Utterances with their features, worked out once for every fit."""

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        self.utterances = utterances
        self.labels = sorted({label for one in utterances for label in one.labels})
        self.features = [_features(one.text) for one in utterances]
        self._sparse, self._svm = _libraries()

    def crossed(self, heard: Callable[[str], str] | None = None) -> Iterator[tuple[Utterance, Mapping[str, float]]]:
        for fold in range(FOLDS):
            held = self._fold(fold)
            inside = set(held)
            names, values, machine = self.fit([i for i in range(len(self.utterances)) if i not in inside])
            said = [_features(heard(self.utterances[i].text)) if heard else self.features[i] for i in held]
            matrix = self._matrix(said, {name: at for at, name in enumerate(names)}, values)
            for i, scores in zip(held, machine.decision_function(matrix).tolist(), strict=True):
                yield self.utterances[i], dict(zip((self.labels[c] for c in machine.classes_), scores, strict=True))

    def fit(self, chosen: Sequence[int]) -> tuple[list[str], list[float], Any]:
        """Names and values of the features of the utterances `chosen`, and the machine that has learned from them."""
        seen = Counter(feature for i in chosen for feature in self.features[i])
        names = sorted(feature for feature, times in seen.items() if times > 1)
        values = [(math.log((1 + len(chosen)) / (1 + seen[name])) + 1) * KINDS[name[0]] for name in names]
        matrix = self._matrix([self.features[i] for i in chosen], {name: at for at, name in enumerate(names)}, values)
        repeated, wanted, counts = [], [], []
        for row, i in enumerate(chosen):
            for rank, label in enumerate(self.utterances[i].labels):
                repeated.append(row)
                wanted.append(self.labels.index(label))
                counts.append(1.0 if rank == 0 else SECOND_WISH)
        machine = self._svm.LinearSVC(C=REGULARITY, random_state=SEED, tol=1e-4, max_iter=5000)
        machine.fit(matrix[repeated], wanted, sample_weight=counts)
        return names, values, machine

    def _matrix(self, said: Sequence[set[str]], column: Mapping[str, int], values: Sequence[float]) -> Any:
        begin: list[int] = [0]
        columns: list[int] = []
        entries: list[float] = []
        for found in said:
            at = sorted(column[feature] for feature in found if feature in column)
            length = math.hypot(*(values[c] for c in at)) or 1.0
            columns.extend(at)
            entries.extend(values[c] / length for c in at)
            begin.append(len(columns))
        return self._sparse.csr_matrix((entries, columns, begin), shape=(len(said), len(values)))

    def _fold(self, number: int) -> list[int]:
        """Every `FOLDS`th utterance of each label: the folds hold the labels in the same shares."""
        seen: Counter[str] = Counter()
        chosen = []
        for i, one in enumerate(self.utterances):
            if seen[one.label] % FOLDS == number:
                chosen.append(i)
            seen[one.label] += 1
        return chosen


def _said(utterances: Sequence[Utterance]) -> Mapping[str, str]:
    """Whole messages with one meaning; what was taught for two labels is left to the weights."""
    meanings: dict[str, set[str]] = {}
    for one in utterances:
        meanings.setdefault(bare(tidy(one.text)), set()).update(one.labels)
    return {words: next(iter(labels)) for words, labels in sorted(meanings.items()) if words and len(labels) == 1}


def _features(text: str) -> set[str]:
    tidied = tidy(text)
    return features(tidied, language(tidied))


def _libraries() -> tuple[Any, Any]:
    try:
        from scipy import sparse
        from sklearn import svm
    except ImportError as error:
        raise TrainingMissing from error
    return sparse, svm
