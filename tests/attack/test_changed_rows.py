"""Somebody writes into the database: nothing is proven by it, and nobody else is held up."""

import pytest

from handlers.message import Choice
from tests.talking import House, Talk


async def another_state(house: House, of: Talk, state: bytes | None = None) -> None:
    [row] = await house.rows("SELECT state FROM conversations WHERE customer = :customer", customer=of.customer)
    octets = bytearray(state or row["state"])
    if state is None:
        octets[-1] ^= 1
    sql = "UPDATE conversations SET state = :state WHERE customer = :customer"
    await house.write(sql, state=bytes(octets), customer=of.customer)


async def test_a_changed_state_begins_anew(house: House, caplog: pytest.LogCaptureFixture) -> None:
    kim = await house.talk().walk("review")
    confirm = kim.valued("review=confirm")
    await another_state(house, kim)
    await kim.presses(confirm, "common.old_button", "common.menu")
    assert "changed in the database" in caplog.text
    await kim.walk("page")


async def test_anothers_state_proves_nothing(house: House) -> None:
    """A proof of 김데모's, put into a thief's conversation."""
    kim, thief = await house.talk().walk("page"), house.talk("kim", "console", customer="thief")
    await thief.says("안녕하세요")
    [row] = await house.rows("SELECT state FROM conversations WHERE customer = :customer", customer=kim.customer)
    await another_state(house, thief, row["state"])
    await thief.says("안녕하세요")
    assert thief.at is None
    assert (await kim.page().shown()) is not None


async def test_a_changed_state_holds_up_no_other_conversation_of_the_same_customer(house: House) -> None:
    kim, other = await house.talk().walk("review"), house.talk("kim", "console", customer="second")
    await another_state(house, kim)
    await other.walk("code")
    await other.says(await other.code(), "enroll.details.ask")
    await other.presses(Choice("cmd:cancel", ""))
    await other.says("안녕하세요")
