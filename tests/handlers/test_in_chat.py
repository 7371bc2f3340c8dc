"""Where no page can be reached: secrets typed into the chat are used at once and are nowhere afterwards."""

import hashlib
import io
import zipfile

import pytest

from ca import npki, pkcs12
from handlers.masking import SECRET
from tests.talking import House, Talk

PASSWORD = "trombone&Quartz41"
HANDED = ("enroll.kept", "enroll.kept", "guide.install.this_pc.other", "guide.after", "enroll.done")
"""And no login check: its page could not be opened here."""


@pytest.fixture
def settings() -> dict[str, object]:
    return {"in_chat_secrets": True}


@pytest.fixture
def talk(house: House) -> Talk:
    return house.talk(channel="telegram")


async def factor(talk: Talk) -> str:
    """What 김데모 reads from the card, or 이데모 from the token."""
    demo, service = talk.demo, talk.service
    card = service.demo_bank.card_cells(demo.id)
    if card is None:
        otp = service.demo_bank.otp_now(demo.id, service.clock())
        assert otp is not None
        return otp[0]
    rows = await talk.house.rows("SELECT positions FROM cell_challenges WHERE number = :number", number=demo.number)
    assert rows
    customer = await service.bank.by_number(demo.number)
    assert customer is not None
    asked = talk.replies[-1].text
    cells = [int(word.rstrip("번")) for word in asked.split() if word.endswith("번") and word[:-1].isdecimal()]
    halves = [word for word in asked.split() if word in ("앞", "뒤")]
    return "".join(card[cell][:2] if half == "앞" else card[cell][2:] for cell, half in zip(cells, halves, strict=True))


async def to_password(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("발급하기", "identity.in_chat.ask", at="enroll.in_chat", progress=(10, 13))
    await talk.presses("알고 계속할게요", "identity.factor.ask", at="enroll.factor")
    await talk.says(await factor(talk), "identity.password.ask", at="enroll.password")


async def test_the_terms_say_where_the_key_is_made(talk: Talk) -> None:
    """What is agreed to is what will happen, and its digest is kept."""
    await talk.walk("terms")
    assert "은행 서버의 메모리에서" in talk.replies[-1].text
    await talk.presses("전체 약관 보기", "terms.full", "enroll.terms.ask")
    full = talk.replies[0].text
    assert "이 대화방에 적으신 비밀번호" in full
    assert "기기에서 만들어지고" not in full
    await talk.presses("동의해요", "enroll.place.ask")
    [agreed] = await talk.house.rows("SELECT sha256 FROM agreements")
    assert agreed["sha256"] == hashlib.sha256(full.encode()).hexdigest()


async def test_a_certificate_without_any_page(talk: Talk) -> None:
    await to_password(talk)
    await talk.says(PASSWORD, "identity.again.ask", at="enroll.again")
    await talk.says(PASSWORD, *HANDED)
    assert talk.at is None
    assert not [reply.link for reply in talk.replies if reply.link]
    p12, folder = (reply.document for reply in talk.replies[:2])
    assert p12 is not None
    assert folder is not None
    now = talk.service.clock()
    got = await talk.service.documents.content(p12.id, talk.customer, now)
    archive = await talk.service.documents.content(folder.id, talk.customer, now)
    assert got is not None
    assert archive is not None
    [record] = await talk.certificates()
    inside = pkcs12.read(got[1], PASSWORD)
    assert inside.certificate.serial_number == record.plan.serial
    assert len(inside.others) == 2
    with zipfile.ZipFile(io.BytesIO(archive[1])) as files:
        names = {name.rpartition("/")[2]: name for name in files.namelist()}
        assert sorted(names) == ["CaPubs", "signCert.der", "signPri.key"]
        key, r = npki.read_key(files.read(names["signPri.key"]), PASSWORD.encode())
    assert key.public_key() == inside.certificate.public_key()
    assert r == inside.r
    # It counts as kept: nobody withdraws it a day later.
    talk.house.clock.forward(days=2)
    await talk.service.cleaning.work()
    assert len(await talk.certificates()) == 1


async def test_what_was_typed_is_nowhere(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("발급하기", "identity.in_chat.ask")
    await talk.presses("알고 계속할게요", "identity.factor.ask")
    digits = await factor(talk)
    await talk.says(digits, "identity.password.ask")
    assert talk.answered.said == SECRET
    await talk.says("a weak one", "identity.password.error.rules", "identity.password.ask")
    assert talk.answered.said == SECRET
    for _ in range(2):
        await talk.says(PASSWORD)
        assert talk.answered.said == SECRET
    assert str(await talk.state()).count(PASSWORD) == 0
    assert str(await talk.state()).count(digits) == 0
    for table in ("messages", "conversations", "unanswered", "audit", "outbox", "certificates", "links"):
        rows = str(await talk.house.rows(f"SELECT * FROM {table}"))
        assert PASSWORD not in rows
        assert "weak one" not in rows


async def test_wrong_digits_are_counted_like_on_the_page(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("발급하기")
    await talk.presses("알고 계속할게요")
    await talk.says("12", "identity.factor.error.card_format", "identity.factor.ask")
    right = await factor(talk)
    wrong = "".join(str((int(digit) + 1) % 10) for digit in right)
    words = await talk.says(wrong, "identity.factor.error.wrong", "identity.factor.ask")
    assert "2번 더" in words
    await talk.says(wrong, "identity.factor.error.wrong", "common.stuck")
    await talk.says(wrong, "identity.stop.not_issued")
    assert await talk.certificates() == []


async def test_a_restart_forgets_the_password_and_nothing_else(talk: Talk) -> None:
    await to_password(talk)
    await talk.says(PASSWORD, "identity.again.ask")
    await talk.house.restart()
    await talk.says(PASSWORD, "identity.again.forgotten", "identity.password.ask")
    await talk.says(PASSWORD, "identity.again.ask")
    await talk.says("something-Else-77", "identity.again.different", "identity.password.ask")
    await talk.says(PASSWORD, "identity.again.ask")
    await talk.says(PASSWORD, *HANDED)


async def test_one_may_decline_go_back_and_cancel(talk: Talk) -> None:
    await talk.walk("review")
    await talk.presses("발급하기")
    await talk.presses("그만할게요", "identity.stop.in_chat_declined", at=None)
    await talk.walk("review")
    await talk.presses("발급하기")
    await talk.presses("알고 계속할게요")
    await talk.says("뒤로", "enroll.review.ask")
    await talk.presses("발급하기", "identity.in_chat.ask")
    await talk.presses("알고 계속할게요", "identity.factor.ask")
    await talk.says("취소", "common.cancelled")
    assert await talk.certificates() == []


async def test_a_token_instead_of_a_card(house: House) -> None:
    talk = house.talk("lee", channel="telegram")
    await talk.walk("review")
    await talk.presses(talk.valued("review=confirm"))
    await talk.presses(talk.valued("in_chat=agree"), "identity.factor.ask_otp")
    await talk.says("12345", "identity.factor.error.otp_format", "identity.factor.ask_otp")
    await talk.says(await factor(talk), "identity.password.ask")


async def test_the_web_chat_has_its_page_all_the_same(house: House) -> None:
    web = house.talk()
    await web.walk("page")
    assert web.replies[-1].link is not None


async def test_going_on_elsewhere_goes_on_with_what_is_there(talk: Talk) -> None:
    await to_password(talk)
    talk.channel = "web"
    await talk.says(PASSWORD, "enroll.page.ask", at="enroll.page")
    assert talk.answered.said == SECRET
    talk.channel = "telegram"
    await talk.says("다 했어요", "identity.in_chat.ask", at="enroll.in_chat")
