"""Where a conversation stands, and the store that remembers it.

The state is JSON, never a live object: a restart, another worker or another channel continues from it. One
commit writes everything a turn decided; a lost race (`revision`) writes nothing and the turn is decided anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

from handlers.effects import Effect
from handlers.flow import FlowState
from handlers.message import Answered, CustomerId, Reply


@dataclass
class Talk:
    """The whole state of one customer's conversation."""

    locale: str
    flow: FlowState | None = None
    paused: FlowState | None = None
    """A flow that waits while a shorter one (a person is wanted) runs."""
    offered: list[list[str]] = field(default_factory=list)
    """[value, label] of the buttons last shown, so that typing "2" or the label presses them."""
    misses: int = 0
    """Messages in a row that were not understood."""
    asked: str = ""
    """The last question, masked: what a thumb down or a chosen button is about."""
    last_at: str = ""
    clerk: str = ""
    """Reference of the hand-over while a person has this conversation: the bot keeps quiet."""

    @property
    def waiting(self) -> list[FlowState]:
        """What waits, the one that goes on next first."""
        found, one = [], self.paused
        while one is not None:
            found.append(one)
            one = one.below
        return found

    def set_aside(self) -> None:
        """The open flow waits; what waits already waits below it."""
        if self.flow is not None:
            self.flow.below, self.paused, self.flow = self.paused, self.flow, None

    def take_up(self) -> None:
        """What waits is open again, in the place of the one there is; None when nothing waits."""
        self.flow, self.paused = self.paused, None
        if self.flow is not None:
            self.paused, self.flow.below = self.flow.below, None

    def bring_up(self, state: FlowState) -> None:
        """`state`, which waits, is open, and the one that was open waits before all others."""
        self.set_aside()
        others, self.paused = [one for one in self.waiting if one is not state], None
        for one in reversed(others):
            one.below, self.paused = self.paused, one
        self.flow, state.below = state, None

    def behind(self, link_id: str) -> FlowState | None:
        """The flow, open or waiting, whose page this is."""
        return next((one for one in (self.flow, *self.waiting) if one and one.data.get("link") == link_id), None)

    def as_json(self) -> dict[str, Any]:
        # Not `asdict`: its deep copies cost more than the rest of a turn's bookkeeping.
        parts = dict(vars(self))
        for name in ("flow", "paused"):
            parts[name] = parts[name] and parts[name].as_json()
        return parts

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        parts = dict(stored)
        for name in ("flow", "paused"):
            parts[name] = FlowState.from_json(parts[name]) if parts.get(name) else None
        return cls(**parts)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the store knows before a turn: `answered` when this very message was seen before."""

    revision: int
    state: dict[str, Any] | None
    answered: Answered | None = None


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """Everything one turn decided, to be committed at once."""

    customer: CustomerId
    channel: str
    address: str
    message_id: str | None
    """None for a page's submission: those are idempotent by themselves."""
    revision: int
    state: dict[str, Any]
    said: str | None
    """What the customer said, masked for the history."""
    replies: Sequence[Reply]
    effects: Sequence[Effect]
    answered: Answered
    at: datetime


class ConversationStore(Protocol):
    async def open(self, customer: CustomerId, channel: str, message_id: str | None) -> Opened: ...

    async def commit(self, turn: TurnRecord) -> int | None:
        """The `seq` of the turn's first message.

        None when another turn of this customer was committed since `revision`: nothing was written.
        """
