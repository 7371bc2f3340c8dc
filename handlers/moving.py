"""Begun on one channel, finished on another: a journey that its customer left half-way in another conversation.

Whoever has proven to be the same customer of the bank (`known_as`) is offered it, and goes on where it stood with what
was answered there. No proof, code, link or secret comes along (`Flow.carries`): those are asked again. The conversation
that was left is told, and stands in it no longer. What has begun to be issued on a page stays where that page is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from handlers.bank import CustomerNumber
from handlers.draft import Draft
from handlers.effects import KnowAs, MoveJourney
from handlers.flow import Flow, FlowState
from handlers.message import CustomerId
from handlers.wording import say

LATELY: Final = timedelta(days=3)
"""A journey that was left longer ago is not offered any more."""
OF_THIS_ONE: Final = ("challenge", "phone", "proof")
"""What was proven in the conversation that goes on stays good for what it is bound to (`Proving.proven`)."""
_BEING_ISSUED: Final = ("passed", "kept")


@dataclass(frozen=True, slots=True)
class Left:
    """Where another conversation of the same customer stands; `number` is the bank's."""

    number: CustomerNumber
    customer: CustomerId
    channel: str
    state: FlowState
    last_at: datetime


class LeftBehind(Protocol):
    async def left(self, customer: CustomerId, number: CustomerNumber | None, now: datetime) -> Sequence[Left]:
        """Journeys open in other conversations of this one's customer, the latest first.

        `number` is who this conversation has proven to be in this very turn; else it is looked up.
        """


class Moving:
    def __init__(self, flows: Mapping[str, Flow], left_behind: LeftBehind) -> None:
        self.flows, self.left_behind = flows, left_behind

    async def offer(self, draft: Draft, name: str = "") -> None:
        """Say that a journey (this one, where it is named) waits elsewhere, with the button that goes on with it."""
        open_here = draft.talk.flow
        if (left := await self._found(draft, name)) is None:
            return
        if open_here is not None:
            if open_here.data.get("offered") == left.customer:
                return
            open_here.data["offered"] = left.customer
        channel, journey = _names(draft, left)
        draft.replies.append(
            say(draft.texts, "common.left_elsewhere", (f"move:{left.state.flow}",), channel=channel, journey=journey)
        )

    async def take_over(self, draft: Draft, name: str) -> FlowState | None:
        """The journey as it goes on here; None when it is no longer to be had."""
        left = await self._found(draft, name)
        if left is None:
            return None
        flow, old = self.flows[name], left.state
        here = draft.talk.flow.data if draft.talk.flow is not None else {}
        answered = [step for step in old.answered if step in flow.carries]
        data: dict[str, Any] = {key: here[key] for key in OF_THIS_ONE if key in here}
        data |= {key: old.data[key] for step in answered for key in flow.carries[step] if key in old.data}
        channel, _ = _names(draft, left)
        draft.say("common.moved_here", channel=channel)
        draft.effects.append(MoveJourney(left.customer, name))
        return FlowState(name, flow.version, flow.steps[0], data, answered=answered, return_to=old.step)

    async def _found(self, draft: Draft, name: str) -> Left | None:
        number = next((one.number for one in draft.effects if isinstance(one, KnowAs)), None)
        found = await self.left_behind.left(draft.customer, number, draft.now)
        return next((left for left in found if self._may_move(left, draft.now, name)), None)

    def _may_move(self, left: Left, now: datetime, name: str) -> bool:
        state, flow = left.state, self.flows.get(left.state.flow)
        if flow is None or flow.version != state.version or (name and state.flow != name):
            return False
        # Somebody may have tried another customer's account there.
        same = state.data.get("number", left.number) == left.number
        worth_it = any(flow.carries.get(step) for step in state.answered)
        return same and worth_it and now - left.last_at <= LATELY and is_movable(state)


def is_movable(state: FlowState) -> bool:
    """Not once a page has taken the second factor: the certificate may be on its way."""
    return not any(key in state.data for key in _BEING_ISSUED)


def _names(draft: Draft, left: Left) -> tuple[str, str]:
    return draft.texts(f"common.channel.{left.channel}"), draft.texts(f"{left.state.flow}.start")
