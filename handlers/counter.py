"""The desk behind the chat, where a person takes over. The port that staff pages and verbs use.

While a clerk has a conversation the bot keeps quiet in it, but for leaving, and for what cannot wait (a lost
certificate). What both sides say is in the same history, the customer's words masked as ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from handlers.message import CustomerId

URGENT: Final = frozenset({"faq_lost", "faq_leak", "int_revoke"})
"""What the bot answers even while a clerk has the conversation."""
URGENT_FLOWS: Final = frozenset({"revoke", "suspend", "lost"})
LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Handed:
    """One hand-over. `wish` is masked; `ahead` counts who waits before this one."""

    reference: str
    customer: CustomerId
    wish: str = field(repr=False)
    state: Literal["waiting", "taken", "closed"]
    clerk: str | None
    at: datetime
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the history; `author` is `customer` or `bot` (a clerk's words are the bot's with key `person.said`)."""

    author: str
    key: str
    text: str = field(repr=False)
    at: str


class NoSuchHandover(LookupError):
    """No reference like this is open."""


class TakenBySomebodyElse(Exception):
    """Another clerk has it; the argument is who."""


class Queue(Protocol):
    """What the customer's side needs."""

    async def open_for(self, customer: CustomerId) -> Handed | None:
        """The hand-over under way for a conversation, if any."""

    async def length(self) -> int:
        """How many wait."""


class Counter(Queue, Protocol):
    """What a clerk does. All raise `NoSuchHandover`; who is not the clerk in charge gets `TakenBySomebodyElse`."""

    async def list(self) -> Sequence[Handed]:
        """Everything open, who waits longest first."""

    async def show(self, reference: str, limit: int = 50) -> tuple[Handed, Sequence[Said]]:
        """A hand-over with the end of its conversation; closed ones too."""

    async def take_over(self, reference: str, clerk: str) -> None:
        """From now on the bot is quiet there, and the customer knows. Taking one's own again changes nothing."""

    async def say(self, reference: str, clerk: str, text: str, key: str) -> None:
        """Words for the customer, in their channel, once per `key`. Takes over first when nobody has."""

    async def give_back(self, reference: str, clerk: str) -> None:
        """The bot goes on where the customer stood. Again changes nothing."""
