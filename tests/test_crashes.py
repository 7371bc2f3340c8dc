"""Whole lives of certificates, the process dying before and after every single commit of each message and each page.

Certificates are issued once, fees taken once, messages answered once, and all accounts agree (`tests.dying.whole`).
`CERTTALK_TEST_LIVES=20` walks further lives, in orders that `CERTTALK_TEST_SEED` chooses.
"""

import os
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from tests.dying import Mortal, enroll, hold_and_release, reissue, revoke, succeed, whole
from tests.talking import House

SEED = int(os.environ.get("CERTTALK_TEST_SEED", "20261122"))
LIVES = int(os.environ.get("CERTTALK_TEST_LIVES", "0"))


@pytest.fixture
def settings() -> dict[str, object]:
    patient = {"code_seconds": 600, "proof_minutes": 60, "link_minutes": 60, "link_days": 366}
    return {"certificates_per_day": 100, "sms_per_hour": 60, **patient}


async def lived(talk: Mortal, *journeys: Callable[[Mortal, int], Awaitable[None]]) -> None:
    for number, journey in enumerate(journeys):
        await journey(talk, number)
        await whole(talk.house)


@pytest.mark.parametrize("life", range(1 + LIVES))
async def test_a_life_with_a_card_or_token_dying_at_every_commit(house: House, life: int) -> None:
    chance = random.Random(SEED + life)
    talk = Mortal.born(house, chance.choice(["kim", "lee", "smith"]) if life else "kim")
    between = chance.choices([hold_and_release, reissue], k=4) if life else [hold_and_release, reissue]
    await lived(talk, enroll, *between, revoke)
    certificates = await house.rows("SELECT status FROM certificates")
    assert [row["status"] for row in certificates] == ["revoked"] * (1 + between.count(reissue))
    assert talk.ordeal.deaths > 200


async def test_a_renewal_of_a_business_dying_at_every_commit(house: House) -> None:
    """With a token and a fee, which is taken once."""
    talk = Mortal.born(house, "park")
    await lived(talk, enroll)
    house.clock.now = datetime(2027, 11, 1, 1, tzinfo=UTC)
    await succeed(talk, 1, "renew")
    await whole(house)
    assert [row["status"] for row in await house.rows("SELECT status FROM certificates ORDER BY planned_at")] == [
        "revoked", "valid",
    ]  # fmt: skip
    paid = await house.rows("SELECT * FROM demo_fees")
    assert len(paid) == len({row["request_id"] for row in paid}) == 2
