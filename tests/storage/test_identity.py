"""Counters and challenges, on both engines: committed before anything is compared, shared by everybody who asks."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.audit import AuditTrail
from bot.storage.database import Database, Tx
from bot.storage.effects import EffectWriter
from bot.storage.identity import IdentityRecords, unlock
from handlers.bank import CellChallenge, CustomerNumber
from handlers.effects import CloseCells, StartChallenge, UseChallenge
from handlers.message import Answered, CustomerId
from handlers.talk import TurnRecord
from tests.years import moved

NOW = moved(datetime(2026, 11, 23, 1, tzinfo=UTC))
KIM = CustomerNumber("DEMO0001")
SEALER = Sealer(bytes(32))
WRITER = EffectWriter(AuditTrail(bytes(32)), SEALER)


def turn(message_id: str = "m1") -> TurnRecord:
    return TurnRecord(CustomerId("c"), "web", "a", message_id, 0, {}, None, (), (), Answered(), NOW)


def challenge(challenge_id: str = "one", at: datetime = NOW) -> StartChallenge:
    return StartChallenge(challenge_id, KIM, "bound", "hash", at + timedelta(minutes=3), "01000000001", "code 123456")


async def write(database: Database, effect: StartChallenge | UseChallenge) -> None:
    def apply(tx: Tx) -> None:
        WRITER(tx, effect, turn(), 1)

    await database.run(apply)


async def test_every_try_of_a_code_is_counted_and_told(database: Database) -> None:
    records = IdentityRecords(database)
    await write(database, challenge())
    attempts = [await records.try_code("one", NOW) for _ in range(3)]
    assert [(one.tries, one.failures, one.used) for one in attempts if one] == [
        (1, 1, False),
        (2, 2, False),
        (3, 3, False),
    ]
    assert await records.try_code("another", NOW) is None


async def test_failures_go_on_over_challenges_until_one_is_right(database: Database) -> None:
    records = IdentityRecords(database)
    await write(database, challenge("one"))
    await write(database, challenge("two"))
    await records.try_code("one", NOW)
    second = await records.try_code("two", NOW)
    assert second is not None
    assert (second.tries, second.failures) == (1, 2)
    await write(database, UseChallenge("two"))
    assert await records.failures(KIM, "code") == 0
    used = await records.try_code("two", NOW)
    assert used is not None
    assert used.used


async def test_a_challenge_is_one_row_and_one_message_however_often_written(database: Database) -> None:
    records = IdentityRecords(database)
    for _ in range(2):
        await write(database, challenge())
    assert await records.codes_since(KIM, NOW - timedelta(hours=1)) == 1
    assert await records.codes_since(KIM, NOW) == 0
    queued = await database.run(outbox.claim, NOW)
    assert [item.kind for item in queued] == ["sms"]
    assert b"123456" not in queued[0].payload
    assert b"123456" in SEALER.open("sms", queued[0].payload, queued[0].key.encode())


async def test_failures_of_a_factor_count_under_parallel_tries(database: Database) -> None:
    records = IdentityRecords(database)
    counted = await asyncio.gather(*(records.try_factor(KIM, "card", NOW) for _ in range(16)))
    assert sorted(counted) == list(range(1, 17))
    await records.forgive(KIM, "card")
    assert await records.failures(KIM, "card") == 0


async def test_the_card_challenge_stays_until_it_is_closed(database: Database) -> None:
    records = IdentityRecords(database)
    first = CellChallenge(((7, "front"), (23, "back")))
    other = CellChallenge(((1, "front"), (2, "front")))
    assert await records.open_cells(KIM, first, NOW) == first
    assert await records.open_cells(KIM, other, NOW) == first
    writer = EffectWriter(AuditTrail(bytes(32)), Sealer(bytes(32)))
    turn = TurnRecord(CustomerId("kim"), "web", "1", None, 1, {}, None, [], [], Answered(), NOW)
    await database.run(lambda tx: writer(tx, CloseCells(KIM), turn, 1))
    assert await records.open_cells(KIM, other, NOW) == other


async def test_a_token_step_is_used_once_and_never_an_older_one(database: Database) -> None:
    records = IdentityRecords(database)
    taken = await asyncio.gather(*(records.use_otp_step(KIM, 100) for _ in range(32)))
    assert sum(taken) == 1
    assert not await records.use_otp_step(KIM, 99)
    assert await records.use_otp_step(KIM, 101)


@pytest.mark.parametrize(("later", "counted"), [(timedelta(minutes=59), 3), (timedelta(minutes=61), 1)])
async def test_lookups_are_counted_in_their_window(database: Database, later: timedelta, counted: int) -> None:
    records = IdentityRecords(database)
    hour = timedelta(hours=1)
    assert [await records.count_lookup("me", NOW, hour) for _ in range(2)] == [1, 2]
    assert await records.count_lookup("me", NOW + later, hour) == counted
    assert await records.count_lookup("you", NOW, hour) == 1


async def test_an_operator_unlocks_all_of_it(database: Database) -> None:
    records = IdentityRecords(database)
    await records.try_factor(KIM, "card", NOW)
    await records.try_factor(KIM, "otp", NOW)
    assert await database.run(unlock, KIM) == 2
    assert await records.failures(KIM, "card") == 0
