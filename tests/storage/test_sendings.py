"""What a provider was given: once a key, asked after until it is known, counted by month; on every engine."""

from datetime import UTC, datetime, timedelta

from bot.storage import sendings
from bot.storage.database import Database
from bot.storage.sendings import FIRST_LOOK, KEPT, MOST_LOOKS, Kind, Sendings

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
"""Ten in the morning in Korea."""


async def test_the_same_key_again_is_known(database: Database) -> None:
    kept = Sendings(database)
    assert await kept.ask("k", "sms", NOW) is None
    known = await kept.ask("k", "sms", NOW + timedelta(seconds=5))
    assert known is not None
    assert (known.state, known.provider_id, known.asked_at) == ("asked", None, NOW)
    await kept.taken("k", "M1", NOW)
    known = await kept.ask("k", "sms", NOW)
    assert known is not None
    assert (known.state, known.provider_id) == ("taken", "M1")


async def test_an_end_is_final(database: Database) -> None:
    kept = Sendings(database)
    await kept.ask("k", "alimtalk", NOW)
    await kept.close("k", "lost", NOW)
    assert not await database.run(sendings.close, "k", "arrived", NOW)
    await kept.taken("k", "M1", NOW)
    known = await kept.ask("k", "alimtalk", NOW)
    assert known is not None
    assert known.state == "lost"
    assert await kept.open(NOW + timedelta(days=1)) == []


async def test_the_end_is_asked_for_ever_more_rarely_and_then_no_more(database: Database) -> None:
    kept, now = Sendings(database), NOW
    await kept.ask("k", "sms", NOW)
    await kept.taken("k", "M1", NOW)
    assert await kept.open(NOW + FIRST_LOOK - timedelta(seconds=1)) == []
    assert [one.key for one in await kept.open(NOW + FIRST_LOOK)] == ["k"]
    assert await kept.open(NOW + 2 * FIRST_LOOK) == []
    looks = 1
    for _ in range(2 * MOST_LOOKS):
        now += timedelta(hours=1)
        looks += len(await kept.open(now))
    assert looks == MOST_LOOKS


async def test_costs_are_counted_by_month_of_korea(database: Database) -> None:
    kept = Sendings(database)
    # The end of November in Korea is 15:00 of the 30th in UTC.
    given: list[tuple[Kind, datetime]] = [
        ("alimtalk", NOW), ("alimtalk", NOW), ("sms", datetime(2026, 11, 30, 14, 59, tzinfo=UTC)),
        ("sms", datetime(2026, 11, 30, 15, 0, tzinfo=UTC)),
    ]  # fmt: skip
    for n, (kind, at) in enumerate(given):
        await kept.ask(f"k{n}", kind, at)
    await kept.close("k1", "lost", NOW)
    found = await database.read(sendings.costs, NOW - timedelta(days=1))
    assert [(one.month, one.kind, one.taken, one.lost) for one in found] == [
        ("2026-12", "sms", 1, 0), ("2026-11", "sms", 1, 0), ("2026-11", "alimtalk", 1, 1),
    ]  # fmt: skip


async def test_old_ones_go(database: Database) -> None:
    kept = Sendings(database)
    await kept.ask("old", "sms", NOW)
    await kept.ask("new", "sms", NOW + timedelta(seconds=1))
    assert await database.run(sendings.purge, NOW + KEPT + timedelta(milliseconds=500)) == 1
    assert await kept.ask("old", "sms", NOW) is None
    assert await kept.ask("new", "sms", NOW) is not None
