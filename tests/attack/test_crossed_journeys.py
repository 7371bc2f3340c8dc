"""One certificate, two wishes at once: it is stopped, revoked, replaced or over while a page to replace it is open."""

import asyncio
import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ca.ports import Serial
from ca.revocation import HOLD_LASTS, By
from handlers.flow import Accepted, PageForm, Refused
from handlers.message import Choice
from tests.handlers.test_renew import OPENS, signed
from tests.talking import House, R, Talk, csr

NOT_REPLACEABLE = Refused("not_replaceable", final=True)


@pytest.fixture
def settings() -> dict[str, object]:
    return {"link_days": 366}


@pytest.fixture
async def owner(talk: Talk) -> Talk:
    await talk.walk(None)
    talk.house.clock.now = OPENS
    return talk


async def linked(owner: Talk, customer: str) -> Talk:
    """Another conversation of the same customer."""
    other = owner.house.talk("kim", "console", customer=customer)
    await other.presses(Choice("start:status", ""))
    await other.says(other.demo.accounts[0])
    await other.says(other.demo.name)
    await other.says(await other.code(), "status.done")
    return other


async def opens(talk: Talk, journey: str) -> None:
    """Walk to the page of `journey`: "renew" (as oneself), "sign" (renewal by the old key) or "reissue"."""
    await talk.presses(Choice("start:reissue" if journey == "reissue" else "start:renew", ""))
    if journey == "reissue":
        await talk.says(await talk.code(), "reissue.why.ask")
        await talk.presses(talk.valued("why=moved"))
    else:
        await talk.presses(talk.valued(f"how={'sign' if journey == 'sign' else 'identity'}"))
        if journey == "renew":
            await talk.says(await talk.code(), "enroll.place.ask")
    await talk.presses(talk.valued("place=this_pc"))
    await talk.presses(talk.valued("review=confirm"))
    assert talk.answered.step == "page"


async def fills(talk: Talk, journey: str, key: int = 1) -> PageForm:
    """What the open page is about to send."""
    if journey == "sign":
        return await signed(talk, new=key)
    page = talk.page()
    return PageForm(page.link_id, {"csr": csr(key), "r": R, "factor": await page.factor()})


async def sends(talk: Talk, form: PageForm) -> Accepted | Refused:
    answer, _ = await talk.service.conversation.submit(talk.channel, talk.demo.id, talk.customer, form)
    return answer


async def asks(talk: Talk, journey: str, key: int = 1) -> Accepted | Refused:
    return await sends(talk, await fills(talk, journey, key))


async def happens(owner: Talk, other: Talk, event: str) -> None:
    """`event` befalls the certificate in place."""
    registration, now = owner.service.registration, owner.house.clock()
    [first] = await owner.house.rows("SELECT serial FROM certificates WHERE in_place = 1")
    serial = Serial(int(first["serial"], 16))
    match event:
        case "operator holds":
            await registration.hold(serial, now, By.OPERATOR)
        case "operator revokes":
            await registration.revoke(serial, "privilegeWithdrawn", now, By.OPERATOR)
        case "it ends":
            owner.house.clock.now = datetime.fromisoformat("2027-11-22T15:00:01+00:00")
        case "revoke":
            await other.presses(Choice("start:revoke:revoke", ""), "identity.code.ask")
            await other.says(await other.code(), "revoke.reason.ask")
            await other.presses(other.valued("reason=lost"), "revoke.confirm.ask_lost")
            await other.presses(other.valued("confirm=confirm"), "revoke.done_revoked")
        case wish:
            await other.presses(Choice(f"start:revoke:{wish}", ""), "identity.code.ask")
            await other.says(await other.code(), "revoke.done_held")


async def standing(house: House) -> list[tuple[str, int]]:
    rows = await house.rows("SELECT status, in_place FROM certificates ORDER BY planned_at, serial")
    return [(row["status"], row["in_place"]) for row in rows]


PROOF_LAPSED = Refused("proof_lapsed", final=True)
BEFORE = [
    *itertools.product(
        ("sign", "renew"),
        ("hold", "hold_all", "not_me", "revoke", "operator holds", "operator revokes", "it ends"),
        (NOT_REPLACEABLE,),
    ),
    *(("reissue", event, NOT_REPLACEABLE) for event in ("revoke", "operator revokes", "it ends")),
    # What is held may be reissued, but not on a proof that is older than the hold.
    *(("reissue", event, PROOF_LAPSED) for event in ("hold", "hold_all", "not_me")),
    ("reissue", "operator holds", None),
]


@pytest.mark.parametrize(("journey", "event", "refused"), BEFORE)
async def test_while_the_page_is_open(owner: Talk, journey: str, event: str, refused: Refused | None) -> None:
    other = await linked(owner, "second")
    if event == "it ends":
        owner.house.clock.now = datetime.fromisoformat("2027-11-22T14:59:00+00:00")
    await opens(owner, journey)
    form = await fills(owner, journey)
    await happens(owner, other, event)
    answer = await sends(owner, form)
    assert (answer if refused else None) == refused
    assert isinstance(answer, Refused if refused else Accepted)
    assert len(await standing(owner.house)) == (1 if refused else 2)


AFTER = [
    (journey, event)
    for journey in ("sign", "renew", "reissue")
    for event in ("hold", "hold_all", "not_me", "revoke", "operator holds", "operator revokes")
]


@pytest.mark.parametrize(("journey", "event"), AFTER)
async def test_while_its_successor_waits_to_be_kept(owner: Talk, journey: str, event: str) -> None:
    """Both end, whoever it was: nothing of what is made on a page still open outlives that."""
    other = await linked(owner, "second")
    await opens(owner, journey)
    page = owner.page()
    assert isinstance(await asks(owner, journey), Accepted)
    await happens(owner, other, event)
    ended = ("revoked", 0) if "revoke" in event else ("held", 1)
    assert await standing(owner.house) == [ended, ("revoked", 0)]
    await owner.hears()
    await page.done()
    assert "enroll.kept_there" not in [reply.key for reply in owner.replies], "nobody is told that it was made"
    assert await standing(owner.house) == [ended, ("revoked", 0)]


async def test_the_end_comes_while_the_renewed_one_waits(owner: Talk) -> None:
    owner.house.clock.now = datetime.fromisoformat("2027-11-22T14:59:00+00:00")
    await opens(owner, "renew")
    page = owner.page()
    await asks(owner, "renew")
    owner.house.clock.forward(minutes=2)
    await page.done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    assert await standing(owner.house) == [("valid", 0), ("valid", 1)]  # what has ended needs no revoking
    [current] = await owner.certificates()
    assert current.plan.not_after.year == 2028


async def test_a_hold_lapses_while_the_successor_waits(owner: Talk) -> None:
    """Our own rule is nobody's suspicion: what the customer is just saving stays good."""
    owner.house.clock.now = OPENS - timedelta(days=330)
    other = await linked(owner, "second")
    await happens(owner, other, "hold")
    owner.house.clock.forward(days=HOLD_LASTS.days, hours=-1)
    await opens(owner, "reissue")
    page = owner.page()
    await asks(owner, "reissue")
    owner.house.clock.forward(hours=2)
    await owner.service.cleaning.work()
    assert await standing(owner.house) == [("revoked", 0), ("valid", 0)]
    await page.done()
    assert await standing(owner.house) == [("revoked", 0), ("valid", 1)]


async def test_released_while_the_reissued_one_waits(owner: Talk) -> None:
    other = await linked(owner, "second")
    await happens(owner, other, "hold")
    await opens(owner, "reissue")
    page = owner.page()
    await asks(owner, "reissue")
    await other.presses(Choice("start:revoke:release", ""), "identity.code.ask")
    await other.says(await other.code(), "revoke.page.ask")
    await other.page().submit()
    await other.page().done("revoke.done_released")
    assert await standing(owner.house) == [("valid", 1), ("valid", 0)]
    await page.done()
    assert await standing(owner.house) == [("revoked", 0), ("valid", 1)]


async def test_nothing_is_released_after_its_end(owner: Talk) -> None:
    other = await linked(owner, "second")
    await happens(owner, other, "hold")
    owner.house.clock.now = datetime.fromisoformat("2027-11-22T15:00:01+00:00")
    await other.presses(Choice("start:revoke:release", ""), "identity.code.ask")
    await other.says(await other.code(), "revoke.page.ask")
    await other.page().submit()
    await other.page().done("revoke.stop.not_held")
    await owner.presses(Choice("start:status", ""), "status.done")
    assert "start:enroll" in [choice.value for choice in owner.choices]
    await owner.walk("page")
    assert isinstance(await owner.page().submit(key=1), Accepted)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(("sign", "renew", "reissue"), repeat=2)))
async def test_two_pages_of_one_customer(owner: Talk, first: str, second: str) -> None:
    """The other page is told so before anything is charged; the one that was first goes on."""
    other = await linked(owner, "second")
    await opens(owner, first)
    await opens(other, second)
    assert isinstance(await asks(owner, first, key=1), Accepted)
    owner.house.clock.forward(minutes=1)  # a token's code is good once
    form = await fills(other, second, key=2)
    assert await sends(other, form) == Refused("being_replaced")
    await owner.page().done()
    assert await sends(other, form) == NOT_REPLACEABLE
    assert await standing(owner.house) == [("revoked", 0), ("valid", 1)]


@pytest.mark.parametrize("journeys", [("sign", "reissue"), ("renew", "renew"), ("reissue", "sign")])
async def test_two_pages_in_the_same_moment_by_two_workers(owner: Talk, journeys: tuple[str, str]) -> None:
    other = await linked(owner, "second")
    talks = (owner, other)
    for talk, journey in zip(talks, journeys, strict=True):
        await opens(talk, journey)
    forms = [await fills(talk, journey, key) for talk, journey, key in zip(talks, journeys, (1, 2), strict=True)]
    async with owner.house.another() as worker:
        answers = await asyncio.gather(*(
            service.conversation.submit(talk.channel, talk.demo.id, talk.customer, form)
            for service, talk, form in zip((owner.service, worker), talks, forms, strict=True)
        ))  # fmt: skip
    found = [answer for answer, _ in answers]
    assert [type(one) for one in found].count(Accepted) == 1, found
    refused = next(one for one in found if isinstance(one, Refused))
    # The cells of a card are asked once for both: whoever comes second may find them answered.
    assert replace(refused, params={}).error in {"being_replaced", "card_wrong", "bad_request"}
    assert sorted(await standing(owner.house)) == [("valid", 0), ("valid", 1)]


async def test_stopped_and_submitted_in_the_same_moment(owner: Talk) -> None:
    """Whichever comes first: in the end nothing that was made is valid."""
    other = await linked(owner, "second")
    await opens(owner, "reissue")
    form = await fills(owner, "reissue", 1)
    await other.presses(Choice("start:revoke:not_me", ""), "identity.code.ask")
    code = await other.code()
    async with owner.house.another() as worker:
        await asyncio.gather(
            worker.conversation.submit(owner.channel, owner.demo.id, owner.customer, form),
            other.send("in-the-same-moment", code),
        )
    found = await standing(owner.house)
    assert found[0] == ("held", 1)
    assert found[1:] in ([], [("revoked", 0)])


async def test_a_proof_does_not_outlive_itself_by_a_clock_set_back(owner: Talk) -> None:
    await opens(owner, "reissue")
    owner.house.clock.forward(days=-2)
    answer = await owner.page().submit(key=1)
    assert answer == PROOF_LAPSED


async def test_a_page_to_release_it_is_closed_by_whoever_stops_it_again(owner: Talk) -> None:
    """The thief has the phone and the card; the owner says once more that it is to be stopped, and it stays so."""
    thief = await linked(owner, "second")
    await happens(owner, owner, "hold")
    await thief.presses(Choice("start:revoke:release", ""), "identity.code.ask")
    await thief.says(await thief.code(), "revoke.page.ask")
    await owner.presses(Choice("start:revoke:not_me", ""), "identity.code.ask")
    await owner.says(await owner.code(), "revoke.stop.already_held")
    assert await thief.page().submit() == PROOF_LAPSED
    assert await standing(owner.house) == [("held", 1)]
