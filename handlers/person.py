"""상담원 연결: hands the conversation over with its history, or takes a message outside working hours."""

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from handlers import masking
from handlers.effects import Audit, Handover
from handlers.flow import Again, Ask, Done, Flow, Stop, Taken, Turn
from handlers.texts import KOREA

OPENS, CLOSES = 9, 18
"""Working hours of the desk in Korean time, Monday to Friday; public holidays are the operator's to announce."""


def open_at(now: datetime) -> bool:
    here = now.astimezone(KOREA)
    return here.weekday() < 5 and OPENS <= here.hour < CLOSES


class Person(Flow):
    """`reference()` gives a short number that the customer can read out."""

    name: ClassVar[str] = "person"
    steps: ClassVar[tuple[str, ...]] = ("wish",)

    def __init__(self, reference: Callable[[], str]) -> None:
        self.reference = reference

    async def ask_wish(self, turn: Turn) -> Ask:
        return Ask(("just_connect",), variant=None if open_at(turn.now) else "closed")

    async def take_wish(self, turn: Turn, answer: str) -> Taken:
        if not answer.strip():
            return Again("empty")
        turn.data["wish"] = "" if answer == "just_connect" else masking.text(answer)[:1000]
        return None

    async def finish(self, turn: Turn) -> Done | Stop:
        reference = self.reference()
        turn.effect(Handover(reference, turn.data["wish"]))
        turn.effect(Audit("person wanted", turn.customer, {"reference": reference}))
        return Done({"reference": reference}, variant=None if open_at(turn.now) else "closed")
