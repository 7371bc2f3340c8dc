"""Whoever stops a certificate stops its successor too: a thief's renewal must not outlive "stop everything"."""

import pytest

from ca.errors import SignerUnavailable
from ca.ports import Record
from ca.registration import RegistrationAuthority
from handlers.flow import Accepted, Refused
from handlers.message import Choice
from tests.talking import House, Talk


async def standing(house: House) -> list[tuple[str, int]]:
    rows = await house.rows("SELECT status, in_place FROM certificates ORDER BY planned_at")
    return [(row["status"], row["in_place"]) for row in rows]


async def reissued_not_kept(talk: Talk) -> None:
    await talk.presses(Choice("start:reissue", ""), "identity.code.ask")
    await talk.says(await talk.code(), "reissue.why.ask")
    for value in ("why=moved", "place=this_pc", "review=confirm"):
        await talk.presses(talk.valued(value))
    await talk.page().submit(key=1)


@pytest.mark.parametrize("wish", ["hold_all", "not_me", "hold"])
async def test_stopped_while_the_successor_waits(house: House, wish: str) -> None:
    thief, owner = house.talk(), house.talk("kim", "console", customer="owner")
    await thief.walk(None)
    await owner.presses(Choice("start:status", ""))
    await owner.says(owner.demo.accounts[0])
    await owner.says(owner.demo.name)
    await owner.says(await owner.code(), "status.done")
    await reissued_not_kept(thief)
    page = thief.page()
    await owner.presses(Choice(f"start:revoke:{wish}", ""), "identity.code.ask")
    await owner.says(await owner.code(), "revoke.done_held")
    assert await standing(house) == [("held", 1), ("revoked", 0)]
    await page.done()
    assert await standing(house) == [("held", 1), ("revoked", 0)]


async def test_a_first_certificate_on_a_page_still_open(house: House) -> None:
    thief, owner = house.talk(), house.talk("kim", "console", customer="owner")
    await thief.walk("page")
    page = thief.page()
    await page.submit()
    await owner.presses(Choice("start:revoke:not_me", ""))
    await owner.says(owner.demo.accounts[0])
    await owner.says(owner.demo.name)
    await owner.says(await owner.code(), "revoke.done_revoked")
    await page.done()
    assert {status for status, _ in await standing(house)} == {"revoked"}


async def test_what_the_signer_has_not_signed_yet_never_will_be(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signer is away when the thief asks, and back after the owner has stopped everything."""

    async def away(_self: RegistrationAuthority, _record: Record) -> bytes:
        raise SignerUnavailable("token certtalk: DeviceRemoved")

    thief, owner = house.talk(), house.talk("kim", "console", customer="owner")
    await thief.walk("page")
    with monkeypatch.context() as broken:
        broken.setattr(RegistrationAuthority, "_signed", away)
        await thief.page().submit()
    assert await standing(house) == [("planned", 1)]
    await owner.presses(Choice("start:revoke:not_me", ""))
    await owner.says(owner.demo.accounts[0])
    await owner.says(owner.demo.name)
    await owner.says(await owner.code(), "revoke.done_revoked")
    assert await standing(house) == [("failed", 0)]
    await house.service.registration.reconcile(house.clock())
    assert await standing(house) == [("failed", 0)]


@pytest.mark.parametrize(("journey", "wish"), [("enroll", "not_me"), ("reissue", "hold_all"), ("reissue", "hold")])
async def test_a_page_opened_before_issues_nothing_after(house: House, journey: str, wish: str) -> None:
    """The thief has shown a code and holds the card; the page, or another one in its place, is submitted too late."""
    thief, owner = house.talk(), house.talk("kim", "console", customer="owner")
    if journey == "reissue":
        await thief.walk(None)
        await thief.presses(Choice("start:reissue", ""), "identity.code.ask")
        await thief.says(await thief.code(), "reissue.why.ask")
        for value in ("why=moved", "place=this_pc", "review=confirm"):
            await thief.presses(thief.valued(value))
    else:
        await thief.walk("page")
    before, page = await standing(house), thief.page()
    await owner.presses(Choice(f"start:revoke:{wish}", ""))
    await owner.says(owner.demo.accounts[0])
    await owner.says(owner.demo.name)
    await owner.says(await owner.code())
    assert await page.submit(key=1) == Refused("proof_lapsed", final=True)
    await thief.presses(Choice("page=new_link", ""), "identity.lapsed", "identity.code.ask")
    assert [in_place for _, in_place in await standing(house)] == [in_place for _, in_place in before]
    assert {status for status, _ in await standing(house)} <= {"held"}

    # Whoever has proven it anew goes on.
    await thief.says(await thief.code())
    assert isinstance(await thief.page().submit(key=1), Accepted)
