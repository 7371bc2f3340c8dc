from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.instants import instant, text_of

ZONES = [UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-11.5))]
times = st.datetimes(
    timezones=st.sampled_from(ZONES),
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis wants it so
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
)


def test_the_form() -> None:
    assert text_of(datetime(2026, 11, 22, 19, tzinfo=timezone(timedelta(hours=9)))) == "2026-11-22T10:00:00.000000Z"


@given(times)
def test_there_and_back(at: datetime) -> None:
    assert instant(text_of(at)) == at


@given(times, times)
def test_text_sorts_as_time(a: datetime, b: datetime) -> None:
    assert (text_of(a) < text_of(b)) == (a < b)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        text_of(datetime(2026, 11, 22))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["", "2026-11-22", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000+09:00"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time data"):
        instant(text)
