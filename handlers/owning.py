"""Journeys about a certificate somebody already has: which one, and what may be done to it now.

A conversation that is linked to a customer of the bank is not asked for account and name again. The link lets look and
no more: whatever changes something wants a fresh proof (`Proving`), however lately the last one was.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from handlers.bank import BankCustomer
from handlers.flow import SKIP, Again, Ask, Stop, Taken, Turn
from handlers.identity import bound_to
from handlers.owned import Owned
from handlers.proving import Proving

LOST: Final = ("start:enroll", "start:status", "cmd:person")


class Owning(Proving):
    """`data` holds number, account and kind; `serial` once one is chosen, `linked` where nothing was asked."""

    unproven: ClassVar[frozenset[str]] = frozenset({"account", "name", "code"})
    """Steps at which nothing has to be proven (any more)."""

    def unfit(self, found: BankCustomer, turn: Turn) -> Taken:
        turn.data["kind"] = found.kind
        return None

    def plan(self, turn: Turn) -> tuple[str, ...]:
        known = {"account", "name"} if turn.data.get("linked") else set[str]()
        return tuple(step for step in self.steps if step not in known)

    def wants_code(self, turn: Turn) -> bool:
        """Whether this journey, as chosen so far, needs a code to the phone."""
        return True

    def lapsed(self, turn: Turn, step: str) -> str | None:
        if step in self.unproven or "kept" in turn.data or "number" not in turn.data:
            return None
        return None if not self.wants_code(turn) or self.proven(turn) else "code"

    async def begin_account(self, turn: Turn) -> Any:
        known = await self.office.owners.linked(turn.customer, turn.now)
        customer = known and await self.office.bank.by_number(known[0])
        if not customer:
            turn.data.pop("linked", None)
            return None
        turn.data |= {"number": customer.number, "account": customer.account, "kind": customer.kind, "linked": True}
        return self.too_new_a_phone(customer, turn) or await self.unprovable(customer, turn) or SKIP

    async def begin_code(self, turn: Turn) -> Any:
        return await super().begin_code(turn) if self.wants_code(turn) else SKIP

    def _bound(self, turn: Turn) -> str:
        return bound_to(self.name, turn.data.get("wish", ""), turn.data["number"], turn.data["account"])

    # -- which one --------------------------------------------------------------------------------------------

    async def mine(self, turn: Turn) -> Sequence[Owned]:
        return await self.office.owners.owned(turn.data["number"])

    async def chosen(self, turn: Turn) -> Owned | None:
        """The certificate this is about, as it stands now; None when it is gone."""
        return next((one for one in await self.mine(turn) if one.serial == turn.data.get("serial")), None)

    def concerns(self, one: Owned, turn: Turn) -> bool:
        """Whether a certificate is one that this journey could be about."""
        return True

    async def nothing(self, turn: Turn) -> Stop:
        """What is said when there is no such certificate."""
        return Stop("none", choices=LOST)

    async def begin_which(self, turn: Turn) -> Any:
        fitting = [one for one in await self.mine(turn) if self.concerns(one, turn)]
        turn.data["fitting"] = [one.serial for one in fitting]
        if not fitting:
            return await self.nothing(turn)
        turn.data["serial"] = fitting[0].serial
        return SKIP if len(fitting) == 1 else None

    async def ask_which(self, turn: Turn) -> Ask:
        t = self.office.texts[turn.locale]
        labels = {
            str(number): t(
                "status.which.label", kind=t(f"enroll.kind_name.{one.profile}"), until=one.not_after,
                state=t(f"status.state.{one.state(turn.now)}"),
            )
            for number, one in enumerate((one for one in await self.mine(turn) if self.concerns(one, turn)), 1)
        }  # fmt: skip
        return Ask(tuple(labels), labels=labels)

    async def take_which(self, turn: Turn, answer: str) -> Taken:
        fitting = turn.data["fitting"]
        if not answer.isdecimal() or not 1 <= int(answer[:2]) <= len(fitting):
            return Again("not_offered")
        turn.data["serial"] = fitting[int(answer[:2]) - 1]
        return None
