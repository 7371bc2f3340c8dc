"""What a message most likely means, and how sure that is: answer, ask back, or say honestly that it is not known.

"Out of scope" is a label with utterances of its own, so that "not ours" is recognised and not merely "unlike ours".
The limits of the decision come with the model: training sets them by cross-validation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from handlers.understanding.clauses import clauses
from handlers.understanding.features import features
from handlers.understanding.keyboard import as_korean
from handlers.understanding.model import OUT_OF_SCOPE, Model
from handlers.understanding.reading import HEAD, Lang, language, tidy

ACTS: Final = frozenset({"int_revoke", "int_reissue", "int_renew", "int_change_password", "int_cancel"})
"""Labels that begin or abort something: they must lead by more."""
URGENT: Final = ("faq_leak", "faq_lost", "int_revoke")
"""What cannot wait when several things are wished at once."""
OWN_VOICE: Final = 0.5
"""What the best label's score counts when it is asked whether a message is ours at all: "out of scope" has learned from
what is foreign, a label hardly has. Cross-validated, 0.5 refuses a point more of what is not ours than 1.0 does and
lets in as much of what is."""
RANKED: Final = 10
WITHIN: Final = 5
"""A clause's wish counts if the whole message ranks it so far up: torn out of it, a clause may say anything."""

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


class Matcher:
    """Immutable once built; `match` depends on nothing but its text."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def match(self, text: str) -> Understood:
        tidied = tidy(text)
        lang = language(tidied)
        scores = self._scores(tidied, lang)
        # The case of a key tells ㄷ from ㄸ, so the keys are read from the text as typed.
        if lang == "en" and (korean := as_korean(text[:HEAD])):
            typed = tidy(korean)
            typed_scores = self._scores(typed, "ko")
            if _lead(typed_scores) > _lead(scores):
                tidied, lang, scores = typed, "ko", typed_scores
        if not scores:
            return Understood((), 0.0, "reject", lang)
        if (taught := self.model.said(bare(tidied))) is not None:
            return self._said_as_taught(taught, scores, lang)
        return self._judge(scores, lang)

    def wishes(self, text: str, whole: Understood) -> tuple[str, ...]:
        """Every label that `text` surely asks for, the most urgent first: of several clauses, each one's own.

        `whole` is what it means as a whole. None where neither that nor two clauses of it are sure.
        """
        if not whole.accept:
            return ()
        found: dict[str, None] = {}
        for said in map(self.match, clauses(text)):
            within = WITHIN if said.decision == "answer" else 2
            if said.accept and said.slugs[0] in whole.slugs[:within]:
                found[said.slugs[0]] = None
        if whole.decision == "answer":
            found = dict.fromkeys([whole.slugs[0], *found])
        elif len(found) < 2:
            return ()
        return tuple(sorted(found, key=lambda slug: slug not in URGENT))

    def _scores(self, tidied: str, lang: Lang) -> dict[str, float]:
        found = features(tidied, lang)
        return self.model.scores(found) if found else {}

    def _said_as_taught(self, label: str, scores: Mapping[str, float], lang: Lang) -> Understood:
        """Somebody taught these very words: they mean what they were taught to mean."""
        others = [(slug, score) for slug, score in _best_first(scores) if slug != label]
        if label == OUT_OF_SCOPE:
            return Understood(tuple(others[:RANKED]), 0.0, "reject", lang)
        lead = max(others[0][1] + 1.0, scores[label]) if others else 1.0
        return Understood(((label, lead), *others[: RANKED - 1]), 1.0, "answer", lang)

    def _judge(self, scores: Mapping[str, float], lang: Lang) -> Understood:
        limits = self.model.limits
        ours = _best_first(scores)
        score = round(1 / (1 + math.exp(-limits.steepness * _lead(scores))), 6)
        margin = ours[0][1] - ours[1][1]
        decision: Decision = "answer"
        if score < limits.in_scope:
            decision = "reject"
        elif score < limits.surely_ours or margin < (limits.sure_to_act if ours[0][0] in ACTS else limits.sure):
            decision = "clarify"
        return Understood(tuple(ours[:RANKED]), score, decision, lang)


def _lead(scores: Mapping[str, float]) -> float:
    ours = (score for label, score in scores.items() if label != OUT_OF_SCOPE)
    return lead(max(ours, default=-math.inf), scores.get(OUT_OF_SCOPE, 0.0))


def lead(best: float, foreign: float) -> float:
    """How far `best`, the score of the best label of ours, is ahead of `foreign`, that of "out of scope"."""
    return OWN_VOICE * best - foreign


def bare(tidied: str) -> str:
    """The letters and digits of a text: what makes two messages the same words."""
    return "".join(filter(str.isalnum, tidied))


def _best_first(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """One more than is told: whoever knows the answer leaves it out."""
    ours = sorted((-score, slug) for slug, score in scores.items() if slug != OUT_OF_SCOPE)
    return [(slug, round(-score, 6)) for score, slug in ours[: RANKED + 1]]
