"""Word of what was done, beside the chats: by 알림톡, or as a text message, or by e-mail, one way after another.

One outbox row a way; the next way's is queued before it is closed. A row of 알림톡 stays until it is known to have
arrived: what the provider took and lost later is refused when it is handed over again (`bot/gateways/provider.py`),
and that leads on. What was just done is told at any hour, as somebody else may have done it; what nobody pressed a
button for waits for the morning.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bot.gateways.notices import Notice, NoticeGateway
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.jobs.delivering import NotYet, Undeliverable
from bot.jobs.pacing import Turnstile
from bot.sealing import Sealer
from bot.storage import outbox
from bot.storage.database import Database, Tx
from bot.storage.outbox import REACH, Item
from handlers import stages
from handlers.bank import BankCustomer, BankRegister, CustomerNumber
from handlers.message import Reply
from handlers.stages import Wishes
from handlers.texts import Texts

TRIES: Final = 3
"""How often a way is tried before the next one, where there is a next one."""
FIRST_LOOK: Final = timedelta(seconds=15)
LONGEST: Final = timedelta(hours=12)
"""So long it is asked whether a message has arrived; after that it is taken to have."""


class Reaching:
    """`ways` in the order they are tried; each is one of `gateways`, and goes through its turnstile if it has one."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        bank: BankRegister,
        gateways: Mapping[str, NoticeGateway],
        ways: Sequence[str],
        turnstiles: Mapping[str, Turnstile],
        clock: Callable[[], datetime],
    ) -> None:
        self.database, self.sealer, self.bank, self.clock = database, sealer, bank, clock
        self.gateways, self.ways, self.turnstiles = gateways, ways, turnstiles

    async def reach(
        self, key: str, number: str, t: Texts, reply: Reply, params: Mapping[str, Any], *, calm: bool
    ) -> None:
        """Queue `reply` for the bank's customer `number`, once a `key`. A `calm` one is not for the night."""
        told = {
            "key": key, "number": number, "locale": t.locale, "template": reply.key, "calm": calm,
            "text": t("reminder.sms", text=reply.text), "since": self.clock().isoformat(), "tried": [],
            "params": {name: _plain(value) for name, value in params.items()},
        }  # fmt: skip
        await self._put(told)

    async def deliver(self, item: Item, opened: dict[str, Any]) -> None:
        told, now = opened, self.clock()
        if told["calm"] and not stages.awake(now, Wishes()):
            raise NotYet(stages.next_morning(now, Wishes()))
        customer = await self.bank.by_number(CustomerNumber(told["number"]))
        if customer is None:
            raise Undeliverable("the bank no longer knows this customer")
        on = {**told, "tried": [*told["tried"], item.channel]}
        is_last = not self._left(on)
        params = {name: datetime.fromisoformat(v) if name == "until" else v for name, v in told["params"].items()}
        notice = Notice(told["key"], told["template"], told["locale"], told["text"], params)
        waited = now - datetime.fromisoformat(told["since"])
        try:
            arrived = await self._send(item.channel, customer, notice)
        except SmsRefused:
            if is_last:
                raise
            await self._put(on)
            return
        except SmsUnavailable as error:
            if error.after and waited < LONGEST:  # too many at once is nobody's attempt
                raise NotYet(now + timedelta(seconds=error.after)) from None
            if is_last or item.attempts < TRIES:
                raise
            await self._put(on)
            return
        if not arrived and waited < LONGEST:
            raise NotYet(now + max(FIRST_LOOK, waited))

    async def _send(self, way: str, customer: BankCustomer, notice: Notice) -> bool:
        gateway, turnstile = self.gateways.get(way), self.turnstiles.get(way)
        if gateway is None:  # it was set up when this was queued
            raise SmsRefused("no such way any more")
        if turnstile is not None:
            await turnstile.turn()
        return await gateway.send(customer, notice)

    def _left(self, told: Mapping[str, Any]) -> Sequence[str]:
        return [way for way in self.ways if way not in told["tried"]]

    async def _put(self, told: Mapping[str, Any]) -> None:
        way, key = self._left(told)[0], f"{REACH}:{told['key']}~{len(told['tried'])}"
        payload = self.sealer.seal(REACH, json.dumps(told, ensure_ascii=False).encode(), key.encode())
        due = self.clock()

        def put(tx: Tx) -> None:
            outbox.put(tx, key=key, kind=REACH, channel=way, address="", payload=payload, due_at=due)

        await self.database.run(put)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
