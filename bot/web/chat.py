"""The web chat: one page, one POST, one stream of events that loses and doubles nothing."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.service import HISTORY_SHOWN
from bot.storage.conversations import Message
from bot.storage.database import DatabaseUnavailable
from bot.storage.instants import text_of
from bot.web.guard import BadJson, json_object
from bot.web.room import Room, Visitor
from handlers.message import Answered, CustomerId, Incoming, Reply

POLL = 2.0
"""Seconds between looks for words that another process wrote."""
STILL_HERE = 15.0
MOST_STREAMS = 32
"""Open windows of one customer; more is no person."""
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{8,64}")
PREFIX = "web:"
"""Before the page's own message ids, which come back with what the customer said."""


def bubble(seq: int, author: str, at: str, message_id: str | None, text: str, reply: Reply | None) -> dict[str, Any]:
    """One message as the page reads it."""
    shown: dict[str, Any] = {"seq": seq, "from": author, "text": text, "at": at}
    if reply is None:
        return shown | {"id": (message_id or "").removeprefix(PREFIX)}
    body = reply.as_json()
    if body["link"]:
        del body["link"]["id"]
    if body["document"]:
        body["document"]["url"] = f"/chat/documents/{body['document']['id']}"
    return body | shown


def bubbles(answered: Answered, message_id: str) -> list[dict[str, Any]]:
    """The whole turn, the customer's own words first."""
    assert answered.at is not None
    at = text_of(answered.at)
    shown = []
    if answered.said:
        shown.append(bubble(answered.first_seq, "customer", at, message_id, answered.said, None))
    first = answered.first_seq + len(shown)
    shown.extend(bubble(first + n, "bot", at, None, one.text, one) for n, one in enumerate(answered.replies))
    return shown


class ChatRoom:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.closing = asyncio.Event()
        self.routes = [
            Route("/", self.page),
            Route("/chat/say", self.say, methods=["POST"]),
            Route("/chat/events", self.events),
            Route("/chat/documents/{id}", self.document),
        ]

    async def page(self, request: Request) -> Response:
        locale = await self.room.locale_of(request, await self.room.known(request))
        texts = self.room.texts(locale)
        demo = self.service.settings.demo
        return self.room.page(
            "chat.html", self.room.door.session(request), locale=locale, texts=texts.section("chat"),
            desk=texts.section("desk") if demo else None, demo=demo,
        )  # fmt: skip

    async def say(self, request: Request) -> Response:
        if self.room.door.refuses(request, self.room.door.session(request)):
            return JSONResponse({"error": "csrf"}, 403)
        visitor = await self.room.visitor(request)
        if not self.room.door.pace.allows(visitor.customer):
            return self._later()
        try:
            said = _incoming(await json_object(request), visitor)
        except BadJson:
            return JSONResponse({"error": "bad_request"}, 400)
        answered = await self.service.conversation.handle(said)
        return JSONResponse({"messages": bubbles(answered, said.message_id)})

    def _later(self) -> Response:
        text = self.room.texts(self.service.locale)("common.too_busy")
        return JSONResponse({"error": "busy", "text": text}, 429, headers={"Retry-After": "2"})

    async def events(self, request: Request) -> Response:
        visitor = await self.room.visitor(request)
        if visitor.session.fresh and visitor.demo_id is None:
            return Response(status_code=204)  # nobody who has seen our page; 204 ends an EventSource
        if self.service.bells.waiting(visitor.customer) >= MOST_STREAMS:
            return self._later()
        last = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        after = int(last) if last.isdecimal() and len(last) < 16 else 0
        customer = visitor.customer
        locale = await self.room.locale_of(request, customer)
        await self.service.conversation.greet("web", visitor.address, customer, locale)
        if after == 0:
            after = await self.service.conversations.latest(customer, HISTORY_SHOWN)
        return StreamingResponse(self._stream(customer, after), media_type="text/event-stream")

    async def _stream(self, customer: CustomerId, after: int) -> AsyncIterator[str]:
        yield "retry: 1500\n\n"
        quiet = 0.0
        with self.service.bells.listen(customer) as bell:
            while not self.closing.is_set():
                bell.clear()
                messages: list[Message] = []
                with contextlib.suppress(DatabaseUnavailable):
                    messages = await self.service.conversations.history(customer, after, HISTORY_SHOWN)
                for one in messages:
                    after = one.seq
                    shown = bubble(one.seq, one.author, one.at, one.message_id, one.text, one.reply)
                    yield f"id: {one.seq}\ndata: {json.dumps(shown, ensure_ascii=False)}\n\n"
                if len(messages) == HISTORY_SHOWN:
                    continue  # a whole page: there may be more already
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), POLL)
                quiet = 0.0 if messages else quiet + POLL
                if quiet >= STILL_HERE:
                    quiet = 0.0
                    yield ": still here\n\n"

    async def document(self, request: Request) -> Response:
        customer = await self.room.known(request)
        found = customer and await self.service.documents.content(
            request.path_params["id"][:64], customer, self.service.clock()
        )
        if not found:
            return Response(self.room.texts(self.service.locale)("web.document_gone"), 404, media_type="text/plain")
        document, content = found
        # RFC 6266 §4.3: the name in UTF-8; a client's path never comes near a file system.
        disposition = f"attachment; filename*=UTF-8''{quote(document.filename, safe='')}"
        return Response(content, media_type=document.media_type, headers={"Content-Disposition": disposition})

    def close(self) -> None:
        """End the streams, so that the server can stop."""
        self.closing.set()
        self.service.bells.ring_all()


def _incoming(body: dict[str, Any], visitor: Visitor) -> Incoming:
    message_id, text, choice = body.get("id"), body.get("text", ""), body.get("choice")
    if not isinstance(message_id, str) or not _MESSAGE_ID.fullmatch(message_id):
        raise BadJson
    if not isinstance(text, str) or not (choice is None or isinstance(choice, str)):
        raise BadJson
    label = body.get("label") or ""
    if not isinstance(label, str) or (not text.strip() and not choice):
        raise BadJson
    return Incoming("web", visitor.address, visitor.customer, f"{PREFIX}{message_id}", text or label[:200], choice)
