"""What people type, as tables; anything at all, as properties; hostile input, by the clock of the processor."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import forgiving

PLACES = [("this_pc", "이 컴퓨터"), ("usb", "USB 메모리"), ("phone", "휴대폰"), ("folder", "다른 폴더")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("000211101011", "000211101011"),
        ("000-21-1101-011", "000211101011"),
        ("000–21–1101–011", "000211101011"),
        ("000 - 21 - 1101 - 011", "000211101011"),
        ("000.21.1101.011", "000211101011"),
        ("123-45 67890", "1234567890"),
        ("１２３－４５－６７８９０", "1234567890"),
        ("계좌는 000-21-1101-011 이에요", "000211101011"),
        ("000-21-1101-011이요", "000211101011"),
        ("\u200b000-21\u200b-1101-011", "000211101011"),
        ("000-21-1101-011 10만원", "000211101011"),
        ("3번 계좌 000-21-1101-011", "000211101011"),
        ("000-21-1101-011, 전화는 010-0000-0001", "000211101011"),
        ("000-21-1101-011 또 000211101011", "000211101011"),
        ("0002111010 11", "000211101011"),
        ("01000000001", "01000000001"),
        ("1234567890123456", "1234567890123456"),
        ("12345678901234567", None),
        ("123-45-6789", None),
        ("000-21-1101-011 아니면 000-24-1101-022", None),
        ("모르겠어요", None),
        ("", None),
    ],
)
def test_account(typed: str, meant: str | None) -> None:
    assert forgiving.account(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("01000000001", "01000000001"),
        ("010-0000-0001", "01000000001"),
        ("010 0000 0001이에요", "01000000001"),
        ("+82 10-0000-0001", "01000000001"),
        ("+82 (0)10 0000 0001", "01000000001"),
        ("821000000001", "01000000001"),
        ("0082-10-0000-0001", "01000000001"),
        ("０１０－００００－０００１", "01000000001"),
        ("011-000-0001", "0110000001"),
        ("010-000-0001", None),
        ("02-000-0001", None),
        ("010-0000-00011", None),
        ("010-0000-0001 또는 010-0000-0002", None),
        ("", None),
    ],
)
def test_phone(typed: str, meant: str | None) -> None:
    assert forgiving.phone(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("123456", "123456"),
        ("012345", "012345"),
        ("１２３４５６", "123456"),
        ("123 456", "123456"),
        ("123-456", "123456"),
        ("1 2 3 4 5 6", "123456"),
        ("인증번호는 123456", "123456"),
        ("인증번호는 123456이에요.", "123456"),
        ("[CertTalk] 인증번호 [123456] 3분 안에 입력해 주세요", "123456"),
        ("123456 3분", "123456"),
        ("123456 123456", "123456"),
        ("123456 654321", None),
        ("12345", None),
        ("1234567", None),
        ("123456-01-12345", None),
        ("안 왔어요", None),
        ("", None),
    ],
)
def test_code(typed: str, meant: str | None) -> None:
    assert forgiving.code(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("홍길동", "홍길동"),
        (unicodedata.normalize("NFD", "홍길동"), "홍길동"),
        ("  홍길동  님 ", "홍길동"),
        ("홍길동씨", "홍길동"),
        ("제 이름은 홍길동입니다", "홍길동"),
        ("제 이름은 홍길동입니다.", "홍길동"),
        ("이름: 홍길동", "홍길동"),
        ("이름은 홍길동이에요", "홍길동"),
        ("저는 홍길동이라고 합니다", "홍길동"),
        ("홍길동이요", "홍길동"),
        ("'홍길동'", "홍길동"),
        ("김미나예요", "김미나"),
        ("김순이에요", "김순"),
        ("김서이에요", "김서이"),
        ("김씨", "김씨"),
        ("나예리", "나예리"),
        ("이름솔", "이름솔"),
        ("제갈길동", "제갈길동"),
        ("강데모이름이길어서증명서에들어가는지보는분", "강데모이름이길어서증명서에들어가는지보는분"),
        ("데모상사  주식회사", "데모상사 주식회사"),
        ("My name is Demo  Smith.", "Demo Smith"),
        ("i'm Demo Smith", "Demo Smith"),
        ("O'Neil-Kim", "O'Neil-Kim"),
        ("123", None),
        ("님", None),
        ("이름이요", None),
        ("", None),
    ],
)
def test_name(typed: str, meant: str | None) -> None:
    assert forgiving.name(typed) == meant


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("홍길동", "홍길동", True),
        ("홍 길동", "홍길동", True),
        (unicodedata.normalize("NFD", "홍길동"), "홍길동", True),
        ("홍길동", "길동홍", False),
        ("홍길동", "홍길순", False),
        ("데모상사 주식회사", "데모상사(주)", True),
        ("㈜데모상사", "주식회사 데모상사", True),
        ("(주)데모상사", "데모상사 주식회사", True),
        ("데모상사", "데모상사 주식회사", False),
        ("DEMO SMITH", "Demo Smith", True),
        ("Smith Demo", "Demo Smith", True),
        ("HONG GIL-DONG", "gildong hong", True),
        ("GIL DONG HONG", "Hong Gildong", True),
        ("José Pérez", "JOSE PEREZ", True),
        ("Demo Smith", "Demo Smyth", False),
        ("Demo", "Demo Smith", False),
        ("Demo Demo Smith", "Demo Smith", False),
        ("홍길동", "Hong Gildong", False),
        ("", "", False),
        ("-", ".", False),
        (" ", "", False),
    ],
)
def test_same_name(a: str, b: str, same: bool) -> None:
    assert forgiving.same_name(a, b) is same
    assert forgiving.same_name(b, a) is same


YES = """예 네 넵 네! 네네 네~ ㅇㅇ ㅇ ㅇㅋ 응 그래 그래요 좋아요 동의 동의해요 동의합니다 맞아요 맞습니다 확인했어요
할게요 ok OK! Okay yes YES. y yep sure ㄱㄱ 오케이 알겠습니다 물론이에요 당연하죠"""
NO = (
    "아니요 아니오 아뇨 아니 아니에요 ㄴㄴ ㄴ no No. n nope 싫어요 안해요 안돼요 취소 거절합니다 됐어요 괜찮아요 틀려요"
)


@pytest.mark.parametrize(
    "typed", [*YES.split(), "네, 동의해요", "네 맞아요", "음 네 좋아요", "그렇게 해 주세요", "yes please"]
)
def test_yes(typed: str) -> None:
    assert forgiving.yes_no(typed) is True


@pytest.mark.parametrize(
    "typed", [*NO.split(), "안 할래요", "동의 안 해요", "동의하지 않아요", "필요 없어요", "no, thanks"]
)
def test_no(typed: str) -> None:
    assert forgiving.yes_no(typed) is False


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "네?",
        "네 아니요",
        "네 뭐라고요",
        "잘 모르겠어요",
        "yes no",
        "I don't agree yes",
        "예금",
        "응급",
        "note",
        "1",
        "안녕하세요",
    ],
)
def test_neither(typed: str) -> None:
    assert forgiving.yes_no(typed) is None


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("usb", "usb"),
        ("USB 메모리", "usb"),
        ("usb메모리", "usb"),
        ("ＵＳＢ", "usb"),
        ("this_pc", "this_pc"),
        ("1", "this_pc"),
        ("①", "this_pc"),
        ("(2)", "usb"),
        ("2번", "usb"),
        ("2번이요", "usb"),
        ("2번으로 할게요", "usb"),
        ("no. 2", "usb"),
        ("첫번째", "this_pc"),
        ("두 번째 거요", "usb"),
        ("셋째", "phone"),
        ("third", "phone"),
        ("4번째 걸로 해 주세요", "folder"),
        ("휴대폰이요", "phone"),
        ("휴대폰에 저장할래요", "phone"),
        ("이 컴", "this_pc"),
        ("컴퓨터", "this_pc"),
        ("노트북이요", "this_pc"),
        ("laptop", "this_pc"),
        ("폰", "phone"),
        ("핸드폰에 저장해 주세요", "phone"),
        ("유에스비", "usb"),
        ("핸드폰이랑 유에스비 메모리", None),
        ("폴더", "folder"),
        ("휴대폰 말고요", None),
        ("휴대폰이랑 USB 메모리", None),
        ("0", None),
        ("5", None),
        ("2개", None),
        ("이", None),
        ("네", None),
        ("!!!", None),
        ("", None),
    ],
)
def test_pick(typed: str, value: str | None) -> None:
    assert forgiving.pick(typed, PLACES) == value


def test_pick_prefers_the_label_itself_and_the_longest() -> None:
    days = [("later", "30일"), ("soon", "3일"), ("now", "지금")]
    assert forgiving.pick("3일", days) == "soon"
    assert forgiving.pick("30일", days) == "later"
    assert forgiving.pick("3", days) == "now"
    acts = [("copy", "인증서 복사"), ("issue", "인증서 발급"), ("again", "인증서 발급 다시")]
    assert forgiving.pick("인증서", acts) is None
    assert forgiving.pick("인증서 발급 다시 할게요", acts) == "again"
    assert forgiving.pick("1", []) is None
    assert forgiving.pick("2", [("two", "2"), ("one", "1")]) == "two"
    assert forgiving.pick("아니요", [("agree", "네"), ("refuse", "아니요")]) == "refuse"


READERS: list[Callable[[str], object]] = [
    forgiving.account,
    forgiving.phone,
    forgiving.code,
    forgiving.name,
    forgiving.yes_no,
    lambda s: forgiving.same_name(s, s + "x"),
    lambda s: forgiving.pick(s, PLACES),
]


@given(st.text(max_size=300))
def test_anything_may_be_typed(typed: str) -> None:
    for read in READERS:
        read(typed)
    assert forgiving.account(typed) is None or 10 <= len(forgiving.account(typed) or "") <= 16
    named = forgiving.name(typed)
    assert named is None or named == " ".join(unicodedata.normalize("NFC", named).split())


@given(st.text("0123456789", min_size=10, max_size=16), st.text("-. ", min_size=15, max_size=15))
def test_an_account_survives_any_punctuation(digits: str, marks: str) -> None:
    dashed = "".join(d + m for d, m in zip(digits, marks.replace(" ", "-") + " ", strict=False))
    assert forgiving.account(f"계좌는 {dashed[: 2 * len(digits) - 1]}이에요") == digits


@given(st.text("0123456789", min_size=6, max_size=6), st.sampled_from(["", " ", "-", "　", "–"]))
def test_a_code_survives_any_punctuation(digits: str, mark: str) -> None:
    assert forgiving.code(f"번호 {mark.join(digits)} 요") == digits


HOSTILE = [
    "1",
    "1-",
    "1 ",
    "가",
    "가 ",
    " ",
    "a ",
    "1" * 28 + "x",
    "가나 " * 24 + "!",
    "\u0316\u0300",
    "ﷺ",
    "+82",
    "네 ",
    "-",
    "아니 ",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("length", [forgiving.LONGEST, 100_000])
def test_hostile_input_costs_little(piece: str, length: int) -> None:
    hostile = (piece * (length // len(piece) + 1))[:length]
    for read in READERS:
        began = time.process_time()
        read(hostile)
        assert time.process_time() - began < 0.05


@pytest.mark.parametrize(
    "said",
    ["다 했어요", "완료!", "끝났어요", "저장했어요", "네 다 됐습니다", "Done.", "I'm done", "all finished", "끝"],
)
def test_that_it_is_done(said: str) -> None:
    assert forgiving.finished(said)


@pytest.mark.parametrize(
    "said", ["끝났나요?", "완료되면 어떻게 돼요", "done with which file", "네", "", "다", "끝" * 1001]
)
def test_that_nothing_is_said_to_be_done(said: str) -> None:
    assert not forgiving.finished(said)


@pytest.mark.parametrize(
    "said", ["사업자용으로 해주세요", "사업자용이요", "사업자용 부탁드려요", "사업자용으로 할게요"]
)
def test_a_label_in_a_polite_sentence(said: str) -> None:
    assert forgiving.pick(said, [("personal", "개인용 (무료)"), ("business", "사업자용 (유료)")]) == "business"
