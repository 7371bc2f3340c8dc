"""Speaking first: a certificate was issued, it ends soon, it was never kept.

A notice is one outbox row, written in the transaction of its cause. Delivering it puts a message into every
conversation that has proven to be this customer, and queues an SMS to the registered phone.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bot.jobs.delivering import Undeliverable
from bot.sealing import Sealer
from bot.storage import outbox, reminders
from bot.storage.conversations import known_as
from bot.storage.database import Database, Tx
from bot.storage.effects import SMS, sms_payload
from bot.storage.outbox import Item
from bot.storage.reminders import Due
from ca.ports import CertificateStore, Record, Serial
from handlers.bank import BankCustomer, BankRegister, CustomerNumber
from handlers.conversation import Conversation
from handlers.message import CustomerId, Reply
from handlers.texts import KOREA, Texts
from handlers.wording import say

ISSUED, REMINDER, UNKEPT = "issued", "reminder", "unkept"
KINDS: Final = (ISSUED, REMINDER, UNKEPT)


def put_notice(
    tx: Tx, sealer: Sealer, kind: str, serial: str, now: datetime, stage: int | None = None, said_for: str = ""
) -> None:
    """Queue a notice about a certificate, once per kind, serial and stage. `said_for` is the reminder's own now."""
    key = f"{kind}:{serial}" if stage is None else f"{kind}:{serial}:{stage}"
    opened = {"serial": serial, "said_for": said_for or now.isoformat()}
    payload = sealer.seal(kind, json.dumps(opened).encode(), key.encode())
    outbox.put(tx, key=key, kind=kind, channel="notice", address="", payload=payload, due_at=now)


class Announcing:
    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        certificates: CertificateStore,
        bank: BankRegister,
        conversation: Conversation,
        texts: Mapping[str, Texts],
        clock: Callable[[], datetime],
        default_locale: str,
    ) -> None:
        self.database, self.sealer, self.certificates, self.bank = database, sealer, certificates, bank
        self.conversation, self.texts, self.clock, self.default_locale = conversation, texts, clock, default_locale

    async def deliver(self, item: Item, opened: dict[str, Any]) -> None:
        record = await self.certificates.by_serial(Serial(int(opened["serial"], 16)))
        if record is None:
            raise Undeliverable("no such certificate")
        customer = await self.bank.by_number(CustomerNumber(record.plan.subscriber))
        if customer is None:
            raise Undeliverable("the bank no longer knows this customer")
        word = self._word(item.kind, record, opened)
        # Where it was issued, it has just been said.
        here = record.plan.evidence.get("conversation") if item.kind == ISSUED else None
        known = await self.database.read(known_as, customer.number)
        for row in known:
            if row["customer"] == here or row["unreachable_at"]:
                continue  # who blocked us there is told in the other conversations, and by SMS
            await self.conversation.notify(
                row["channel"], row["address"], CustomerId(row["customer"]), item.key, lambda draft: word(draft.texts)
            )
        chosen = await self.conversation.locale(CustomerId(known[0]["customer"])) if known else None
        t = self.texts[chosen or self.default_locale]
        await self._send_sms(item, customer, t, word(t))

    async def _send_sms(self, item: Item, customer: BankCustomer, t: Texts, reply: Reply) -> None:
        key = f"sms:{item.key}"
        payload = sms_payload(self.sealer, key, customer.phone, t("reminder.sms", text=reply.text))

        def put(tx: Tx) -> None:
            outbox.put(tx, key=key, kind=SMS, channel="sms", address="", payload=payload, due_at=self.clock())

        await self.database.run(put)

    def _word(self, kind: str, record: Record, opened: dict[str, Any]) -> Callable[[Texts], Reply]:
        until = record.plan.not_after
        serial = f"{record.plan.serial:040x}"

        def word(t: Texts) -> Reply:
            profile = t(f"enroll.kind_name.{record.plan.profile}")
            if kind == ISSUED:
                return say(t, "notice.issued", ("cmd:person",), kind=profile, until=until)
            if kind == UNKEPT:
                return say(t, "notice.unkept", ("start:enroll", "cmd:person"))
            today = datetime.fromisoformat(opened["said_for"]).astimezone(KOREA).date()
            left = (until.astimezone(KOREA).date() - today).days
            if left < 0:
                return say(t, "reminder.after", ("start:enroll", "cmd:person"), kind=profile, until=until)
            choices = ("means:int_renew", f"remind:later:{serial}", f"remind:stop:{serial}")
            if left == 0:
                return say(t, "reminder.today", choices, kind=profile)
            return say(t, "reminder.ahead", choices, kind=profile, left=left, until=until)

        return word


class Reminding:
    """Claims what is due and queues it, in one transaction."""

    def __init__(self, database: Database, sealer: Sealer, clock: Callable[[], datetime]) -> None:
        self.database, self.sealer, self.clock = database, sealer, clock

    async def work(self) -> int:
        return len(await self.remind(self.clock()))

    async def remind(self, now: datetime) -> list[Due]:
        """Queue the notices that are due at `now`; nothing between 21:00 and 08:00 in Korea."""
        queued_at = self.clock()

        def claim(tx: Tx) -> list[Due]:
            due = reminders.claim_due(tx, now)
            for one in due:
                put_notice(tx, self.sealer, REMINDER, one.serial, queued_at, one.stage, now.isoformat())
                reminders.mark(tx, one.serial, one.stage, "sent")
            return due

        return await self.database.run(claim)

    async def preview(self, now: datetime) -> list[Due]:
        """What `remind` would queue; nothing changes."""

        def look(tx: Tx) -> list[Due]:
            raise _Preview(reminders.claim_due(tx, now))

        try:
            return await self.database.run(look)
        except _Preview as preview:
            return preview.due


class _Preview(Exception):
    """Carries the answer out of a transaction that must not stay."""

    def __init__(self, due: list[Due]) -> None:
        super().__init__()
        self.due = due
