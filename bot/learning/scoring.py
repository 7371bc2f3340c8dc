"""How good a model is, on utterances that it has not learned: the figures a person decides by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bot.learning.utterances import Utterance
from handlers.understanding.matcher import ACTS, Matcher, Understood
from handlers.understanding.model import Model

HOW = "faq_revoke_how"
"""Telling how to revoke where revoking was wished for, and the other way round, harms nobody."""


@dataclass(frozen=True, slots=True)
class Score:
    """Shares from 0 to 1; `nan` never: what has no utterance scores 1."""

    utterances: int
    first: float
    """Of our own messages: the best label is right."""
    among_three: float
    taken: float
    """Of our own messages: not refused."""
    refused: float
    """Of what is not ours: refused."""
    direct: float
    """Of the direct answers: right."""
    one_click: float
    """Of our own messages: answered right at once, or the right button is offered."""
    wrong_acts: float
    """Of all messages: taken for a wish to begin or end something that nobody wished."""
    all_wishes: float
    """Of the wishes of messages with several: among the first three."""

    @property
    def whole(self) -> float:
        """One figure: our messages answered or offered right, what is not ours refused."""
        return (3 * self.first + 3 * self.one_click + 2 * self.refused) / 8

    def as_json(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()} | {"whole": round(self.whole, 4)}


def score(model: Model, utterances: Sequence[Utterance]) -> Score:
    matcher = Matcher(model)
    return score_of([(one, matcher.match(one.text)) for one in utterances])


def score_of(judged: Sequence[tuple[Utterance, Understood]]) -> Score:
    ours = [pair for pair in judged if pair[0].in_scope]
    foreign = [understood for one, understood in judged if not one.in_scope]
    direct = [(one, understood) for one, understood in ours if understood.decision == "answer"]
    several = [(one, understood) for one, understood in ours if len(one.labels) > 1]
    return Score(
        utterances=len(judged),
        first=_share([_right(one, understood) for one, understood in ours]),
        among_three=_share([_offered(one, understood) for one, understood in ours]),
        taken=_share([understood.accept for _, understood in ours]),
        refused=_share([not understood.accept for understood in foreign]),
        direct=_share([_right(one, understood) for one, understood in direct]),
        one_click=_share([_solved(one, understood) for one, understood in ours]),
        wrong_acts=1.0 - _share([not _wrong_act(one, understood) for one, understood in judged]),
        all_wishes=_share([label in understood.slugs[:3] for one, understood in several for label in one.labels[:3]]),
    )


def confusions(judged: Sequence[tuple[Utterance, Understood]]) -> list[tuple[str, str, int]]:
    """What is taken for what, and how often, the most frequent first; a refusal is `-`."""
    counted = Counter(
        (one.label, understood.slugs[0] if understood.accept else "-")
        for one, understood in judged
        if not (_right(one, understood) and understood.accept if one.in_scope else not understood.accept)
    )
    return [(meant, taken, times) for (meant, taken), times in sorted(counted.items(), key=lambda pair: -pair[1])]


def _right(one: Utterance, understood: Understood) -> bool:
    return bool(understood.slugs) and understood.slugs[0] in one.labels


def _offered(one: Utterance, understood: Understood) -> bool:
    return bool(set(understood.slugs[:3]) & set(one.labels))


def _solved(one: Utterance, understood: Understood) -> bool:
    if understood.decision == "answer":
        return _right(one, understood)
    return understood.decision == "clarify" and _offered(one, understood)


def _wrong_act(one: Utterance, understood: Understood) -> bool:
    if not understood.accept or understood.slugs[0] not in ACTS:
        return False
    meant = {*one.labels, *(["int_revoke"] if HOW in one.labels else [])}
    return understood.slugs[0] not in meant


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 1.0
