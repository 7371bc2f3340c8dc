"""A second factor shown on the secure page, and nothing else there: for what a code to the phone is not enough for.

The conversation goes on when the page is through. What was right is kept with the link it was right on.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from handlers import masking
from handlers.effects import Audit
from handlers.flow import Accepted, Goto, OpenPage, PageDone, PageForm, Refused, Stop, Taken, Turn
from handlers.owning import Owning
from handlers.page_step import PageStep


class ProvingOnPage(PageStep, Owning):
    """The step `page`; `data["shown"]` is the link on which the factor was right."""

    proofs: ClassVar[frozenset[str]] = frozenset({"code", "page"})

    def may_show(self, turn: Turn) -> bool:
        """Whether what has to come before the page still holds."""
        return self.proven(turn)

    async def begin_page(self, turn: Turn) -> Any:
        if turn.in_chat:
            return Stop("no_page", choices=("cmd:person", "cmd:menu"))
        self.open_link(turn, "page", "prove")
        turn.effect(Audit("page opened", turn.data["number"], {"link": turn.data["link"], "journey": self.name}))
        return None

    async def ask_page(self, turn: Turn) -> OpenPage:
        return self.page(turn)

    async def take_page(self, turn: Turn, answer: str | PageDone) -> Taken:
        if isinstance(answer, PageDone):
            return None if turn.data.get("shown") == answer.link_id else Goto("page")
        return self.not_yet(turn, answer)

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        customer, t = await self.bank_customer(turn), self.office.texts[turn.locale]
        rows = {"name": masking.name(customer.name), "account": masking.account(turn.data["account"])}
        summary = [{"label": t(f"enroll.summary.{row}"), "value": value} for row, value in rows.items()]
        wish = {"label": t("revoke.summary"), "value": t(f"revoke.wish.{turn.data['wish']}")}
        return {
            "purpose": "prove",
            "summary": [wish, *summary],
            "factor": await self.factor_shown(customer, turn.now),
            "place": "this_pc",
            "profile": turn.data["kind"],
        }

    async def submit_page(self, turn: Turn, form: PageForm) -> Accepted | Refused:
        if turn.data.get("shown") == form.link_id:
            return Accepted()  # the answer was lost on the way: the code is spent, and it was right
        if not self.may_show(turn) or (self.wants_code(turn) and await self.stopped_since(turn)):
            return Refused("proof_lapsed", final=True)
        customer = await self.bank_customer(turn)
        refused, factor = await self.second_factor(turn, customer, form, alone=not self.proven(turn))
        if refused:
            return refused
        turn.data["shown"], turn.data["factor"] = form.link_id, factor
        return Accepted()
