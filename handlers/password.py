"""What a certificate's password must be, the same as on the secure page (`bot/web/static/keys/password.mjs`).

A test holds both to the same verdicts. The common words are given by whoever reads that page's list.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

_DISGUISES: Final = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t", "+": "t", "8": "b",
     "9": "g"}
)  # fmt: skip
_RULES: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "length": re.compile(r".{10,30}", re.DOTALL),
        "letter": re.compile(r".*[A-Za-z].*", re.DOTALL),
        "digit": re.compile(r".*[0-9].*", re.DOTALL),
        "symbol": re.compile(r".*[!-/:-@\[-`{-~].*", re.DOTALL),
        "characters": re.compile(r"[!#-&(-\[\]-{}~]+"),  # printable ASCII without ' " \ |
    }
)


def broken(password: str, common_words: Collection[str]) -> Sequence[str]:
    """Names of the rules `password` breaks, in the order they are told."""
    names = [name for name, rule in _RULES.items() if not rule.fullmatch(password)]
    if not password or _has_run(password.lower()):
        names.append("no_run")
    if not password or _is_common(password.lower(), common_words):
        names.append("uncommon")
    return names


def _has_run(small: str) -> bool:
    """Three in a row: aaa, 123, cba."""
    for a, b, c in zip(small, small[1:], small[2:], strict=False):
        step = ord(b) - ord(a)
        if ord(c) - ord(b) == step and (
            step == 0 or (abs(step) == 1 and re.fullmatch(r"[a-z]{3}|[0-9]{3}", a + b + c))
        ):
            return True
    return False


def _is_common(small: str, words: Collection[str]) -> bool:
    """Common words with digits and symbols around, between or disguised in them."""
    core = re.sub(r"[^a-z]+$", "", re.sub(r"^[^a-z@$]+", "", small))
    undone = core.translate(_DISGUISES)
    return any(_only_words(re.sub(r"[^a-z]", "", one), words) for one in (small, undone, undone.replace("i", "l")))


def _only_words(letters: str, words: Collection[str]) -> bool:
    longest = max(map(len, words), default=0)
    reached = [True]
    for end in range(1, len(letters) + 1):
        starts = range(max(0, end - longest), end)
        reached.append(any(reached[start] and letters[start:end] in words for start in starts))
    return bool(letters) and reached[-1]
