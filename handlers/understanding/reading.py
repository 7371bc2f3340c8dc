"""From a message as typed to the features it is compared by.

Korean is compared without spaces (people leave them out) by runs of syllables and of letters (자모), so that a slip
in one syllable costs a little and not the word. English is compared by words and by runs of letters inside words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from handlers.understanding.keyboard import jamo

Lang = Literal["ko", "en"]

HEAD: Final = 300
TAIL: Final = 150
"""Of a long message the beginning and the end are read: what is wanted stands there, and the cost stays bounded."""

_HANGUL: Final = re.compile("[가-힣ㄱ-ㅣ]")
_NOT_KOREAN_TEXT: Final = re.compile(r"[^0-9a-z가-힣ㄱ-ㅣ]+")
_ENGLISH_WORD: Final = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_COMPATIBILITY_JAMO: Final = re.compile("[ㄱ-ㅣ]+|[^ㄱ-ㅣ]+")


def tidy(text: str) -> str:
    """Capped, composed, lower case; full-width letters made plain. ㅋ and ㅎㅇ stay as they are."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} {text[-TAIL:]}"
    text = unicodedata.normalize("NFC", text)
    pieces = _COMPATIBILITY_JAMO.findall(text)
    return "".join(p if "ㄱ" <= p[0] <= "ㅣ" else unicodedata.normalize("NFKC", p) for p in pieces).lower()


def language(text: str) -> Lang:
    return "ko" if _HANGUL.search(text) else "en"


class Reader:
    """Reads messages of one language, taking each word of `same` for the one it stands for."""

    def __init__(self, lang: Lang, same: Mapping[str, Sequence[str]]) -> None:
        self.lang = lang
        self._same = {w.replace(" ", "") if lang == "ko" else w: to for to, ws in same.items() for w in (*ws, to)}
        # Longest first, and the canonical word stands for itself: 휴대폰 must not become 휴대휴대폰.
        self._pattern = re.compile("|".join(map(re.escape, sorted(self._same, key=len, reverse=True))) or r"(?!)")

    def read(self, tidied: str) -> str:
        """The text as it is compared: Korean without spaces, English as words with one blank around each."""
        if self.lang == "ko":
            return self._pattern.sub(lambda found: self._same[found[0]], _NOT_KOREAN_TEXT.sub("", tidied))
        return "".join(f" {self._same.get(word, word)}" for word in _ENGLISH_WORD.findall(tidied)) + " "

    def features(self, read: str) -> Counter[str]:
        """How often each run of characters, or of words, occurs in a text that `read` has seen."""
        if not read.strip():
            return Counter()
        return Counter(_korean(read) if self.lang == "ko" else _english(read.split()))


def _korean(squeezed: str) -> list[str]:
    letters = f"^{jamo(squeezed)}$"
    return [
        *(squeezed[i : i + n] for n in (1, 2, 3) for i in range(len(squeezed) - n + 1)),
        *("j" + letters[i : i + n] for n in (3, 5) for i in range(len(letters) - n + 1)),
    ]


def _english(words: Sequence[str]) -> list[str]:
    return [
        *("w" + w for w in words),
        *(f"b{a} {b}" for a, b in zip(["^", *words], [*words, "$"], strict=True)),
        *(p[i : i + n] for w in words for p in [f"^{w}$"] for n in (3, 4) for i in range(len(p) - n + 1)),
    ]
