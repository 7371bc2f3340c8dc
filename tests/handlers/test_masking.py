"""Masks: what stays readable, what never does."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers import masking


@pytest.mark.parametrize(
    ("full", "shown"),
    [
        ("홍길동", "홍*동"),
        ("홍길", "홍*"),
        ("홍", "*"),
        ("남궁길동", "남**동"),
        ("강데모이름이길어서증명서에들어가는지보는분", "강*******************분"),
        ("DEMO SMITH", "D*** S****"),
        ("Demo J Smith", "D*** * S****"),
        ("데모상사 주식회사", "데**사 주**사"),
        (" 홍길동 ", "홍*동"),
        ("", ""),
    ],
)
def test_name(full: str, shown: str) -> None:
    assert masking.name(full) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("000211101011", "000*****1011"),
        ("000-21-1101-011", "000-**-***1-011"),
        ("1234567890", "12****7890"),
        ("12345678", "****5678"),
        ("1234567", "*******"),
        ("", ""),
    ],
)
def test_account(number: str, shown: str) -> None:
    assert masking.account(number) == shown


@given(st.text("0123456789", min_size=8, max_size=16))
def test_an_account_hides_at_least_four_in_the_middle(number: str) -> None:
    shown = masking.account(number)
    assert len(shown) == len(number)
    assert shown.count("*") >= 4
    assert shown.endswith(number[-4:])


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("01000000001", "010-****-0001"),
        ("010-0000-0001", "010-****-0001"),
        ("0110000001", "011-****-0001"),
        ("12345", "*****"),
    ],
)
def test_phone(number: str, shown: str) -> None:
    assert masking.phone(number) == shown


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("인증번호 123456 왔어요", "인증번호 ****** 왔어요"),
        ("000-21-1101-011 계좌예요", "***-**-****-*** 계좌예요"),
        ("1 2 3 4 5 6", "* * * * * *"),
        ("１２３４５６", "******"),
        ("010 – 0000 – 0001", "*** – **** – ****"),
        ("12\u200b34\u200b56", "**\u200b**\u200b**"),
        ("900101-1234567", "******-*******"),
        ("900101-1******", "******-*******"),
        ("900101 1234567", "****** *******"),
        ("메일은 demo.smith+x@example.com 이요", "메일은 ***@*** 이요"),
        ("비밀번호는 qwer!234예요", "비밀번호는 ****예요"),
        ("비밀번호: 사랑해요", "비밀번호: ****"),
        ("비밀번호 = ab", "비밀번호 = ****"),
        ("비번 1234", "비번 ****"),
        ("암호가 Secret77", "암호가 ****"),
        ("password: hunter2", "password: ****"),
        ("My Password is hunter two", "My Password is **** two"),
        ("pw qwerty", "pw ****"),
        ("비밀번호를 잊어버렸어요", "비밀번호를 잊어버렸어요"),
        ("비밀번호는 6개월마다 바꾸나요?", "비밀번호는 6개월마다 바꾸나요?"),
        ("비밀번호 10자리 이상인가요", "비밀번호 10자리 이상인가요"),
        ("2026년 11월 22일에 만료돼요", "2026년 11월 22일에 만료돼요"),
        ("4,400원 맞나요", "4,400원 맞나요"),
        ("비밀번호 USB에 있나요", "비밀번호 USB에 있나요"),
        ("hairpin 4400", "hairpin 4400"),
        ("shopping 4400", "shopping 4400"),
        ("12345", "12345"),
        ("", ""),
    ],
)
def test_text(said: str, kept: str) -> None:
    assert masking.text(said) == kept


ROUGH = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "비밀번호",
                "비번",
                "password",
                "pw",
                "pin",
                "는",
                "이",
                " ",
                "  ",
                ":",
                "=",
                "is ",
                "@",
                "a",
                "b.c",
                "가",
                "1",
                "12345",
                "*",
                "-",
                "–",
            ]
        )
    ).map("".join),
)


@given(ROUGH)
@example("password a@b")
@example("pw****1234567")
def test_no_long_number_and_twice_is_once(said: str) -> None:
    kept = masking.text(said)
    assert not re.search(r"\d(?:[ -]?\d){5}", kept)
    assert masking.text(kept) == kept


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "1-",
        "12345 x",
        "12345    ",
        "a",
        "a.",
        "a@",
        "@",
        "a ",
        "비밀번호",
        "비밀번호 ",
        "비밀번호는   ",
        "pw",
        "pw ",
        "password is",
        "pin= ",
        "가",
        " ",
        "\u200b1",
    ],
)
def test_hostile_input_costs_little(piece: str) -> None:
    hostile = (piece * (100_000 // len(piece) + 1))[:100_000]
    spent = []
    for _ in range(3):
        began = time.process_time()
        masking.text(hostile)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.05


@pytest.mark.parametrize(
    "said",
    [
        "비밀번호: hunter2!A", "비밀번호:화성에서", "비번 = qwer", "비밀번호 Gildong!2026pw",
        "비밀번호는 hunter22 예요", "pin 1234", "my password is hunter22", "password: letmein",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----", "900101-1234567", "4111 1111 1111 1111", "보안카드 3번 12 27번 34",
    ],
)  # fmt: skip
def test_what_gives_a_secret_away(said: str) -> None:
    assert masking.gives_away(said)


@pytest.mark.parametrize(
    "said",
    [
        "what are the password rules?", "I forgot my password, please help", "my password is wrong", "pin number?",
        "how do I change the password of my certificate", "비밀번호를 잊었어요", "비밀번호는 몇 자리예요?",
        "비밀번호 10~30자 맞나요?", "비밀번호 change 하고 싶어요", "암호가 8자리 맞아요?", "password!!",
        "010-1234-5678", "000-21-1101-011", "123456",
    ],
)  # fmt: skip
def test_a_question_about_passwords_gives_nothing_away(said: str) -> None:
    assert not masking.gives_away(said)
