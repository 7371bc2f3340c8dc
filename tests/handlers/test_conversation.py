"""One turn at a time, once per message: typed buttons, doubled messages, races of one customer, what is remembered."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from handlers.flow import Accepted, PageForm, Refused
from handlers.message import Choice, Incoming
from handlers.talk import TurnRecord
from tests.talking import House, Page, R, Talk, csr

# -- typing instead of pressing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["2", "2번", "두번째", "사업자용", "사업자용 (유료)", "사업자용으로 해주세요", " 2. "])
async def test_a_button_may_be_typed(talk: Talk, said: str) -> None:
    await talk.walk("kind")
    await talk.says(said, "enroll.fee.ask")


@pytest.mark.parametrize("said", ["네", "ㅇㅇ", "예", "넵", "응", "yes", "ㄱㄱ", "네 맞아요", "맞습니다"])
async def test_yes_in_any_dress(talk: Talk, said: str) -> None:
    await talk.walk("details")
    await talk.says(said, "enroll.terms.ask")


@pytest.mark.parametrize("said", ["아니요", "아뇨", "ㄴㄴ", "no", "틀려요"])
async def test_no_in_any_dress(talk: Talk, said: str) -> None:
    await talk.walk("details")
    await talk.says(said, "enroll.details.again", "identity.account.ask")


async def test_a_number_that_no_button_has(talk: Talk) -> None:
    await talk.walk("kind")
    for said in ("3", "0", "99"):
        await talk.says(said)
        assert talk.at == "enroll.kind"


async def test_a_typed_button_stands_in_the_history_as_its_label(talk: Talk) -> None:
    await talk.walk("kind")
    await talk.says("1")
    assert talk.answered.said == "개인용 (무료)"


# -- once per message -------------------------------------------------------------------------------------------------


async def test_the_same_message_again_is_answered_as_before(talk: Talk) -> None:
    await talk.walk("name")
    first = await talk.send("web:name", "김데모")
    again = await talk.send("web:name", "김데모")
    assert again == first
    await talk.service.delivering.work()
    assert len(await talk.sms()) == 1
    await talk.house.restart()
    assert await talk.send("web:name", "김데모") == first


async def test_the_same_link_comes_back_with_the_same_message(talk: Talk) -> None:
    """A link's address is not stored: it is made again from its id."""
    await talk.walk("review")
    confirm = talk.button("발급하기")
    first = await talk.send("web:go", confirm.label, confirm.value)
    again = await talk.send("web:go", confirm.label, confirm.value)
    assert first.replies[-1].link == again.replies[-1].link
    assert first.replies[-1].link is not None
    assert first.replies[-1].link.url not in str(await talk.house.rows("SELECT body FROM messages"))


async def test_hello_is_said_once(talk: Talk) -> None:
    conversation = talk.service.conversation
    first = await conversation.greet("web", "kim", talk.customer)
    assert await conversation.greet("web", "kim", talk.customer) == first
    assert [reply.key for reply in first.replies] == ["common.greeting"]
    assert len(await talk.house.rows("SELECT * FROM messages")) == 1


@pytest.mark.parametrize(
    "said", ["", " ", "\x00", "\ud800", "a\u202eb", "가" * 100_000, "1" * 100_000, "{{ 7*7 }}", "' OR 1=1--"]
)
async def test_nothing_a_customer_types_breaks_a_turn(talk: Talk, said: str) -> None:
    for step in ("prepare", "account", "name", "code", "place", "page"):
        await talk.walk(step)
        await talk.says(said)
        assert talk.at == f"enroll.{step}"
        await talk.says("취소")


# -- what is kept -----------------------------------------------------------------------------------------------------


async def test_the_history_holds_no_secret_and_no_account(talk: Talk) -> None:
    await talk.walk("name")
    await talk.says("비밀번호: qwer1234! 이고 메일은 kim@example.com")
    await talk.walk(None)
    stored = str(await talk.house.rows("SELECT body FROM messages"))
    codes = [sms.split("인증번호 ")[1][:6] for sms in await talk.sms() if "인증번호" in sms]
    assert codes
    for secret in ("00021110", "211101011", "000-21-1101-011", "qwer1234", "kim@example.com", "01000000001", *codes):
        assert secret not in stored
    everything = stored + str(await talk.state())
    for secret in codes:
        assert secret not in everything


async def test_what_was_cancelled_is_forgotten(talk: Talk) -> None:
    await talk.walk("review")
    await talk.says("취소")
    assert "00021" not in str(await talk.state())


# -- at once ----------------------------------------------------------------------------------------------------------

MANY = 16


async def test_many_presses_at_once_open_one_page(talk: Talk) -> None:
    await talk.walk("review")
    confirm = talk.button("발급하기")
    said = [Incoming("web", "kim", talk.customer, f"web:press{n}", confirm.label, confirm.value) for n in range(MANY)]
    answers = await asyncio.gather(*(talk.service.conversation.handle(one) for one in said))
    keys = sorted(tuple(reply.key for reply in one.replies) for one in answers)
    assert keys == [("common.old_button", "enroll.page.ask")] * (MANY - 1) + [("enroll.page.ask",)]
    assert len(await talk.house.rows("SELECT * FROM links")) == 1


async def test_many_right_codes_at_once_prove_once(talk: Talk) -> None:
    await talk.walk("code")
    code = await talk.code()
    said = [Incoming("web", "kim", talk.customer, f"web:code{n}", code) for n in range(MANY)]
    answers = await asyncio.gather(*(talk.service.conversation.handle(one) for one in said))
    assert sum(one.replies[-1].key == "enroll.details.ask" and len(one.replies) == 1 for one in answers) == 1
    assert len(await talk.sms()) == 1


async def post(talk: Talk, page: Page, factor: dict[str, object], key: int) -> Accepted | Refused:
    form = PageForm(page.link_id, {"csr": csr(key), "r": R, "factor": factor})
    result, _ = await talk.service.conversation.submit("web", "kim", talk.customer, form)
    return result


async def test_the_same_form_many_times_at_once_is_one_certificate(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    factor = await page.factor()
    results = await asyncio.gather(*(post(talk, page, factor, 1) for _ in range(MANY)))
    assert all(isinstance(one, Accepted) for one in results)
    assert len({str(one) for one in results}) == 1
    assert len(await talk.house.rows("SELECT * FROM certificates")) == 1


async def test_many_keys_at_once_are_one_certificate(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    factor = await page.factor()
    results = await asyncio.gather(*(post(talk, page, factor, n) for n in range(MANY)))
    refused = [one for one in results if isinstance(one, Refused)]
    assert len(refused) == MANY - 1
    assert {one.error for one in refused} == {"request_conflict"}
    assert talk.service.texts["ko"]("page.error.request_conflict")
    assert len(await talk.certificates()) == 1


async def test_two_services_and_one_customer_lose_and_double_nothing(house: House) -> None:
    """Each turn is decided on what the one before it left, whichever process took it."""
    talk = await house.talk().walk("kind")
    async with AsyncExitStack() as stack:
        services = [house.service, await stack.enter_async_context(house.another())]
        said = [
            (services[n % 2], Incoming("web", "kim", talk.customer, f"web:race{n}", f"도움말{'!' * n}"))
            for n in range(MANY)
        ]
        answers = await asyncio.gather(*(service.conversation.handle(one) for service, one in said))
        seqs = [seq for one in answers for seq in range(one.first_seq, one.first_seq + 1 + len(one.replies))]
        assert len(seqs) == len(set(seqs)) == 3 * MANY
        stored = await house.rows("SELECT seq FROM messages ORDER BY seq")
        assert [row["seq"] for row in stored] == list(range(1, len(stored) + 1))
        again = await services[0].conversation.handle(said[1][1])
        assert again == answers[1]


async def test_a_turn_that_is_overtaken_many_times_still_comes_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have sixteen messages of this customer in a row, each written a little sooner."""
    monkeypatch.setattr("handlers.conversation.PAUSE", 0)
    talk = await house.talk().walk("kind")
    store, commit = house.service.conversations, house.service.conversations.commit
    overtaken = iter(range(MANY))

    async def late(turn: TurnRecord) -> int | None:
        return await commit(turn) if next(overtaken, None) is None else None

    monkeypatch.setattr(store, "commit", late)
    said = Incoming("web", "kim", talk.customer, "web:late", "도움말")
    assert (await house.service.conversation.handle(said)).replies
    assert next(overtaken, None) is None


async def test_two_services_take_turns_through_the_journey(house: House) -> None:
    async with house.another() as other:
        services = [house.service, other]
        talk = house.talk()
        for _ in range(30):
            house.service = services[talk._count % 2]
            await talk.step() if talk.at else await talk.presses(Choice("start:enroll", ""))
            if talk.at is None:
                break
        house.service = services[0]
        assert talk.replies[-1].key == "enroll.done"
        assert len(await talk.certificates()) == 1
        assert len(await talk.sms()) == 3  # the code; that the chat is linked; that a certificate was issued


async def test_two_services_and_one_confirmation(house: House) -> None:
    talk = await house.talk().walk("review")
    confirm = talk.button("발급하기")
    async with house.another() as other:
        said = [Incoming("web", "kim", talk.customer, f"web:two{n}", confirm.label, confirm.value) for n in range(8)]
        services = [house.service, other]
        await asyncio.gather(*(services[n % 2].conversation.handle(one) for n, one in enumerate(said)))
    assert len(await house.rows("SELECT * FROM links")) == 1


async def test_two_services_and_one_form(house: House) -> None:
    talk = await house.talk().walk("page")
    page = talk.page()
    factor = await page.factor()
    async with house.another() as other:
        form = PageForm(page.link_id, {"csr": csr(1), "r": R, "factor": factor})
        results = await asyncio.gather(
            *(service.conversation.submit("web", "kim", talk.customer, form) for service in (house.service, other))
        )
    assert any(isinstance(result, Accepted) for result, _ in results)
    assert len(await house.rows("SELECT * FROM certificates")) == 1
