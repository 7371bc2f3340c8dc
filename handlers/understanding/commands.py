"""Words that steer the conversation itself, known before anything is guessed.

Only a whole message is a command: "취소" is one, "카드 결제 취소" is not.
"""

import re
from functools import cache
from typing import Final, Literal

from handlers.understanding.keyboard import as_korean
from handlers.understanding.matcher import spoken
from handlers.understanding.reading import Lang, tidy

Command = Literal["cancel", "back", "restart", "help", "person", "language"]

_LANGS: Final[tuple[Lang, ...]] = ("ko", "en")
_NOISE: Final = re.compile(r"[\s.,!~…ㅠㅜㅋㅎ^]+")
_POLITE: Final = re.compile(r"(?<=..)(해\s?주세요|해\s?줘요?|할게요|할래요?|해요|부탁해요|부탁드려요|please|요)$")
_TOO_LONG: Final = 40


def command(text: str) -> Command | None:
    """The command `text` is, if it is nothing else. Korean typed on an English keyboard is understood."""
    if len(text) > _TOO_LONG:
        return None
    for said in (text, as_korean(text)):
        if said is not None:
            squeezed = _NOISE.sub("", tidy(said)) or said.strip()
            found = _table().get(squeezed) or _table().get(_POLITE.sub("", squeezed))
            if found is not None:
                return found
    return None


@cache
def _table() -> dict[str, Command]:
    return {
        _NOISE.sub("", tidy(word)): name
        for lang in _LANGS
        for name, words in spoken(lang)["commands"].items()
        for word in words
    }
