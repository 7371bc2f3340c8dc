"""A right answer is not held against the customer: what is refused or lost after it may be sent again as it was."""

import base64
from typing import Any

import pytest

from bot.registry import Registry
from handlers.bank import BankUnavailable
from handlers.flow import Accepted, PageForm, Refused
from handlers.registry import Denied
from tests.talking import House, Page, R, csr


async def failures(house: House, number: str, factor: str) -> int:
    named = {"number": number, "factor": factor}
    sql = "SELECT failures FROM factor_failures WHERE number = :number AND factor = :factor"
    return sum(row["failures"] for row in await house.rows(sql, **named))


async def test_the_same_form_again_after_a_denial_costs_no_try(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page keeps its fields, but the card's cells are spent: they must not be compared with the next ones."""
    kim = await house.talk("kim").walk("page")
    page = kim.page()
    factor = await page.factor()

    async def deny(*_: object) -> None:
        raise Denied("not_ready")

    with monkeypatch.context() as fault:
        fault.setattr(Registry, "enroll", deny)
        assert await page.submit(factor) == Refused("not_ready")
    assert isinstance(await page.submit(factor), Accepted)
    assert await failures(house, kim.demo.number, "card") == 0


async def test_a_bank_that_cannot_charge_just_now_costs_no_code(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    park = await house.talk("park").walk("page")
    page = park.page()
    factor = await page.factor()

    async def silent(*_: object) -> bool:
        raise BankUnavailable

    with monkeypatch.context() as fault:
        fault.setattr(type(house.service.demo_bank), "charge", silent)
        assert await page.submit(factor) == Refused("unavailable")
    assert isinstance(await page.submit(factor), Accepted)
    assert await failures(house, park.demo.number, "otp") == 0


@pytest.mark.parametrize("other", [{"csr": csr(7)}, {"r": base64.b64encode(bytes(20)).decode()}])
async def test_a_right_answer_is_good_for_one_request_only(
    house: House, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    """Whoever else holds the link gets nothing for the answer that the customer gave."""
    kim = await house.talk("kim").walk("page")
    page = kim.page()

    async def deny(*_: object) -> None:
        raise Denied("not_ready")

    with monkeypatch.context() as fault:
        fault.setattr(Registry, "enroll", deny)
        await page.submit()
    assert await send(page, {"csr": csr(0), "r": R, "factor": {"cells": {}}} | other) == Refused(
        "card_wrong", {"left": 2}
    )
    assert not await kim.certificates()


async def send(page: Page, fields: dict[str, Any]) -> Accepted | Refused:
    talk = page.talk
    result, _ = await talk.service.conversation.submit(
        talk.channel, talk.demo.id, talk.customer, PageForm(page.link_id, fields)
    )
    return result


async def test_a_right_answer_does_not_outlive_the_proof(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kim = await house.talk("kim").walk("page")
    page = kim.page()
    factor = await page.factor()

    async def deny(*_: object) -> None:
        raise Denied("not_ready")

    with monkeypatch.context() as fault:
        fault.setattr(Registry, "enroll", deny)
        await page.submit(factor)
    house.clock.forward(minutes=11)
    assert await page.submit(factor) == Refused("proof_lapsed", final=True)
