"""When a certificate's end is spoken of: once a stage, by the customer's clock, whatever happens to ours."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.storage import reminders
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database
from bot.storage.reminders import Due, claim_due, follow, snooze, stop, switch, wish
from handlers.stages import STAGES, Wishes, due_at
from tests.storage.plans import AT, DAY, der, plan
from tests.years import moved

END = moved(datetime(2027, 11, 22, 14, 59, 59, tzinfo=UTC))  # 23:59:59 in Korea
HOUR = timedelta(hours=1)


def morning(days_before: int, hour: int = 9) -> datetime:
    return due_at(END, days_before, Wishes()) + (hour - 9) * HOUR


async def claimed(database: Database, now: datetime, limit: int = 500) -> list[int]:
    due, _ = await database.run(claim_due, now, limit)
    return [one.stage for one in due]


@pytest.fixture
async def elsewhere(database: Database) -> Database:
    """One certificate from another authority, known a year before its end."""
    await database.run(follow_one, AT)
    return database


def follow_one(tx, now, serial="x", not_after=END):  # type: ignore[no-untyped-def]
    follow(tx, serial, "talk", "Other CA", not_after, now, ours=False)


async def test_every_stage_once_over_a_year_and_a_half(elsewhere: Database) -> None:
    """An hourly job, day and night."""
    said = {}
    now = AT
    while now < END + 40 * DAY:
        for stage in await claimed(elsewhere, now):
            assert stage not in said
            said[stage] = now
        now += 6 * HOUR if now < END - 32 * DAY else HOUR
    assert set(said) == set(STAGES)
    assert all(timedelta() <= at - morning(stage) < HOUR for stage, at in said.items())


async def test_the_minute_it_is_due(elsewhere: Database) -> None:
    assert await claimed(elsewhere, morning(30) - timedelta(microseconds=1)) == []
    due, more = await elsewhere.run(claim_due, morning(30))
    assert (due, more) == ([Due("x", 30, END, "reminder:x:30")], False)
    assert await claimed(elsewhere, morning(30)) == []


@pytest.mark.parametrize(("hour", "quiet"), [(0, True), (7, True), (8, False), (20, False), (21, True), (23, True)])
async def test_never_at_night_but_in_the_morning_after(elsewhere: Database, hour: int, quiet: bool) -> None:
    assert (await claimed(elsewhere, morning(28, hour)) == []) is quiet
    if quiet:
        assert await claimed(elsewhere, morning(27)) == [30]


async def test_after_a_pause_only_the_latest(elsewhere: Database) -> None:
    assert await claimed(elsewhere, morning(2)) == [3]
    assert await claimed(elsewhere, morning(1)) == [1]


async def test_a_clock_set_back_says_nothing_again(elsewhere: Database) -> None:
    assert await claimed(elsewhere, morning(7)) == [7]
    for hours in range(0, 48, 3):
        assert await claimed(elsewhere, morning(9) + hours * HOUR) == []
    assert await claimed(elsewhere, morning(7)) == []
    assert await claimed(elsewhere, morning(3)) == [3]


async def test_what_is_long_over_is_not_spoken_of(elsewhere: Database) -> None:
    assert await claimed(elsewhere, morning(-8)) == [-1]
    await elsewhere.run(follow_one, AT, "y")
    assert await claimed(elsewhere, morning(-9)) == []
    assert await claimed(elsewhere, morning(-10)) == []


async def test_stages_already_past_are_not_said(database: Database) -> None:
    await database.run(follow_one, morning(7) + HOUR)
    assert await claimed(database, morning(4)) == []
    assert await claimed(database, morning(3)) == [3]


async def test_no_end_no_reminder(database: Database) -> None:
    """RFC 5280 §4.1.2.5: 99991231235959Z stands for no end at all."""
    await database.run(follow_one, AT, "x", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert await claimed(database, datetime(9999, 12, 31, tzinfo=UTC)) == []


async def test_following_again_changes_nothing(elsewhere: Database) -> None:
    await claimed(elsewhere, morning(30))
    await elsewhere.run(follow_one, AT)
    assert await claimed(elsewhere, morning(30)) == []


async def test_stopped_by_its_owner_only(elsewhere: Database) -> None:
    assert not await elsewhere.run(stop, "somebody else", "x")
    assert await elsewhere.run(stop, "talk", "x")
    assert await claimed(elsewhere, morning(14)) == []
    await elsewhere.run(wish, "talk", Wishes(hour=10), morning(14))  # other wishes do not start it again
    assert await claimed(elsewhere, morning(7, 11)) == []


async def test_tomorrow_again_once(elsewhere: Database) -> None:
    assert not await elsewhere.run(snooze, "talk", "x", AT)  # nothing was said yet
    assert await claimed(elsewhere, morning(30)) == [30]
    assert not await elsewhere.run(snooze, "somebody else", "x", morning(30))
    for _ in range(2):
        assert await elsewhere.run(snooze, "talk", "x", morning(30, 20))
    assert await claimed(elsewhere, morning(29) - HOUR) == []
    due, _ = await elsewhere.run(claim_due, morning(29))
    assert [one.stage for one in due] == [30]
    assert due[0].key != "reminder:x:30"
    assert await claimed(elsewhere, morning(29)) == []
    assert await claimed(elsewhere, morning(14)) == [14]


async def test_tomorrow_is_the_next_stage_where_there_is_one(elsewhere: Database) -> None:
    assert await claimed(elsewhere, morning(1)) == [1]
    await elsewhere.run(snooze, "talk", "x", morning(1))
    assert await claimed(elsewhere, morning(0)) == [0]
    assert not await elsewhere.run(snooze, "talk", "x", morning(0))  # tomorrow it is over, and that is said anyway
    assert await claimed(elsewhere, morning(-1)) == [-1]


async def test_wishes_hold_from_now_on(elsewhere: Database) -> None:
    await elsewhere.run(wish, "talk", Wishes((7, 0), hour=18), AT)
    assert await claimed(elsewhere, morning(30, 20)) == []
    assert await claimed(elsewhere, morning(7, 17)) == []
    assert await claimed(elsewhere, morning(7, 18)) == [7]
    await elsewhere.run(wish, "talk", Wishes(stopped=True), morning(7, 19))
    assert await claimed(elsewhere, morning(3)) == []
    await elsewhere.run(wish, "talk", Wishes(), morning(2))
    assert await claimed(elsewhere, morning(2, 10)) == []  # what was missed meanwhile stays so
    assert await claimed(elsewhere, morning(1)) == [1]


async def test_an_earlier_hour_than_now_is_still_today(elsewhere: Database) -> None:
    await elsewhere.run(wish, "talk", Wishes(hour=20), AT)
    await elsewhere.run(wish, "talk", Wishes(hour=9), morning(30, 12))
    assert await claimed(elsewhere, morning(30, 12)) == [30]


async def test_the_operator_stops_all_and_starts_again(elsewhere: Database) -> None:
    assert await elsewhere.run(switch, "off", AT)
    assert not await elsewhere.run(switch, "off", AT + DAY)
    assert await claimed(elsewhere, morning(7)) == []
    assert await elsewhere.run(switch, "on", AT)
    assert not await elsewhere.run(switch, "on", AT)
    assert await claimed(elsewhere, morning(6)) == [7]


async def test_the_most_urgent_come_first_and_nobody_is_lost_at_the_limit(database: Database) -> None:
    for n in range(5):
        await database.run(follow_one, AT, str(n), END + n * timedelta(minutes=-1))
    now = morning(30)
    claims = [await database.run(claim_due, now, 2) for _ in range(4)]
    assert [(len(due), more) for due, more in claims] == [(2, True), (2, True), (1, False), (0, False)]
    assert sorted(one.serial for due, _ in claims for one in due) == list("01234")


@pytest.mark.parametrize(
    ("event", "heard"),
    [("none", [30]), ("revoked", []), ("held", []), ("held and released", [30]), ("replaced", [])],
)
async def test_of_our_own_only_those_that_count(database: Database, event: str, heard: list[int]) -> None:
    store = Certificates(database, AuditTrail(bytes(32)), export_key=b"")
    own = plan()
    await store.plan(own)
    await store.complete(own.serial, der(own), AT)
    now = due_at(own.not_after, 30, Wishes())
    if event == "revoked":
        await store.revoke(own.serial, AT, "superseded")
    if event.startswith("held"):
        await store.revoke(own.serial, AT, "certificateHold")
        assert await claimed(database, now) == []
    if event == "held and released":
        await store.release(own.serial, now)
    if event == "replaced":  # the day after its end there is a new one
        now = due_at(own.not_after, -1, Wishes())
        await store.plan(plan(at=own.not_after + timedelta(minutes=1)))
    assert await claimed(database, now) == heard


async def test_what_an_operator_sees(elsewhere: Database) -> None:
    assert await elsewhere.read(reminders.numbers, AT) == {"followed": 1, "due": 0}
    assert await elsewhere.read(reminders.numbers, morning(30)) == {"followed": 1, "due": 1}
