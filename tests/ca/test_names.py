"""Names: the whole of the bank's record or a refusal, in a DN and in a folder."""

import re
import unicodedata

import pytest
from cryptography import x509
from hypothesis import assume, given
from hypothesis import strategies as st

from ca import der, names, randomness
from ca.errors import BadName
from ca.names import Placement
from ca.ports import Serial

PLACE = Placement("KR", "CertTalk", "personal4IB", "CTB", "0999")
SERIAL = Serial(1 << 158 | 7)


def cn(name: str, english: str | None = None, serial: Serial = SERIAL) -> str:
    return names.common_name(name, english, "0999", serial)


@pytest.mark.parametrize(
    ("name", "english", "starts"),
    [
        ("홍길동", "Hong Gildong", "홍길동(HONG GILDONG)099904"),
        ("홍길동", None, "홍길동()099904"),
        ("홍길동", "", "홍길동()099904"),
        ("(주)가나다 상사", None, "(주)가나다 상사()099904"),
        ("John O'Neil-Smith Jr.", None, "John O'Neil-Smith Jr.()099904"),
        ("김" * 21, "Hong Gildong", "김" * 21 + "(HONG GILDONG)099904"),
        ("김" * 44, None, "김" * 44 + "()099904"),
        ("김" * 30, "Kim Very Long Name", "김" * 30 + "()099904"),
        (unicodedata.normalize("NFD", "홍길동"), None, "홍길동()099904"),
    ],
)
def test_common_name(name: str, english: str | None, starts: str) -> None:
    whole = cn(name, english)
    assert whole.startswith(starts)
    suffix = whole[len(starts) :]
    assert re.fullmatch("[0-9A-V]{12}", suffix)
    assert len(whole) <= 64


@pytest.mark.parametrize(
    "name",
    [
        "",
        " 홍길동",
        "홍길동 ",
        "홍  길동",
        "홍길동\0",
        "홍길동\n",
        "홍\u202e길동",
        "홍\u200b길동",
        "홍길동,ou=x",
        "홍,길동",
        "홍/길동",
        "홍\\길동",
        "홍=길동",
        "홍+길동",
        '홍"길동',
        "홍;길동",
        "<b>홍</b>",
        "ㅎㄱㄷ",
        "Ηong",  # Greek capital eta
        "Аnna",  # Cyrillic capital a
        "홍길동Ο",  # Greek capital omicron behind Hangul
        "Kıng",  # dotless i
        "Ŀee",  # l with a dot, as good as two characters
        "Kĸ",
        "ĲSSEL",
        "Anna\u0335",  # a stroke through the last letter
        "홍\u0301길동",
        "홍길동\u3164",  # Hangul filler: a blank that counts as a letter
        "홍길동\u115f",
        "홍길동\ufe0f",
        "홍\u2066길동\u2069",
        "홍\u00a0길동",
        "홍\u3000길동",
        "１２３",
        "洪吉童",
        "홍길동😀",
        "...",
        "-",
        "김" * 45,
    ],
)
def test_refused(name: str) -> None:
    with pytest.raises(BadName):
        cn(name)


@pytest.mark.parametrize("english", ["HONG=X", "HONG,X", "홍", "1HONG", "A\nB", "A(B", "Kıng", "ſong", "ﬁne", "Groß"])
def test_an_english_name_is_ascii_letters(english: str) -> None:
    with pytest.raises(BadName):
        cn("홍길동", english)


@given(st.text(min_size=1, max_size=70))
def test_any_text_is_kept_whole_or_refused(name: str) -> None:
    try:
        whole = cn(name)
    except BadName:
        return
    assert whole.startswith(unicodedata.normalize("NFC", name) + "(")
    assert len(whole) <= 64
    folder = names.folder_name(str(names.subject(PLACE, whole)))
    assert folder == f"cn={whole},ou=CTB,ou=personal4IB,o=CertTalk,c=kr"
    assert len(folder.encode()) < 255


@given(st.text(alphabet="가힣김A zÀž0-'.()&", min_size=1, max_size=44))
def test_the_subject_holds_what_was_given(name: str) -> None:
    try:
        common = cn(name)
    except BadName:
        return
    subject = names.subject(PLACE, common)
    assert [v for _, v in subject.attributes] == ["KR", "CertTalk", "personal4IB", "CTB", common]
    assert str(subject) == f"CN={common},OU=CTB,OU=personal4IB,O=CertTalk,C=KR"
    assert names.read_subject(der.read(subject.der())) == subject


def test_every_certificate_has_a_name_of_its_own() -> None:
    assert len({cn("홍길동", serial=randomness.serial()) for _ in range(500)}) == 500


def test_serials_have_one_length() -> None:
    serials = [randomness.serial() for _ in range(500)]
    assert len(set(serials)) == 500
    assert {s.bit_length() for s in serials} == {159}


def test_every_bit_of_a_serial_number_but_two_is_drawn() -> None:
    serials = [randomness.serial() for _ in range(200)]
    always, never = serials[0], serials[0]
    for one in serials:
        always, never = always & one, never | one
    assert (always, never) == (1 << 158, (1 << 159) - 1)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_the_text_is_the_librarys(value: str) -> None:
    assume(len(value.encode()) <= 64)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "KR"), _attribute(value)])
    ours = names.Subject(((names.COUNTRY, "KR"), (names.COMMON_NAME, value)))
    assert ours.der() == name.public_bytes()
    assert x509.Name.from_rfc4514_string(str(ours)) == name


def _attribute(value: str) -> x509.NameAttribute:
    return x509.NameAttribute(x509.NameOID.COMMON_NAME, value)


@pytest.mark.parametrize("text", ["CN=a/b,C=KR", "CN=a\\,b,C=KR", "CN=a:b,C=KR", "CN=a\nb,C=KR"])
def test_what_cannot_be_a_folder(text: str) -> None:
    with pytest.raises(BadName):
        names.folder_name(text)
