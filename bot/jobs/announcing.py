"""Speaking first: a certificate was issued, it was never kept. That one ends soon is told by `bot/jobs/telling.py`.

A notice is one outbox row, written in the transaction of its cause. Delivering it puts a message into every
conversation that has proven to be this customer, and queues an SMS to the registered phone.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bot.jobs.delivering import Undeliverable
from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.certificate_rows import serial_of
from bot.storage.conversations import known_as, place_of
from bot.storage.database import Database, Tx
from bot.storage.effects import SMS, sms_payload
from bot.storage.outbox import Item
from ca.ports import CertificateStore, Record
from handlers import stages
from handlers.bank import BankCustomer, BankRegister, CustomerNumber
from handlers.conversation import Conversation
from handlers.draft import Draft
from handlers.message import CustomerId, Reply
from handlers.stages import Wishes
from handlers.texts import Texts
from handlers.wording import say

ISSUED, UNKEPT = "issued", "unkept"
KINDS: Final = (ISSUED, UNKEPT)
NOT_ME: Final = ("start:revoke:not_me", "cmd:person")


def put_notice(tx: Tx, sealer: Sealer, kind: str, serial: str, now: datetime) -> None:
    """Queue a notice about a certificate, once per kind and serial."""
    key = f"{kind}:{serial}"
    payload = sealer.seal(kind, json.dumps({"serial": serial}).encode(), key.encode())
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

    async def deliver_act(self, item: Item, opened: dict[str, Any]) -> None:
        """What was done in somebody's name, with the way to stop it if it was not them."""

        def word(t: Texts) -> Reply:
            kind = t(f"enroll.kind_name.{opened['profile']}") if opened["profile"] else ""
            return say(t, f"notice.{item.kind}", NOT_ME, **({"kind": kind} if kind else {}))

        await self._tell(item, opened["number"], word, opened["here"])

    async def deliver_moved(self, item: Item, opened: dict[str, Any]) -> None:
        """To a conversation whose journey goes on in another one."""
        left = CustomerId(opened["left"])
        place = await self.database.read(place_of, left)
        if place is None:
            raise Undeliverable("no such conversation")

        async def leave(draft: Draft) -> None:
            self.conversation.reception.journeys.moved_away(draft, opened["flow"], opened["to"])

        await self.conversation.arrange(place.channel, place.address, left, item.key, leave)

    async def deliver(self, item: Item, opened: dict[str, Any]) -> None:
        record = await self.certificates.by_serial(serial_of(opened["serial"]))
        if record is None:
            raise Undeliverable("no such certificate")
        # Where it was issued, it has just been said.
        here = record.plan.evidence.get("conversation") if item.kind == ISSUED else None
        await self._tell(item, record.plan.subscriber, self._word(item.kind, record), here)

    async def _tell(self, item: Item, number: str, word: Callable[[Texts], Reply], here: str | None) -> None:
        """In every conversation of this customer but `here`, and by SMS."""
        customer = await self.bank.by_number(CustomerNumber(number))
        if customer is None:
            raise Undeliverable("the bank no longer knows this customer")
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
        key, due = f"sms:{item.key}", self.clock()
        # What was just done cannot wait for the morning; that files were not kept can.
        if item.kind == UNKEPT and not stages.awake(due, Wishes()):
            due = stages.next_morning(due, Wishes())
        payload = sms_payload(self.sealer, key, customer.phone, t("reminder.sms", text=reply.text))

        def put(tx: Tx) -> None:
            outbox.put(tx, key=key, kind=SMS, channel="sms", address="", payload=payload, due_at=due)

        await self.database.run(put)

    @staticmethod
    def _word(kind: str, record: Record) -> Callable[[Texts], Reply]:
        def word(t: Texts) -> Reply:
            if kind == UNKEPT:
                return say(t, "notice.unkept", ("start:enroll", "cmd:person"))
            journey = record.plan.evidence.get("journey", "enroll")
            key = f"notice.issued_{journey}" if record.plan.replaces is not None else "notice.issued"
            profile = t(f"enroll.kind_name.{record.plan.profile}")
            return say(t, key, NOT_ME, kind=profile, until=record.plan.not_after)

        return word
