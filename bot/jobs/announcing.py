"""Speaking first: a certificate was issued, stopped, revoked, never kept. That one ends soon: `bot/jobs/telling.py`.

A notice is one outbox row, written in the transaction of its cause. Delivering it puts a message into every
conversation that has proven to be this customer, and queues word by the ways beside the chats (`bot/jobs/reaching.py`).
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bot.jobs.delivering import NotYet, Undeliverable
from bot.jobs.reaching import Reaching
from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.certificate_rows import serial_of
from bot.storage.conversations import known_as, place_of
from bot.storage.database import Database, Tx
from bot.storage.notices import LAPSED
from bot.storage.outbox import Item
from ca.ports import CertificateStore, Record
from ca.revocation import By
from handlers import stages
from handlers.bank import BankRegister, CustomerNumber
from handlers.conversation import Conversation
from handlers.draft import Draft
from handlers.message import CustomerId, Reply
from handlers.stages import Wishes
from handlers.texts import Texts
from handlers.wording import say

ISSUED, UNKEPT = "issued", "unkept"
KINDS: Final = (ISSUED, UNKEPT)
CALM: Final = frozenset({UNKEPT, LAPSED})
"""Nobody has just done it: it waits for the morning. All the rest is told at once, as it may be a thief's doing."""
NOT_ME: Final = ("start:revoke:not_me", "cmd:person")
ASK: Final = ("start:status", "cmd:person")
ANEW: Final = ("start:enroll", "cmd:person")


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
        reaching: Reaching,
        texts: Mapping[str, Texts],
        clock: Callable[[], datetime],
        default_locale: str,
    ) -> None:
        self.database, self.sealer, self.certificates, self.bank = database, sealer, certificates, bank
        self.conversation, self.reaching = conversation, reaching
        self.texts, self.clock, self.default_locale = texts, clock, default_locale

    async def deliver_act(self, item: Item, opened: dict[str, Any]) -> None:
        """What was done in somebody's name, with the way to stop it if it was not them; or by whom it was done."""
        profile, by = opened["profile"], opened.get("by", "")
        choices = ANEW if item.kind == LAPSED else ASK if by == By.OPERATOR else NOT_ME
        key = f"notice.{item.kind}_{by}" if by == By.OPERATOR else f"notice.{item.kind}"

        def word(t: Texts) -> Reply:
            return say(t, key, choices, **({"kind": t(f"enroll.kind_name.{profile}")} if profile else {}))

        await self._tell(item, opened["number"], word, {"kind": profile} if profile else {}, opened["here"])

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
        plan = record.plan
        params = {} if item.kind == UNKEPT else {"kind": plan.profile, "until": plan.not_after}
        await self._tell(item, plan.subscriber, self._word(item.kind, record), params, here)

    async def _tell(
        self, item: Item, number: str, word: Callable[[Texts], Reply], params: Mapping[str, Any], here: str | None
    ) -> None:
        """In every conversation of this customer but `here`, and beside them."""
        now, calm = self.clock(), item.kind in CALM
        if calm and not stages.awake(now, Wishes()):
            raise NotYet(stages.next_morning(now, Wishes()))
        customer = await self.bank.by_number(CustomerNumber(number))
        if customer is None:
            raise Undeliverable("the bank no longer knows this customer")
        known = await self.database.read(known_as, customer.number)
        for row in known:
            if row["customer"] == here or row["unreachable_at"]:
                continue  # who blocked us there is told in the other conversations, and beside them
            await self.conversation.notify(
                row["channel"], row["address"], CustomerId(row["customer"]), item.key, lambda draft: word(draft.texts)
            )
        chosen = await self.conversation.locale(CustomerId(known[0]["customer"])) if known else None
        t = self.texts[chosen or self.default_locale]
        await self.reaching.reach(item.key, customer.number, t, word(t), params, calm=calm)

    @staticmethod
    def _word(kind: str, record: Record) -> Callable[[Texts], Reply]:
        def word(t: Texts) -> Reply:
            if kind == UNKEPT:
                return say(t, "notice.unkept", ANEW)
            journey = record.plan.evidence.get("journey", "enroll")
            key = f"notice.issued_{journey}" if record.plan.replaces is not None else "notice.issued"
            profile = t(f"enroll.kind_name.{record.plan.profile}")
            return say(t, key, NOT_ME, kind=profile, until=record.plan.not_after)

        return word
