"""Where no secure page can be reached: the secrets are typed, after the customer was told what that means.

The steps take the place of `page` (`Turn.in_chat`). What is typed at them is in no history and no state: the channel
deletes the message, the second factor is compared at once, and the password waits on the bench, in the memory of this
process, for minutes. The key is made there, its files are encrypted, delivered, and both are forgotten.
"""

import re
from typing import Any, ClassVar, Final

from handlers.bank import BankUnavailable
from handlers.effects import Audit, HandedOver
from handlers.flow import Again, Ask, Goto, PageForm, Refused, Stop, Taken, Turn
from handlers.issuing import Issuing
from handlers.office import Full
from handlers.registry import Denied

STEPS: Final = ("in_chat", "factor", "password", "again")


class InChat(Issuing):
    """The office's bench does what the browser does elsewhere."""

    proofs: ClassVar[frozenset[str]] = Issuing.proofs | set(STEPS)
    secrets: ClassVar[frozenset[str]] = frozenset({"factor", "password", "again"})

    @staticmethod
    def unused(turn: Turn) -> frozenset[str]:
        """The steps another channel would take instead, or that no page can be reached for."""
        return frozenset({"page", "works"} if turn.in_chat else STEPS)

    # -- told what it means -----------------------------------------------------------------------------------

    async def begin_in_chat(self, turn: Turn) -> Any:
        self.open_link(turn, "in_chat", "in_chat")
        turn.effect(Audit("in_chat opened", *self.opened(turn)))
        turn.data.pop("chat_factor", None)
        return None

    async def ask_in_chat(self, turn: Turn) -> Ask:
        return Ask(("agree", "decline"))

    async def take_in_chat(self, turn: Turn, answer: str) -> Taken:
        if answer == "decline":
            return Stop("in_chat_declined", choices=("cmd:person", "cmd:menu"))
        return None if answer == "agree" else Again("not_offered")

    # -- the second factor ------------------------------------------------------------------------------------

    async def ask_factor(self, turn: Turn) -> Ask:
        customer = await self.bank_customer(turn)
        if await self.office.identity.usable_factor(customer) == "otp":
            return Ask(variant="otp")
        (first, half), (second, other) = (await self.office.identity.cells(customer.number, turn.now)).positions
        t = self.office.texts[turn.locale]
        halves = {one: t(f"identity.half.{one}") for one in ("front", "back")}
        return Ask(params={"first": first, "half": halves[half], "second": second, "other": halves[other]})

    async def take_factor(self, turn: Turn, answer: str) -> Taken:
        if not turn.in_chat:
            return Goto("page")
        customer = await self.bank_customer(turn)
        digits = re.sub(r"[\s,./-]", "", answer)
        given: dict[str, Any]
        if await self.office.identity.usable_factor(customer) == "otp":
            if not re.fullmatch(r"[0-9]{6}", digits):
                return Again("otp_format", meant=True)
            given = {"otp": digits}
        else:
            if not re.fullmatch(r"[0-9]{4}", digits):
                return Again("card_format", meant=True)
            cells = (await self.office.identity.cells(customer.number, turn.now)).positions
            given = {"cells": {str(cell): digits[2 * at : 2 * at + 2] for at, (cell, _) in enumerate(cells)}}
        refused, factor = await self.second_factor(turn, customer, PageForm(turn.data["link"], {"factor": given}))
        if refused is not None:
            return self._refusal(turn, refused)
        turn.data["chat_factor"] = turn.data["link"]
        turn.data["factor"] = factor
        return None

    # -- the password -----------------------------------------------------------------------------------------

    async def ask_password(self, turn: Turn) -> Ask:
        return Ask()

    async def take_password(self, turn: Turn, answer: str) -> Taken:
        if not turn.in_chat:
            return Goto("page")
        t = self.office.texts[turn.locale]
        if broken := self.office.bench.broken(answer):
            return Again("rules", {"rules": [t(f"page.rule.{name}") for name in broken]}, free=True, meant=True)
        try:
            self.office.bench.remember(turn.data["link"], answer)
        except Full:
            return Again("busy", free=True, meant=True)
        return None

    async def ask_again(self, turn: Turn) -> Ask:
        return Ask()

    async def take_again(self, turn: Turn, answer: str) -> Taken:
        if not turn.in_chat:
            return Goto("page")
        link = turn.data["link"]
        if turn.data.get("chat_factor") != link or not self.proven(turn):
            return Goto("in_chat")
        same = self.office.bench.remembers(link, answer)
        if same is None:
            return Goto("password", say="again.forgotten")
        if not same:
            return Goto("password", say="again.different")
        return await self._issue_here(turn, link)

    async def _issue_here(self, turn: Turn, link: str) -> Taken:
        customer, profile = await self.bank_customer(turn), turn.data["kind"]
        csr, r = await self.office.bench.request(link)
        if not await self.office.registry.issued_for(link):
            if refused := await self.may_issue(turn, customer, csr, r):
                return self._refusal(turn, refused)
            await self.office.registry.withdraw_unkept(customer.number, profile, turn.customer, turn.now)
        try:
            issued = await self.enrolled(turn, link, customer, csr, r)
        except Denied as denied:
            # The key of an earlier life of this process is lost; its certificate is withdrawn on the way to the next.
            if denied.code == "request_conflict":
                return Goto("in_chat", say="in_chat.lost")
            return self._refusal(turn, Refused(denied.code, final=True))
        folder = turn.data["place"] != "phone"
        documents = await self.office.bench.files(link, turn.customer, issued, turn.now, folder=folder)
        turn.data["kept"] = {"serial": issued.serial, "until": issued.not_after.isoformat()}
        turn.effect(HandedOver(link))
        turn.effect(Audit("key made in chat", customer.number, {"serial": issued.serial, "profile": profile}))
        turn.no_way_back = True
        for document in documents:
            turn.say("kept", document=document, until=issued.not_after)
        turn.say(self.install_guide(turn.data["place"], "", turn.locale))
        return None

    def _refusal(self, turn: Turn, refused: Refused) -> Taken:
        """What the page would say, said here."""
        if refused.error in ("unavailable", "signer"):
            raise BankUnavailable
        reason = {"reason": self.office.texts[turn.locale](f"page.error.{refused.error}", **refused.params)}
        if refused.final or turn.data.get("chat_factor") == turn.data["link"]:
            return Stop("not_issued", reason, ("cmd:person", "cmd:menu"))
        return Again("wrong", reason, meant=True)
