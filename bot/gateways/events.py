"""KakaoTalk's Event API: makes the bot speak first to a channel friend; KakaoTalk then calls our skill for the words.

Nothing is said in the request itself: the event's block calls the skill, which shows what was not shown yet. One user a
request (100 would be allowed), because notices are personal. SUCCESS means accepted; who is no friend, or has blocked
the channel, is known from the task only. There is no key of ours to find a task by, so an event whose fate is unknown
is never sent again: the next way is taken instead.
"""

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from bot.gateways.provider import Dispatch, Fate, Message
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.gateways.wire import ask

ORIGIN: Final = "https://bot-api.kakao.com"
_TASK: Final = re.compile(r"[A-Za-z0-9-]{1,100}")


class EventApi:
    """Implements `bot.gateways.provider.Provider`; a message's `to` is a botUserKey."""

    def __init__(self, bot: str, key: str, event: str, origin: str = ORIGIN) -> None:
        self.bot, self.event, self.origin = bot, event, origin
        self._headers = {"Authorization": f"KakaoAK {key}"}

    async def send(self, message: Message) -> str:
        body = json.dumps({"event": {"name": self.event}, "user": [{"type": "botUserKey", "id": message.to}]}).encode()
        told = await ask("POST", f"{self.origin}/v2/bots/{self.bot}/talk", headers=self._headers, body=body)
        if told.get("status") != "SUCCESS":
            raise SmsRefused("not accepted")
        if not isinstance(task := told.get("taskId"), str) or not _TASK.fullmatch(task):
            raise SmsUnavailable("no taskId")
        return task

    async def find(self, message: Message, since: datetime) -> str | None:  # noqa: ARG002 - as every provider
        raise SmsRefused("nobody knows whether it was taken")

    async def results(self, ids: Collection[str]) -> Mapping[str, Fate]:
        fates: dict[str, Fate] = {}
        for task in ids:
            told = await ask("GET", f"{self.origin}/v1/tasks/{task}", headers=self._headers)
            fail = told.get("fail")
            if told.get("successCount") == 1:
                fates[task] = "arrived"
            elif isinstance(fail, dict) and fail.get("count") == 1:
                fates[task] = "lost"
        return fates

    async def registered(self, code: str) -> Mapping[str, object] | None:  # noqa: ARG002 - as every provider
        return None


class ByEvent:
    """Implements `bot.jobs.telling.Nudge`."""

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch = dispatch

    async def nudge(self, address: str, key: str) -> None:
        await self.dispatch.hand(Message(f"event:{key}", "event", address, ""))
