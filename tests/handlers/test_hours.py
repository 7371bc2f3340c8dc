"""When somebody sits at the desk: working days of Korea, but for public holidays and those of the file."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.hours import HolidaysRefused, Hours
from handlers.texts import KOREA

SHIPPED = Hours.of(9, 18)


@pytest.mark.parametrize(
    ("day", "hour", "minute", "open_"),
    [
        (23, 0, 0, True),
        (23, 8, 59, True),
        (23, 9, 0, False),
        (22, 23, 59, False),
        (27, 5, 0, True),
        (28, 3, 0, False),
        (29, 3, 0, False),
    ],
)
def test_working_hours_are_korean(day: int, hour: int, minute: int, open_: bool) -> None:
    """23 November 2026 is a Monday; nine in the morning in Korea is midnight UTC."""
    at = datetime(2026, 11, day, hour, minute, tzinfo=UTC)
    assert SHIPPED.open_at(at) is open_
    assert SHIPPED.open_at(at + timedelta(days=7)) is open_


@pytest.mark.parametrize(
    "day",
    [
        "2027-01-01",
        "2027-02-08",  # Seollal, by the moon
        "2027-02-09",  # its substitute
        "2027-05-05",
        "2026-12-25",
        "2028-01-26",
        "2026-05-01",  # the day of workers
        "2027-07-19",  # the substitute of Constitution Day
    ],
)
def test_holidays_are_no_working_days(day: str) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=KOREA)
    assert noon.weekday() < 5
    assert not SHIPPED.open_at(noon)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-23T08:59", "2026-11-23T09:00"),
        ("2026-11-23T09:00", "2026-11-24T09:00"),
        ("2026-11-27T18:00", "2026-11-30T09:00"),  # over the week-end
        ("2026-12-31T20:00", "2027-01-04T09:00"),  # New Year's Day is a Friday
        ("2027-02-05T18:00", "2027-02-10T09:00"),  # over Seollal and its substitute
    ],
)
def test_when_it_opens_next(now: str, then: str) -> None:
    at, opens = (datetime.fromisoformat(one).replace(tzinfo=KOREA) for one in (now, then))
    assert SHIPPED.next_opening(at) == opens


def test_a_file_adds_days_of_the_banks_own() -> None:
    own = Hours.of(9, 18, 'yearly = ["11-24"]\ndays = ["2026-11-25"]')
    open_on = [day for day in range(23, 28) if own.open_at(datetime(2026, 11, day, 12, tzinfo=KOREA))]
    assert open_on == [23, 26, 27]


def test_never_within_a_month() -> None:
    days = "days = [" + ", ".join(f'"2026-12-{n:02d}"' for n in range(1, 32)) + "]"
    assert Hours.of(9, 18, days).next_opening(datetime(2026, 11, 30, 20, tzinfo=KOREA)) is None


@pytest.mark.parametrize("text", ["days = 7", 'days = "2026-01-01"', 'days = ["soon"]', 'yearly = ["13-01"]', "days ="])
def test_a_file_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(HolidaysRefused):
        Hours.of(9, 18, text)
