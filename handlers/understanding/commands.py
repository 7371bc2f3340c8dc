"""Words that steer the conversation itself, known before anything is guessed.

Only a whole message is a command: "취소" is one, "카드 결제 취소" is not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Steering:
    """What a message is by its own words, if it is nothing else."""

    command: Command | None = None
    """A language's own name asks for another language too; `language` says which one."""
    language: Lang | None = None
    """The language asked for by its name ("영어로", "English please")."""
    journey: str | None = None
    """What is begun by its own words: `revoke:release`, `reminders`. For wishes that the model has no label of: it
    was taught the catalogue's."""


def steering(text: str) -> Steering:
    """What `text` steers to. Korean typed on an English keyboard is understood."""
    if len(text) > _TOO_LONG:
        return Steering()
    spellings = []
    for said in filter(None, (text, as_korean(text))):
        squeezed = _NOISE.sub("", tidy(said))
        spellings += [squeezed, _POLITE.sub("", squeezed)]

    def meant(table: str) -> str | None:
        words = _words(table)
        return next((words[one] for one in spellings if one in words), None)

    language = cast("Lang | None", meant("languages"))
    command = cast("Command | None", meant("commands")) or ("language" if language else None)
    return Steering(command, language, meant("journeys"))


@cache
def _words(table: str) -> Mapping[str, str]:
    return {
        _NOISE.sub("", tidy(word)): meaning
        for lang in _LANGS
        for meaning, words in spoken(lang)[table].items()
        for word in words
    }
