"""When a stage is due: Korean days, the customer's hour, whatever the calendar does."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.stages import (
    HOURS,
    STAGES,
    ZONES,
    Wishes,
    awake,
    clock_of,
    days_left,
    due_at,
    latest_due,
    next_due,
    next_morning,
    tomorrow,
)  # fmt: skip
from handlers.texts import KOREA

END = datetime(2028, 3, 1, 23, 59, 59, tzinfo=KOREA)


@pytest.mark.parametrize(
    ("end", "stage", "day"),
    [
        ("2028-03-01", 1, "2028-02-29"),  # leap day
        ("2028-02-29", 0, "2028-02-29"),
        ("2027-03-01", 1, "2027-02-28"),
        ("2028-01-01", 1, "2027-12-31"),  # year's end
        ("2027-12-31", -1, "2028-01-01"),
        ("2028-03-30", 30, "2028-02-29"),
    ],
)
def test_days_of_the_calendar(end: str, stage: int, day: str) -> None:
    until = datetime.fromisoformat(f"{end}T23:59:59").replace(tzinfo=KOREA)
    assert due_at(until, stage, Wishes()) == datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=KOREA)


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_ends_for_a_traveller(zone: str) -> None:
    """In each zone, over both changes of its clock: at the hour, on the Korean day (never later), stages in order."""
    for n in range(366):
        for hour in (8, 9, 20):
            wishes = Wishes(hour=hour, zone=zone)
            end = END + timedelta(days=n)
            dues = [due_at(end, stage, wishes) for stage in STAGES]
            assert dues == sorted(set(dues))
            for stage, due in zip(STAGES, dues, strict=True):
                assert due.astimezone(clock_of(zone)).hour == hour
                assert awake(due, wishes)
                assert days_left(end, due) - stage in (0, 1)
                assert stage < 0 or due < end


def test_in_new_york_the_last_day_is_said_before_the_end() -> None:
    due = due_at(END, 0, Wishes(zone="new_york"))
    assert due.astimezone(clock_of("new_york")).isoformat() == "2028-03-01T09:00:00-05:00"
    assert due.astimezone(KOREA).isoformat() == "2028-03-01T23:00:00+09:00"


@pytest.mark.parametrize("zone", ZONES)
def test_mornings_are_mornings(zone: str) -> None:
    wishes = Wishes(zone=zone)
    now = datetime(2028, 3, 10, tzinfo=UTC)
    for _ in range(24 * 40):  # over the change to summer time
        for then in (tomorrow(now, wishes), next_morning(now, wishes)):
            assert now < then <= now + timedelta(hours=49)
            assert then.astimezone(clock_of(zone)).hour == wishes.hour
        now += timedelta(hours=1)


def test_the_latest_of_what_is_due() -> None:
    assert latest_due(END, 99, Wishes(), due_at(END, 30, Wishes()) - timedelta(seconds=1)) is None
    assert latest_due(END, 99, Wishes(), due_at(END, 3, Wishes())) == 3
    assert latest_due(END, 3, Wishes(), due_at(END, 3, Wishes())) is None
    assert latest_due(END, 3, Wishes((30, 7)), END) is None
    assert latest_due(END, 3, Wishes(), END + timedelta(hours=1)) is None  # it is over, that is said in the morning
    assert next_due(END, 99, Wishes(stopped=True), END - timedelta(days=90)) is None
    assert next_due(END, 99, Wishes((7,)), END - timedelta(days=90)) == due_at(END, 7, Wishes())


def test_a_zone_that_is_no_longer_known_is_korea() -> None:
    assert clock_of("atlantis") is KOREA
    assert set(HOURS) == set(range(8, 21))


def test_the_day_is_koreas_where_it_is_yesterday_elsewhere() -> None:
    """Of another institution's certificates the end may be any hour."""
    night = datetime(2026, 12, 31, 18, tzinfo=UTC)  # three in the morning of New Year's Day
    assert due_at(night, 0, Wishes()) == datetime(2027, 1, 1, 0, tzinfo=UTC)
    assert due_at(night, 1, Wishes()) == datetime(2026, 12, 31, 0, tzinfo=UTC)
