"""How sure is sure: the decision's limits, read off what models said of utterances that they had not seen.

The service promises rates, not scores: so many of our own messages let in, so many direct answers right. The limits
that keep these promises differ from model to model, which is why every training sets them anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from handlers.understanding.matcher import ACTS, lead
from handlers.understanding.model import OUT_OF_SCOPE, Limits

STEEPNESS: Final = 4.0
LET_IN: Final = 0.94
"""Of our own messages, this share is taken for ours."""
ANSWERED_RIGHT: Final = 0.955
"""Of the direct answers, this share is right …"""
ACTED_RIGHT: Final = 0.98
"""… and of those that begin or end something, this one."""
FOREIGN_ANSWERED: Final = 0.04
"""Of what is not ours, at most this share is answered directly."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a model says of one utterance that it had not seen."""

    ours: bool
    right: bool
    top: str
    lead: float
    """Of the best label of ours over "out of scope", as `matcher.lead` has it."""
    margin: float
    """Of the best label over the second."""

    @classmethod
    def of(cls, labels: Sequence[str], scores: Mapping[str, float]) -> Self:
        (top, best), (_, second), *_ = sorted(
            ((label, score) for label, score in scores.items() if label != OUT_OF_SCOPE), key=lambda pair: -pair[1]
        )
        return cls(labels[0] != OUT_OF_SCOPE, top in labels, top, lead(best, scores[OUT_OF_SCOPE]), best - second)


def limits_of(guesses: Sequence[Guess]) -> Limits:
    """The limits that would have kept the promises above."""
    ours = sorted(one.lead for one in guesses if one.ours)
    foreign = sorted((one.lead for one in guesses if not one.ours), reverse=True)
    let_in = ours[int((1 - LET_IN) * len(ours))] if ours else 0.0
    surely = foreign[int(FOREIGN_ANSWERED * len(foreign))] if foreign else 0.0
    surely = max(let_in, surely)
    sure_enough = [one for one in guesses if one.ours and one.lead >= surely]
    return Limits(
        steepness=STEEPNESS,
        in_scope=_confidence(let_in),
        surely_ours=_confidence(surely),
        sure=_margin([one for one in sure_enough if one.top not in ACTS], ANSWERED_RIGHT),
        sure_to_act=_margin([one for one in sure_enough if one.top in ACTS], ACTED_RIGHT),
    )


def _confidence(lead: float) -> float:
    return round(1 / (1 + math.exp(-STEEPNESS * lead)), 4)


def _margin(guesses: Sequence[Guess], share: float) -> float:
    """The smallest margin from which on at least `share` of `guesses` are right."""
    best, right = 0.0, 0
    ranked = sorted(guesses, key=lambda one: -one.margin)
    for count, one in enumerate(ranked, 1):
        right += one.right
        if right >= share * count:
            best = one.margin
    if ranked and right >= share * len(ranked):
        return 0.0
    return round(best, 4)
