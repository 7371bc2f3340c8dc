"""A Bot API server on this machine: `python -m tests.telegram.server [--port N] [--token T]`.

Real HTTP around `methods`, `updates` and `faults`, with people who are driven in process (`BotApi.person`) or, run
alone, over `/control` (see `control`). Every call is in `log`, to look for secrets and for impatience.
"""

import argparse
import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.telegram.faults import Fault, Faults
from tests.telegram.methods import DOWNLOAD, UPLOAD, Methods, Parameters, Upload
from tests.telegram.person import Person
from tests.telegram.rules import Refused
from tests.telegram.updates import Updates
from tests.telegram.world import Clock, World

TOKEN = "700000000:AA-only-for-tests-0123456789abcdefghijk"
LONGEST_HANG = 60


@dataclass
class Call:
    """One call as it came. `at` is monotonic seconds; `outcome` the code answered, or what went wrong with it."""

    method: str
    given: Parameters
    at: float
    outcome: str = ""

    @property
    def chat(self) -> int | None:
        with contextlib.suppress(TypeError, ValueError):
            return int(self.given["chat_id"]) if "chat_id" in self.given else None
        return None


class BotApi:
    def __init__(self, token: str = TOKEN, clock: Clock | None = None) -> None:
        self.token, self.clock = token, clock or Clock()
        self.world = World(self.clock, int(token.partition(":")[0]))
        self.updates, self.faults, self.log = Updates(self.clock), Faults(), list[Call]()
        self.methods = Methods(self.world, self.updates)
        self.application = web.Application(client_max_size=UPLOAD + 2**20)
        self.application.router.add_route("*", "/bot{token}/{method}", self._called)
        self.application.router.add_get("/file/bot{token}/{path:.+}", self._downloaded)
        self._closing = asyncio.Event()
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["BotApi"]:
        runner = web.AppRunner(self.application, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self._closing.set()
            await self.updates.close()
            await runner.cleanup()

    def person(self, first_name: str = "김데모", language_code: str | None = "ko") -> Person:
        return Person(self.world, self.updates, self.world.person(first_name, language_code))

    # -- what was called ----------------------------------------------------------------------------------------------

    def called(self, method: str) -> list[Call]:
        return [one for one in self.log if one.method.lower() == method.lower()]

    def holding(self, needle: str) -> list[Call]:
        """Calls whose parameters or files hold `needle`."""
        return [
            one
            for one in self.log
            if any(
                needle.encode() in value.octets if isinstance(value, Upload) else needle in str(value)
                for value in one.given.values()
            )
        ]

    def most_in(self, seconds: float, *, a_chat: bool = False) -> int:
        """The most messages that were taken within any `seconds`, of all chats or of one."""
        sends = [one for one in self.log if one.method.lower().startswith("send") and one.outcome == "200"]
        sends = [one for one in sends if one.method.lower() != "sendchataction"]
        most, window = 0, list[Call]()
        for one in sends:
            window = [before for before in window if one.at - before.at < seconds] + [one]
            most = max(most, max(Counter(call.chat for call in window).values()) if a_chat else len(window))
        return most

    # -- HTTP ---------------------------------------------------------------------------------------------------------

    async def _called(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        call = Call(method, Parameters(), time.monotonic())
        try:
            self._check(request)
            call.given = await _parameters(request)
            self.log.append(call)
            fault = self.faults.met(method, call.chat)
            result = await self._through(fault, request, call)
            call.outcome = call.outcome or "200"
            if result is None:
                return web.Response()  # the connection is gone
            return web.json_response({"ok": True, "result": result})
        except Refused as refused:
            call.outcome = str(refused.code)
            told: dict[str, Any] = {"ok": False, "error_code": refused.code, "description": refused.description}
            if refused.parameters:
                told["parameters"] = refused.parameters
            return web.json_response(told, status=refused.code)

    def _check(self, request: web.Request) -> None:
        if request.match_info["token"] != self.token:
            raise Refused(401, "Unauthorized")
        if request.match_info["method"] not in self.methods:
            raise Refused(404, "Not Found: method not found")

    async def _through(self, fault: Fault | None, request: web.Request, call: Call) -> Any:
        """The result; None after the connection was cut on purpose."""
        if fault is None:
            return await self.methods(call.method, call.given)
        call.outcome = fault.kind
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault.kind in ("slow", "reset_after", "hang_after"):
            result = await self.methods(call.method, call.given)
            if fault.kind == "slow":
                return result
        if fault.kind.startswith("hang"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LONGEST_HANG)
        if request.transport is not None:
            request.transport.abort()
        return None

    async def _downloaded(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        file = next((one for one in self.world.files.values() if one.path == path), None)
        if request.match_info["token"] != self.token or file is None or len(file.octets) > DOWNLOAD:
            return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)
        return web.Response(body=file.octets, content_type="application/octet-stream")


async def _parameters(request: web.Request) -> Parameters:
    """Query, form, multipart or JSON body, in one."""
    given = Parameters(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.read() or b"{}")
        except ValueError:
            raise Refused(400, "Bad Request: can't parse request body as JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "Bad Request: request body must be a JSON object")
        return Parameters({**given, **body})
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            given[name] = Upload(value.filename, value.content_type, value.file.read())
        else:
            given[name] = value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")
    return given


async def main(port: int, token: str) -> None:
    from tests.telegram.control import controlled

    api = BotApi(token)
    controlled(api)
    async with api.serving(port):
        print(f"Bot API at {api.url}, token {token}; people at {api.url}/control", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=TOKEN)
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(chosen.port, chosen.token))
