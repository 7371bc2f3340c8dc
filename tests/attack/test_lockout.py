"""Who knows no more than an account and a name may lock nobody out for good, and gets no weaker factor by a lock."""

from dataclasses import replace

import pytest

from handlers.bank import BankCustomer
from handlers.flow import Accepted, Refused
from handlers.message import Choice
from tests.talking import House, Talk


async def without_phone(talk: Talk) -> None:
    """To the page on which a card or token alone stops a certificate."""
    await talk.presses(Choice("start:revoke:hold_all", ""), "identity.account.ask")
    await talk.says(talk.demo.accounts[0], "identity.name.ask")
    await talk.says(talk.demo.name, "identity.code.ask")
    await talk.presses(talk.valued("code=no_phone"), "revoke.page.ask")


@pytest.mark.parametrize(("who", "wrong", "tries"), [("kim", {"cells": {}}, 3), ("lee", {"otp": "000000"}, 5)])
async def test_a_factor_shown_alone_locks_nothing_else(
    house: House, who: str, wrong: dict[str, object], tries: int
) -> None:
    thief, owner = house.talk(who, "console", customer="thief"), house.talk(who)
    await without_phone(thief)
    for _ in range(tries - 1):
        assert (await thief.page().submit(wrong)) not in (Accepted(), Refused("alone_locked", final=True))
    for factor in (wrong, None):  # the right one as well: this way is closed
        assert await thief.page().submit(factor) == Refused("alone_locked", final=True)
    await owner.walk(None)
    assert len(await owner.certificates()) == 1


async def test_what_was_locked_without_a_proof_opens_after_a_day(house: House) -> None:
    thief, owner = house.talk("kim", "console", customer="thief"), house.talk("kim", "telegram", customer="owner")
    await house.talk("kim").walk(None)
    await without_phone(thief)
    for _ in range(4):
        await thief.page().submit({"cells": {}})
    await without_phone(owner)
    assert await owner.page().submit() == Refused("alone_locked", final=True)
    house.clock.forward(hours=24, seconds=1)
    await owner.presses(Choice("cmd:cancel", ""))
    await without_phone(owner)
    assert await owner.page().submit() == Accepted()


async def test_with_a_code_shown_a_wrong_card_still_locks_for_good(house: House) -> None:
    kim = await house.talk("kim").walk("page")
    for _ in range(3):
        last = await kim.page().submit({"cells": {}})
    assert last == Refused("card_locked", final=True)
    house.clock.forward(days=400)
    again = await house.talk("kim", "console", customer="later").walk("name")
    await again.says(again.demo.name, "identity.stop.factor_locked")


async def test_a_locked_token_is_not_replaced_by_the_card(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bank's own counter somebody has locked the token: the card alone is no way around it."""
    bank = house.service.demo_bank
    ask = bank.by_account

    async def locked(account: str) -> BankCustomer | None:
        found = await ask(account)
        return found and replace(found, factors=("card",), locked_factors=("otp",))

    monkeypatch.setattr(bank, "by_account", locked)
    lee = await house.talk("lee").walk("name")
    await lee.says(lee.demo.name, "identity.stop.factor_locked")


async def test_who_may_not_ask_any_more_takes_nothing_from_others(house: House) -> None:
    nosy = await house.talk("kim", "console", customer="nosy").walk("name")
    for _ in range(11):
        await nosy.says("홍길동")
    [about] = await house.rows("SELECT asked FROM lookups WHERE asker LIKE 'account:%'")
    assert about["asked"] == 10
