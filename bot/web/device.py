"""What a customer does with an own certificate on an own device: the pages, and the drop between two devices.

A page that works on files carries a policy under which nothing can leave it (`connect-src 'none'`), and so does the
worker that holds the key. Only `send` and `receive` may speak to the server, and what they leave is ciphertext.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot.storage.transfers import LIFE, Transfers
from bot.web.guard import POLICY, BadJson, Pace, json_object
from bot.web.room import Room
from handlers.device import TOOLS
from handlers.texts import Texts

SILENT: Final = POLICY.replace("connect-src 'self'", "connect-src 'none'").replace(
    "form-action 'self'", "form-action 'none'"
)
"""No request by script, no form: what a page has read cannot leave it."""
MOST: Final = 32 * 1024
"""Octets of one transfer: a .p12 with its chain has 3 to 8 kB."""
_TICKET: Final = re.compile(r"[0-9]{8}")
_PROOF: Final = 32
_PLACES: Final = {"copy": "usb", "convert": "folder", "password": "folder"}
"""Where the finished files are offered to go first (`files.mjs`)."""


class KeyFiles(StaticFiles):
    """The scripts that hold keys. A worker obeys the policy its script comes with, not its page's."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = SILENT
        return response


class DevicePages:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.transfers = Transfers(room.service.database)
        self.pace = Pace(30)
        self.routes: list[BaseRoute] = [
            Route("/device", self.show),
            Route("/device/transfer", self.leave, methods=["POST"]),
            Route("/device/transfer/take", self.take, methods=["POST"]),
            Route("/device/transfer/state", self.state, methods=["POST"]),
            Route("/device/{tool}", self.show),
            Mount("/static/keys", KeyFiles(packages=[("bot.web", "static/keys")])),
        ]

    async def show(self, request: Request) -> Response:
        tool = request.path_params.get("tool", "menu")
        if tool not in (*TOOLS, "menu", "receive"):
            tool = "menu"
        locale = await self.room.locale_of(request)
        template = {"menu": "device", "clean": "device", "receive": "device_receive"}.get(tool, "device_tool")
        response = self.room.page(
            f"{template}.html", self.room.door.session(request), locale=locale, tool=tool, tools=TOOLS,
            texts=page_texts(self.room.texts(locale)), place=_PLACES.get(tool, "folder"),
            minutes=int(LIFE.total_seconds()) // 60,
            # The address that `receive` is opened with carries the number behind a #, which would be lost.
            translation=None if tool == "receive" else self.room.translation(request, locale),
        )  # fmt: skip
        if tool not in ("send", "receive"):
            response.headers["Content-Security-Policy"] = SILENT
        return response

    # -- from one device to another ---------------------------------------------------------------------------

    async def asked(self, request: Request) -> tuple[Mapping[str, Any], Response | None]:
        """The form with `ticket` and `proof` as they must be, or what to answer instead."""
        session, texts = self.room.door.session(request), await self._texts(request)
        if self.room.door.refuses(request, session):
            return {}, self.room.refusal(texts, "csrf", 403)
        if not self.pace.allows(session.id):
            return {}, self.room.refusal(texts, "busy", 429)
        try:
            return _read(await json_object(request)), None
        except BadJson:
            return {}, self.room.refusal(texts, "bad_request", 400)

    async def leave(self, request: Request) -> Response:
        form, refused = await self.asked(request)
        if refused is not None:
            return refused
        texts = await self._texts(request)
        if not 0 < len(form["content"]) <= MOST:
            return self.room.refusal(texts, "bad_request", 400)
        now = self.service.clock()
        match await self.transfers.leave(form["ticket"], form["proof"], form["content"], now):
            case "kept":
                return JSONResponse({"expires_at": (now + LIFE).isoformat()})
            case "in_use":
                return self.room.refusal(texts, "transfer_in_use", 409)
        return self.room.refusal(texts, "busy", 503)

    async def take(self, request: Request) -> Response:
        form, refused = await self.asked(request)
        if refused is not None:
            return refused
        texts = await self._texts(request)
        fetched = await self.transfers.take(form["ticket"], form["proof"], self.service.clock())
        match fetched.state:
            case "waiting":
                return JSONResponse({"content": base64.b64encode(fetched.content).decode()})
            case "wrong":
                return self.room.refusal(texts, "transfer_wrong", 409, left=fetched.left)
        return self.room.refusal(texts, f"transfer_{fetched.state}", 410, final=True)

    async def state(self, request: Request) -> Response:
        form, refused = await self.asked(request)
        if refused is not None:
            return refused
        state = await self.transfers.state(form["ticket"], form["proof"], self.service.clock())
        return JSONResponse({"state": state})

    async def _texts(self, request: Request) -> Texts:
        return self.room.texts(await self.room.locale_of(request))


def _read(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises `BadJson` for what no page of ours would send."""
    try:
        ticket, proof = form["ticket"], base64.b64decode(form["proof"], validate=True)
        content = base64.b64decode(form.get("content", ""), validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise BadJson from error
    if not isinstance(ticket, str) or not _TICKET.fullmatch(ticket) or len(proof) != _PROOF:
        raise BadJson
    return {"ticket": ticket, "proof": proof, "content": content}


def page_texts(texts: Texts) -> dict[str, str]:
    """The sentences of `locales/*/device.toml` beside those that all key pages share."""
    return texts.section("page") | texts.section("tools")
