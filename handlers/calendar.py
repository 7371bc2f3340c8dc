"""A certificate's end and the opening of its renewal as a calendar file (RFC 5545), with alarms of its own.

Both are whole days in Korea: a calendar elsewhere must not move them to the day before.
"""

from datetime import date, datetime, timedelta

from icalendar import Alarm, Calendar, Event

from handlers.owned import Owned
from handlers.texts import KOREA, Texts

MORNING = timedelta(hours=9)


def calendar(one: Owned, texts: Texts, now: datetime) -> bytes:
    """The `.ics` file, UTF-8. The same certificate has the same UIDs: importing it again moves, and never doubles."""
    made = Calendar()
    made.add("prodid", "-//CertTalk//CertTalk//EN")
    made.add("version", "2.0")
    kind = texts(f"enroll.kind_name.{one.profile}")
    days = {"opens": one.renewable_from().date(), "ends": one.not_after.astimezone(KOREA).date()}
    for name, day in days.items():
        words = {"kind": kind, "until": one.not_after}
        made.add_component(_event(f"{name}-{one.serial}@certtalk", day, now, name, texts, words))
    octets: bytes = made.to_ical()
    return octets


def _event(uid: str, day: date, now: datetime, name: str, texts: Texts, words: dict[str, object]) -> Event:
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", now)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("summary", texts(f"status.calendar.{name}", **words))
    event.add("description", texts(f"status.calendar.{name}_note", **words))
    # Counted from the midnight that begins the day: on the morning itself, and for the end a week before as well.
    for before in (timedelta(0), timedelta(days=7)) if name == "ends" else (timedelta(0),):
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", texts(f"status.calendar.{name}", **words))
        alarm.add("trigger", MORNING - before)
        event.add_component(alarm)
    return event
