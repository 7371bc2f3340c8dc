"""The demo bank against `BankRegister`, the things in the customer's hand, and the demo's text messages."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.gateways.bank_demo import CARD_CELLS, DemoBank, demo_customers
from bot.gateways.sms import SmsRefused
from bot.gateways.sms_demo import DemoSms
from handlers.bank import BankCustomer, BankRegister, CustomerNumber, Half
from locales import __path__ as locales_path

NOW = datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)
KEY = bytes(range(32))
NOBODY = CustomerNumber("DEMO9999")


class Fees:
    """A ledger as storage keeps it, in memory."""

    def __init__(self) -> None:
        self.taken: dict[str, tuple[CustomerNumber, int]] = {}

    async def charge(self, number: CustomerNumber, won: int, request_id: str) -> bool:
        return self.taken.setdefault(request_id, (number, won)) == (number, won)


@pytest.fixture
def fees() -> Fees:
    return Fees()


@pytest.fixture
def bank(fees: Fees) -> DemoBank:
    return DemoBank(KEY, lambda: NOW, fees)


async def registered(bank: BankRegister, who: str) -> BankCustomer:
    row = next(c for c in demo_customers() if c.id == who)
    found = await bank.by_number(row.number)
    assert found is not None
    return found


async def test_every_account_leads_to_its_customer_in_digits(bank: DemoBank) -> None:
    for row in demo_customers():
        for written in row.accounts:
            account = written.replace("-", "")
            found = await bank.by_account(account)
            assert found is not None
            assert (found.number, found.account) == (row.number, account)
            assert found.phone.isdigit()
    assert await bank.by_account("000000000000") is None
    assert await bank.by_number(NOBODY) is None


def test_the_table_is_unmistakably_invented_and_unique() -> None:
    rows = demo_customers()
    accounts = [a for row in rows for a in row.accounts]
    assert len(set(accounts)) == len(accounts)
    assert len({row.phone for row in rows}) == len({row.number for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[a-z]+", row.id)
        assert re.fullmatch(r"010-0000-\d{4}", row.phone)
        assert 1 <= len(row.accounts) <= 2
        assert all(re.fullmatch(r"000-\d\d-\d{4}-\d{3}", a) for a in row.accounts)


@pytest.mark.parametrize(
    ("who", "kind", "factors", "locked", "enrolled"),
    [
        ("kim", "personal", ("card",), (), True),
        ("lee", "personal", ("otp",), (), True),
        ("park", "business", ("otp", "card"), (), True),
        ("choi", "personal", (), (), False),
        ("jung", "personal", ("otp",), (), True),
        ("han", "personal", (), ("card",), True),
        ("seo", "personal", ("otp",), ("card",), True),
        ("yoon", "personal", ("card",), (), True),
        ("kang", "personal", ("otp",), (), True),
        ("smith", "personal", ("card",), (), True),
        ("noh", "business", ("otp", "card"), (), True),
    ],
)
async def test_what_each_customer_can_be_used_to_try(
    bank: DemoBank, who: str, kind: str, factors: tuple[str, ...], locked: tuple[str, ...], enrolled: bool
) -> None:
    found = await registered(bank, who)
    assert (found.kind, found.factors, found.locked_factors) == (kind, factors, locked)
    assert found.internet_banking is enrolled
    assert found.phone_changed_at == (NOW - timedelta(days=1) if who == "jung" else None)
    assert (found.other_certificate is not None) == (who == "yoon")


def test_every_customer_has_words_in_both_languages() -> None:
    import tomllib
    from pathlib import Path

    for locale in ("ko", "en"):
        words = tomllib.loads((Path(locales_path[0]) / locale / "demo.toml").read_text("utf-8"))["demo"]
        assert list(words) == [row.id for row in demo_customers()]
        for row in demo_customers():
            assert row.name_key == f"demo.{row.id}.name"
            assert set(words[row.id]) == {"name", "note"}


def halves(bank: DemoBank, who: str, *asked: tuple[int, Half]) -> dict[int, tuple[Half, str]]:
    cells = bank.card_cells(who)
    assert cells is not None
    return {cell: (half, cells[cell][:2] if half == "front" else cells[cell][2:]) for cell, half in asked}


async def test_the_card_in_the_hand_answers_the_bank(bank: DemoBank) -> None:
    kim = await registered(bank, "kim")
    assert await bank.card_size(kim.number) == CARD_CELLS
    for cell in range(1, CARD_CELLS + 1):
        answer = halves(bank, "kim", (cell, "front"), (31 - cell, "back"))
        assert await bank.card_answers(kim.number, answer)


async def test_the_card_refuses_whatever_is_not_right(bank: DemoBank) -> None:
    kim = await registered(bank, "kim")
    right = halves(bank, "kim", (7, "front"), (23, "back"))
    wrong_digits = f"{(int(right[7][1]) + 1) % 100:02}"
    outside = halves(bank, "kim", (7, "front"))
    outside[CARD_CELLS + 1] = ("front", bank._cell(kim.number, CARD_CELLS + 1)[:2])
    refused: list[dict[int, tuple[Half, str]]] = [
        {},
        right | {7: ("front", wrong_digits)},
        right | {23: ("back", f"{(int(right[23][1]) + 1) % 100:02}")},
        right | {7: ("front", "")},
        right | {7: ("front", "가나")},
        right | {7: ("front", "\ud800")},
        outside,
    ]
    for answer in refused:
        assert not await bank.card_answers(kim.number, answer)
    assert not await bank.card_answers(NOBODY, right)


async def test_a_locked_card_is_shown_but_never_right(bank: DemoBank) -> None:
    han = await registered(bank, "han")
    assert await bank.card_size(han.number) == CARD_CELLS
    assert not await bank.card_answers(han.number, halves(bank, "han", (1, "front"), (2, "back")))


async def test_no_card_no_token(bank: DemoBank) -> None:
    assert bank.card_cells("lee") is bank.card_serial("lee") is bank.otp_now("kim", NOW) is None
    assert bank.card_cells("nobody") is bank.card_serial("nobody") is bank.otp_now("nobody", NOW) is None
    assert await bank.card_size((await registered(bank, "lee")).number) == 0


def test_cards_differ_by_customer_and_key_and_stay_the_same(bank: DemoBank, fees: Fees) -> None:
    again, other = DemoBank(KEY, lambda: NOW, fees), DemoBank(b"x" * 32, lambda: NOW, fees)
    assert bank.card_cells("kim") == again.card_cells("kim")
    assert bank.card_serial("kim") == again.card_serial("kim")
    assert bank.card_cells("kim") != bank.card_cells("park")
    assert bank.card_cells("kim") != other.card_cells("kim")
    cells = bank.card_cells("kim")
    assert cells is not None
    assert list(cells) == list(range(1, 31))
    assert all(re.fullmatch(r"\d{4}", digits) for digits in cells.values())
    assert re.fullmatch(r"\d{4}-\d{4}", bank.card_serial("kim") or "")


@pytest.mark.parametrize(("late", "good"), [(-30, False), (0, True), (24, True), (54, True), (55, False), (300, False)])
async def test_a_token_code_is_good_for_its_step_and_the_next(bank: DemoBank, late: int, good: bool) -> None:
    lee = await registered(bank, "lee")
    shown = bank.otp_now("lee", NOW)
    assert shown is not None
    code, seconds_left = shown
    assert seconds_left == 25
    step = await bank.otp_step(lee.number, code, NOW + timedelta(seconds=late))
    assert step == (int(NOW.timestamp()) // 30 if good else None)


async def test_a_token_code_is_the_customers_own(bank: DemoBank) -> None:
    shown = bank.otp_now("lee", NOW)
    assert shown is not None
    for who in ("kim", "park", "choi"):
        assert await bank.otp_step((await registered(bank, who)).number, shown[0], NOW) is None
    kim = await registered(bank, "kim")
    assert await bank.otp_step(kim.number, bank._token(kim.number).at(NOW), NOW) is None  # has no token
    lee = await registered(bank, "lee")
    for nonsense in ("", "12345", "1234567", "가나다라마바", "\ud800" * 6):
        assert await bank.otp_step(lee.number, nonsense, NOW) is None
    assert await bank.otp_step(NOBODY, shown[0], NOW) is None


async def test_a_fee_is_taken_once_per_request(bank: DemoBank, fees: Fees) -> None:
    park = await registered(bank, "park")
    assert await bank.charge(park.number, 4400, "r1")
    assert await bank.charge(park.number, 4400, "r1")
    assert not await bank.charge(park.number, 5500, "r1")
    assert fees.taken == {"r1": (park.number, 4400)}


async def test_a_fee_that_cannot_be_paid_is_not_written_down(bank: DemoBank, fees: Fees) -> None:
    noh = await registered(bank, "noh")
    assert not await bank.charge(noh.number, 4400, "r2")
    assert not await bank.charge(NOBODY, 4400, "r3")
    assert not await bank.charge((await registered(bank, "park")).number, -1, "r4")
    assert fees.taken == {}


def test_a_short_key_is_refused(fees: Fees) -> None:
    with pytest.raises(ValueError, match="shorter"):
        DemoBank(b"short", lambda: NOW, fees)


class Phone:
    def __init__(self) -> None:
        self.messages: list[tuple[str, str, str, datetime]] = []

    async def put(self, phone: str, text: str, key: str, at: datetime) -> None:
        self.messages.append((phone, text, key, at))


async def test_a_text_message_lands_in_the_inbox() -> None:
    phone = Phone()
    await DemoSms(phone, lambda: NOW).send("01000000001", "안녕하세요", "k1")
    assert phone.messages == [("01000000001", "안녕하세요", "k1", NOW)]


@pytest.mark.parametrize("number", ["01012345678", "0100000", "", "010-0000-0001", "0100000０００１"])
async def test_the_demo_keeps_nothing_for_a_number_that_may_exist(number: str) -> None:
    phone = Phone()
    with pytest.raises(SmsRefused) as refused:
        await DemoSms(phone, lambda: NOW).send(number, "x", "k")
    assert phone.messages == []
    assert not number or number not in str(refused.value)
