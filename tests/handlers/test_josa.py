"""Particles after words, numbers, letters and what stands in brackets."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.josa import PAIRS, closing, josa

SPOKEN = [
    # Hangul, and ㄹ before 으로
    ("은행", "을/를", "은행을"),
    ("카드", "을/를", "카드를"),
    ("홍길동", "이/가", "홍길동이"),
    ("이순희", "이/가", "이순희가"),
    ("인증서", "은/는", "인증서는"),
    ("비밀번호", "과/와", "비밀번호와"),
    ("휴대폰", "과/와", "휴대폰과"),
    ("메일", "으로/로", "메일로"),
    ("메일", "을/를", "메일을"),
    ("폴더", "으로/로", "폴더로"),
    ("휴대폰", "으로/로", "휴대폰으로"),
    ("개인용", "이에요/예요", "개인용이에요"),
    ("카드", "이에요/예요", "카드예요"),
    ("길동", "아/야", "길동아"),
    ("영희", "아/야", "영희야"),
    ("공동인증서", "이라/라", "공동인증서라"),
    ("갱신", "이라/라", "갱신이라"),
    # numbers as they are read
    ("0", "이/가", "0이"),
    ("1", "으로/로", "1로"),
    ("1", "을/를", "1을"),
    ("2", "을/를", "2를"),
    ("3", "으로/로", "3으로"),
    ("4", "은/는", "4는"),
    ("5", "이/가", "5가"),
    ("6", "을/를", "6을"),
    ("7", "으로/로", "7로"),
    ("8", "이/가", "8이"),
    ("9", "과/와", "9와"),
    ("10", "으로/로", "10으로"),
    ("4,400", "을/를", "4,400을"),
    ("10000", "이/가", "10000이"),
    ("1,000,000,000,000", "이/가", "1,000,000,000,000가"),  # 일조
    ("1588-9999", "으로/로", "1588-9999로"),
    # Latin: letters by name, words by sound
    ("OTP", "을/를", "OTP를"),
    ("USB", "으로/로", "USB로"),
    ("PIN", "을/를", "PIN을"),
    ("URL", "으로/로", "URL로"),
    ("ATM", "이/가", "ATM이"),
    ("PC", "과/와", "PC와"),
    ("macOS", "은/는", "macOS는"),
    ("iPhone", "으로/로", "iPhone으로"),
    ("Android", "을/를", "Android를"),
    ("Windows", "은/는", "Windows는"),
    ("Telegram", "을/를", "Telegram을"),
    ("KakaoTalk", "으로/로", "KakaoTalk으로"),
    ("Google", "은/는", "Google은"),
    ("Google", "으로/로", "Google로"),
    ("email", "으로/로", "email로"),
    ("Smith", "이/가", "Smith가"),
    ("file", "을/를", "file을"),
    ("bot", "이/가", "bot이"),
    # brackets, quotes and closing marks are not read
    ("홍길동(HONG)", "이/가", "홍길동(HONG)이"),
    ("국민은행 (KB)", "은/는", "국민은행 (KB)은"),
    ("'재발급'", "을/를", "'재발급'을"),
    ("“조회”", "을/를", "“조회”를"),
    ("홍*동", "이/가", "홍*동이"),
    ("50%", "을/를", "50%를"),
    # nothing to read: both forms
    ("***", "을/를", "***을(를)"),
    ("", "으로/로", "(으)로"),
]


@pytest.mark.parametrize(("word", "pair", "spoken"), SPOKEN)
def test_it_is_written_as_it_is_said(word: str, pair: str, spoken: str) -> None:
    assert josa(word, pair) == spoken


def test_a_decomposed_name_is_read_like_a_composed_one() -> None:
    name = unicodedata.normalize("NFD", "홍길동")
    assert josa(name, "이/가") == name + "이"


def test_a_number_may_be_a_number() -> None:
    assert josa(3, "으로/로") == "3으로"


def test_a_mistyped_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown particle"):
        josa("은행", "를/을")


@given(st.text(max_size=30), st.sampled_from(sorted(PAIRS)))
def test_any_text_keeps_its_letters_and_gets_one_form(word: str, pair: str) -> None:
    said = josa(word, pair)
    closed, opened = pair.split("/")
    assert said.startswith(word)
    ending = said.removeprefix(word)
    assert ending in {closed, opened, f"{closed}({opened})", f"(으){opened}"}
    assert (closing(word) is None) == ("(" in ending)
