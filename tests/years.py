"""The day the tests take for today, which `CERTTALK_TEST_YEARS` moves: with 30 it is 2056, past the end of UTCTime."""

import os
from datetime import datetime
from typing import Final

YEARS: Final = int(os.environ.get("CERTTALK_TEST_YEARS") or 0)


def moved(at: datetime) -> datetime:
    """The same day and hour, so many years later."""
    return at.replace(year=at.year + YEARS)
