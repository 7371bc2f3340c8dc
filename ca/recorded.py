"""Time as it was recorded: what is signed is never dated before it.

A clock that was set back would make certificates of the past and lists older than those before them. Within the
slack of a clock that is being corrected the recorded time is used instead; beyond it nothing is signed.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from ca.errors import ClockSetBack

SLACK: Final = timedelta(minutes=5)


class Recorded:
    """The newest time known to be past: read from the records at start, noted with every record since."""

    def __init__(self) -> None:
        self.newest: datetime | None = None

    def note(self, at: datetime) -> None:
        self.newest = at if self.newest is None else max(self.newest, at)

    def after(self, now: datetime) -> datetime:
        """`now`, or the newest recorded time if that is a little later. Raises `ClockSetBack`."""
        if self.newest is None or now >= self.newest:
            return now
        if now < self.newest - SLACK:
            shown, recorded = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" for at in (now, self.newest))
            raise ClockSetBack(f"the clock shows {shown}, but records go to {recorded}: set it right (NTP)")
        return self.newest
