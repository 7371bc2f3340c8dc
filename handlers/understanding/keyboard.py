"""Korean typed with the keyboard left in English: `dlswmdtj` is 인증서.

The standard two-set (두벌식) layout is fixed, so the way back is exact; the only question is whether a text
was meant to be English. Only what reads back as whole syllables is taken for Korean.
"""

import re
from typing import Final

INITIALS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS: Final = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")

_KEYS: Final = dict(
    zip(
        "qwertyuiopasdfghjklzxcvbnmQWERTOP",
        "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅃㅉㄸㄲㅆㅒㅖ",
        strict=True,
    )
)
_LATIN: Final = {letter: key.lower() for key, letter in _KEYS.items()}
_VOWEL_PAIRS: Final = {
    "ㅗㅏ": "ㅘ", "ㅗㅐ": "ㅙ", "ㅗㅣ": "ㅚ", "ㅜㅓ": "ㅝ", "ㅜㅔ": "ㅞ", "ㅜㅣ": "ㅟ", "ㅡㅣ": "ㅢ",
}  # fmt: skip
_FINAL_PAIRS: Final = {
    "ㄱㅅ": "ㄳ", "ㄴㅈ": "ㄵ", "ㄴㅎ": "ㄶ", "ㄹㄱ": "ㄺ", "ㄹㅁ": "ㄻ", "ㄹㅂ": "ㄼ", "ㄹㅅ": "ㄽ", "ㄹㅌ": "ㄾ",
    "ㄹㅍ": "ㄿ", "ㄹㅎ": "ㅀ", "ㅂㅅ": "ㅄ",
}  # fmt: skip
_TYPED: Final = {whole: pair for pairs in (_VOWEL_PAIRS, _FINAL_PAIRS) for pair, whole in pairs.items()}
_KEY_OR_LETTER: Final = re.compile("[A-Za-zㄱ-ㅣ]")
_C: Final = f"[{INITIALS}]"
_V: Final = "(?:" + "|".join([*_VOWEL_PAIRS, f"[{VOWELS}]"]) + ")"
_SYLLABLE: Final = re.compile(f"({_C})({_V})((?:{'|'.join(_FINAL_PAIRS)}|{_C})(?!{_V}))?|(.)", re.DOTALL)


def jamo(text: str) -> str:
    """Every syllable as its letters: 값 → ㄱㅏㅄ. Other characters stay."""
    return "".join(
        INITIALS[(code := ord(c) - 0xAC00) // 588] + VOWELS[code % 588 // 28] + FINALS[code % 28]
        if "가" <= c <= "힣"
        else c
        for c in text
    )


def strokes(text: str) -> str:
    """Every syllable as the letters that are typed for it: 값 → ㄱㅏㅂㅅ, 와 → ㅇㅗㅏ. Other characters stay."""
    return "".join(_TYPED.get(c, c) for c in jamo(text))


def as_korean(text: str) -> str | None:
    """What `text` says when its Latin letters are read as keys of the Korean layout; None when it is not Korean.

    None too when letters are left over that form no syllable: English rarely survives that.
    """
    if not _KEY_OR_LETTER.search(text):
        return None  # most messages are whole Hangul: there is nothing to read back
    typed = "".join(_KEYS.get(c, _KEYS.get(c.lower(), c)) for c in text)
    read = _SYLLABLE.sub(_compose, typed)
    syllables = sum("가" <= c <= "힣" for c in read)
    loose = sum("ㄱ" <= c <= "ㅣ" for c in read)
    return read if syllables >= 2 and loose * 5 <= syllables else None


def _compose(match: re.Match[str]) -> str:
    initial, vowel, final, other = match.groups()
    if other is not None:
        return other
    vowel = _VOWEL_PAIRS.get(vowel, vowel)
    final = _FINAL_PAIRS.get(final or "", final or "")
    if final not in FINALS:  # ㄸ ㅃ ㅉ close no syllable
        return _syllable(initial, vowel, "") + final
    return _syllable(initial, vowel, final)


def _syllable(initial: str, vowel: str, final: str) -> str:
    return chr(0xAC00 + INITIALS.index(initial) * 588 + VOWELS.index(vowel) * 28 + FINALS.index(final))


def as_typed(hangul: str) -> str:
    """The small Latin letters that Hangul leaves when the layout is English: 비밀번호 is qlalfqjsgh."""
    return "".join(_LATIN.get(c, c) for c in strokes(hangul))
