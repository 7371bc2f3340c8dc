"""Who is it: account and name, the code to the phone. Tries are counted first, kept, and shared by every channel."""

from datetime import timedelta

import pytest

from bot.storage.identity import unlock
from handlers.bank import BankUnavailable, CustomerNumber
from handlers.flow import Accepted, Refused
from handlers.identity import Identity, Limits, bound_to
from tests.talking import MONDAY, House, Talk


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_a_code_has_all_six_digits_drawn(house: House) -> None:
    kim = await house.service.bank.by_number(CustomerNumber("DEMO0001"))
    assert kim is not None
    drawn: list[int] = []

    def draw(below: int) -> int:
        drawn.append(below)
        return below - 1

    limits = Limits(timedelta(minutes=3), 5, 5)
    identity = Identity(None, house.service.bank, draw, lambda *parts: "".join(parts), limits)  # type: ignore[arg-type]
    begun = identity.start_code("challenge", kim, "", MONDAY, lambda code: code)
    assert (drawn, begun.text, begun.code_hash) == ([1_000_000], "999999", "challenge999999")


async def test_a_card_without_cells_asks_for_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The register contradicts itself."""
    await (talk := house.talk("kim")).walk("page")

    async def one(_: object) -> int:
        return 1

    monkeypatch.setattr(house.service.demo_bank, "card_size", one)
    assert await talk.page().submit({"cells": {}}) == Refused("unavailable")
    assert await house.rows("SELECT * FROM factor_failures WHERE factor = 'card'") == []


# -- account and name -------------------------------------------------------------------------------------------------


async def test_what_is_no_account(talk: Talk) -> None:
    await talk.walk("account")
    await talk.says("12-34", "identity.account.error.format", "identity.account.ask", at="enroll.account")
    await talk.says("99", "identity.account.error.format", "identity.account.hint", "identity.account.ask")
    await talk.says("1" * 30, "identity.account.error.format", "common.stuck")
    await talk.presses("다시 해 보기", "identity.account.ask")
    await talk.says("계좌는 00021-1101-011이에요", "identity.name.ask")


@pytest.mark.parametrize(
    "said",
    [
        "900101-1234567", "주민번호 900101 - 1234567이에요", "９００１０１－１２３４５６７", "900101–2234567",
        "900101-\u200b1234567", "900101·1234567", "900101\u00a0-\u00a01234567",
    ],
)  # fmt: skip
async def test_a_resident_number_is_no_account_and_is_not_kept(talk: Talk, said: str) -> None:
    await talk.walk("account")
    await talk.says(said, "identity.account.error.resident", "identity.account.ask", at="enroll.account")
    assert "account" not in (await talk.state())["flow"]["data"]
    history = await talk.service.conversations.history(talk.customer, 0)
    assert not any("1234567" in (one.text or "") for one in history)
    await talk.says("000-21-1101-011", "identity.name.ask")


async def test_a_name_is_hidden_in_the_history_and_what_is_none_is_readable(talk: Talk) -> None:
    await talk.walk("name")
    said = ["유효기간은 얼마나 돼요?", "뒤로", "000-21-1101-011", "도움말", "한국어로", "홍길동"]
    for one in said:
        await talk.says(one)
    history = await talk.service.conversations.history(talk.customer, 0)
    heard = [one.text for one in history if one.author == "customer"][-len(said) :]
    assert heard == ["유효기간은 얼마나 돼요?", "뒤로", "***-**-****-***", "도움말", "한국어로", "홍*동"]


async def test_no_match_three_times_offers_ways_out(talk: Talk) -> None:
    await talk.walk("name")
    await talk.says("홍길동", "identity.name.error.no_match", "identity.name.ask")
    await talk.says("홍길순", "identity.name.error.no_match", "identity.name.hint", "identity.name.ask")
    await talk.says("홍길자", "identity.name.error.no_match", "common.stuck", at="enroll.name")
    assert talk.labels == ["다시 해 보기", "뒤로", "상담원 연결", "취소"]
    await talk.presses("뒤로", "identity.account.ask")


async def test_an_unknown_account_and_a_wrong_name_look_the_same(house: House) -> None:
    known, unknown = house.talk("kim"), house.talk("lee")
    await known.walk("name")
    await unknown.walk("name", account="000-99-9999-999")
    one = await known.says("홍길동", "identity.name.error.no_match", "identity.name.ask")
    other = await unknown.says("홍길동", "identity.name.error.no_match", "identity.name.ask")
    assert one.splitlines()[0] == other.splitlines()[0]


async def test_looking_up_has_a_limit_for_an_hour(talk: Talk) -> None:
    await talk.walk("name")
    for n in range(10):
        await talk.says(f"홍길{'동서남북상하좌우전후'[n]}")
        assert talk.replies[0].key == "identity.name.error.no_match"
    await talk.says("김데모", "identity.stop.too_many_lookups")
    await talk.walk("name")
    await talk.says("김데모", "identity.stop.too_many_lookups")
    talk.house.clock.forward(minutes=61)
    await talk.walk("code")


@pytest.mark.parametrize("said", ["김데모", "kim demo", "Demo Kim", "제 이름은 김데모입니다", "김 데모 님"])
async def test_a_name_in_any_dress(talk: Talk, said: str) -> None:
    await talk.walk("name")
    await talk.says(said, "identity.code.ask")


async def test_a_phone_that_changed_lately_gets_no_code(house: House) -> None:
    talk = await house.talk("jung").walk("name")
    assert "2026년 11월 25일" in await talk.says("정연습", "identity.stop.phone_changed")
    assert await talk.sms() == []
    assert "상담원 연결" in talk.labels


async def test_a_locked_card_and_nothing_else(house: House) -> None:
    talk = await house.talk("han").walk("name")
    await talk.says("한견본", "identity.stop.factor_locked")
    assert await talk.sms() == []


# -- the code ---------------------------------------------------------------------------------------------------------


async def test_a_wrong_code_says_how_many_are_left_and_then_stops(talk: Talk) -> None:
    await talk.walk("code")
    bad = wrong(await talk.code())
    assert "4번" in await talk.says(bad, "identity.code.error.wrong", "identity.code.ask")
    assert "3번" in await talk.says(bad, "identity.code.error.wrong", "identity.code.hint", "identity.code.ask")
    assert "2번" in await talk.says(bad, "identity.code.error.wrong", "common.stuck")
    assert "1번" in await talk.says(bad, "identity.code.error.wrong", "identity.code.ask")
    await talk.says(bad, "identity.stop.code_locked")
    assert talk.at is None


async def test_the_right_code_after_wrong_ones(talk: Talk) -> None:
    await talk.walk("code")
    code = await talk.code()
    for _ in range(4):
        await talk.says(wrong(code))
    await talk.says(code, "enroll.details.ask")


async def test_tries_survive_a_restart(talk: Talk) -> None:
    talk.house.restarts = True
    await test_a_wrong_code_says_how_many_are_left_and_then_stops(talk)


async def test_a_try_is_counted_before_it_is_compared(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killing the service while it compares gives no try back."""

    class Killed(Exception):
        pass

    await talk.walk("code")
    code = await talk.code()
    identity = talk.service.conversation.reception.flows["enroll"].office.identity  # type: ignore[attr-defined]

    def die(*parts: str) -> str:
        raise Killed

    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr(identity, "mac", die)
            with pytest.raises(Killed):
                await talk.says(wrong(code))
    await talk.says(code, "identity.stop.code_locked")


async def test_codes_lock_over_two_channels_and_all_challenges(house: House) -> None:
    """Two conversations that know account and name share one counter: what one mistypes the other has less of."""
    first, second = house.talk("kim"), house.talk("kim", "console", customer="stranger")
    await first.walk("code")
    for _ in range(5):
        await first.says(wrong(await first.code()))
    assert first.at is None
    await second.walk("code")
    for _ in range(4):
        await second.says(wrong(await second.code()))
    assert "identity.code.error.wrong" in [reply.key for reply in second.replies]
    await second.says(wrong(await second.code()), "identity.stop.code_locked")
    await first.walk("name")
    await first.says("김데모", "identity.stop.codes_locked")
    await house.service.database.run(unlock, "DEMO0001")
    await first.walk("details")


async def test_locked_codes_open_after_a_day(house: House) -> None:
    """Whoever knows an account and a name cannot keep its owner out for good."""
    talk = house.talk("kim")
    for _ in range(2):
        await talk.walk("code")
        for _ in range(5):
            await talk.says(wrong(await talk.code()))
    await talk.walk("name")
    house.clock.forward(hours=23, minutes=55)
    await talk.says("김데모", "common.welcome_back", "identity.stop.codes_locked")
    await talk.walk("name")
    house.clock.forward(minutes=10)
    await talk.says("김데모", "identity.code.ask")
    await talk.says(wrong(await talk.code()), "identity.code.error.wrong", "identity.code.ask")
    assert await house.rows("SELECT failures FROM factor_failures WHERE factor = 'code'") == [{"failures": 1}]


async def test_a_bank_that_fails_while_comparing_costs_no_try(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = await house.talk("kim").walk("page")

    async def silent(*asked: object) -> None:
        raise BankUnavailable

    bank = talk.service.conversation.reception.flows["enroll"].office.bank  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(bank, "card_answers", silent)
        for _ in range(4):
            assert await talk.page().submit() == Refused("unavailable")
    assert isinstance(await talk.page().submit(), Accepted)


async def test_many_askers_share_what_may_be_tried_on_one_account(house: House) -> None:
    for number in range(3):
        asker = await house.talk("kim", "console", customer=f"asker {number}").walk("name")
        for _ in range(9):
            await asker.says("홍길동")
    last = await house.talk("kim", "console", customer="the last").walk("name")
    for _ in range(3):
        await last.says("홍길동")
    await last.walk("name")
    await last.says("김데모", "identity.stop.too_many_lookups")


async def test_the_right_code_does_not_open_what_others_have_locked(house: House) -> None:
    talks = [house.talk("kim", "console", customer=f"at {n}") for n in range(4)]
    for talk in talks:
        await talk.walk("code")
    code = await talks[3].code()
    for talk in talks[:2]:
        for _ in range(4):
            await talk.says(wrong(code))
    await talks[2].says(wrong(code), "identity.code.error.wrong", "identity.code.ask")
    await talks[2].says(wrong(code), "identity.stop.code_locked")
    await talks[3].says(code, "identity.stop.code_locked")


async def test_a_code_is_good_for_what_it_was_sent_for_only(talk: Talk) -> None:
    await talk.walk("code")
    identity = talk.service.conversation.reception.flows["enroll"].office.identity  # type: ignore[attr-defined]
    challenge = (await talk.state())["flow"]["data"]["challenge"]
    bound = bound_to("enroll", "DEMO0001", "personal", "00021101011")
    checked = await identity.check_code(challenge, bound, await talk.code(), talk.service.clock())
    assert checked.verdict == "expired"


async def test_a_right_code_forgives_the_wrong_ones(talk: Talk) -> None:
    for _ in range(3):
        await talk.walk("code")
        for _ in range(4):
            await talk.says(wrong(await talk.code()))
        await talk.says(await talk.code(), "enroll.details.ask")
        await talk.says("취소", "common.cancelled")


async def test_a_code_that_is_too_old(talk: Talk) -> None:
    await talk.walk("code")
    code = await talk.code()
    talk.house.clock.forward(seconds=178)
    await talk.says("123", "identity.code.error.format", "identity.code.ask")
    await talk.says(code, "identity.code.error.expired", "identity.code.hint", "identity.code.ask")
    await talk.presses("다시 보내기", "identity.code.ask")
    await talk.says(code, "identity.code.error.wrong", "identity.code.ask")  # of the one before
    await talk.says(await talk.code(), "enroll.details.ask")


async def test_codes_an_hour(talk: Talk) -> None:
    await talk.walk("code")
    for _ in range(4):
        await talk.presses("다시 보내기", "identity.code.ask")
    assert len(await talk.sms()) == 5
    await talk.presses("다시 보내기", "identity.stop.too_many_codes")
    assert len(await talk.sms()) == 5
    talk.house.clock.forward(minutes=61)
    await talk.walk("details")


async def test_the_whole_message_may_be_pasted(talk: Talk) -> None:
    await talk.walk("code")
    [sms] = await talk.sms()
    await talk.says(sms, "enroll.details.ask")


async def test_a_code_is_used_once(talk: Talk) -> None:
    await talk.walk("code")
    code = await talk.code()
    await talk.says(code, "enroll.details.ask")
    [used] = await talk.house.rows("SELECT used_at FROM code_challenges")
    assert used["used_at"] > MONDAY.strftime("%Y")
    state = await talk.state()
    service, flow = talk.service, talk.service.conversation.reception.flows["enroll"]
    proof = state["flow"]["data"]["proof"]
    again = await flow.office.identity.check_code(  # type: ignore[attr-defined]
        state["flow"]["data"]["challenge"], proof["bound"], code, service.clock()
    )
    assert again.verdict == "expired"


async def test_a_message_of_today_says_how_long_the_operator_lets_a_code_live(talk: Talk) -> None:
    await talk.walk("code")
    assert "3분" in talk.replies[-1].text
    assert "3분" in (await talk.sms())[0]
