"""Korean particles that agree with the word before them: 은행을, 카드를, 3으로, USB로.

A particle depends on how the last syllable is *read*, so digits and Latin letters are judged by their Korean
reading. What cannot be read (`***`) gets the form a Korean letter uses when unsure: 을(를), (으)로.
"""

import re
import unicodedata
from typing import Final, Literal

Closing = Literal["none", "rieul", "other"]
"""The closing consonant of the last syllable: none, ㄹ, or another one. ㄹ matters to 으로/로 only."""

PAIRS: Final = frozenset([
    "을/를", "이/가", "은/는", "과/와", "으로/로", "으로서/로서", "으로써/로써", "이에요/예요", "이었어요/였어요",
    "아/야", "이라/라", "이라는/라는", "이라고/라고", "이란/란", "이랑/랑", "이나/나", "이든/든", "이며/며", "이고/고",
])  # fmt: skip
"""`after a closing consonant/after a vowel`."""

_RIEUL_INDEX: Final = 8
_BRACKETED: Final = re.compile(r"\s*(\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>|（[^（）]*）)\s*$")
_NUMBER: Final = re.compile(r"[0-9][0-9,]*$")
_LATIN: Final = re.compile(r"[A-Za-z]+$")
_ACRONYM: Final = re.compile(r"(?:^|[a-z])([A-Z]{2,})$|^[A-Za-z]$")
_SYMBOLS_READ_OPEN: Final = "%$€£+#&@"  # 퍼센트, 달러, 유로, 파운드, 플러스, 샵(open by custom), 앤드, 앳
_DIGITS: Final[dict[str, Closing]] = {
    "0": "other", "1": "rieul", "2": "none", "3": "other", "4": "none",
    "5": "none", "6": "other", "7": "rieul", "8": "rieul", "9": "none",
}  # fmt: skip
_LETTERS: Final[dict[str, Closing]] = {"l": "rieul", "r": "rieul", "m": "other", "n": "other"}
_WORD_ENDINGS: Final[tuple[tuple[str, Closing], ...]] = (
    # The first ending that fits decides; the rest of an English word is read open: 윈도우즈, 안드로이드, 스미스.
    (r"(talk|ng)$", "other"),  # 톡, 링
    (r"(?<=[^aeiou])le$|(?<=[aeiou])le?$|l$", "rieul"),  # 구글, 파일, 메일
    (r"[mn]e?$", "other"),  # 텔레그램, 폰
    (r"(?<=[aeiouy])[kc]k?$", "other"),  # 맥, 페이스북
    (r"(?<![aeiouy])[aeiouy][tpb]$", "other"),  # 봇, 앱, 웹
)


def josa(word: object, pair: str) -> str:
    """`word` with the right one of `pair` (one of `PAIRS`) put behind it."""
    if pair not in PAIRS:
        raise ValueError(f"unknown particle {pair!r}; known: {', '.join(sorted(PAIRS))}")
    text = str(word)
    closed, open_ = pair.split("/")
    final = closing(text)
    if final is None:
        unsure = f"(으){open_}" if closed.startswith("으로") else f"{closed}({open_})"
        return text + unsure
    takes_open = final == "none" or (final == "rieul" and closed.startswith("으로"))
    return text + (open_ if takes_open else closed)


def closing(word: str) -> Closing | None:
    """How `word` ends when read aloud, or None when nothing of it can be read."""
    bare = unicodedata.normalize("NFC", word).strip()
    while (shorter := _BRACKETED.sub("", bare)) and shorter != bare:
        bare = shorter  # 홍길동(HONG)이: what stands in brackets is not read
    bare = bare.rstrip()
    while bare and not (bare[-1].isalnum() or bare[-1] in _SYMBOLS_READ_OPEN or bare[-1] == "*"):
        bare = bare[:-1]
    if not bare or bare[-1] == "*":
        return None
    last = bare[-1]
    if "가" <= last <= "힣":
        return _of_index((ord(last) - ord("가")) % 28)
    if "ㄱ" <= last <= "ㅣ":  # letters have names: 기역, 리을, 아
        return "none" if last >= "ㅏ" else "rieul" if last == "ㄹ" else "other"
    if last in _SYMBOLS_READ_OPEN:
        return "none"
    if number := _NUMBER.search(bare):
        return _of_number(number[0].replace(",", ""))
    if latin := _LATIN.search(bare):
        return _of_latin(latin[0])
    return None


def _of_index(index: int) -> Closing:
    return "none" if index == 0 else "rieul" if index == _RIEUL_INDEX else "other"


def _of_number(digits: str) -> Closing:
    zeros = len(digits) - len(digits.rstrip("0"))
    # 십, 백, 천, 만, 억 close like 영 does; only 조 (10^12) is open.
    return "none" if 12 <= zeros < 16 and zeros < len(digits) else _DIGITS[digits[-1]]


def _of_latin(word: str) -> Closing:
    if word.isupper() or _ACRONYM.search(word):
        return _LETTERS.get(word[-1].lower(), "none")
    lower = word.lower()
    return next((final for ending, final in _WORD_ENDINGS if re.search(ending, lower)), "none")
