"""When a certificate's end is spoken of."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.storage import reminders
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database
from bot.storage.reminders import Due, claim_due, mark, schedule, stop
from handlers.texts import KOREA
from tests.storage.plans import AT, DAY, der, plan
from tests.years import moved

END = moved(datetime(2027, 11, 22, 14, 59, 59, tzinfo=UTC))  # 23:59:59 in Korea


def morning(days_before: int, hour: int = 9) -> datetime:
    return moved(datetime(2027, 11, 22, hour, tzinfo=KOREA)) - timedelta(days=days_before)


async def states(database: Database) -> dict[int, str]:
    rows = await database.read(lambda tx: tx.all("SELECT stage, state FROM reminders"))
    return {row["stage"]: row["state"] for row in rows}


@pytest.fixture
async def elsewhere(database: Database) -> Database:
    """One certificate from another authority, known a year before its end."""
    await database.run(schedule, "x", END, AT)
    return database


async def test_every_stage_once_over_a_year_and_a_half(elsewhere: Database) -> None:
    """An hourly job, day and night."""
    said = {}
    now = AT
    while now < END + 40 * DAY:
        for due in await elsewhere.run(claim_due, now):
            assert due.stage not in said
            said[due.stage] = now
        now += timedelta(hours=6) if now < END - 32 * DAY else timedelta(hours=1)
    assert said == {stage: morning(stage) for stage in reminders.STAGES}


async def test_the_minute_it_is_due(elsewhere: Database) -> None:
    assert await elsewhere.run(claim_due, morning(30) - timedelta(microseconds=1)) == []
    assert await elsewhere.run(claim_due, morning(30)) == [Due("x", 30, END)]
    assert await elsewhere.run(claim_due, morning(30)) == []


@pytest.mark.parametrize(("hour", "quiet"), [(0, True), (7, True), (8, False), (20, False), (21, True), (23, True)])
async def test_never_at_night(elsewhere: Database, hour: int, quiet: bool) -> None:
    due = await elsewhere.run(claim_due, morning(29, hour))
    assert (due == []) is quiet


async def test_after_a_pause_only_the_latest(elsewhere: Database) -> None:
    assert await elsewhere.run(claim_due, morning(2)) == [Due("x", 3, END)]
    assert await states(elsewhere) == {
        30: "missed",
        14: "missed",
        7: "missed",
        3: "claimed",
        1: "waiting",
        0: "waiting",
        -1: "waiting",
    }


async def test_stages_already_past_are_not_written(database: Database) -> None:
    await database.run(schedule, "x", END, morning(7))
    assert sorted(await states(database)) == [-1, 0, 1, 3]


async def test_writing_again_changes_nothing(elsewhere: Database) -> None:
    await elsewhere.run(claim_due, morning(30))
    await elsewhere.run(schedule, "x", END, AT)
    assert await elsewhere.run(claim_due, morning(30)) == []


async def test_stop(elsewhere: Database) -> None:
    await elsewhere.run(claim_due, morning(30))
    assert await elsewhere.run(stop, "x") == 6
    assert await elsewhere.run(claim_due, morning(14)) == []
    assert await elsewhere.run(stop, "x") == 0


async def test_mark(elsewhere: Database) -> None:
    assert not await elsewhere.run(mark, "x", 30, "sent")
    await elsewhere.run(claim_due, morning(30))
    assert await elsewhere.run(mark, "x", 30, "sent")
    assert not await elsewhere.run(mark, "x", 30, "missed")
    assert (await states(elsewhere))[30] == "sent"


async def test_the_most_urgent_come_first_and_nobody_is_lost_at_the_limit(database: Database) -> None:
    for n in range(5):
        await database.run(schedule, str(n), END + n * timedelta(minutes=-1), AT)
    now = morning(30)
    claims = [await database.run(claim_due, now, 2) for _ in range(4)]
    assert [len(claim) for claim in claims] == [2, 2, 1, 0]
    assert sorted(due.serial for claim in claims for due in claim) == list("01234")
    for claim in claims:
        assert claim == sorted(claim, key=lambda due: due.not_after)


@pytest.mark.parametrize(
    ("event", "heard"),
    [("none", [30]), ("revoked", []), ("held", []), ("held and released", [30]), ("replaced", [])],
)
async def test_of_our_own_only_those_that_count(database: Database, event: str, heard: list[int]) -> None:
    store = Certificates(database, AuditTrail(bytes(32)), export_key=b"")
    own = plan()
    await store.plan(own)
    await store.complete(own.serial, der(own), AT)
    now = reminders.due_at(own.not_after, 30)
    if event == "revoked":
        await store.revoke(own.serial, AT, "superseded")
    if event.startswith("held"):
        await store.revoke(own.serial, AT, "certificateHold")
        assert await database.run(claim_due, now) == []
    if event == "held and released":
        await store.release(own.serial, now)
    if event == "replaced":  # the day after its end there is a new one
        now = reminders.due_at(own.not_after, -1)
        await store.plan(plan(at=own.not_after + timedelta(minutes=1)))
    assert [due.stage for due in await database.run(claim_due, now)] == heard
