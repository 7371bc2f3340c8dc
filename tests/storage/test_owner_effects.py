"""What a turn writes about certificates: on their subscriber's word only, looked at once more in the same commit."""

from typing import Literal

import pytest

from bot.sealing import Sealer
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database
from bot.storage.owner_effects import OwnerEffectWriter
from ca.ports import Status
from handlers.bank import CustomerNumber
from handlers.effects import ChangeStatus
from handlers.message import Answered, CustomerId
from handlers.talk import TurnRecord
from tests.storage.plans import AT, der, plan


@pytest.mark.parametrize("act", ["hold", "revoke"])
async def test_nobody_changes_what_is_somebody_elses(database: Database, act: Literal["hold", "revoke"]) -> None:
    audit = AuditTrail(bytes(32))
    store, writer = Certificates(database, audit, bytes(32)), OwnerEffectWriter(audit, Sealer(bytes(32)))
    turn = TurnRecord(CustomerId("browser"), "web", "here", "m1", 1, {}, None, (), (), Answered(), AT)
    wanted = plan(subscriber="kim")
    await store.plan(wanted)
    await store.complete(wanted.serial, der(wanted), AT)
    for number, status in (("lee", Status.VALID), ("kim", Status.HELD if act == "hold" else Status.REVOKED)):
        effect = ChangeStatus(CustomerNumber(number), f"{wanted.serial:040x}", act, "12345-ABCD", "keyCompromise")
        await database.run(lambda tx, effect=effect: writer(tx, effect, turn))  # type: ignore[misc]
        record = await store.by_serial(wanted.serial)
        assert record is not None
        assert record.status is status
