"""When to speak of a certificate's end: by days in Korea, at an hour of the customer's own day.

The end is a day in Korea, and so is every stage before it; the hour is the customer's, who may travel. So a stage is
due at the one moment of its Korean day at which the customer's clock shows the hour. Nothing is said at night there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from handlers.texts import KOREA

STAGES: Final = (30, 14, 7, 3, 1, 0, -1)
"""Days before the end; -1 is the day after."""
NEVER_SAID: Final = 99
"""Above every stage: nothing was said yet."""
QUIET_FROM: Final = 21
QUIET_UNTIL: Final = 8
"""Hours of the customer's clock between which nobody is written to."""
HOURS: Final = range(QUIET_UNTIL, QUIET_FROM)
LATE: Final = timedelta(days=7)
"""How long after its time it is still worth saying that a certificate has ended."""
LAST_YEAR: Final = 9990
"""An end beyond it means "no end" (RFC 5280 §4.1.2.5): nothing to remind of."""

ZONES: Final = {
    "seoul": "Asia/Seoul", "tokyo": "Asia/Tokyo", "beijing": "Asia/Shanghai", "hanoi": "Asia/Ho_Chi_Minh",
    "singapore": "Asia/Singapore", "sydney": "Australia/Sydney", "london": "Europe/London", "berlin": "Europe/Berlin",
    "new_york": "America/New_York", "los_angeles": "America/Los_Angeles",
}  # fmt: skip
"""Where customers may be: the name of a choice, and of a time zone."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How somebody wants to be reminded. `way` is tried first; `zone` is a key of `ZONES`."""

    stages: tuple[int, ...] = STAGES
    hour: int = 9
    zone: str = "seoul"
    way: str = ""
    stopped: bool = False


@cache
def clock_of(zone: str) -> tzinfo:
    """The customer's clock; Korea's where the name is not (or no longer) known."""
    return ZoneInfo(ZONES[zone]) if zone in ZONES and zone != "seoul" else KOREA


def due_at(not_after: datetime, stage: int, wishes: Wishes) -> datetime:
    """The moment of the stage's Korean day at which the customer's clock shows the wished hour."""
    day = not_after.astimezone(KOREA).date() - timedelta(days=stage)
    midnight = datetime.combine(day, time(), KOREA)
    zone = clock_of(wishes.zone)
    if zone is KOREA:
        return midnight + timedelta(hours=wishes.hour)
    there = midnight.astimezone(zone).date()
    first, second = (
        datetime.combine(there + timedelta(days=n), time(wishes.hour), zone).astimezone(UTC) for n in (0, 1)
    )
    # On the day a clock is set back there may be no such moment at all: then rather an hour early than late.
    return second if first < midnight and second < midnight + timedelta(days=1) else first


@lru_cache(1024)  # thousands of certificates end at the same second, and few wish for anything of their own
def _times(not_after: datetime, wishes: Wishes) -> tuple[tuple[int, datetime], ...]:
    """The wished stages, and when each is due."""
    return tuple((stage, due_at(not_after, stage, wishes)) for stage in wishes.stages)


def latest_due(not_after: datetime, said: int, wishes: Wishes, now: datetime) -> int | None:
    """The stage to speak of at `now`: of those that are due, the last; None when it is too late for that one."""
    stage = min((one for one, due in _times(not_after, wishes) if one < said and due <= now), default=None)
    if stage is None or (stage >= 0 and now > not_after) or now > due_at(not_after, -1, wishes) + LATE:
        return None
    return stage


def next_due(not_after: datetime, said: int, wishes: Wishes, since: datetime) -> datetime | None:
    """When the next stage below `said` is due, at `since` or later."""
    coming = (due for stage, due in _times(not_after, wishes) if stage < said and due >= since)
    return None if wishes.stopped else min(coming, default=None)


def start_of_day(now: datetime) -> datetime:
    """Midnight in Korea before `now`: what was due today and was not said may still be said."""
    return datetime.combine(now.astimezone(KOREA).date(), time(), KOREA)


def awake(now: datetime, wishes: Wishes) -> bool:
    return now.astimezone(clock_of(wishes.zone)).hour in HOURS


def tomorrow(now: datetime, wishes: Wishes) -> datetime:
    """The wished hour of the customer's next day."""
    zone = clock_of(wishes.zone)
    day = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(wishes.hour), zone).astimezone(UTC)


def next_morning(now: datetime, wishes: Wishes) -> datetime:
    """The wished hour that follows the night of `now`."""
    zone = clock_of(wishes.zone)
    today = datetime.combine(now.astimezone(zone).date(), time(wishes.hour), zone).astimezone(UTC)
    return today if today > now else tomorrow(now, wishes)


def as_text(stages: Sequence[int]) -> str:
    return ",".join(map(str, stages))


def from_text(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def days_left(not_after: datetime, now: datetime) -> int:
    """Days from today to the last day, both in Korea; below 0 when it is over."""
    return (not_after.astimezone(KOREA).date() - now.astimezone(KOREA).date()).days
