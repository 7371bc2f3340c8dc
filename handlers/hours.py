"""When a person sits at the desk: working days in Korea, between two hours, but for the holidays in a file.

Lunar holidays and their substitutes are no rule a program should guess; `locales/holidays.toml` lists them.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from typing import Final, Self

from handlers.texts import KOREA

LOOK_AHEAD: Final = 30
"""Days within which the desk opens again; the longest holidays are a week."""


class HolidaysRefused(ValueError):
    """The file is not of the form of `locales/holidays.toml`; says which entry."""


@dataclass(frozen=True, slots=True)
class Hours:
    """`opens` and `closes` are hours of Korea; the desk is open from the first to just before the second."""

    opens: int = 9
    closes: int = 18
    yearly: frozenset[str] = frozenset()
    """MM-DD."""
    days: frozenset[date] = frozenset()

    @classmethod
    def of(cls, opens: int, closes: int, holidays: str | None = None) -> Self:
        """From the text of a holidays file, the shipped one when None. Raises `HolidaysRefused`."""
        text = (files("locales") / "holidays.toml").read_text("utf-8") if holidays is None else holidays
        try:
            table = tomllib.loads(text)
            yearly = [date.fromisoformat(f"2028-{one}").strftime("%m-%d") for one in _strings(table.get("yearly", ()))]
            days = [date.fromisoformat(one) for one in _strings(table.get("days", ()))]
        except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
            raise HolidaysRefused(str(error)) from error
        return cls(opens, closes, frozenset(yearly), frozenset(days))

    def works_on(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.days and day.strftime("%m-%d") not in self.yearly

    def open_at(self, now: datetime) -> bool:
        here = now.astimezone(KOREA)
        return self.works_on(here.date()) and self.opens <= here.hour < self.closes

    def next_opening(self, now: datetime) -> datetime | None:
        """When the desk opens next after `now`; None when not within a month."""
        today = now.astimezone(KOREA).date()
        for ahead in range(LOOK_AHEAD):
            opening = datetime.combine(today + timedelta(days=ahead), time(self.opens), KOREA)
            if opening > now and self.works_on(opening.date()):
                return opening
        return None


def _strings(given: Iterable[object]) -> list[str]:
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise TypeError("dates are strings in a list")
    return [str(one) for one in given]
