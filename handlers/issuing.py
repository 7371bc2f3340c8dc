"""The steps that end every journey to a new certificate: the secure page, and whether it works.

The key is made on the customer's device; a flow never sees it. The certificate is issued when the page sends its
request (`submit_page`), in the order of `docs/architecture.md`; the conversation goes on by itself when the page
says that the files are kept.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from handlers import forgiving, masking
from handlers.bank import BankCustomer, BankUnavailable
from handlers.effects import Audit, OpenLink
from handlers.flow import Accepted, Again, Ask, Goto, OpenPage, PageDone, PageForm, Refused, Taken, Turn
from handlers.message import Document
from handlers.page_step import PageStep
from handlers.proving import Proving
from handlers.registry import PROVEN, Denied, Issued, Succession

FINAL: Final = frozenset({"active_certificate", "bad_name", "too_many_today", "proof_lapsed"})
"""What no other answer on the same page would change."""
PLACES: Final = ("this_pc", "usb", "phone", "folder")


class Issuing(PageStep, Proving):
    """`data` holds kind, place, terms and proof when the page is opened; `order` of steps is the subclass's."""

    # -- where it will live -----------------------------------------------------------------------------------

    async def ask_place(self, turn: Turn) -> Ask:
        return Ask(PLACES)

    async def take_place(self, turn: Turn, answer: str) -> Taken:
        if answer not in PLACES:
            return Again("not_offered")
        turn.data["place"] = answer
        return None

    # -- the secure page --------------------------------------------------------------------------------------

    async def begin_page(self, turn: Turn) -> Any:
        self.open_link(turn, "page", "enroll")
        turn.effect(Audit("page opened", *self.opened(turn)))
        return None

    def opened(self, turn: Turn) -> tuple[str, Mapping[str, str]]:
        """For whom and for what a request has begun, for the audit."""
        return turn.data["number"], {"link": turn.data["link"], "profile": turn.data["kind"]}

    async def ask_page(self, turn: Turn) -> OpenPage:
        return self.page(turn)

    async def take_page(self, turn: Turn, answer: str | PageDone) -> Taken:
        if turn.in_chat and not isinstance(answer, PageDone):
            return Goto("in_chat")
        if isinstance(answer, PageDone):
            turn.data["kept"] = {"serial": answer.result["serial"], "until": answer.result["until"]}
            stored = answer.result.get("document")
            document = Document(**stored) if stored else None
            until = datetime.fromisoformat(answer.result["until"])
            turn.no_way_back = True
            turn.say("kept" if document else "kept_there", document=document, until=until)
            turn.say(self.install_guide(turn.data["place"], answer.result.get("system", ""), turn.locale))
            return None
        return self.not_yet(turn, answer)

    async def submit_page(self, turn: Turn, form: PageForm) -> Accepted | Refused:
        """The browser's request: factor answer, CSR and R. Issues once; the same key again gets the same answer."""
        if not self.may_submit(turn):
            return Refused("proof_lapsed", final=True)
        customer = await self.bank_customer(turn)
        try:
            csr = base64.b64decode(form.fields["csr"], validate=True)
            r = base64.b64decode(form.fields["r"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            return Refused("bad_request")
        if not await self.office.registry.issued_for(form.link_id):
            if refused := await self._clear(turn, customer, form, csr, r):
                return refused
            # A page that was left after issuing, with nothing kept: that key is lost, its certificate must not live on.
            # Only now, when both factors have been shown: a code alone revokes nothing.
            await self.office.registry.withdraw_unkept(customer.number, turn.data["kind"], turn.customer, turn.now)
        try:
            issued = await self.enrolled(turn, form.link_id, customer, csr, r)
        except Denied as denied:
            return Refused(denied.code, final=denied.code in FINAL)
        return Accepted(
            {
                "certificate": base64.b64encode(issued.certificate).decode(),
                "chain": [base64.b64encode(one).decode() for one in issued.chain],
                "folder": {"ca": self.office.ca_name, "dn": issued.folder},
                "serial": issued.serial,
                "not_after": issued.not_after.isoformat(),
            }
        )

    def may_submit(self, turn: Turn) -> bool:
        """Whether what was proven in the chat still holds."""
        return self.proven(turn)

    async def prove_on_page(
        self, turn: Turn, customer: BankCustomer, form: PageForm, csr: bytes
    ) -> tuple[Refused | None, str]:
        """What is proven on the page itself, and its name for the audit."""
        return await self.second_factor(turn, customer, form)

    def succession(self, turn: Turn) -> Succession | None:
        """What the new certificate replaces, if anything."""
        return None

    def fee(self, turn: Turn) -> int:
        return self.office.rules.business_fee if turn.data["kind"] == "business" else 0

    def evidence(self, turn: Turn) -> Mapping[str, str]:
        """What was proven and how, for the audit."""
        return {
            "code": turn.data.get("challenge", ""),
            "factor": turn.data.get("factor", ""),
            PROVEN: self.proven_at(turn).isoformat(),
            "terms": turn.data.get("terms", {}).get("sha256", ""),
            "conversation": turn.customer,
            "journey": self.name,
        }

    async def enrolled(self, turn: Turn, link_id: str, customer: BankCustomer, csr: bytes, r: bytes) -> Issued:
        """The certificate of this link, once. Raises `Denied`."""
        return await self.office.registry.enroll(
            link_id, customer, turn.data["kind"], csr, r, self.evidence(turn), turn.now, self.succession(turn)
        )

    async def _clear(self, turn: Turn, customer: BankCustomer, form: PageForm, csr: bytes, r: bytes) -> Refused | None:
        """Everything that may speak against issuing: the second factor, then the rest."""
        # What was right for this very request is not asked again: its cells or its code are spent by then.
        request = hashlib.sha256(form.link_id.encode() + csr + r).hexdigest()
        if turn.data.get("passed") != request:
            refused, factor = await self.prove_on_page(turn, customer, form, csr)
            if refused:
                return refused
            turn.data["factor"], turn.data["passed"] = factor, request
        return await self.may_issue(turn, customer, csr, r)

    async def may_issue(self, turn: Turn, customer: BankCustomer, csr: bytes, r: bytes) -> Refused | None:
        """Whatever else may speak against issuing, the fee last: who pays gets a certificate."""
        if await self.stopped_since(turn):
            return Refused("proof_lapsed", final=True)
        try:
            kind, succession = turn.data["kind"], self.succession(turn)
            await self.office.registry.check(customer, kind, csr, r, turn.customer, turn.now, succession)
            if fee := self.fee(turn):
                order = await self.office.registry.order(customer.number, turn.data["kind"])
                if not await self.office.bank.charge(customer.number, fee, f"{order}:{fee}"):
                    return Refused("fee_unpaid", final=True)
        except Denied as denied:
            return Refused(denied.code, final=denied.code in FINAL)
        except BankUnavailable:
            return Refused("unavailable")
        return None

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        """What the secure page shows before anything is spent."""
        customer, t = await self.bank_customer(turn), self.office.texts[turn.locale]
        rows = {
            "name": masking.name(customer.name),
            "account": masking.account(turn.data["account"]),
            "kind": t(f"enroll.kind_name.{turn.data['kind']}"),
            "place": t(f"enroll.place.choice.{turn.data['place']}"),
        }
        return {
            "summary": [{"label": t(f"enroll.summary.{row}"), "value": value} for row, value in rows.items()],
            "factor": await self.factor_shown(customer, turn.now),
            "place": turn.data["place"],
            "profile": turn.data["kind"],
        }

    # -- does it work? ----------------------------------------------------------------------------------------

    async def begin_works(self, turn: Turn) -> Any:
        turn.data |= {"link": self.office.new_id(), "link_step": "works"}
        turn.effect(OpenLink(turn.data["link"], "login_check", turn.now + timedelta(days=1)))
        return None

    async def ask_works(self, turn: Turn) -> OpenPage:
        return OpenPage(self.office.pages.url(turn.data["link"]), turn.data["link"], ("later",))

    async def take_works(self, turn: Turn, answer: str | PageDone) -> Taken:
        if isinstance(answer, PageDone):
            turn.data["checked"] = True
            return None
        return None if answer == "later" else Again("waiting", free=True, meant=forgiving.finished(answer))

    def install_guide(self, place: str, system: str, locale: str) -> str:
        wanted = f"guide.install.{place}.{system}"
        return f".{wanted}" if wanted in self.office.texts[locale] else f".guide.install.{place}.other"
