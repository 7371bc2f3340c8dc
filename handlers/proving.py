"""Steps shared by every journey that needs to know who is asking: account, name, a code to the phone.

A flow inherits these and lists them among its steps; their words are `identity.STEP.…` unless the flow has its own.
The second factor is checked where the secure page's form arrives, never in a chat.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from handlers import forgiving, masking
from handlers.bank import BankCustomer, CustomerGone
from handlers.effects import CloseCells, KnowAs, UseChallenge
from handlers.flow import SKIP, Again, Ask, Goto, PageForm, Refused, Stop, Taken, Turn
from handlers.identity import bound_to
from handlers.office import Journey


class Proving(Journey):
    """`data` holds account, number, challenge and proof; `purpose` and the kind are bound into every code."""

    proofs: ClassVar[frozenset[str]] = frozenset({"code", "page"})
    veiled: ClassVar[frozenset[str]] = frozenset({"name"})
    questions_first: ClassVar[frozenset[str]] = frozenset({"name"})

    def unfit(self, found: BankCustomer, turn: Turn) -> Taken:
        """What this journey has against a customer, before any code is sent."""
        raise NotImplementedError

    async def ask_account(self, turn: Turn) -> Ask:
        return Ask()

    async def take_account(self, turn: Turn, answer: str) -> Taken:
        if masking.resident_number(answer):  # as long as an account number, and nothing we may keep
            return Again("resident", meant=True)
        account = forgiving.account(answer)
        if account is None:
            return Again("format")
        if account != turn.data.get("account"):
            turn.data.pop("number", None)
            turn.forget("name", "details")
        turn.data["account"] = account
        return None

    async def ask_name(self, turn: Turn) -> Ask:
        return Ask(params={"account": masking.account(turn.data["account"])})

    async def take_name(self, turn: Turn, answer: str) -> Taken:
        name = forgiving.name(answer)
        if name is None:
            return Again("format")
        if not await self.office.identity.may_look_up(turn.customer, turn.data["account"], turn.now):
            return Stop("too_many_lookups", choices=("cmd:person",))
        found = await self.office.bank.by_account(turn.data["account"])
        # Unknown account and wrong name look the same (ASVS 6.3.8).
        known = (found.name, found.english_name or "") if found else ()
        if found is None or not any(forgiving.same_name(name, one) for one in known if one):
            return Again("no_match", meant=True)
        turn.data["number"] = found.number
        if stop := self.too_new_a_phone(found, turn):
            return stop
        return self.unfit(found, turn) or await self.unprovable(found, turn)

    def too_new_a_phone(self, found: BankCustomer, turn: Turn) -> Stop | None:
        until = self.office.identity.phone_rests(found, turn.now)
        return Stop("phone_changed", {"until": until}, ("cmd:person",)) if until else None

    async def unprovable(self, found: BankCustomer, turn: Turn) -> Taken:
        """What keeps a customer from proving who they are to the end, before any code is sent."""
        if await self.office.identity.usable_factor(found):
            return None
        locked = found.factors or found.locked_factors
        return Stop(
            "factor_locked" if locked else "no_factor", choices=("means:faq_identity_verification", "cmd:person")
        )

    async def begin_code(self, turn: Turn) -> Any:
        if self.proven(turn):
            return SKIP
        customer = await self.bank_customer(turn)
        # It may have changed since they were looked up, days ago or in another conversation.
        if stop := Proving.too_new_a_phone(self, customer, turn):
            return stop
        if await self.office.identity.code_locked(customer.number, turn.now):
            return Stop("codes_locked", choices=("cmd:person",))
        if not await self.office.identity.may_send_code(customer.number, turn.now):
            return Stop("too_many_codes", choices=("cmd:person",))
        t = self.office.texts[turn.locale]
        challenge = self.office.identity.start_code(
            self.office.new_id(), customer, self._bound(turn), turn.now,
            lambda code: t(f"{self.name}.sms", code=code, kind=t(f"enroll.kind_name.{turn.data['kind']}"),
                           life=self._code_seconds),
        )  # fmt: skip
        turn.effect(challenge)
        turn.data["challenge"] = challenge.challenge_id
        turn.data["phone"] = masking.phone(customer.phone)
        turn.data.pop("proof", None)
        return None

    async def ask_code(self, turn: Turn) -> Ask:
        return Ask(("resend",), {"phone": turn.data["phone"], "life": self._code_seconds})

    @property
    def _code_seconds(self) -> float:
        return self.office.identity.limits.code_life.total_seconds()

    async def take_code(self, turn: Turn, answer: str) -> Taken:
        if answer == "resend":
            return Goto("code")
        code = forgiving.code(answer)
        if code is None:
            return Again("format")
        bound = self._bound(turn)
        checked = await self.office.identity.check_code(turn.data["challenge"], bound, code, turn.now)
        match checked.verdict:
            case "wrong":
                return Again("wrong", {"left": checked.left}, meant=True)
            case "expired":
                return Again("expired", meant=True)
            case "locked":
                return Stop("code_locked", choices=("cmd:person",))
        turn.effect(UseChallenge(turn.data["challenge"]))
        turn.effect(KnowAs((await self.bank_customer(turn)).number))
        turn.data["proof"] = {"bound": bound, "at": turn.now.isoformat()}
        return None

    async def factor_shown(self, customer: BankCustomer, now: datetime) -> dict[str, Any]:
        """What the secure page asks of the second factor: its kind, and which cells of a card."""
        factor = await self.office.identity.usable_factor(customer)
        shown: dict[str, Any] = {"kind": factor}
        if factor == "card":
            cells = (await self.office.identity.cells(customer.number, now)).positions
            shown["cells"] = [{"cell": cell, "half": half} for cell, half in cells]
        return shown

    async def second_factor(
        self, turn: Turn, customer: BankCustomer, form: PageForm, *, alone: bool = False
    ) -> tuple[Refused | None, str]:
        """`alone`: nothing was proven before."""
        given = form.fields.get("factor")
        factor = await self.office.identity.usable_factor(customer)
        if factor is None:
            return Refused("factor_locked", final=True), ""
        if not isinstance(given, Mapping):
            return Refused("bad_request"), ""
        if factor == "otp":
            fields = ["otp"]
            code = str(given.get("otp", ""))[:12]
            checked = await self.office.identity.check_otp(customer.number, code, turn.now, alone=alone)
        else:
            cells = given.get("cells")
            if not isinstance(cells, Mapping) or not all(str(cell).isdecimal() for cell in cells):
                return Refused("bad_request"), ""
            answers = {int(str(cell)[:4]): str(digits)[:4] for cell, digits in cells.items()}
            fields = [f"cell_{cell}" for cell in answers]
            checked = await self.office.identity.check_card(customer.number, answers, turn.now, alone=alone)
        if checked.verdict == "right":
            if factor == "card":
                turn.effect(CloseCells(customer.number))
            return None, factor
        if checked.verdict == "locked":
            return Refused("alone_locked" if alone else f"{factor}_locked", final=True), factor
        return Refused(f"{factor}_wrong", {"left": checked.left}, fields=fields), factor

    async def bank_customer(self, turn: Turn) -> BankCustomer:
        """The bank's record of now, not of the step where it was first read."""
        customer = await self.office.bank.by_number(turn.data["number"])
        if customer is None:
            raise CustomerGone
        return customer

    async def stopped_since(self, turn: Turn) -> bool:
        """Whether somebody has proven to be this customer, and stopped a certificate, after the proof this rests on.

        Then it is a proof no longer.
        """
        stopped = await self.office.owners.stopped_at(turn.data["number"])
        if stopped is None or stopped <= self.proven_at(turn):
            return False
        turn.data.pop("proof", None)
        return True

    def proven_at(self, turn: Turn) -> datetime:
        """When it was proven who asks; where the page itself proves it, when that was opened."""
        if proof := turn.data.get("proof"):
            return datetime.fromisoformat(proof["at"])
        return datetime.fromisoformat(turn.data["link_until"]) - self.office.rules.link_life

    def _bound(self, turn: Turn) -> str:
        return bound_to(self.name, turn.data["number"], turn.data["kind"], turn.data["account"])

    def proven(self, turn: Turn) -> bool:
        proof: dict[str, str] = turn.data.get("proof") or {}
        return (
            bool(proof)
            and "number" in turn.data
            and proof["bound"] == self._bound(turn)
            # In both directions: by a clock that was set back it would never lapse.
            and abs(turn.now - datetime.fromisoformat(proof["at"])) < self.office.rules.proof_life
        )
