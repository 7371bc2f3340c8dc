"""When a person sits at the desk: working days in Korea, between two hours, but for holidays.

Public and bank holidays, the lunar ones and their substitutes too, are those of the library `holidays`. A file adds
what only the operator knows: a day decreed at short notice, the bank's own.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Self

from holidays import BANK, PUBLIC, HolidayBase, country_holidays

from handlers.texts import KOREA

PUBLIC_DAYS: Final[HolidayBase] = country_holidays("KR", categories=(BANK, PUBLIC))
"""Every year there is asked for; a day is looked up as in a set."""
LOOK_AHEAD: Final = 30
"""Days within which the desk opens again; the longest holidays are a week."""


class HolidaysRefused(ValueError):
    """The operator's file of holidays cannot be read; says which entry."""


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
        """With the text of a holidays file: `yearly` lists MM-DD, `days` ISO dates. Raises `HolidaysRefused`."""
        try:
            table = tomllib.loads(holidays or "")
            yearly = [date.fromisoformat(f"2028-{one}").strftime("%m-%d") for one in _strings(table.get("yearly", ()))]
            days = [date.fromisoformat(one) for one in _strings(table.get("days", ()))]
        except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
            raise HolidaysRefused(str(error)) from error
        return cls(opens, closes, frozenset(yearly), frozenset(days))

    def works_on(self, day: date) -> bool:
        closed = day in PUBLIC_DAYS or day in self.days or day.strftime("%m-%d") in self.yearly
        return day.weekday() < 5 and not closed

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
