"""SOLAPI: 알림톡, SMS and LMS over its public HTTP interface (developers.solapi.com, message API v4).

It knows no idempotency key. Our key travels in `customFields`, and after a time-out the messages to that number are
listed and looked through for it. Its own text message instead of a failed 알림톡 is off: the ways are ours to order.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bot.gateways.provider import Fate, Message
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.gateways.wire import ask

ORIGIN: Final = "https://api.solapi.com"
_TYPES: Final = {"alimtalk": "ATA", "sms": "SMS", "lms": "LMS"}
_TAKEN: Final = "2000"
_ON_ITS_WAY: Final = frozenset({"2000", "3000"})
_ARRIVED: Final = "4000"
_SKEW: Final = timedelta(minutes=2)
"""How far its clock may be from ours when we look for what we sent."""


class Solapi:
    """Implements `bot.gateways.provider.Provider`. `channel` is the channel's pfId, `sender` a registered number."""

    def __init__(
        self, key: str, secret: str, channel: str, sender: str, clock: Callable[[], datetime], origin: str = ORIGIN
    ) -> None:
        self.key, self.channel, self.sender, self.clock, self.origin = key, channel, sender, clock, origin
        self._secret = secret.encode()

    async def send(self, message: Message) -> str:
        one: dict[str, Any] = {
            "to": message.to, "from": self.sender, "text": message.text, "type": _TYPES[message.kind],
            "autoTypeDetect": False, "customFields": {"key": message.key},
        }  # fmt: skip
        if message.template is not None:
            one["kakaoOptions"] = {
                "pfId": self.channel, "templateId": message.template.code, "disableSms": True,
                "variables": {f"#{{{name}}}": value for name, value in message.template.values.items()},
            }  # fmt: skip
        body = json.dumps({"message": one}, ensure_ascii=False).encode()
        answer = await ask("POST", f"{self.origin}/messages/v4/send", headers=self._headers(), body=body)
        if answer.get("statusCode") != _TAKEN:
            raise SmsRefused(f"status {str(answer.get('statusCode'))[:8]}")
        if not isinstance(name := answer.get("messageId"), str) or not name:
            raise SmsUnavailable("no messageId")
        return name

    async def find(self, message: Message, since: datetime) -> str | None:
        query = {
            "to": message.to, "dateType": "CREATED", "startDate": _iso(since - _SKEW),
            "endDate": _iso(self.clock() + _SKEW), "limit": "500",
        }  # fmt: skip
        for name, one in (await self._list(query)).items():
            fields = one.get("customFields")
            if isinstance(fields, dict) and fields.get("key") == message.key:
                return name
        return None

    async def results(self, ids: Collection[str]) -> Mapping[str, Fate]:
        fates: dict[str, Fate] = {}
        for name in ids:
            one = (await self._list({"messageId": name, "limit": "1"})).get(name, {})
            status = one.get("statusCode")
            if isinstance(status, str) and status.isdecimal() and status not in _ON_ITS_WAY:
                fates[name] = "arrived" if status == _ARRIVED else "lost"
        return fates

    async def registered(self, code: str) -> Mapping[str, object] | None:
        told = await ask("GET", f"{self.origin}/kakao/v2/templates/{code}", headers=self._headers())
        return {"content": told.get("content"), "approved": told.get("status") == "APPROVED"}

    async def _list(self, query: dict[str, str]) -> dict[str, dict[str, Any]]:
        told = await ask("GET", f"{self.origin}/messages/v4/list", headers=self._headers(), query=query)
        listed = told.get("messageList")
        return {k: v for k, v in listed.items() if isinstance(v, dict)} if isinstance(listed, dict) else {}

    def _headers(self) -> dict[str, str]:
        date, salt = _iso(self.clock()), secrets.token_hex(16)
        signature = hmac.new(self._secret, (date + salt).encode(), hashlib.sha256).hexdigest()
        return {"Authorization": f"HMAC-SHA256 apiKey={self.key}, date={date}, salt={salt}, signature={signature}"}


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
