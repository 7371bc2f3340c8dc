"""재발급: a new file and a new password for the time that is left; the old certificate ends for the right reason.

What may be in somebody else's hands is suspended at once, when the customer says so and before the new one is made.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from handlers.effects import ChangeStatus
from handlers.flow import Again, Ask, Change, Done, Stop, Taken, Turn
from handlers.in_chat import STEPS
from handlers.owned import Owned
from handlers.succeeding import Succeeding

REASONS: Final[Mapping[str, str]] = {
    # RFC 5280 §5.3.1: keyCompromise is for what is known or suspected.
    "lost": "keyCompromise",
    "leaked": "keyCompromise",
    "forgotten": "superseded",
    "broken": "superseded",
    "moved": "superseded",
}
IN_OTHER_HANDS: Final = frozenset({"lost", "leaked"})


class Reissue(Succeeding):
    name: ClassVar[str] = "reissue"
    extended: ClassVar[bool] = False
    steps: ClassVar[tuple[str, ...]] = (
        "account", "name", "code", "current", "why", "place", "review", "page", *STEPS, "works", "places",
    )  # fmt: skip

    carries: ClassVar[Mapping[str, tuple[str, ...]]] = {"why": ("why", "stopped"), "place": ("place",)}

    def obstacle(self, one: Owned, turn: Turn) -> Stop | None:
        if one.state(turn.now) == "expired":
            return Stop("expired", {"until": one.not_after}, ("start:enroll", "cmd:person"))
        return None

    def ends(self, turn: Turn) -> str:
        return REASONS[turn.data["why"]]

    def fee(self, turn: Turn) -> int:
        return 0

    # -- why --------------------------------------------------------------------------------------------------

    async def ask_why(self, turn: Turn) -> Ask:
        return Ask(tuple(REASONS))

    async def take_why(self, turn: Turn, answer: str) -> Taken:
        if answer not in REASONS:
            return Again("not_offered")
        turn.data["why"] = answer
        turn.say(f"why.means.{answer}")
        return None

    async def ask_review(self, turn: Turn) -> Ask:
        asked = await super().ask_review(turn)
        why = self.office.texts[turn.locale](f"reissue.why.choice.{turn.data['why']}")
        one = await self.chosen(turn)
        stops = turn.data["why"] in IN_OTHER_HANDS and one is not None and not one.held
        return Ask(
            ("confirm", "change_why", "change_place"), {**asked.params, "why": why}, once=asked.once,
            variant="stops" if stops else None,
        )  # fmt: skip

    async def take_review(self, turn: Turn, answer: str) -> Taken:
        if answer == "change_why":
            return Change("why")
        taken = await super().take_review(turn, answer)
        if taken is None and turn.data["why"] in IN_OTHER_HANDS and "stopped" not in turn.data:
            one = await self.chosen(turn)
            if one is not None and not one.held:
                turn.data["stopped"] = self.office.reference()
                turn.effect(ChangeStatus(turn.data["number"], one.serial, "hold", turn.data["stopped"]))
                turn.say("stopped", reference=turn.data["stopped"])
        return taken

    async def cancel(self, turn: Turn) -> Done | Stop | None:
        if "stopped" in turn.data and "kept" not in turn.data:
            choices = ("start:reissue", "start:revoke:release", "start:revoke:revoke")
            return Stop("stopped", {"reference": turn.data["stopped"]}, choices)
        return await super().cancel(turn)
