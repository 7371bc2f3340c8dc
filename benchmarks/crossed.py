"""How well messages are understood that nobody wrote for a test: `python -m benchmarks.crossed` (a minute and a half).

Every shipped utterance is judged by a model that has learned three quarters of the others; then once more, the Korean
ones, with one key of one syllable missed. Sterner than `benchmarks.quality`.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.measuring import table
from bot.learning import fitting, utterances
from bot.learning.calibrating import Guess
from bot.learning.utterances import Utterance
from handlers.understanding.keyboard import FINALS, INITIALS, VOWELS

Key = Callable[[Utterance], str]
Judged = Sequence[tuple[Utterance, Guess]]
SEED: Final = 20261122
LET_IN: Final = 0.95
_KEYS: Final = "ㅂㅈㄷㄱㅅㅁㄴㅇㄹㅎㅋㅌㅊㅍㅛㅕㅑㅐㅔㅗㅓㅏㅣㅠㅜㅡ"
_NEXT: Final = "ㅈㄷㄱㅅㄱㄴㅇㄹㅎㄹㅌㅊㅍㅊㅕㅑㅕㅔㅐㅓㅏㅣㅏㅜㅡㅜ"
_BESIDE: Final = dict(zip(_KEYS, _NEXT, strict=True))
"""A key next to each."""


def slip(text: str, chance: random.Random) -> str:
    """`text` with one syllable's initial or vowel typed a key aside, or its final left out."""
    places = [at for at, letter in enumerate(text) if "가" <= letter <= "힣"]
    if not places:
        return text
    at = chance.choice(places)
    rest, final = divmod(ord(text[at]) - ord("가"), len(FINALS))
    initial, vowel = divmod(rest, len(VOWELS))
    kind = chance.choice("ivf" if final else "iv")
    if kind == "i":
        initial = INITIALS.index(_BESIDE.get(INITIALS[initial], INITIALS[initial]))
    elif kind == "v":
        vowel = VOWELS.index(_BESIDE.get(VOWELS[vowel], VOWELS[vowel]))
    else:
        final = 0
    return text[:at] + chr(ord("가") + (initial * len(VOWELS) + vowel) * len(FINALS) + final) + text[at + 1 :]


def judged(ours: Sequence[Utterance], heard: Callable[[str], str] | None = None) -> Judged:
    return [(one, Guess.of(one.labels, scores)) for one, scores in fitting.crossed(ours, heard)]


def share(hits: Sequence[bool]) -> str:
    return f"{sum(hits) / len(hits):.1%}" if hits else "-"


def main() -> None:
    everything = utterances.taught()
    plain = judged(everything)
    ours = [pair for pair in plain if pair[0].in_scope]
    rows = [["all", str(len(ours)), share([guess.right for _, guess in ours])]]
    keys: tuple[Key, ...] = (lambda one: one.tier, lambda one: one.lang, lambda one: one.label)
    for key in keys:
        for name in sorted({key(one) for one, _ in ours}):
            those = [guess.right for one, guess in ours if key(one) == name]
            rows.append([name, str(len(those)), share(those)])
    table("Ours: the best label is right", ("", "messages", "first"), rows)

    least = sorted(guess.lead for _, guess in ours)[int((1 - LET_IN) * len(ours))]
    foreign = [(one, guess.lead < least) for one, guess in plain if not one.in_scope]
    rows = [["all", str(len(foreign)), share([refused for _, refused in foreign])]]
    for kind, lang in sorted({(one.kind, one.lang) for one, _ in foreign}):
        hits = [refused for one, refused in foreign if (one.kind, one.lang) == (kind, lang)]
        rows.append([f"{kind} {lang}", str(len(hits)), share(hits)])
    table(f"Not ours: refused where {LET_IN:.0%} of ours is let in", ("", "messages", "refused"), rows)

    chance = random.Random(SEED)
    slipped = judged(everything, lambda text: slip(text, chance))
    pairs = [
        (before.right, after.right)
        for (one, before), (_, after) in zip(plain, slipped, strict=True)
        if one.in_scope and one.lang == "ko"
    ]
    rows = [
        [name, str(len(pairs)), share([pair[at] for pair in pairs])] for at, name in enumerate(("as typed", "one slip"))
    ]
    table("Korean with a slip of the finger: the best label is right", ("", "messages", "first"), rows)


if __name__ == "__main__":
    main()
