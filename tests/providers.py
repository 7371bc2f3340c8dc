"""A provider as CertTalk meets it: an HTTP server with SOLAPI's documented rules, and one for the signed POST.

It keeps what it took, refuses what the documentation says it would, and fails on demand. It never forgives: a wrong
signature, an unknown template, a value that is no text, a number that is not registered are all refused.
"""

import hashlib
import hmac
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

KEY, SECRET, PFID, SENDER = "NCSKEY0123456789", "a-secret-of-thirty-two-characters", "KA01PF0001", "0212345678"
DROP = "drop"
"""Takes the message, then the connection breaks."""


@asynccontextmanager
async def on_loopback(*routes: web.RouteDef) -> AsyncIterator[str]:
    """Serve `routes` on a free port; gives the origin."""
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class FakeSolapi:
    def __init__(self, clock: Callable[[], datetime], templates: dict[str, str]) -> None:
        self.clock, self.templates = clock, templates
        self.messages: dict[str, dict[str, Any]] = {}
        self.faults: list[int | str] = []
        self.retry_after = ""
        self.asked: list[str] = []
        self.fate = "4000"
        """What becomes of an 알림톡; text messages always arrive."""
        self._salts: set[str] = set()
        self._numbers = itertools.count(1)
        self.origin = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(one["type"], one["to"]) for one in self.messages.values()]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if not self._signed(request.headers.get("Authorization", "")):
            return web.json_response({"errorCode": "SignatureDoesNotMatch"}, status=403)
        if request.path == "/messages/v4/list":
            return self._list(request)
        if request.path.startswith("/kakao/v2/templates/"):
            content = self.templates.get(request.path.rpartition("/")[2])
            if content is None:
                return web.json_response({"errorCode": "ResourceNotFound"}, status=404)
            return web.json_response({"content": content, "status": "APPROVED"})
        assert (request.method, request.path) == ("POST", "/messages/v4/send")
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return web.json_response({"errorCode": "x"}, status=fault, headers=headers)
        message = (await request.json())["message"]
        if error := self._wrong(message):
            return web.json_response({"errorCode": "ValidationError", "errorMessage": error}, status=400)
        name = f"M4V{next(self._numbers):029d}"
        status = self.fate if message["type"] == "ATA" else "4000"
        self.messages[name] = {**message, "statusCode": status, "dateCreated": self.clock()}
        if fault == DROP:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"messageId": name, "groupId": "G4V", "statusCode": "2000", "to": message["to"]})

    def _signed(self, header: str) -> bool:
        found = re.fullmatch(r"HMAC-SHA256 apiKey=(\S+), date=(\S+), salt=(\S+), signature=([0-9a-f]{64})", header)
        if found is None or found[1] != KEY or not 12 <= len(found[3]) <= 64 or found[3] in self._salts:
            return False
        self._salts.add(found[3])
        if abs(datetime.fromisoformat(found[2]) - self.clock()) > timedelta(minutes=15):
            return False
        wanted = hmac.new(SECRET.encode(), (found[2] + found[3]).encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, found[4])

    def _wrong(self, message: dict[str, Any]) -> str:
        if message["from"] != SENDER or not re.fullmatch(r"01\d{8,9}", message["to"]):
            return "number"
        if any(len(k) > 30 or len(v) > 100 for k, v in message.get("customFields", {}).items()):
            return "customFields"
        if message["type"] == "SMS" and len(message["text"].encode("cp949")) > 90:
            return "SMS too long"
        if message["type"] != "ATA":
            return "" if message["type"] in ("SMS", "LMS") else "type"
        options = message["kakaoOptions"]
        content = self.templates.get(options["templateId"])
        if options["pfId"] != PFID or content is None or options["disableSms"] is not True:
            return "template"
        for name, value in options["variables"].items():
            if not isinstance(value, str) or not value:
                return "variable"
            content = content.replace(name, value)
        return "" if content == message["text"] and "#{" not in content else "not as registered"

    def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        found = {
            name: {k: v for k, v in one.items() if k != "dateCreated"}
            for name, one in self.messages.items()
            if query.get("messageId", name) == name
            and query.get("to", one["to"]) == one["to"]
            and ("startDate" not in query or datetime.fromisoformat(query["startDate"]) <= one["dateCreated"])
        }
        return web.json_response({"messageList": found, "limit": 20, "startKey": None})


class FakeReceiver:
    """The bank's own end of the signed POST: keeps the keys it was given."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.faults: list[int | str] = []
        self.fates: dict[str, str] = {}
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with on_loopback(
            web.post("/notify", self._answer),
        ) as origin:
            self.url = f"{origin}/notify"
            yield

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body, at = await request.read(), request.headers["X-CertTalk-Timestamp"]
        wanted = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        if request.headers["X-CertTalk-Signature"] != f"v1={wanted}":
            return web.json_response({}, status=401)
        told = json.loads(body)
        if "results" in told:
            return web.json_response({"results": {k: v for k, v in self.fates.items() if k in told["results"]}})
        key = request.headers["Idempotency-Key"]
        assert key == told["send"]["key"]
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            return web.json_response({}, status=fault)
        self.taken.setdefault(key, told["send"])
        if fault == DROP:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"id": f"id-{key}"})


class FakeEvents:
    """The Event API: accepts everything that is well formed, and knows later who is a friend of the channel."""

    def __init__(self, bot: str, key: str, event: str) -> None:
        self.bot, self.key, self.event = bot, key, event
        self.friends: set[str] = set()
        self.requests: list[dict[str, Any]] = []
        self.faults: list[int | str] = []
        self.origin = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with on_loopback(
            web.post("/v2/bots/{bot}/talk", self._talk),
            web.get("/v1/tasks/{task}", self._task),
        ) as origin:
            self.origin = origin
            yield

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"KakaoAK {self.key}"
        assert request.match_info["bot"] == self.bot
        body = await request.json()
        assert body["event"]["name"] == self.event
        assert {one["type"] for one in body["user"]} == {"botUserKey"}
        assert len({one["id"] for one in body["user"]}) == len(body["user"]) <= 100
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            return web.json_response({"status": "FAIL"}, status=fault)
        self.requests.append(body)
        if fault == DROP:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"taskId": f"task-{len(self.requests)}", "status": "SUCCESS", "timestamp": 1})

    async def _task(self, request: web.Request) -> web.StreamResponse:
        task = request.match_info["task"]
        users = [one["id"] for one in self.requests[int(task.removeprefix("task-")) - 1]["user"]]
        lost = [one for one in users if one not in self.friends]
        status = "FAIL" if lost else "ALL SUCCESS"
        return web.json_response(
            {"taskId": task, "status": status, "allRequestCount": len(users), "successCount": len(users) - len(lost),
             "fail": {"count": len(lost), "list": [{"id": one, "type": "botUserKey"} for one in lost]}}
        )  # fmt: skip
