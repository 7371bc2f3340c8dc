"""A person is wanted: what to tell them, how long the line is, when somebody is there.

In working hours it is a place in the line, else a message that is read when the desk opens. The talk so far goes along,
with the customer's words masked. Who waits already keeps the place, and may leave it.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from handlers import masking
from handlers.counter import Queue
from handlers.effects import Audit, Handover
from handlers.flow import Again, Ask, Done, Flow, Stop, Taken, Turn
from handlers.hours import Hours


class Person(Flow):
    """`reference()` gives a short number that the customer can read out."""

    name: ClassVar[str] = "person"
    steps: ClassVar[tuple[str, ...]] = ("wish",)
    urgent: ClassVar[bool] = True

    def __init__(self, reference: Callable[[], str], hours: Hours, queue: Queue) -> None:
        self.reference, self.hours, self.queue = reference, hours, queue

    async def begin_wish(self, turn: Turn) -> Stop | None:
        handed = await self.queue.open_for(turn.customer)
        if handed is None:
            return None
        told = {"reference": handed.reference, "ahead": handed.ahead, **self._hours(turn)}
        reason = "waiting" if self.hours.open_at(turn.now) else "waiting_closed"
        return Stop(reason, told, (f"desk:leave:{handed.reference}", "cmd:menu"))

    async def ask_wish(self, turn: Turn) -> Ask:
        return Ask(("just_connect",), self._hours(turn), variant=None if self.hours.open_at(turn.now) else "closed")

    async def take_wish(self, turn: Turn, answer: str) -> Taken:
        if not answer.strip():
            return Again("empty")
        turn.data["wish"] = "" if answer == "just_connect" else masking.text(answer)[:1000]
        return None

    async def finish(self, turn: Turn) -> Done | Stop:
        reference = self.reference()
        ahead = await self.queue.length()
        turn.effect(Handover(reference, turn.data["wish"]))
        turn.effect(Audit("person wanted", turn.customer, {"reference": reference}))
        told = {"reference": reference, "ahead": ahead, **self._hours(turn)}
        return Done(told, variant=None if self.hours.open_at(turn.now) else "closed")

    def _hours(self, turn: Turn) -> Mapping[str, object]:
        opening = self.hours.next_opening(turn.now) or turn.now
        return {"opens": self.hours.opens, "closes": self.hours.closes, "next": opening}
