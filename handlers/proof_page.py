"""A second factor shown on the secure page, and nothing else there: for what a code to the phone is not enough for.

The conversation goes on when the page is through. What was right is kept with the link it was right on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from handlers import forgiving, masking
from handlers.bank import BankCustomer
from handlers.effects import Audit, OpenLink
from handlers.flow import Accepted, Again, Goto, OpenPage, PageDone, PageForm, Refused, Stop, Taken, Turn
from handlers.issuing import Pages
from handlers.owning import Owning


class ProvingOnPage(Owning):
    """The step `page`; `data["shown"]` is the link on which the factor was right."""

    pages: Pages
    proofs: ClassVar[frozenset[str]] = frozenset({"code", "page"})

    def may_show(self, turn: Turn) -> bool:
        """Whether what has to come before the page still holds."""
        return self.proven(turn)

    async def begin_page(self, turn: Turn) -> Any:
        if turn.in_chat:
            return Stop("no_page", choices=("cmd:person", "cmd:menu"))
        link_id, expires_at = self.rules.new_id(), turn.now + self.rules.link_life
        turn.data |= {"link": link_id, "link_step": "page", "link_until": expires_at.isoformat()}
        turn.effect(OpenLink(link_id, "prove", expires_at))
        turn.effect(Audit("page opened", turn.data["number"], {"link": link_id, "journey": self.name}))
        return None

    async def ask_page(self, turn: Turn) -> OpenPage:
        minutes = self.rules.link_life.seconds // 60
        return OpenPage(self.pages.url(turn.data["link"]), turn.data["link"], ("new_link",), {"minutes": minutes})

    async def take_page(self, turn: Turn, answer: str | PageDone) -> Taken:
        if isinstance(answer, PageDone):
            return None if turn.data.get("shown") == answer.link_id else Goto("page")
        if answer == "new_link":
            return Goto("page", say="page.replaced")
        if turn.now >= datetime.fromisoformat(turn.data["link_until"]):
            return Goto("page", say="page.renewed")
        return Again("waiting", free=True, meant=forgiving.finished(answer))

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        customer, t = await self.bank_customer(turn), self.texts[turn.locale]
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
        if not self.may_show(turn):
            return Refused("proof_lapsed", final=True)
        customer: BankCustomer = await self.bank_customer(turn)
        refused, factor = await self.second_factor(customer, form, turn.now)
        if refused:
            return refused
        turn.data["shown"], turn.data["factor"] = form.link_id, factor
        return Accepted()
