"""Reminders as the customer meets them: their words, and how they are wished: which days, when, where, or not at all.

The journey is a hub: each choice is kept at once and leads back to the summary, so that leaving at any point loses
nothing. Who is not known to be anybody's customer, and has no certificate from elsewhere here, has nothing to wish.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Final, Protocol

from handlers.effects import WishReminders
from handlers.flow import Again, Ask, Done, Flow, Goto, Stop, Taken, Turn
from handlers.message import CustomerId, Reply
from handlers.stages import HOURS, STAGES, ZONES, Wishes, days_left
from handlers.texts import Texts
from handlers.wording import say

PRESETS: Final = {"all": STAGES, "few": (30, 7, 1), "last": (7, 3, 1, 0)}
OFFERED_HOURS: Final = ("8", "9", "12", "15", "18", "20")


def word(t: Texts, kind: str, serial: str, until: datetime, now: datetime, *, ours: bool = True) -> Reply:
    """What is said of a certificate that ends at `until`: never more than the bank (or the issuer) and the kind."""
    left = days_left(until, now)
    choices = (f"remind:tomorrow:{serial}", f"remind:stop:{serial}")
    if not ours:
        issuer = t(known) if (known := f"elsewhere.institution.{kind}") in t else kind
        if left < 0:
            return say(t, "reminder.elsewhere_after", ("start:register",), issuer=issuer, until=until)
        return say(t, "reminder.elsewhere", (*choices, "start:registered"), issuer=issuer, left=left, until=until)
    kind = t(f"enroll.kind_name.{kind}")
    if left < 0:
        return say(t, "reminder.after", ("start:enroll", "cmd:person"), kind=kind, until=until)
    if left == 0:
        return say(t, "reminder.today", ("start:renew", *choices[1:]), kind=kind)
    return say(t, "reminder.ahead", ("start:renew", *choices), kind=kind, left=left, until=until)


_HOUR_NAMED: Final = re.compile(r"시|:00|\b[ap]\.?m\b", re.IGNORECASE)
_DAY_NAMED: Final = re.compile(r"일|\bdays?\b", re.IGNORECASE)
"""A wish told before it is asked which kind it is: a number alone could be either."""


class ReminderBook(Protocol):
    async def wishes(self, customer: CustomerId) -> Wishes | None:
        """How this conversation's customer wants to be reminded; None when there is nobody to ask for."""


class Reminders(Flow):
    """`ways` are the ways that can be wished first, besides leaving it to the operator's order."""

    name: ClassVar[str] = "reminders"
    steps: ClassVar[tuple[str, ...]] = ("what", "days", "hour", "zone", "way")

    def __init__(self, book: ReminderBook, ways: tuple[str, ...], texts: Mapping[str, Texts]) -> None:
        self.book, self.ways, self.texts = book, ways, texts

    def plan(self, turn: Turn) -> tuple[str, ...]:
        opened = turn.data.get("open")
        return ("what", opened) if opened else ("what",)

    async def begin_what(self, turn: Turn) -> Stop | None:
        if await self.book.wishes(turn.customer) is None:
            return Stop("nobody", choices=("start:status", "start:enroll", "cmd:menu"))
        return None

    async def ask_what(self, turn: Turn) -> Ask:
        wishes = await self._wishes(turn)
        if wishes.stopped:
            return Ask(("resume", "done"), variant="stopped")
        more = ("way",) if len(self.ways) > 1 else ()
        return Ask(("days", "hour", "zone", *more, "stop", "done"), {"when": self._when(turn, wishes)})

    def _when(self, turn: Turn, wishes: Wishes) -> str:
        """On which days, and at what time of whose day."""
        t, ahead = self.texts[turn.locale], [stage for stage in wishes.stages if stage > 0]
        return t(
            "reminders.when", days=ahead, today=0 in wishes.stages, after=-1 in wishes.stages, hour=wishes.hour,
            place=t(f"reminders.zone.choice.{wishes.zone}"),
        )  # fmt: skip

    async def take_what(self, turn: Turn, answer: str) -> Taken:
        wishes = await self._wishes(turn)
        turn.data.pop("open", None)
        match answer:
            case "done":
                return None
            case "stop" | "resume":
                self._wish(turn, replace(wishes, stopped=answer == "stop"))
                return None
            case "days" | "hour" | "zone":
                pass
            case "way" if len(self.ways) > 1:
                pass
            case _ if (hour := _hour(answer)) is not None and _HOUR_NAMED.search(answer):
                if hour in HOURS:
                    return await self._changed(turn, hour=hour)
                answer = "hour"  # whose question says which there are
            case _ if _days(answer) and _DAY_NAMED.search(answer):
                return await self.take_days(turn, answer)
            case _:
                return Again("not_offered")
        turn.data["open"] = answer
        return None

    async def ask_days(self, turn: Turn) -> Ask:
        return Ask(("all", "few", "last"))

    async def take_days(self, turn: Turn, answer: str) -> Taken:
        stages = PRESETS.get(answer) or _days(answer)
        if not stages:
            return Again("format")
        return await self._changed(turn, stages=stages)

    async def ask_hour(self, turn: Turn) -> Ask:
        return Ask(OFFERED_HOURS, labels={hour: f"{int(hour):02d}:00" for hour in OFFERED_HOURS})

    async def take_hour(self, turn: Turn, answer: str) -> Taken:
        hour = _hour(answer)
        if hour is None:
            return Again("format")
        if hour not in HOURS:
            return Again("night", meant=True)
        return await self._changed(turn, hour=hour)

    async def ask_zone(self, turn: Turn) -> Ask:
        return Ask(tuple(ZONES))

    async def take_zone(self, turn: Turn, answer: str) -> Taken:
        if answer not in ZONES:
            return Again("not_offered")
        return await self._changed(turn, zone=answer)

    async def ask_way(self, turn: Turn) -> Ask:
        return Ask(self.ways)

    async def take_way(self, turn: Turn, answer: str) -> Taken:
        if answer not in self.ways:
            return Again("not_offered")
        return await self._changed(turn, way=answer)

    async def finish(self, turn: Turn) -> Done | Stop:
        wishes = await self._wishes(turn)
        if wishes.stopped:
            return Done(variant="stopped", choices=("start:reminders",))
        return Done({"when": self._when(turn, wishes)})

    async def _changed(self, turn: Turn, **change: object) -> Goto:
        self._wish(turn, replace(await self._wishes(turn), **change))  # type: ignore[arg-type]
        turn.data.pop("open", None)
        return Goto("what", "changed")

    async def _wishes(self, turn: Turn) -> Wishes:
        """As kept, or as just wished: the effect of this turn is not written yet."""
        for effect in reversed(turn.effects):
            if isinstance(effect, WishReminders):
                return effect.wishes
        return await self.book.wishes(turn.customer) or Wishes()

    @staticmethod
    def _wish(turn: Turn, wishes: Wishes) -> None:
        turn.effect(WishReminders(wishes))


def _days(answer: str) -> tuple[int, ...]:
    """ "30일 전, 7, 1, 당일" as stages; empty when there is anything that is no day of ours."""
    said = {int(found) for found in re.findall(r"\d{1,3}", answer)}
    said |= {0} if re.search(r"당일|만료일|\b(on the )?day itself\b", answer, re.IGNORECASE) else set()
    return tuple(sorted(said, reverse=True)) if said and said <= set(STAGES) else ()


def _hour(answer: str) -> int | None:
    """ "아침 9시", "21:00", "6 pm" as an hour of the day."""
    found = re.fullmatch(
        r"\s*(오전|오후|아침|낮|저녁|밤)?\s*(\d{1,2})\s*(?::00|시)?\s*(a\.?m\.?|p\.?m\.?)?\s*(에|에요|요)?\s*",
        answer,
        re.IGNORECASE,
    )
    if found is None:
        return None
    hour = int(found[2])
    late = found[1] in ("오후", "낮", "저녁", "밤") or (found[3] or "").lower().startswith("p")
    hour += 12 if late and hour < 12 else 0
    return hour if hour < 24 else None
