"""From a message to the features it is judged by: runs of characters and letters, words, concepts alone and in pairs.

Training and answering both come through `features`, so they cannot drift apart; `VERSION` goes into the model and is
raised whenever the same message would give other features.
"""

import re
from functools import lru_cache
from itertools import accumulate, combinations
from typing import Final

from handlers.understanding.concepts import Concepts, english_words, load_concepts
from handlers.understanding.keyboard import jamo, strokes
from handlers.understanding.reading import Lang
from handlers.understanding.shorthand import expand

VERSION: Final = 2
KINDS: Final = {"c": 1.0, "j": 0.8, "t": 2.0, "p": 1.2, "w": 1.0, "g": 0.6, "e": 0.6}
"""What a feature of each kind weighs; its kind is its first letter."""
_NOT_KOREAN_TEXT: Final = re.compile(r"[^0-9a-z가-힣ㄱ-ㅣ?]+")
_MOODS: Final = frozenset(
    {"q_can", "q_must", "q_why", "q_how", "q_where", "q_end", "wish", "condition", "steps", "mine", "when"}
)
"""Concepts that name nothing: what has no other may well be out of scope."""
_RUN: Final = re.compile(r"(.)\1{2,}")


def features(tidied: str, lang: Lang) -> set[str]:
    """The features of a message that `tidy` has seen; none for one without letters or digits."""
    concepts = load_concepts()
    return _korean(tidied, concepts) if lang == "ko" else _english(tidied, concepts)


def _korean(tidied: str, concepts: Concepts) -> set[str]:
    asked = "?" in tidied
    squeezed = _RUN.sub(r"\1\1", _NOT_KOREAN_TEXT.sub("", expand(tidied)).replace("?", ""))
    if not squeezed:
        return set()
    letters = f"^{jamo(squeezed)}$"
    syllables = [_strokes(c) for c in squeezed]
    found = {
        *("c" + squeezed[i : i + n] for n in (1, 2, 3) for i in range(len(squeezed) - n + 1)),
        *("j" + letters[i : i + n] for n in (3, 4, 5) for i in range(len(letters) - n + 1)),
    }
    starts = [0, *accumulate(map(len, syllables[:-1]))]
    tags = concepts.korean("".join(syllables), starts)
    latin = [w for w in english_words(tidied) if len(w) > 1]
    tags += concepts.english(latin)
    found |= {"w" + w for w in latin}
    return found | _tagged(tags, asked)


@lru_cache(4096)
def _strokes(c: str) -> str:
    return strokes(c)


def _english(tidied: str, concepts: Concepts) -> set[str]:
    words = english_words(tidied.replace("\u2019", "'"))
    if not words:
        return set()
    found = {
        *("w" + w for w in words),
        *(f"g{a} {b}" for a, b in zip(["^", *words], [*words, "$"], strict=True)),
        *("e" + p[i : i + n] for w in words for p in [f"^{w}$"] for n in (3, 4, 5) for i in range(len(p) - n + 1)),
    }
    return found | _tagged(concepts.english(words), "?" in tidied)


def _tagged(tags: list[str], asked: bool) -> set[str]:
    topics = {tag for tag in tags if tag not in _MOODS}
    told = sorted({*tags, *(["q_mark"] if asked else []), *([] if topics else ["none"])})
    found = {"t" + tag for tag in told}
    found |= {f"p{a} {b}" for a, b in combinations(told, 2)}
    if tags:
        found |= {"p^" + tags[0], "p$" + tags[-1]}
    return found
