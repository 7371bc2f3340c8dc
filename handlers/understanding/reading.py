"""A message as typed, made plain: capped, composed, in lower case; and the language it is in."""

import re
import unicodedata
from typing import Final, Literal

Lang = Literal["ko", "en"]

HEAD: Final = 300
TAIL: Final = 150
"""Of a long message the beginning and the end are read: what is wanted stands there, and the cost stays bounded."""

_HANGUL: Final = re.compile("[가-힣ㄱ-ㅣ]")
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
