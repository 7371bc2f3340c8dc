"""What a person types, read kindly: numbers with any punctuation, names in a sentence, a yes in any dress.

Pure functions that answer None when they are not sure; whether the value is true is for others to say. An answer
longer than `LONGEST` is no answer to a short question, which also bounds the work on hostile input.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

LONGEST: Final = 1000

# Within one number: digits with up to three separators between two of them. The classes are disjoint, so that
# matching is linear (OWASP ASVS 1.3.12).
_DASHES: Final = str.maketrans(
    dict.fromkeys("‐‑‒–—―−ー\u1173·•", "-") | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
)
_TIGHT: Final = re.compile(r"[0-9](?:[-.]?[0-9])*")
_LOOSE: Final = re.compile(r"[0-9](?:[-. ]{0,3}[0-9])*")
_PHONE: Final = re.compile(r"\+?[0-9](?:[-. ()]{0,3}[0-9])*")
_MOBILE: Final = re.compile(r"(?:(?:00)?820?|0)(10[0-9]{8}|1[16789][0-9]{7,8})")
_NOTHING_ELSE: Final = re.compile(r"[-. 0-9]+")


def account(text: str) -> str | None:
    """The digits of the one account number in `text` (10 to 16 of them)."""
    plain = _plain(text)
    if _NOTHING_ELSE.fullmatch(plain) and 10 <= len(whole := re.sub("[-. ]", "", plain)) <= 16:
        return whole  # "0002111010 11": ten digits would do, but all of them were meant
    for shape in (_TIGHT, _LOOSE):  # "123-45-678901 10만원" is one number and another
        found = {d for d in _numbers(shape, plain) if 10 <= len(d) <= 16}
        found = {d for d in found if not _MOBILE.fullmatch(d)} or found
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def phone(text: str) -> str | None:
    """The one Korean mobile number in `text` as the digits dialled at home: +82 10-… → 010…"""
    found = {"0" + m[1] for d in _numbers(_PHONE, _plain(text)) if (m := _MOBILE.fullmatch(d))}
    return found.pop() if len(found) == 1 else None


def code(text: str) -> str | None:
    """The one six-digit number in `text`, which may be the whole SMS pasted."""
    plain = _plain(text)
    for shape in (_TIGHT, _LOOSE):
        found = {d for d in _numbers(shape, plain) if len(d) == 6}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


_NAME_LEAD: Final = re.compile(
    r"(?:(?:제|내|저의|나의)? ?(?:이름|성함|성명)(?:은|는|이| ?:| ) ?|저는 ?|나는 |예금주(?:는|명은| ?:| ) ?"
    r"|(?:my )?name(?: is|'s| ?:) ?|i am |i'm |this is )",
    re.IGNORECASE,
)
_NAME_TAIL: Final = re.compile(r" ?(?:이라고|라고) (?:합니다|해요|불러 ?주세요)$|(?:입니다|이예요|예요|이요)$")
_TITLE: Final = re.compile(r" ?[님씨]$")


def name(text: str) -> str | None:
    """The name in `text`, NFC with single spaces: "제 이름은 홍길동입니다." → "홍길동"."""
    if len(text) > LONGEST:
        return None
    said = " ".join(unicodedata.normalize("NFC", text).split()).strip(" .,!?~\"'“”‘’")
    if lead := _NAME_LEAD.match(said):
        said = said[lead.end() :]
    if said.endswith("이에요") and _closed(said[-4:-3]):  # 홍길동이에요, but 김순이 + 에요
        said = said[:-3]
    said = _NAME_TAIL.sub("", said.removesuffix("에요"))
    bare = _TITLE.sub("", said).strip()
    if len(bare) >= 2:  # 씨 alone may be all there is
        said = bare
    return said if len(said) >= 2 and any(c.isalpha() for c in said) else None


def same_name(a: str, b: str) -> bool:
    """True when two spellings are one name.

    Hangul: the same syllables, spaces aside; (주) is 주식회사 and may stand before or behind. Latin: case, spaces,
    hyphens and the order of the parts do not count ("HONG GIL-DONG" is "Gildong Hong").
    """
    if max(len(a), len(b)) > LONGEST:
        return False
    a, b = (unicodedata.normalize("NFKC", n).casefold().replace("(주)", "주식회사") for n in (a, b))
    if any(_is_hangul(c) for c in a + b):
        return _company("".join(a.split())) == _company("".join(b.split()))
    left, right = _parts(a), _parts(b)
    return bool(left) and (sorted(left) == sorted(right) or not _turns(left).isdisjoint(_turns(right)))


def yes_no(text: str) -> bool | None:
    """True or False when all that was said means yes, or no. A question means neither."""
    if len(text) > LONGEST or "?" in unicodedata.normalize("NFKC", text):
        return None
    if (whole := _meant(_key(text))) in _YES | _NO:
        return whole in _YES
    said = {_meant(_key(word)) for word in re.split(r"[\s,.!~;]+", text)} - _FILLER - {""}
    if said and said <= _YES:
        return True
    return False if said and said <= _NO else None


def finished(text: str) -> bool:
    """Whether all that was said is that something is done: "다 했어요", "완료!", "I'm done"."""
    return len(text) <= LONGEST and "?" not in text and _FINISHED.fullmatch(_key(text)) is not None


def pick(text: str, options: Sequence[tuple[str, str]], *, exactly: bool = False) -> str | None:
    """The value of the one option (value, label) that `text` means.

    In this order: value or label as they are; its number ("2", "2번", "두번째", "second"); unless `exactly`, the one
    label that is named in a sentence, or of which `text` is a part.
    """
    said = _device(_key(text)) if len(text) <= LONGEST else ""
    if not said:
        return None
    labels = [(value, _device(_key(label))) for value, label in options]
    for value, label in labels:
        if said == label or text.strip().casefold() == value.casefold():
            return value
    if (ordinal := _ordinal(said)) is not None:
        return options[ordinal - 1][0] if 1 <= ordinal <= len(options) else None
    if exactly or any(word in said for word in _NEGATION):  # "휴대폰 말고요" names what is not wanted
        return None
    plain = _POLITE.sub("", said)  # 사업자용으로 해주세요
    said = plain if len(plain) > 1 else said
    named = [(value, label) for value, label in labels if label and label in said]
    longest = [v for v, label in named if not any(label != other and label in other for _, other in named)]
    within = [value for value, label in labels if said in label] if len(said) > 1 else []
    return next((found[0] for found in (longest, within) if len(found) == 1), None)


def plain(text: str) -> str:
    """Full-width digits, every dash and every blank made plain: what numbers are read from, and refused in."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())


def _plain(text: str) -> str:
    """The same; nothing of an overlong text."""
    return "" if len(text) > LONGEST else plain(text)


def _numbers(shape: re.Pattern[str], plain: str) -> list[str]:
    return [re.sub(r"[^0-9]", "", m[0]) for m in shape.finditer(plain)]


def _is_hangul(char: str) -> bool:
    return "가" <= char <= "힣" or "ᄀ" <= char <= "ᇿ"


def _closed(syllable: str) -> bool:
    """Whether a Hangul syllable ends in a consonant."""
    return "가" <= syllable <= "힣" and (ord(syllable) - ord("가")) % 28 > 0


def _company(hangul: str) -> str:
    """The name with its legal form in front: people do not remember on which side of theirs it stands."""
    return "주식회사" + hangul.removesuffix("주식회사") if hangul.endswith("주식회사") else hangul


def _parts(latin: str) -> list[str]:
    """Name parts without accents and marks; a hyphen joins (Gil-Dong → gildong)."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", latin) if c.isalnum() or c.isspace())
    return bare.split()


def _turns(parts: list[str]) -> set[str]:
    """The parts run together from every beginning: "gil dong hong" meets "hong gildong"."""
    if len(parts) > 8:
        return {"".join(parts)}
    return {"".join(parts[i:] + parts[:i]) for i in range(len(parts))}


def _key(text: str) -> str:
    """Letters and digits only, one form, small."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _words(line: str) -> frozenset[str]:
    return frozenset(_key(word) for word in line.split())


_YES: Final = _words(
    "예 네 넵 넹 넴 네네 넵넵 예예 응 응응 웅 어 엉 ㅇ ㅇㅇ ㅇㅇㅇ ㅇㅋ ㅇㅋㅇㅋ ㄱ ㄱㄱ ㄱㄱㄱ 오케이 오키 오케 콜 "
    "그래 그럼 그러죠 그렇게 물론 물론이죠 당연 당연하죠 좋 좋아 좋죠 맞 맞아 맞죠 알겠 알았 하겠 "
    "동의 동의해 확인 진행 찬성 할게 할게요 할래요 해요 해주세요 "
    "ok okay k y ye yes yep yeah yup sure ofcourse agree agreed accept correct right confirm confirmed "
    "proceed goahead"
)
_NO: Final = _words(
    "아니 아니오 아뇨 아녀 아냐 아닙니다 아님 노 노노 ㄴ ㄴㄴ ㄴㄴㄴ 안 안할래 안돼 안됩니다 싫 싫어 거부 거절 취소 "
    "괜찮 됐 됐어 필요없 틀려 틀렸 틀립니다 달라 다릅니다 동의안 동의하지않 안동의 하지마 하지않을래 "
    "no nope nah n not never dont disagree decline wrong incorrect nothanks"
)
_FILLER: Final = _words(
    "저 저는 전 좀 아 음 그냥 지금 다 모두 전부 감사 고마워 please thanks thank you i it do that all"
)
_FINISHED: Final = re.compile(
    r"(?:이제|네)?(?:다|모두)?(?:(?:완료|저장)?(?:했|됐|되었)|끝났|끝냈|마쳤)(?:어|어요|습니다|음|네요|는데요)?|(?:모두)?(?:완료|끝)(?:요|이에요)?"
    r"|(?:its|im|iam|ihave|ive|all)*(?:done|finished|complete|completed|ididit|saved)"
)
_ENDINGS: Final = (
    *("해주세요", "했습니다", "하겠습니다", "합니다", "습니다", "했어요", "할게요", "할래요", "하세요", "세요"),
    *("해요", "이에요", "에요", "예요", "어요", "아요", "함", "요"),
)


def _stem(word: str) -> str:
    """동의합니다, 동의할게요 → 동의."""
    return next((word.removesuffix(e) for e in _ENDINGS if word.endswith(e) and word != e), word)


def _meant(word: str) -> str:
    return next((w for w in (word, _stem(word)) if w in _YES | _NO | _FILLER), word)


_DEVICES: Final = {
    word: line.split()[0]
    for line in (
        "휴대폰 휴대전화 핸드폰 핸폰 스마트폰 아이폰 폰",
        "pc 컴퓨터 컴 노트북 데스크탑 데스크톱 피씨 피시 computer laptop desktop",
        "usb 유에스비",
        "phone smartphone cellphone mobile",
    )
    for word in line.split()
}
_DEVICE: Final = re.compile("|".join(sorted(_DEVICES, key=len, reverse=True)))


def _device(key: str) -> str:
    """Every word for a thing that keeps a certificate made the one that buttons use."""
    return _DEVICE.sub(lambda found: _DEVICES[found[0]], key)


_NEGATION: Final = ("말고", "아니", "아닌", "않", "싫", "빼고", "제외", "except")  # "not" hides in "note"

_ORDINALS: Final = {
    _key(word): at
    for at, line in enumerate(
        (
            "첫번째 첫째 첫 하나 일번 첨 first one",
            "두번째 둘째 둘 이번 second two",
            "세번째 셋째 셋 삼번 third three",
            "네번째 넷째 넷 사번 fourth four",
            "다섯번째 다섯째 다섯 오번 fifth five",
            "여섯번째 여섯째 여섯 육번 sixth six",
            "일곱번째 일곱째 일곱 칠번 seventh seven",
            "여덟번째 여덟째 여덟 팔번 eighth eight",
            "아홉번째 아홉째 아홉 구번 ninth nine",
        ),
        start=1,
    )
    for word in line.split()
}
_NUMBERED: Final = re.compile(r"(?:no|number|option)?([0-9]{1,2})(?:번째|번|st|nd|rd|th)?")
_POLITE: Final = re.compile(
    r"(?:것|거|걸)?(?:이에요|예요|이요|요|으로요|으로|로요|로)?"
    r"(?:선택|부탁)?(?:할게요|할래요|해요|해주세요|드려요|드립니다|하겠습니다|갈게요|주세요|please|one)?$"
)


def _ordinal(said: str) -> int | None:
    """Which one is meant by "2번으로할게요" or "두번째거요"."""
    if m := _NUMBERED.match(said):
        return int(m[1]) if _POLITE.fullmatch(said, m.end()) else None
    for word in sorted((w for w in _ORDINALS if said.startswith(w)), key=len, reverse=True):
        if _POLITE.fullmatch(said, len(word)):
            return _ORDINALS[word]
    return None
