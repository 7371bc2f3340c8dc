"""What a turn has decided so far: the one thing that reception, interruptions and journeys write to."""

from dataclasses import dataclass, field
from datetime import datetime

from handlers.effects import Effect
from handlers.message import CustomerId, Reply
from handlers.talk import Talk
from handlers.texts import Texts
from handlers.wording import say


@dataclass
class Draft:
    """What this turn has decided so far."""

    customer: CustomerId
    turn_id: str
    now: datetime
    talk: Talk
    texts: Texts
    in_chat: bool = False
    """As `Turn.in_chat`."""
    replies: list[Reply] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    history: str | None = None
    """The customer's words as the history keeps them."""

    def say(self, key: str, *values: str, **params: object) -> None:
        self.replies.append(say(self.texts, key, values, **params))
