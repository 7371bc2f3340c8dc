"""Dying at a commit, and what must hold of a service afterwards, whatever was done to it.

A turn, a page and a delivery are stored by commits and by nothing else, so a process can die between any two of them:
before one (nothing of it is there) or after it (it is, and nobody was told).
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cryptography.x509 import ocsp as library

from ca import ocsp
from ca.ports import Serial, Status
from handlers.flow import Accepted
from handlers.message import Choice
from tests.talking import MONDAY, House, Talk

T = TypeVar("T")
MOST = 60
"""Commits that one message, page or delivery may need."""
AGAIN = (
    # As if the lease and the pause had passed.
    "UPDATE outbox SET lease_until = '', due_at = '2026-01-01T00:00:00.000000Z' WHERE state = 'queued'",
    "DELETE FROM factor_failures",  # a try is not given back: every death would bring the lock nearer
    "DELETE FROM lookups",
    "UPDATE code_challenges SET sent_at = '2000'",
)


class Death(BaseException):
    """Nothing of the process catches this."""


class Ordeal:
    """Does one thing after another, dying at every commit of each before it is let through."""

    def __init__(self, house: House) -> None:
        self.house, self.deaths = house, 0

    async def through(self, act: Callable[[], Awaitable[T]]) -> T:
        """What `act` gives, once it has died before and after its first commit, its second one, and so on."""
        for fatal in range(1, MOST):
            for after in (False, True):
                try:
                    result = await self.dying_at(fatal, act, after=after)
                except Death:
                    await self.again()
                else:
                    return result
        raise AssertionError("it never ends")

    async def dying_at(self, fatal: int, act: Callable[[], Awaitable[T]], *, after: bool) -> T:
        database, left = self.house.service.database, fatal
        run = database.run

        async def mortal(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and not after:
                raise Death
            result = await run(*given, **named)
            if left == 0:
                raise Death
            return result

        database.run = mortal  # type: ignore[method-assign]
        try:
            return await act()
        finally:
            database.run = run  # type: ignore[method-assign]

    async def again(self) -> None:
        self.deaths += 1
        await self.house.restart()
        self.house.clock.forward(seconds=31)
        for sql in AGAIN:
            await self.house.write(sql)


class Mortal(Talk):
    """A customer whose every message, and whose every page, goes through an ordeal; the message's id stays the same."""

    ordeal: Ordeal
    pause = 31
    """Seconds before every message."""

    @classmethod
    def born(cls, house: House, who: str) -> "Mortal":
        ours = house.talk(who)
        talk = cls(house, ours.demo, ours.channel, ours.customer)
        talk.ordeal = Ordeal(house)
        return talk

    async def _turn(
        self, text: str, value: str | None, keys: tuple[str, ...], at: str | None, progress: tuple[int, int] | None
    ) -> str:
        self.house.clock.forward(seconds=self.pause)
        self._count += 1
        message_id = f"{self.channel}:{self._count}"
        await self.ordeal.through(lambda: self.send(message_id, text, value))
        await self.ordeal.through(lambda: self.service.delivering.work())
        return self._compare(keys, at, progress)

    async def through_the_page(self, key: int) -> str:
        """Submit, keep the files, go on; the certificate's serial number, or nothing where none is made."""
        page = self.page()
        # A card's digits may be sent as they were; a token's are spent, and it shows others after a death.
        factor = await self.ordeal.through(page.factor)
        result = await self.ordeal.through(lambda: page.submit(factor if "cells" in factor else None, key=key))
        assert isinstance(result, Accepted), result
        again = await self.ordeal.through(lambda: page.submit({"cells": {}}, key=key))
        assert again == result, "asked once more, the same octets"
        await self.ordeal.through(page.done)
        return str(result.data.get("serial", ""))


# -- journeys of a life -------------------------------------------------------------------------------------------


async def enroll(talk: Mortal, key: int) -> None:
    await talk.walk("page")
    await talk.through_the_page(key)
    await talk.presses(talk.valued("works=later"))


async def succeed(talk: Mortal, key: int, journey: str, *values: str) -> None:
    await talk.presses(Choice(f"start:{journey}", ""))
    if journey == "renew":
        await talk.presses(talk.valued("how=identity"), "identity.code.ask")
    await talk.says(await talk.code())
    for value in (*values, "place=usb", "review=confirm"):
        await talk.presses(talk.valued(value))
    await talk.through_the_page(key)
    await talk.presses(talk.valued("works=later"))
    while talk.at is not None:
        await talk.presses(Choice("cmd:cancel", ""))


async def reissue(talk: Mortal, key: int) -> None:
    await succeed(talk, key, "reissue", "why=forgotten")


async def hold_and_release(talk: Mortal, key: int) -> None:
    await talk.presses(Choice("start:revoke:hold", ""), "identity.code.ask")
    await talk.says(await talk.code(), "revoke.done_held")
    await talk.presses(Choice("start:revoke:release", ""), "identity.code.ask")
    await talk.says(await talk.code(), "revoke.page.ask")
    await talk.through_the_page(key)
    assert len(await talk.certificates()) == 1


async def revoke(talk: Mortal, key: int) -> None:
    await talk.presses(Choice("start:revoke:revoke", ""), "identity.code.ask")
    await talk.says(await talk.code(), "revoke.reason.ask")
    await talk.presses(talk.valued("reason=lost"), "revoke.confirm.ask_lost")
    await talk.presses(talk.valued("confirm=confirm"), "revoke.done_revoked")
    assert await talk.certificates() == []


# -- what holds afterwards ----------------------------------------------------------------------------------------


async def whole(house: House) -> None:
    """What holds after anything: see N4 of docs/promises.md."""
    service = house.service
    certificates = await house.rows("SELECT * FROM certificates")
    assert not [row for row in certificates if row["status"] == "planned"]
    places = [(row["subscriber"], row["profile"]) for row in certificates if row["in_place"]]
    assert len(places) == len(set(places)), "two in one place"
    waiting = [row["replaces"] for row in certificates if row["replaces"] and row["status"] == "valid"]
    assert len(waiting) == len(set(waiting)), "two successors of one"

    trail = await house.rows("SELECT act, subject FROM audit ORDER BY seq")
    acts = {(row["act"], row["subject"]) for row in trail}
    signed = [row for row in certificates if row["der"] is not None]
    assert len([row for row in trail if row["act"] == "issued"]) == len(signed)
    listed = {row["serial"] for row in await house.rows("SELECT serial FROM crl_entries")}
    for row in signed:
        assert {("issuing", row["serial"]), ("issued", row["serial"])} <= acts
        assert (row["serial"] in listed) is (row["status"] != "valid")
    await _answers_agree(house, signed)
    assert (await service.audit.verify(service.database)).broken is None

    conversations = await house.rows(
        "SELECT c.last_seq, (SELECT count(*) FROM messages m WHERE m.customer = c.customer) AS n FROM conversations c"
    )
    assert all(row["last_seq"] == row["n"] for row in conversations), "a message lost or doubled"
    said = await house.rows("SELECT customer, message_id FROM messages WHERE author = 'customer'")
    assert len(said) == len({(row["customer"], row["message_id"]) for row in said}), "one message twice"


async def _answers_agree(house: House, signed: list[dict[str, Any]]) -> None:
    for row in signed:
        authority = house.service.registration.authority
        asked = authority.read_ocsp(ocsp.request(authority.current, Serial(int(row["serial"], 16)), "sha256"))
        assert isinstance(asked, ocsp.Asked)
        standings = await house.service.certificates.standings(asked.serials)
        # At the beginning's time, when the responder's certificate holds: no status depends on the clock.
        answer = ocsp.answer(asked, standings, MONDAY)
        status = library.load_der_ocsp_response(answer).certificate_status
        assert (status is library.OCSPCertStatus.GOOD) is (row["status"] == Status.VALID), row["serial"]
        told = await house.service.audit.about(house.service.database, row["serial"])
        assert hashlib.sha256(row["der"]).hexdigest() in str(told), "not what the trail has recorded"
