"""Labels of buttons where a messenger gives them little room: a shorter word of the catalogue, else cut at a word.

`kakao.short.KEY` is what stands for the label `KEY` where that is too long. It is found by the label's words, because
that is all a `Choice` carries: the short word means the same wherever the long one stands.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from handlers.texts import Texts

SHORT: Final = "kakao.short."
_OPEN: Final = re.compile(r"\s*[(（][^)）]*$")
_ASIDE: Final = re.compile(r"\s*[(（][^()（）]*[)）]\s*$")


def fitting(label: str, texts: Texts, most: int) -> str:
    """`label` in at most `most` characters."""
    if len(label) <= most:
        return label
    short = _short(texts).get(label, label)
    return short if len(short) <= most else _cut(short, most)


@cache
def _short(texts: Texts) -> Mapping[str, str]:
    names = (key.removeprefix(SHORT) for key in texts if key.startswith(SHORT))
    return {texts(name): texts(f"kakao.short.{name}") for name in names if name in texts}


def _cut(label: str, most: int) -> str:
    """What is said aside goes first, then whole words."""
    bare = _ASIDE.sub("", label)
    if 0 < len(bare) <= most:
        return bare
    words = bare[: most - 1].rpartition(" ")[0] if bare[most - 1 : most] not in ("", " ") else bare[: most - 1]
    cut = (words or bare[: most - 1]).rstrip()
    # Nothing stays open that is closed in what was cut.
    return f"{_OPEN.sub('', cut) or cut}…"
