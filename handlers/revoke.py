"""분실·정지·폐지·회복: the fastest way to stop a certificate, and what may follow.

Suspending takes two taps and one factor, at any hour: a code to the phone, or, where the phone is gone too, card or
token on the secure page. Ending it for good is asked once more; giving it back to use wants both factors.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from ca.revocation import HOLD_LASTS
from handlers.bank import BankCustomer
from handlers.effects import ChangeStatus, StopPages
from handlers.flow import SKIP, Again, Ask, Done, Goto, Stop, Taken, Turn
from handlers.owned import Owned
from handlers.proof_page import ProvingOnPage

ALL: Final = frozenset({"hold_all", "not_me"})
HOLDS: Final = ALL | {"hold"}
REASONS: Final[Mapping[str, str]] = {
    "unused": "cessationOfOperation",
    # Whoever finds it may try its password: that is a suspicion, and RFC 5280 §5.3.1 counts suspicions.
    "lost": "keyCompromise",
    "leaked": "keyCompromise",
    "changed": "affiliationChanged",
    "other": "unspecified",
}


class Revoke(ProvingOnPage):
    name: ClassVar[str] = "revoke"
    steps: ClassVar[tuple[str, ...]] = ("wish", "account", "name", "code", "page", "which", "reason", "confirm")
    wishes: ClassVar[frozenset[str]] = frozenset({"hold", "hold_all", "revoke", "release", "not_me"})
    unproven: ClassVar[frozenset[str]] = ProvingOnPage.unproven | {"wish"}
    urgent: ClassVar[bool] = True

    def plan(self, turn: Turn) -> tuple[str, ...]:
        wish = turn.data.get("wish")
        unused: set[str] = set()
        if wish != "release" and not turn.data.get("no_phone"):
            unused.add("page")
        if turn.data.get("no_phone"):
            unused.add("code")
        if wish in ALL:
            unused.add("which")
        if wish != "revoke":
            unused |= {"reason", "confirm"}
        return tuple(step for step in super().plan(turn) if step not in unused)

    # -- what shall happen ------------------------------------------------------------------------------------

    async def begin_wish(self, turn: Turn) -> Any:
        return SKIP if turn.data.get("wish") in self.wishes else None

    async def ask_wish(self, turn: Turn) -> Ask:
        known = await self.office.owners.linked(turn.customer, turn.now)
        if known is None:
            return Ask(("hold", "hold_all", "revoke", "release"))
        states = [one.state(turn.now) for one in await self.office.owners.owned(known[0])]
        fitting = {
            "hold": "valid" in states,
            "hold_all": states.count("valid") > 1,
            "revoke": "valid" in states or "held" in states,
            "release": "held" in states,
        }
        # Whoever has none is told so after choosing, as everybody who is not known here is.
        return Ask(tuple(wish for wish, fits in fitting.items() if fits) or ("hold", "revoke", "release"))

    async def take_wish(self, turn: Turn, answer: str) -> Taken:
        if answer not in self.wishes:
            return Again("not_offered")
        turn.data["wish"] = answer
        turn.data.pop("no_phone", None)
        return None

    # -- who is it --------------------------------------------------------------------------------------------

    def too_new_a_phone(self, found: BankCustomer, turn: Turn) -> Stop | None:
        if turn.data["wish"] not in HOLDS:
            return super().too_new_a_phone(found, turn)
        if self.office.identity.phone_rests(found, turn.now):
            turn.data["no_phone"] = True  # its new number may be somebody else's: card or token instead
        return None

    async def unprovable(self, found: BankCustomer, turn: Turn) -> Taken:
        needed = turn.data["wish"] == "release" or turn.data.get("no_phone")
        return await super().unprovable(found, turn) if needed else None

    async def begin_code(self, turn: Turn) -> Any:
        begun = await super().begin_code(turn)
        if isinstance(begun, Stop) and turn.data["wish"] in HOLDS and not turn.in_chat:
            # No code may be sent: stopping it must not wait for that.
            turn.data["no_phone"] = True
            return await self.unprovable(await self.bank_customer(turn), turn) or SKIP
        if isinstance(begun, Stop) and turn.data["wish"] == "revoke" and not turn.in_chat:
            return replace(begun, choices=("start:revoke:hold", *begun.choices))  # which needs no code
        return begun

    def wants_code(self, turn: Turn) -> bool:
        return not turn.data.get("no_phone")

    async def ask_code(self, turn: Turn) -> Ask:
        asked = await super().ask_code(turn)
        other = ("no_phone",) if turn.data["wish"] in HOLDS and not turn.in_chat else ()
        return Ask((*asked.choices, *other), asked.params)

    async def take_code(self, turn: Turn, answer: str) -> Taken:
        if answer == "no_phone" and turn.data["wish"] in HOLDS and not turn.in_chat:
            turn.data["no_phone"] = True
            return await self.unprovable(await self.bank_customer(turn), turn) or Goto("page")
        return await super().take_code(turn, answer)

    def may_show(self, turn: Turn) -> bool:
        return bool(turn.data.get("no_phone")) or self.proven(turn)

    # -- which one, why, for sure? ----------------------------------------------------------------------------

    def concerns(self, one: Owned, turn: Turn) -> bool:
        wanted = {"release": {"held"}, "revoke": {"valid", "held"}}.get(turn.data["wish"], {"valid"})
        return one.state(turn.now) in wanted

    async def nothing(self, turn: Turn) -> Stop:
        self._stop_pages(turn, self.office.reference())
        held = any(one.state(turn.now) == "held" for one in await self.mine(turn))
        if held and turn.data["wish"] in HOLDS:
            return Stop("already_held", choices=("start:revoke:release", "start:revoke:revoke", "start:reissue"))
        if turn.data["wish"] == "release":
            return Stop("not_held", choices=("start:status", "cmd:person"))
        return await super().nothing(turn)

    async def ask_reason(self, turn: Turn) -> Ask:
        return Ask(tuple(REASONS))

    async def take_reason(self, turn: Turn, answer: str) -> Taken:
        if answer not in REASONS:
            return Again("not_offered")
        turn.data["reason"] = answer
        return None

    async def ask_confirm(self, turn: Turn) -> Ask:
        one, t = await self.chosen(turn), self.office.texts[turn.locale]
        kind = t(f"enroll.kind_name.{one.profile if one else turn.data['kind']}")
        held = one is not None and one.held  # then there is nothing to stop first
        lost = turn.data["reason"] in {"lost", "leaked"} and not held
        return Ask(
            ("confirm", "keep") if held else ("confirm", "hold", "keep"),
            {"kind": kind, "until": one.not_after if one else turn.now},
            once=frozenset({"confirm", "hold"}), variant="lost" if lost else None,
        )  # fmt: skip

    async def take_confirm(self, turn: Turn, answer: str) -> Taken:
        if answer == "keep":
            return Stop("kept", choices=("start:status", "cmd:menu"))
        if answer not in {"confirm", "hold"}:
            return Again("not_offered")
        if answer == "hold":
            turn.data["wish"] = "hold"
        return None

    async def _waiting(self, turn: Turn, kinds: Collection[str] | None) -> bool:
        """Whether a page still open has issued something of these kinds (None: of any), as far as can be seen now."""
        unkept = await self.office.owners.unkept(turn.data["number"])
        return any(kinds is None or one.profile in kinds for one in unkept)

    def _stop_pages(self, turn: Turn, reference: str, kinds: Collection[str] | None = None) -> None:
        """What is on a page still open may be a thief's, and would outlive what is stopped."""
        if (wish := turn.data["wish"]) != "release":
            turn.effect(StopPages(turn.data["number"], wish, reference, None if kinds is None else tuple(kinds)))

    # -- done -------------------------------------------------------------------------------------------------

    async def finish(self, turn: Turn) -> Done | Stop:
        wish = turn.data["wish"]
        fitting = [one for one in await self.mine(turn) if self.concerns(one, turn)]
        if wish not in ALL:
            fitting = [one for one in fitting if one.serial == turn.data.get("serial")]
        kinds = None if wish in ALL else {one.profile for one in fitting}
        if not fitting and not await self._waiting(turn, kinds):
            return await self.nothing(turn)
        reference, number = self.office.reference(), turn.data["number"]
        self._stop_pages(turn, reference, kinds)
        if not fitting:
            return Done({"reference": reference}, ("start:enroll", "start:status", "cmd:person"), variant="revoked")
        for one in fitting:
            if wish == "revoke":
                turn.effect(ChangeStatus(number, one.serial, "revoke", reference, REASONS[turn.data["reason"]]))
            else:
                turn.effect(ChangeStatus(number, one.serial, "release" if wish == "release" else "hold", reference))
        params: dict[str, Any] = {"reference": reference}
        if wish == "revoke":
            return Done(params, ("start:enroll", "start:status", "cmd:person"), variant="revoked")
        if wish == "release":
            return Done(params, ("start:status", "start:reissue"), variant="released")
        params |= {"count": len(fitting), "several": len(fitting) > 1, "until": turn.now + HOLD_LASTS}
        return Done(params, ("start:revoke:release", "start:revoke:revoke", "start:reissue"), variant="held")
