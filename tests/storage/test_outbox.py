"""At least once, by one worker at a time, and an end for what cannot be delivered."""

import asyncio
from datetime import timedelta

import pytest

from bot.storage import outbox
from bot.storage.database import Database, Tx
from bot.storage.outbox import LEASE, MOST_ATTEMPTS, bury, claim, counts, done, purge, retry, revive
from tests.storage.plans import AT

SECOND = timedelta(seconds=1)


def put(tx: Tx, key: str, after: timedelta = timedelta()) -> bool:
    return outbox.put(
        tx, key=key, kind="reply", channel="telegram", address="42", payload=key.encode(), due_at=AT + after
    )


async def row(database: Database, key: str) -> dict[str, object]:
    found = await database.read(lambda tx: tx.one("SELECT * FROM outbox WHERE key = :key", key=key))
    assert found is not None
    return found


async def test_from_put_to_done(database: Database) -> None:
    assert await database.run(put, "a")
    (item,) = await database.run(claim, AT)
    assert (item.key, item.kind, item.channel, item.address) == ("a", "reply", "telegram", "42")
    assert (item.payload, item.due_at, item.attempts) == (b"a", AT, 1)
    assert await database.run(claim, AT) == []
    assert await database.run(done, item.id, item.attempts, AT)
    assert not await database.run(done, item.id, item.attempts, AT)
    assert await database.run(claim, AT + 2 * LEASE) == []
    assert (await row(database, "a"))["payload"] is None
    assert await database.read(counts) == {"sent": 1}


async def test_the_same_key_is_queued_once(database: Database) -> None:
    answers = await asyncio.gather(*(database.run(put, "a") for _ in range(8)))
    assert sorted(answers) == [False] * 7 + [True]


async def test_it_is_queued_only_with_its_cause(database: Database) -> None:
    def fails(tx: Tx) -> None:
        put(tx, "a")
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(fails)
    assert await database.run(claim, AT) == []


async def test_first_due_first_and_in_the_order_of_putting(database: Database) -> None:
    for key, after in (("c", 2), ("a1", 1), ("a2", 1), ("a3", 1), ("later", 9)):
        await database.run(put, key, after * SECOND)
    first = await database.run(claim, AT + 2 * SECOND, 3)
    rest = await database.run(claim, AT + 2 * SECOND, 3)
    assert [item.key for item in (*first, *rest)] == ["a1", "a2", "a3", "c"]


async def test_whoever_lost_the_lease_changes_nothing(database: Database) -> None:
    await database.run(put, "a")
    (slow,) = await database.run(claim, AT)
    assert await database.run(claim, AT + LEASE - SECOND) == []
    (quick,) = await database.run(claim, AT + LEASE)
    assert (quick.id, quick.attempts) == (slow.id, 2)
    assert not await database.run(done, slow.id, slow.attempts, AT)
    assert not await database.run(retry, slow.id, slow.attempts, AT)
    assert not await database.run(bury, slow.id, slow.attempts, AT, "blocked")
    assert await database.run(done, quick.id, quick.attempts, AT)


async def test_again_later_and_at_last_a_dead_letter(database: Database) -> None:
    await database.run(put, "a")
    now = AT
    for attempt in range(1, MOST_ATTEMPTS + 1):
        (item,) = await database.run(claim, now)
        assert item.attempts == attempt
        now += SECOND
        assert await database.run(retry, item.id, item.attempts, now, "429")
        assert await database.run(claim, now - timedelta(microseconds=1)) == []
    assert await database.run(claim, now + LEASE) == []
    assert await database.read(counts) == {"dead": 1}
    assert (await row(database, "a"))["last_error"] == "429"
    assert await database.run(revive, "a", now)
    (item,) = await database.run(claim, now)
    assert (item.payload, item.attempts) == (b"a", 1)


async def test_a_message_that_kills_its_worker_does_not_kill_for_ever(database: Database) -> None:
    await database.run(put, "a")
    deaths = 0
    while await database.run(claim, AT + deaths * LEASE):
        deaths += 1
    assert deaths == MOST_ATTEMPTS
    assert (await row(database, "a"))["state"] == "dead"


async def test_blocked_is_dead_at_once(database: Database) -> None:
    await database.run(put, "a")
    (item,) = await database.run(claim, AT)
    assert await database.run(bury, item.id, item.attempts, AT, "blocked by the customer")
    assert await database.run(claim, AT + LEASE) == []


async def test_what_an_operator_is_shown_and_sends_again(database: Database) -> None:
    """What was given up through a fault; what a provider refused is handed to it once more."""
    reasons = {"reach:held:1~1": "SmsRefused", "b": outbox.NOT_WANTED, "c": outbox.OUT_OF_REACH, "d": "429"}
    for n, (key, reason) in enumerate(reasons.items()):
        await database.run(put, key)
        (item,) = await database.run(claim, AT)
        await database.run(bury, item.id, item.attempts, AT + n * SECOND, reason)
    await database.run(put, "waits", SECOND)

    def lose(tx: Tx) -> None:
        for key, state in (("sms:held:1", "lost"), ("alimtalk:held:1", "arrived"), ("sms:held:2", "lost")):
            sql = "INSERT INTO sendings (key, kind, state, asked_at) VALUES (:key, 'sms', :state, '')"
            tx.execute(sql, key=key, state=state)

    await database.run(lose)
    shown = await database.read(outbox.standing, "dead")
    assert [(one.key, one.attempts, one.error) for one in shown] == [
        ("reach:held:1~1", 1, "SmsRefused"), ("d", 1, "429"),
    ]  # fmt: skip
    assert [(one.key, one.at) for one in await database.read(outbox.standing, "queued")] == [("waits", AT + SECOND)]
    assert await database.run(revive, "reach:held:1~1", AT)
    assert not await database.run(revive, "waits", AT)
    left = await database.read(lambda tx: tx.column("SELECT key FROM sendings ORDER BY key"))
    assert left == ["alimtalk:held:1", "sms:held:2"]


async def test_many_workers_share_the_work(database: Database) -> None:
    def fill(tx: Tx) -> None:
        for n in range(200):
            put(tx, f"{n:03}")

    await database.run(fill)
    taken: list[str] = []

    async def worker() -> None:
        while items := await database.run(claim, AT, 7):
            for item in items:
                assert await database.run(done, item.id, item.attempts, AT)
                taken.append(item.key)

    await asyncio.gather(*(worker() for _ in range(4)))
    assert sorted(taken) == [f"{n:03}" for n in range(200)]


async def test_purge_keeps_what_is_queued_or_recent(database: Database) -> None:
    for n, key in enumerate(("old", "recent", "queued")):
        await database.run(put, key)
        if key != "queued":
            (item,) = await database.run(claim, AT)
            await database.run(done, item.id, item.attempts, AT + n * SECOND)
    assert await database.run(purge, AT + SECOND) == 1
    assert await database.read(counts) == {"sent": 1, "queued": 1}


def test_contents_are_not_shown() -> None:
    item = outbox.Item("1", "k", "sms", "sms", "01000000000", b"secret", AT, 1)
    assert "secret" not in repr(item)
    assert "0100" not in repr(item)
