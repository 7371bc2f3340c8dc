"""The secure page's step: one link at a time, one certificate for it, a factor that locks, an end nobody can type."""

import base64

import pytest

from ca.ports import Status
from handlers.flow import Accepted, PageForm, Refused
from handlers.message import Choice
from tests.talking import House, R, Talk, csr


def refused(result: Accepted | Refused) -> str:
    assert isinstance(result, Refused)
    return result.error


# -- links ------------------------------------------------------------------------------------------------------------


async def test_words_at_the_page_step_only_say_that_we_wait(talk: Talk) -> None:
    await talk.walk("page")
    for word in ("다 했어요", "네", "완료", "done", "PageDone", '{"link_id": "x", "result": {}}'):
        await talk.says(word, "enroll.page.error.waiting", "enroll.page.ask", at="enroll.page")
    assert await talk.certificates() == []


@pytest.mark.parametrize(
    "value", ["page=done", "page=PageDone", "page=", "works=later", "page=new_link~x", "page:done"]
)
async def test_no_button_finishes_a_page(talk: Talk, value: str) -> None:
    await talk.walk("page")
    await talk.presses(Choice(value, "x"), "common.old_button", "enroll.page.ask", at="enroll.page")


async def test_a_new_link_ends_the_old_one(talk: Talk) -> None:
    await talk.walk("page")
    old = talk.page()
    await talk.presses("새 링크 받기", "enroll.page.replaced", "enroll.page.ask")
    assert talk.page().link_id != old.link_id
    assert await old.shown() is None
    assert await old.submit({}) == Refused("link_gone", final=True)
    assert isinstance(await talk.page().submit(), Accepted)


async def test_when_the_proof_is_over_too_a_code_comes_first(talk: Talk) -> None:
    await talk.walk("page")
    old = talk.page()
    talk.house.clock.forward(minutes=10)
    await talk.says("어디까지 했죠", "identity.lapsed", "identity.code.ask")
    await talk.says(await talk.code(), "enroll.page.ask", at="enroll.page")
    assert talk.page().link_id != old.link_id


class TestLongProof:
    """The operator lets a proof outlive the link."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {"proof_minutes": 60}

    async def test_an_expired_link_is_renewed_by_any_word(self, talk: Talk) -> None:
        await talk.walk("page")
        old = talk.page()
        talk.house.clock.forward(minutes=11)
        await talk.says("아직이요", "enroll.page.renewed", "enroll.page.ask")
        assert talk.page().link_id != old.link_id


async def test_a_link_of_an_older_step_opens_nothing(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    await talk.says("뒤로", "enroll.review.ask")
    assert await page.shown() is None
    assert await page.submit({}) == Refused("link_gone", final=True)
    await talk.says("취소", "common.cancelled")
    assert await page.submit({}) == Refused("link_gone", final=True)


async def test_a_proof_that_lapsed_while_the_page_was_open(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    right = await page.factor()
    talk.house.clock.forward(minutes=11)
    assert await page.submit(right) == Refused("proof_lapsed", final=True)
    assert await talk.certificates() == []


# -- issuing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"csr": None, "r": R},
        {"csr": csr(0)},
        {"csr": "§", "r": R},
        {"csr": csr(0), "r": 7},
        {"csr": [csr(0)], "r": R},
    ],
)
async def test_a_form_that_is_none_costs_no_try(talk: Talk, fields: dict[str, object]) -> None:
    await talk.walk("page")
    page = talk.page()
    form = PageForm(page.link_id, fields | {"factor": {"cells": {"1": "00", "2": "00"}}})
    result, _ = await talk.service.conversation.submit(talk.channel, "x", talk.customer, form)
    assert refused(result) == "bad_request"
    assert await talk.house.rows("SELECT * FROM factor_failures WHERE factor = 'card'") == []


async def test_a_request_nobody_can_read(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk.walk("page")
    monkeypatch.setattr("tests.talking.csr", lambda key: base64.b64encode(b"0\x00").decode())
    assert refused(await talk.page().submit()) == "bad_request"
    assert talk.at == "enroll.page"


async def test_the_same_key_again_is_the_same_certificate_another_is_refused(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    first = await page.submit(key=1)
    assert isinstance(first, Accepted)
    assert await page.submit({}, key=1) == first  # nothing is asked again for what is already issued
    assert refused(await page.submit({}, key=2)) == "request_conflict"
    assert len(await talk.certificates()) == 1


async def test_what_was_issued_and_not_kept_is_withdrawn_for_the_next(talk: Talk) -> None:
    await talk.walk("page")
    assert isinstance(await talk.page().submit(key=1), Accepted)
    [lost] = await talk.certificates()
    await talk.presses("새 링크 받기", "enroll.page.replaced", "enroll.page.ask")
    assert await talk.certificates() == [lost]  # a code alone revokes nothing
    assert isinstance(await talk.page().submit(key=2), Accepted)
    record = await talk.service.certificates.by_serial(lost.plan.serial)
    assert record is not None
    assert (record.status, record.reason) == (Status.REVOKED, "superseded")
    await talk.page().done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    assert len(await talk.certificates()) == 1


async def test_what_is_kept_survives_a_new_journey(talk: Talk) -> None:
    await talk.walk("works")
    [kept] = await talk.certificates()
    await talk.says("처음부터", "common.restarted", "enroll.prepare.ask")
    await talk.walk("code")
    await talk.says(await talk.code(), "enroll.stop.has_one")
    assert await talk.certificates() == [kept]


@pytest.mark.parametrize("wandering", ["뒤로", "상담원", "1시간"])
async def test_a_finished_page_is_never_lost(talk: Talk, wandering: str) -> None:
    """Whoever went back, asked for a person or let the proof lapse while saving the files gets on all the same."""
    await talk.walk("page")
    page = talk.page()
    assert isinstance(await page.submit(), Accepted)
    if wandering == "1시간":
        talk.house.clock.forward(hours=1)
        await talk.says("아직이요", "common.welcome_back", "identity.lapsed", "identity.code.ask")
    else:
        await talk.says(wandering)
    assert talk.at != "enroll.page"
    await page.done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask", at="enroll.works")
    assert len(await talk.certificates()) == 1


async def test_the_page_works_while_a_person_is_wanted(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    await talk.says("상담원", "person.wish.ask", at="person.wish")
    assert isinstance(await page.submit(), Accepted)
    await page.done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    await talk.presses("나중에 할게요", "guide.after", "enroll.done", "person.wish.ask", at="person.wish")
    await talk.presses("그냥 연결해 주세요", "person.done")
    assert talk.at is None


async def test_a_page_finishes_once(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    assert isinstance(await page.submit(), Accepted)
    await page.done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    await page.done()
    assert talk.replies == ()


# -- the second factor ------------------------------------------------------------------------------------------------


async def test_the_card_asks_the_same_cells_until_they_are_answered(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    shown = await page.shown()
    assert shown is not None
    cells = shown["factor"]["cells"]
    assert len({one["cell"] for one in cells}) == 2
    wrong = {"cells": {str(one["cell"]): "xx" for one in cells}}
    assert await page.submit(wrong) == Refused("card_wrong", {"left": 2})
    await talk.presses("새 링크 받기")
    assert ((await talk.page().shown()) or {})["factor"]["cells"] == cells
    assert isinstance(await talk.page().submit(), Accepted)
    assert await talk.house.rows("SELECT * FROM cell_challenges") == []


async def test_three_wrong_answers_lock_the_card_for_every_channel(talk: Talk) -> None:
    await talk.walk("page")
    page = talk.page()
    right = await page.factor()
    for left in (2, 1):
        assert await page.submit({"cells": {}}) == Refused("card_wrong", {"left": left})
        await talk.house.restart()
    assert await page.submit({"cells": {}}) == Refused("card_locked", final=True)
    assert await page.submit(right) == Refused("factor_locked", final=True)
    other = talk.house.talk("kim", "console", customer="elsewhere")
    await other.walk("name")
    await other.says("김데모", "identity.stop.factor_locked")
    assert await talk.certificates() == []


async def test_a_locked_token_is_not_replaced_by_the_weaker_card(house: House) -> None:
    talk = await house.talk("park").walk("page")
    page = talk.page()
    for left in (4, 3, 2, 1):
        assert await page.submit({"otp": "000000"}) == Refused("otp_wrong", {"left": left})
    assert await page.submit({"otp": "000000"}) == Refused("otp_locked", final=True)
    assert (await page.shown() or {})["factor"]["kind"] is None
    assert await page.submit({"cells": {}}) == Refused("factor_locked", final=True)


async def test_a_token_code_works_once(house: House) -> None:
    talk = await house.talk("lee").walk("page")
    code = await talk.page().factor()
    assert isinstance(await talk.page().submit(code, key=1), Accepted)
    await talk.presses("새 링크 받기", "enroll.page.replaced", "enroll.page.ask")  # not kept: withdrawn
    assert await talk.page().submit(code, key=2) == Refused("otp_wrong", {"left": 4})
    house.clock.forward(seconds=30)
    assert isinstance(await talk.page().submit(key=2), Accepted)


@pytest.mark.parametrize("factor", [None, "x", {"cells": "x"}, {"cells": {"x": "12"}}, {"cells": {"²": "12"}}, []])
async def test_a_factor_of_no_shape_costs_no_try(talk: Talk, factor: object) -> None:
    await talk.walk("page")
    form = PageForm(talk.page().link_id, {"csr": csr(0), "r": R, "factor": factor})
    result, _ = await talk.service.conversation.submit(talk.channel, "x", talk.customer, form)
    assert refused(result) == "bad_request"
    assert await talk.house.rows("SELECT * FROM factor_failures WHERE factor = 'card'") == []
