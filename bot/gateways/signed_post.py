"""A provider of the bank's own: every message is a signed POST to one address, in the form docs/operations.md gives.

`X-CertTalk-Signature` is HMAC-SHA-256 over `TIMESTAMP.BODY`. The receiver keeps `Idempotency-Key`, so sending the same
again after a time-out delivers nothing twice.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from bot.gateways.provider import Fate, Message
from bot.gateways.sms import SmsUnavailable
from bot.gateways.wire import ask


class SignedPost:
    """Implements `bot.gateways.provider.Provider`."""

    def __init__(self, url: str, secret: str, clock: Callable[[], datetime]) -> None:
        self.url, self.clock = url, clock
        self._secret = secret.encode()

    async def send(self, message: Message) -> str:
        """`{"send": {"key", "kind", "phone", "text", "template"?: {"code", "values", "buttons"}}}` → `{"id"}`."""
        one: dict[str, Any] = {"key": message.key, "kind": message.kind, "phone": message.to, "text": message.text}
        if (template := message.template) is not None:
            one["template"] = {
                "code": template.code, "values": dict(template.values),
                "buttons": [{"name": button.name, "link": button.link} for button in template.buttons],
            }  # fmt: skip
        answer = await self._post({"send": one}, message.key)
        if not isinstance(name := answer.get("id"), str) or not 0 < len(name) <= 200:
            raise SmsUnavailable("no id")
        return name

    async def find(self, message: Message, since: datetime) -> str | None:  # noqa: ARG002 - as every provider
        return None  # the receiver knows the key itself

    async def results(self, ids: Collection[str]) -> Mapping[str, Fate]:
        """`{"results": [id, …]}` → `{"results": {id: "arrived" | "lost"}}`; what is not in it is still open."""
        if not ids:
            return {}
        told = (await self._post({"results": sorted(ids)})).get("results")
        listed = told.items() if isinstance(told, dict) else ()
        return {name: fate for name, fate in listed if name in ids and fate in ("arrived", "lost")}

    async def registered(self, code: str) -> Mapping[str, object] | None:  # noqa: ARG002 - as every provider
        return None

    async def _post(self, told: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        body, at = json.dumps(told, ensure_ascii=False).encode(), str(int(self.clock().timestamp()))
        signature = hmac.new(self._secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"X-CertTalk-Timestamp": at, "X-CertTalk-Signature": f"v1={signature}"}
        if key:
            headers["Idempotency-Key"] = key
        return await ask("POST", self.url, headers=headers, body=body)
