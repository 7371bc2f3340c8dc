"""발급: a bank's customer gets a certificate. The key is made on their device; this flow never sees it.

The certificate is issued when the secure page sends its request (`submit_page`), in the order of
`docs/architecture.md`; the conversation goes on by itself when the page says that the files are kept.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Protocol

from handlers import forgiving, masking
from handlers.bank import BankCustomer, BankRegister, BankUnavailable
from handlers.effects import AcceptTerms, Audit, OpenLink
from handlers.flow import (
    Accepted,
    Again,
    Ask,
    Change,
    Done,
    Goto,
    OpenPage,
    PageDone,
    PageForm,
    Refused,
    Stop,
    Taken,
    Turn,
)
from handlers.identity import Identity
from handlers.message import CustomerId, Document
from handlers.proving import Proving, Rules
from handlers.texts import Texts

KINDS: Final = ("personal", "business")
RENEWAL: Final = timedelta(days=30)
"""How long before its end a certificate may be renewed."""
PLACES: Final = ("this_pc", "usb", "phone", "folder")


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as the counter speaks of it."""

    serial: str
    not_after: datetime
    certificate: bytes
    chain: Sequence[bytes]
    folder: str


class Denied(Exception):
    """The registration authority says no: `code` is a word of `page.error.*`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Registry(Protocol):
    """What this flow wants of the registration authority."""

    async def active_until(self, number: str, profile: str, now: datetime) -> datetime | None:
        """Until when an active certificate of this profile lasts, if there is one."""

    async def enroll(
        self,
        request_id: str,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        evidence: Mapping[str, str],
        now: datetime,
    ) -> Issued:
        """Issue once per `request_id`. Raises `Denied`."""

    async def issued_for(self, request_id: str) -> bool: ...

    async def order(self, number: str, profile: str) -> str:
        """Names the purchase of this customer's next certificate; the same until one is kept."""

    async def withdraw_unkept(self, number: str, profile: str, customer: CustomerId, now: datetime) -> None:
        """Revoke (superseded) what was issued and never kept, by this conversation or on a page that has expired."""


class Pages(Protocol):
    def url(self, link_id: str) -> str: ...


class Enroll(Proving):
    name: ClassVar[str] = "enroll"
    version: ClassVar[int] = 1
    steps: ClassVar[tuple[str, ...]] = (
        "prepare", "kind", "fee", "account", "name", "code", "details", "terms", "place", "review", "page", "works",
    )  # fmt: skip

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

    def plan(self, turn: Turn) -> tuple[str, ...]:
        return tuple(step for step in self.steps if step != "fee" or turn.data.get("kind") == "business")

    def lapsed(self, turn: Turn, step: str) -> str | None:
        past_code = self.steps.index(step) > self.steps.index("code")
        if not past_code or step == "works" or "kept" in turn.data or self.proven(turn):
            return None
        return "code"

    # -- what is needed, which kind ---------------------------------------------------------------------------

    async def ask_prepare(self, turn: Turn) -> Ask:
        return Ask(("ready", "pc", "app", "cautions"))

    async def take_prepare(self, turn: Turn, answer: str) -> Taken:
        if answer in {"pc", "app", "cautions"}:
            turn.say(".guide.cautions" if answer == "cautions" else f".guide.{answer}_steps")
            return Goto("prepare")
        return None if answer == "ready" else Again("not_offered")

    async def ask_kind(self, turn: Turn) -> Ask:
        return Ask(KINDS, {"fee": self.rules.business_fee})

    async def take_kind(self, turn: Turn, answer: str) -> Taken:
        if answer not in KINDS:
            return Again("not_offered")
        if turn.data.get("kind", answer) != answer:
            turn.data.pop("number", None)
            turn.forget("fee", "account", "name", "details")
        turn.data["kind"] = answer
        return None

    async def ask_fee(self, turn: Turn) -> Ask:
        return Ask(("accept", "decline"), {"fee": self.rules.business_fee})

    async def take_fee(self, turn: Turn, answer: str) -> Taken:
        if answer == "decline":
            return Stop("fee_declined", choices=("means:faq_fee", "cmd:menu"))
        return None if answer == "accept" else Again("not_offered")

    def unfit(self, found: BankCustomer, turn: Turn) -> Taken:
        if found.kind != turn.data["kind"]:
            turn.data.pop("number")
            turn.forget("fee", "account", "name")
            return Goto("kind", say=f"kind.other_{found.kind}")
        if not found.internet_banking:
            return Stop("not_enrolled", choices=("means:faq_prerequisites", "cmd:person"))
        return None

    # -- what the bank knows, the terms, the place ------------------------------------------------------------

    async def begin_details(self, turn: Turn) -> Any:
        customer = await self.bank_customer(turn)
        await self.registry.withdraw_unkept(customer.number, turn.data["kind"], turn.customer, turn.now)
        until = await self.registry.active_until(customer.number, turn.data["kind"], turn.now)
        if until is not None:
            return Stop("has_one", {"until": until}, ("means:int_renew", "means:int_reissue", "means:int_status"))
        if customer.other_certificate:
            choices = ("means:int_register_other", "means:faq_other_institution", "cmd:person")
            return Stop("other_institution", {"institution": customer.other_certificate}, choices)
        return None

    async def ask_details(self, turn: Turn) -> Ask:
        customer = await self.bank_customer(turn)
        return Ask(
            ("yes", "no"),
            {
                "name": masking.name(customer.name),
                "english_name": masking.name(customer.english_name) if customer.english_name else "",
                "account": masking.account(turn.data["account"]),
                "phone": masking.phone(customer.phone),
            },
        )

    async def take_details(self, turn: Turn, answer: str) -> Taken:
        if answer == "no":
            turn.data.pop("number", None)
            turn.forget("account", "name")
            return Goto("account", say="details.again")
        if answer != "yes":
            return Again("not_offered")
        if turn.data.get("terms", {}).get("number") != turn.data["number"]:
            # Who agreed before the account was changed may be another customer of the bank.
            turn.forget("terms")
        return None

    async def ask_terms(self, turn: Turn) -> Ask:
        return Ask(("agree", "full", "disagree"), {"summary": self.texts[turn.locale]("terms.summary")})

    async def take_terms(self, turn: Turn, answer: str) -> Taken:
        t = self.texts[turn.locale]
        if answer == "full":
            turn.say(".terms.full")
            return Goto("terms")
        if answer == "disagree":
            return Stop("terms_declined", choices=("cmd:person", "cmd:menu"))
        if answer != "agree":
            return Again("not_offered")
        shown = hashlib.sha256(t("terms.full").encode()).hexdigest()
        customer = await self.bank_customer(turn)
        turn.effect(AcceptTerms(customer.number, t("terms.version"), turn.locale, shown))
        turn.data["terms"] = {"number": customer.number, "version": t("terms.version"), "sha256": shown}
        return None

    async def ask_place(self, turn: Turn) -> Ask:
        return Ask(PLACES)

    async def take_place(self, turn: Turn, answer: str) -> Taken:
        if answer not in PLACES:
            return Again("not_offered")
        turn.data["place"] = answer
        return None

    async def ask_review(self, turn: Turn) -> Ask:
        customer, t = await self.bank_customer(turn), self.texts[turn.locale]
        return Ask(
            ("confirm", "change_kind", "change_account", "change_place"),
            {
                "name": masking.name(customer.name),
                "account": masking.account(turn.data["account"]),
                "kind": t(f"enroll.kind_name.{turn.data['kind']}"),
                "place": t(f"enroll.place.choice.{turn.data['place']}"),
                "fee": self.rules.business_fee if turn.data["kind"] == "business" else 0,
            },
            once=frozenset({"confirm"}),
        )

    async def take_review(self, turn: Turn, answer: str) -> Taken:
        if answer.startswith("change_") and answer[7:] in {"kind", "account", "place"}:
            return Change(answer[7:])
        return None if answer == "confirm" else Again("not_offered")

    # -- the secure page --------------------------------------------------------------------------------------

    async def begin_page(self, turn: Turn) -> Any:
        # A page that was left after issuing, with nothing kept: that key is lost, its certificate must not live on.
        await self.registry.withdraw_unkept(turn.data["number"], turn.data["kind"], turn.customer, turn.now)
        link_id = self.rules.new_id()
        expires_at = turn.now + self.rules.link_life
        turn.data |= {"link": link_id, "link_step": "page", "link_until": expires_at.isoformat()}
        turn.effect(OpenLink(link_id, "enroll", expires_at))
        turn.effect(Audit("page opened", turn.data["number"], {"link": link_id, "profile": turn.data["kind"]}))
        return None

    async def ask_page(self, turn: Turn) -> OpenPage:
        return OpenPage(
            self.pages.url(turn.data["link"]),
            turn.data["link"],
            ("new_link",),
            {"minutes": self.rules.link_life.seconds // 60},
        )

    async def take_page(self, turn: Turn, answer: str | PageDone) -> Taken:
        if isinstance(answer, PageDone):
            turn.data["kept"] = {"serial": answer.result["serial"], "until": answer.result["until"]}
            stored = answer.result.get("document")
            document = Document(**stored) if stored else None
            until = datetime.fromisoformat(answer.result["until"])
            turn.no_way_back = True
            turn.say("kept" if document else "kept_there", document=document, until=until)
            turn.say(self._install_guide(turn.data["place"], answer.result.get("system", ""), turn.locale))
            return None
        if answer == "new_link":
            return Goto("page")
        if turn.now >= datetime.fromisoformat(turn.data["link_until"]):
            return Goto("page", say="page.renewed")
        return Again("waiting", free=True, meant=forgiving.finished(answer))

    async def submit_page(self, turn: Turn, form: PageForm) -> Accepted | Refused:
        """The browser's request: factor answer, CSR and R. Issues once; the same key again gets the same answer."""
        if not self.proven(turn):
            return Refused("proof_lapsed", final=True)
        customer = await self.bank_customer(turn)
        try:
            csr = base64.b64decode(form.fields["csr"], validate=True)
            r = base64.b64decode(form.fields["r"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            return Refused("bad_request")
        # What was right for this very request is not asked again: its cells or its code are spent by then.
        request = hashlib.sha256(form.link_id.encode() + csr + r).hexdigest()
        issued_before = await self.registry.issued_for(form.link_id)
        if turn.data.get("passed") != request and not issued_before:
            refused, factor = await self.second_factor(customer, form, turn.now)
            if refused:
                return refused
            turn.data["factor"], turn.data["passed"] = factor, request
        if turn.data["kind"] == "business" and not issued_before:
            fee = self.rules.business_fee
            try:
                order = await self.registry.order(customer.number, turn.data["kind"])
                paid = await self.bank.charge(customer.number, fee, f"{order}:{fee}")
            except BankUnavailable:
                return Refused("unavailable")
            if not paid:
                return Refused("fee_unpaid", final=True)
        evidence = {
            "code": turn.data["challenge"],
            "factor": turn.data.get("factor", ""),
            "terms": turn.data["terms"]["sha256"],
            "conversation": turn.customer,
        }
        try:
            issued = await self.registry.enroll(form.link_id, customer, turn.data["kind"], csr, r, evidence, turn.now)
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

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        """What the secure page shows before anything is spent."""
        customer, t = await self.bank_customer(turn), self.texts[turn.locale]
        factor = await self.identity.usable_factor(customer)
        shown: dict[str, Any] = {"kind": factor}
        if factor == "card":
            cells = (await self.identity.cells(customer.number, turn.now)).positions
            shown["cells"] = [{"cell": cell, "half": half} for cell, half in cells]
        rows = {
            "name": masking.name(customer.name),
            "account": masking.account(turn.data["account"]),
            "kind": t(f"enroll.kind_name.{turn.data['kind']}"),
            "place": t(f"enroll.place.choice.{turn.data['place']}"),
        }
        return {
            "summary": [{"label": t(f"enroll.summary.{row}"), "value": value} for row, value in rows.items()],
            "factor": shown,
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

    async def finish(self, turn: Turn) -> Done | Stop:
        kept = turn.data["kept"]
        until = datetime.fromisoformat(kept["until"])
        turn.say(".guide.after", until=until, renew_from=until - RENEWAL)
        return Done(
            {"serial": kept["serial"], "until": until},
            ("means:int_backup", "means:int_register_other", "means:faq_renew_period"),
            variant="checked" if turn.data.get("checked") else None,
        )

    # -- what holds -------------------------------------------------------------------------------------------

    def _install_guide(self, place: str, system: str, locale: str) -> str:
        wanted = f"guide.install.{place}.{system}"
        return f".{wanted}" if wanted in self.texts[locale] else f".guide.install.{place}.other"
