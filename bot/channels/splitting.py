"""A long text in parts that a messenger takes, cut where a reader would pause.

Lengths are UTF-16 code units, as Telegram counts; who counts characters is never given more of those.
"""

import re
from typing import Final

_BREAKS: Final = (re.compile(r"\n\s*\n"), re.compile(r"(?<=[.!?…。])\s|\n"), re.compile(r"\s"))
"""Where a long text is cut, best first: paragraphs, sentences, words."""


def split(text: str, most: int) -> list[str]:
    """At least one part, none longer than `most` UTF-16 units, cut at paragraphs, sentences or words if it can be."""
    parts = []
    text = text.strip()
    while units(text) > most:
        end = _fitting(text, most)
        window = text[:end]
        cut = next((cut for cut in (_last(pattern, window) for pattern in _BREAKS) if cut > end // 4), end)
        parts.append(window[:cut].rstrip() or window)
        text = text[cut:].lstrip()
    return [*parts, text] if text or not parts else parts


def _fitting(text: str, most: int) -> int:
    """How many characters of `text` fit."""
    taken = 0
    for index, character in enumerate(text):
        taken += 2 if ord(character) > 0xFFFF else 1
        if taken > most:
            return index
    return len(text)


def _last(pattern: re.Pattern[str], text: str) -> int:
    return max((match.end() for match in pattern.finditer(text)), default=0)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
