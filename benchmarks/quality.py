"""How well messages are understood: `python -m benchmarks.quality [--curve]`.

Measured on `locales/training/heldout.*`, which nothing is trained on, with the shipped model. `--curve` trains on a
quarter, a half and three quarters of the utterances, too (a minute each).
"""

import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks.measuring import table
from bot.learning import fitting, utterances
from bot.learning.scoring import Score, confusions, score, score_of
from bot.learning.utterances import Utterance
from handlers.understanding import Matcher, shipped_model
from handlers.understanding.matcher import Understood
from handlers.understanding.model import Model

Judged = Sequence[tuple[Utterance, Understood]]
HEAD = ("", "messages", "first", "in three", "taken", "refused", "direct", "one click", "wrong acts", "all wishes")
PARTS = (0.25, 0.5, 0.75)
CONFUSIONS_SHOWN = 25


def figures(name: str, one: Score) -> list[str]:
    shares = (
        one.first, one.among_three, one.taken, one.refused, one.direct, one.one_click, one.wrong_acts, one.all_wishes,
    )  # fmt: skip
    return [name, str(one.utterances), *(f"{share:.1%}" for share in shares)]


def by(judged: Judged, key: Callable[[Utterance], str]) -> Iterable[list[str]]:
    for name in sorted({key(one) for one, _ in judged}):
        yield figures(name, score_of([pair for pair in judged if key(pair[0]) == name]))


def main(*, curve: bool) -> None:
    held_out = utterances.held_out()
    matcher = Matcher(shipped_model())
    judged = [(one, matcher.match(one.text)) for one in held_out]
    rows = [figures("all", score_of(judged)), *by(judged, lambda one: one.tier), *by(judged, lambda one: one.lang)]
    rows += by([pair for pair in judged if not pair[0].in_scope], lambda one: f"not ours, {one.kind}")
    table("By tier, language and kind", HEAD, rows)
    table("By label", HEAD, list(by(judged, lambda one: one.label)))
    often = [[meant, taken, str(times)] for meant, taken, times in confusions(judged)[:CONFUSIONS_SHOWN]]
    table("What is taken for what (- is refused)", ("meant", "taken for", "times"), often)
    if curve:
        everything = utterances.taught()
        learned = []
        for part in PARTS:
            some = [one for number, one in enumerate(everything) if number * part % 1 < part]
            learned.append(figures(f"{len(some)} utterances", score(Model.read(fitting.pack(some)), held_out)))
        learned.append(figures(f"{len(everything)} utterances", score(shipped_model(), held_out)))
        table("Learning curve", HEAD, learned)


if __name__ == "__main__":
    main(curve="--curve" in sys.argv)
