"""The steps that end every journey to a new certificate: the secure page, and whether it works.

The key is made on the customer's device; a flow never sees it. The certificate is issued when the page sends its
request (`submit_page`), in the order of `docs/architecture.md`; the conversation goes on by itself when the page
says that the files are kept.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from handlers import forgiving, masking
from handlers.bank import BankCustomer, BankRegister, BankUnavailable
from handlers.effects import Audit, OpenLink
from handlers.flow import Accepted, Again, Ask, Goto, OpenPage, PageDone, PageForm, Refused, Taken, Turn
from handlers.identity import Identity
from handlers.message import CustomerId, Document
from handlers.proving import Proving, Rules
from handlers.texts import Texts


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as the counter speaks of it."""

    serial: str
    not_after: datetime
    certificate: bytes
    chain: Sequence[bytes]
    folder: str


FINAL: Final = frozenset({"active_certificate", "bad_name", "too_many_today"})
"""What no other answer on the same page would change."""


PLACES: Final = ("this_pc", "usb", "phone", "folder")


class Denied(Exception):
    """The registration authority says no: `code` is a word of `page.error.*`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Succession:
    """The new certificate takes the place of `serial` once it is kept; that one is then revoked because of `ends`.

    `ends` is RFC 5280 §5.3.1's name. The end stays, or is `extended` by a year.
    """

    serial: str
    ends: str
    extended: bool


class Registry(Protocol):
    """What this flow wants of the registration authority."""

    async def active_until(self, number: str, profile: str, customer: CustomerId, now: datetime) -> datetime | None:
        """Until when an active certificate of this profile lasts, if there is one; `withdraw_unkept`'s do not count."""

    async def check(
        self,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        asker: CustomerId,
        now: datetime,
        succession: Succession | None = None,
    ) -> None:
        """Raises `Denied` for whatever `enroll` would refuse; nothing is stored."""

    async def enroll(
        self,
        request_id: str,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        evidence: Mapping[str, str],
        now: datetime,
        succession: Succession | None = None,
    ) -> Issued:
        """Issue once per `request_id`. Raises `Denied`."""

    async def issued_for(self, request_id: str) -> bool: ...

    async def successor_end(self, serial: str, *, extended: bool) -> datetime:
        """When what succeeds `serial` would end. Raises `Denied`."""

    async def signed(self, serial: str, certificate: bytes, signature: bytes, message: bytes, now: datetime) -> bool:
        """Whether `message` was signed with the key of this very certificate, which is valid now."""

    async def order(self, number: str, profile: str) -> str:
        """Names the purchase of this customer's next certificate; the same until one is kept."""

    async def withdraw_unkept(self, number: str, profile: str, customer: CustomerId, now: datetime) -> None:
        """Revoke (superseded) what was issued and never kept, by this conversation or on a page that has expired."""


class Pages(Protocol):
    def url(self, link_id: str) -> str: ...


class Issuing(Proving):
    """`data` holds kind, place, terms and proof when the page is opened; `order` of steps is the subclass's."""

    def __init__(
        self,
        bank: BankRegister,
        identity: Identity,
        texts: Mapping[str, Texts],
        rules: Rules,
        registry: Registry,
        pages: Pages,
        ca_name: str,
    ) -> None:
        super().__init__(bank, identity, texts, rules)
        self.registry, self.pages, self.ca_name = registry, pages, ca_name

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
        return None

    def open_link(self, turn: Turn, step: str, purpose: str) -> None:
        """A new link is a new request: what was begun under an older one is over."""
        link_id = self.rules.new_id()
        expires_at = turn.now + self.rules.link_life
        turn.data |= {"link": link_id, "link_step": step, "link_until": expires_at.isoformat()}
        turn.effect(OpenLink(link_id, purpose, expires_at))
        turn.effect(Audit(f"{purpose} opened" if purpose == "in_chat" else "page opened", turn.data["number"],
                          {"link": link_id, "profile": turn.data["kind"]}))  # fmt: skip

    async def ask_page(self, turn: Turn) -> OpenPage:
        return OpenPage(
            self.pages.url(turn.data["link"]),
            turn.data["link"],
            ("new_link",),
            {"minutes": self.rules.link_life.seconds // 60},
        )

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
        if answer == "new_link":
            # Two open pages would be two requests: the one before this is over.
            alive = turn.now < datetime.fromisoformat(turn.data["link_until"])
            return Goto("page", say="page.replaced" if alive else None)
        if turn.now >= datetime.fromisoformat(turn.data["link_until"]):
            return Goto("page", say="page.renewed")
        return Again("waiting", free=True, meant=forgiving.finished(answer))

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
        if not await self.registry.issued_for(form.link_id):
            if refused := await self._clear(turn, customer, form, csr, r):
                return refused
            # A page that was left after issuing, with nothing kept: that key is lost, its certificate must not live on.
            # Only now, when both factors have been shown: a code alone revokes nothing.
            await self.registry.withdraw_unkept(customer.number, turn.data["kind"], turn.customer, turn.now)
        try:
            issued = await self.enrolled(turn, form.link_id, customer, csr, r)
        except Denied as denied:
            return Refused(denied.code)
        return Accepted(
            {
                "certificate": base64.b64encode(issued.certificate).decode(),
                "chain": [base64.b64encode(one).decode() for one in issued.chain],
                "folder": {"ca": self.ca_name, "dn": issued.folder},
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
        return await self.second_factor(customer, form, turn.now)

    def succession(self, turn: Turn) -> Succession | None:
        """What the new certificate replaces, if anything."""
        return None

    def fee(self, turn: Turn) -> int:
        return self.rules.business_fee if turn.data["kind"] == "business" else 0

    def evidence(self, turn: Turn) -> Mapping[str, str]:
        """What was proven and how, for the audit."""
        return {
            "code": turn.data.get("challenge", ""),
            "factor": turn.data.get("factor", ""),
            "terms": turn.data.get("terms", {}).get("sha256", ""),
            "conversation": turn.customer,
            "journey": self.name,
        }

    async def enrolled(self, turn: Turn, link_id: str, customer: BankCustomer, csr: bytes, r: bytes) -> Issued:
        """The certificate of this link, once. Raises `Denied`."""
        return await self.registry.enroll(
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
        try:
            kind, succession = turn.data["kind"], self.succession(turn)
            await self.registry.check(customer, kind, csr, r, turn.customer, turn.now, succession)
            if fee := self.fee(turn):
                order = await self.registry.order(customer.number, turn.data["kind"])
                if not await self.bank.charge(customer.number, fee, f"{order}:{fee}"):
                    return Refused("fee_unpaid", final=True)
        except Denied as denied:
            return Refused(denied.code, final=denied.code in FINAL)
        except BankUnavailable:
            return Refused("unavailable")
        return None

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        """What the secure page shows before anything is spent."""
        customer, t = await self.bank_customer(turn), self.texts[turn.locale]
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
        turn.data |= {"link": self.rules.new_id(), "link_step": "works"}
        turn.effect(OpenLink(turn.data["link"], "login_check", turn.now + timedelta(days=1)))
        return None

    async def ask_works(self, turn: Turn) -> OpenPage:
        return OpenPage(self.pages.url(turn.data["link"]), turn.data["link"], ("later",))

    async def take_works(self, turn: Turn, answer: str | PageDone) -> Taken:
        if isinstance(answer, PageDone):
            turn.data["checked"] = True
            return None
        return None if answer == "later" else Again("waiting", free=True, meant=forgiving.finished(answer))

    def install_guide(self, place: str, system: str, locale: str) -> str:
        wanted = f"guide.install.{place}.{system}"
        return f".{wanted}" if wanted in self.texts[locale] else f".guide.install.{place}.other"
