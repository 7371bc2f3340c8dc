"""Personal data made unreadable: for a screen others may see, and before free text is stored or logged.

`text` hides too much rather than too little; doing it twice changes nothing, and it is linear in the text.
"""

import re
from typing import Final

from handlers import forgiving

_HIDDEN: Final = "****"
SECRET: Final = "••••••"  # noqa: S105 - stands for one
"""What stands in the history for a message that was a secret; its channel deletes the message itself."""


def name(full: str) -> str:
    """홍길동 → 홍*동, 홍길 → 홍*, JOHN SMITH → J*** S****; each word on its own."""
    return " ".join(_word(word) for word in full.split())


def account(number: str) -> str:
    """The last four and at most the first three digits stay, at least four are hidden; hyphens are kept."""
    count = sum(c.isdigit() for c in number)
    head = max(0, min(3, count - 8))
    tail = 4 if count >= 8 else 0
    shown, seen = "", 0
    for c in number:
        seen += c.isdigit()
        shown += "*" if c.isdigit() and head < seen <= count - tail else c
    return shown


def phone(number: str) -> str:
    """01012345678 → 010-****-5678."""
    digits = "".join(c for c in number if c.isdigit())
    return f"{digits[:3]}-****-{digits[-4:]}" if len(digits) >= 10 else "*" * len(digits)


# Each pattern is linear: neighbouring repeats share no character, or the repeat is possessive and may only begin
# where no such character stands before it.
_BETWEEN: Final = r"[\s.\-‐-―−\u200b-\u200d\u2060\ufeff]"
_DIGITS: Final = re.compile(rf"\d(?:{_BETWEEN}{{0,3}}\d){{5,}}")  # codes, accounts, phones, resident numbers
_EMAIL: Final = re.compile(r"(?<![\w.+%-])[\w.+%-]++@[\w.-]+")
_PASSWORD: Final = re.compile(
    r"(?P<word>비밀 ?번호|비번|암호|패스워드|(?<![a-z])(?:pass(?:word|wd|code|phrase)|pwd?|pin)(?![a-z]))"
    r"(?P<said>(?:은|는|이|가|을|를)?\s{0,3}(?:[:=]\s{0,3}|(?:is|was)\s{1,3})?)(?P<value>\S+)",
    re.IGNORECASE,
)
_LIKE_SECRET: Final = re.compile(r"[!-~]{4,}")
_NO_WORD: Final = re.compile(r"[0-9!@#$%^&*_+=|<>{}\[\]]")
_HOW_LONG: Final = re.compile(r"[0-9]{1,2}[~-][0-9]{1,2}")
""""10~30자" is how long a password may be."""


def text(said: str) -> str:
    """Free text without runs of six or more digits, e-mail addresses and what follows the word for a password."""
    said = _EMAIL.sub("***@***", said)
    said = _PASSWORD.sub(_without_value, said)
    return _DIGITS.sub(lambda m: "".join("*" if c.isdecimal() else c for c in m[0]), said)


_RESIDENT: Final = re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]) ?- ?[1-8]\d{6}(?!\d)")
_GIVEN_AWAY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    rf"|{_RESIDENT.pattern}"
    r"|(?<!\d)\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?!\d)"  # a payment card
    r"|보안 ?카드[^\n]{0,40}?(?:\d ?번?[^\d\n]{0,10}){2}\d{2,4}(?!\d)"  # its cells
)


def resident_number(said: str) -> bool:
    """Whether a resident registration number is in it, as it is written: a date of birth, a hyphen, seven digits."""
    return _RESIDENT.search(forgiving.plain(said)) is not None


def gives_away(said: str) -> bool:
    """Whether a message holds what must not stay in a chat: a password told, a key, card numbers or cells.

    Codes, accounts and phone numbers are asked for and may stay. A messenger deletes such a message, so a question
    about passwords must not be taken for one: it is told after a colon, or has a digit or a sign in it.
    """
    return _GIVEN_AWAY.search(said) is not None or any(_is_told(m) for m in _PASSWORD.finditer(said))


def _is_told(m: re.Match[str]) -> bool:
    if m["said"].rstrip().endswith((":", "=")):
        return True
    value = m["value"].rstrip(".,?!;~\")'”’")
    found = (one[0] for one in _LIKE_SECRET.finditer(value))
    return any(_NO_WORD.search(one) and not _HOW_LONG.fullmatch(one) for one in found)


def _without_value(m: re.Match[str]) -> str:
    # Told outright, anything is hidden; otherwise only what could be one, to keep "비밀번호를 잊었어요" readable.
    told = m["said"].rstrip().endswith((":", "=", "is", "was"))
    value = _HIDDEN if told else _LIKE_SECRET.sub(_HIDDEN, m["value"])
    return m["word"] + m["said"] + value


def _word(word: str) -> str:
    if word.isascii():
        return word[0] + "*" * (len(word) - 1) if len(word) > 1 else "*"
    if len(word) <= 2:
        return word[0] + "*" if len(word) == 2 else "*"
    return word[0] + "*" * (len(word) - 2) + word[-1]
