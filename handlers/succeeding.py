"""What renewing and reissuing share: the certificate to be replaced, and the page on which its successor is made.

Both make a new key. The old certificate is good until the new one is kept; then one commit exchanges them
(`RegistrationAuthority.settle`), so that nobody is left with none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from handlers.bank import BankCustomer
from handlers.flow import SKIP, Again, Ask, Change, Done, Refused, Stop, Taken, Turn
from handlers.in_chat import InChat
from handlers.owned import Owned
from handlers.places import Registering
from handlers.registry import Denied, Succession


class Succeeding(Registering, InChat):
    """`data` holds `serial` of the old one and `until`, when the new one ends."""

    extended: ClassVar[bool]
    """Whether the new one lasts a year longer."""
    proofs: ClassVar[frozenset[str]] = InChat.proofs
    unasked: ClassVar[frozenset[str]] = frozenset({"current"})
    questions_first: ClassVar[frozenset[str]] = frozenset({"name", "places"})

    def plan(self, turn: Turn) -> tuple[str, ...]:
        unused = self.unused(turn)
        return tuple(step for step in super().plan(turn) if step not in unused)

    def obstacle(self, one: Owned, turn: Turn) -> Stop | None:
        """What keeps `one` from being replaced here and now, with what to do instead."""
        raise NotImplementedError

    def ends(self, turn: Turn) -> str:
        """Why the old one is revoked, RFC 5280 §5.3.1."""
        return "superseded"

    # -- what there is ----------------------------------------------------------------------------------------

    async def current(self, turn: Turn) -> Owned | Stop:
        """The certificate to replace, or why there is none to."""
        one = next((one for one in await self.mine(turn) if one.profile == turn.data["kind"]), None)
        if one is None:
            return Stop("none", choices=("start:enroll", "start:status", "cmd:person"))
        return self.obstacle(one, turn) or one

    async def begin_current(self, turn: Turn) -> Any:
        found = await self.current(turn)
        if isinstance(found, Stop):
            return found
        try:
            until = await self.office.registry.successor_end(found.serial, extended=self.extended)
        except Denied:
            return Stop("none", choices=("start:enroll", "start:status", "cmd:person"))
        turn.data |= {"serial": found.serial, "old_until": found.not_after.isoformat(), "until": until.isoformat()}
        return SKIP

    async def ask_current(self, turn: Turn) -> Ask:
        raise NotImplementedError  # never asked: it is looked up

    # -- is it right? ---------------------------------------------------------------------------

    async def ask_review(self, turn: Turn) -> Ask:
        t = self.office.texts[turn.locale]
        return Ask(
            ("confirm", "change_place"),
            {
                "kind": t(f"enroll.kind_name.{turn.data['kind']}"),
                "old_until": datetime.fromisoformat(turn.data["old_until"]),
                "until": datetime.fromisoformat(turn.data["until"]),
                "place": t(f"enroll.place.choice.{turn.data['place']}"),
                "fee": self.fee(turn),
            },
            once=frozenset({"confirm"}),
        )

    async def take_review(self, turn: Turn, answer: str) -> Taken:
        if answer == "change_place":
            return Change("place")
        return None if answer == "confirm" else Again("not_offered")

    # -- the page ---------------------------------------------------------------------------------------------

    def succession(self, turn: Turn) -> Succession:
        return Succession(turn.data["serial"], self.ends(turn), self.extended)

    async def replaceable(self, turn: Turn) -> bool:
        """It may have been stopped or revoked, or its day have passed, while the page was open."""
        found = await self.current(turn)
        return not isinstance(found, Stop) and found.serial == turn.data["serial"]

    async def may_issue(self, turn: Turn, customer: BankCustomer, csr: bytes, r: bytes) -> Refused | None:
        if not await self.replaceable(turn):
            return Refused("not_replaceable", final=True)
        return await super().may_issue(turn, customer, csr, r)

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        return {**await super().show_page(turn), "purpose": self.name}

    # -- registered elsewhere ---------------------------------------------------------------------------------

    async def begin_places(self, turn: Turn) -> Any:
        turn.data["serial"] = turn.data["kept"]["serial"]
        return await super().begin_places(turn)

    async def cancel(self, turn: Turn) -> Done | Stop | None:
        return await self.finish(turn) if "kept" in turn.data else None

    async def finish(self, turn: Turn) -> Done | Stop:
        kept = turn.data["kept"]
        return Done(
            {"serial": kept["serial"], "until": datetime.fromisoformat(kept["until"])},
            ("start:status:calendar", "start:status:places", "start:status"),
        )
