"""발급: a bank's customer gets a certificate. The page and what follows it are `handlers.issuing`."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from handlers import masking
from handlers.bank import BankCustomer
from handlers.effects import AcceptTerms
from handlers.flow import Again, Ask, Change, Done, Goto, Stop, Taken, Turn
from handlers.in_chat import STEPS as IN_CHAT
from handlers.in_chat import InChat
from handlers.owned import RENEWAL

KINDS: Final = ("personal", "business")


class Enroll(InChat):
    name: ClassVar[str] = "enroll"
    version: ClassVar[int] = 1
    steps: ClassVar[tuple[str, ...]] = (
        "prepare", "kind", "fee", "account", "name", "code", "details", "terms", "place", "review", "page", *IN_CHAT,
        "works",
    )  # fmt: skip

    carries: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "prepare": (), "kind": ("kind",), "fee": (), "account": ("account",), "name": ("number",), "terms": ("terms",),
        "place": ("place",),
    }  # fmt: skip
    """Whose it will be is looked at again (`details`)."""

    def plan(self, turn: Turn) -> tuple[str, ...]:
        free = frozenset({"fee"} if turn.data.get("kind") != "business" else ())
        return tuple(step for step in self.steps if step not in free | self.unused(turn))

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
        return Ask(KINDS, {"fee": self.office.rules.business_fee})

    async def take_kind(self, turn: Turn, answer: str) -> Taken:
        if answer not in KINDS:
            return Again("not_offered")
        if turn.data.get("kind", answer) != answer:
            turn.data.pop("number", None)
            turn.forget("fee", "account", "name", "details")
        turn.data["kind"] = answer
        return None

    async def ask_fee(self, turn: Turn) -> Ask:
        return Ask(("accept", "decline"), {"fee": self.office.rules.business_fee})

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
        until = await self.office.registry.active_until(customer.number, turn.data["kind"], turn.customer, turn.now)
        if until is not None:
            return Stop("has_one", {"until": until}, ("start:renew", "start:reissue", "start:status"))
        if customer.other_certificate:
            choices = ("means:int_register_other", "means:faq_other_institution", "cmd:person")
            return Stop("other_institution", {"institution": customer.other_certificate}, choices)
        return None

    async def ask_details(self, turn: Turn) -> Ask:
        customer = await self.bank_customer(turn)
        english = customer.english_name or customer.name
        return Ask(
            ("yes", "no"),
            {
                "name": masking.name(customer.name),
                "english_name": "" if english == customer.name else masking.name(english),
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
        summary = self.office.texts[turn.locale]("terms.summary", in_chat=turn.in_chat)
        return Ask(("agree", "full", "disagree"), {"summary": summary})

    async def take_terms(self, turn: Turn, answer: str) -> Taken:
        t = self.office.texts[turn.locale]
        if answer == "full":
            turn.say(".terms.full", in_chat=turn.in_chat)
            return Goto("terms")
        if answer == "disagree":
            return Stop("terms_declined", choices=("cmd:person", "cmd:menu"))
        if answer != "agree":
            return Again("not_offered")
        shown = hashlib.sha256(t("terms.full", in_chat=turn.in_chat).encode()).hexdigest()
        customer = await self.bank_customer(turn)
        turn.effect(AcceptTerms(customer.number, t("terms.version"), turn.locale, shown))
        turn.data["terms"] = {"number": customer.number, "version": t("terms.version"), "sha256": shown}
        return None

    async def ask_review(self, turn: Turn) -> Ask:
        customer, t = await self.bank_customer(turn), self.office.texts[turn.locale]
        return Ask(
            ("confirm", "change_kind", "change_account", "change_place"),
            {
                "name": masking.name(customer.name),
                "account": masking.account(turn.data["account"]),
                "kind": t(f"enroll.kind_name.{turn.data['kind']}"),
                "place": t(f"enroll.place.choice.{turn.data['place']}"),
                "fee": self.office.rules.business_fee if turn.data["kind"] == "business" else 0,
            },
            once=frozenset({"confirm"}),
        )

    async def take_review(self, turn: Turn, answer: str) -> Taken:
        if answer.startswith("change_") and answer[7:] in {"kind", "account", "place"}:
            return Change(answer[7:])
        return None if answer == "confirm" else Again("not_offered")

    async def cancel(self, turn: Turn) -> Done | Stop | None:
        return await self.finish(turn) if "kept" in turn.data else None

    async def finish(self, turn: Turn) -> Done | Stop:
        kept = turn.data["kept"]
        until = datetime.fromisoformat(kept["until"])
        turn.say(".guide.after", until=until, renew_from=until - RENEWAL)
        return Done(
            {"serial": kept["serial"], "until": until},
            ("start:status:calendar", "start:status:places", "means:int_backup"),
            variant="checked" if turn.data.get("checked") else None,
        )
