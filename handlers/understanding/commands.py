"""Words that steer the conversation itself, known before anything is guessed.

Only a whole message is a command: "취소" is one, "카드 결제 취소" is not.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal, cast

from handlers.understanding.keyboard import as_korean
from handlers.understanding.reading import Lang, tidy
from handlers.understanding.spoken import spoken

Command = Literal["cancel", "back", "restart", "help", "person", "language", "lost"]

_LANGS: Final[tuple[Lang, ...]] = ("ko", "en")
_NOISE: Final = re.compile(r"[\s.,!~…ㅠㅜㅋㅎ^]+")
_POLITE: Final = re.compile(r"(?<=..)(해?주세요|해?줘요?|할게요|할래요?|해요|부탁해요|부탁드려요|please|요)$")
_TOO_LONG: Final = 40


def command(text: str) -> Command | None:
    """The command `text` is, if it is nothing else. Korean typed on an English keyboard is understood.

    A language's own name asks for another language too; `language` says which one.
    """
    found = _look_up("commands", text)
    return cast("Command | None", found) or ("language" if language(text) else None)


def language(text: str) -> Lang | None:
    """The language `text` asks for by its name, if it is nothing else."""
    return cast("Lang | None", _look_up("languages", text))


def journey(text: str) -> str | None:
    """What `text` begins by its own words, if it is nothing else: `revoke:release`, `reminders`.

    For wishes that the model has no label of: it was taught the catalogue's.
    """
    return _look_up("journeys", text)


def _look_up(table: str, text: str) -> str | None:
    if len(text) > _TOO_LONG:
        return None
    words = _words(table)
    for said in (text, as_korean(text)):
        if said is not None:
            squeezed = _NOISE.sub("", tidy(said))
            found = words.get(squeezed) or words.get(_POLITE.sub("", squeezed))
            if found is not None:
                return found
    return None


@cache
def _words(table: str) -> Mapping[str, str]:
    return {
        _NOISE.sub("", tidy(word)): meaning
        for lang in _LANGS
        for meaning, words in spoken(lang)[table].items()
        for word in words
    }
