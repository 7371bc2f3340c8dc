"""Initials for words, as people type in a hurry: ㅇㅈㅅ is 인증서, ㅂㄱ 발급.

Only letters that stand alone are read so, and ㄱㅅ is thanks unless a certificate is spoken of, then 갱신.
The words are `[initials]` and `[initials_beside]` of the Korean understanding.toml.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from handlers.understanding.keyboard import INITIALS
from handlers.understanding.spoken import spoken

_LOOSE: Final = re.compile(f"[{INITIALS}]+")
_CERTIFICATE: Final = ("인증서", "ㅇㅈㅅ")


def expand(tidied: str) -> str:
    """`tidied` with every run of initials that stands for a word replaced by it; laughter stays."""
    if not _LOOSE.search(tidied):
        return tidied
    words = _words(beside=any(word in tidied for word in _CERTIFICATE))
    return _LOOSE.sub(lambda run: _read(run[0], words), tidied)


def _read(run: str, words: Mapping[str, str]) -> str:
    """Longest words first from the left; what stands for nothing stays."""
    read, at = [], 0
    while at < len(run):
        for length in range(len(run) - at, 1, -1):
            if (word := words.get(run[at : at + length])) is not None:
                read.append(word)
                at += length
                break
        else:
            read.append(run[at])
            at += 1
    return "".join(read)


@cache
def _words(*, beside: bool) -> Mapping[str, str]:
    tables = spoken("ko")
    meant: dict[str, list[str]] = tables["initials"] | (tables["initials_beside"] if beside else {})
    return {initials: word for word, written in meant.items() for initials in written}
