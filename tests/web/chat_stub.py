"""A small server that speaks the chat's wire contract (docs/architecture.md), with switches for what may go wrong.

It answers by script, not by understanding: the page is what is tested against it.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from handlers.texts import load_texts

WEB = Path(__file__).parents[2] / "bot" / "web"
CSRF = "stub-csrf"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'"
)

Message = dict[str, Any]


def message(text: str, **more: Any) -> Message:
    return {"from": "bot", "text": text, "at": "2026-11-22T01:00:00.000000Z", **more}


@dataclass
class ChatStub:
    """`replies` maps what is said (text or choice) to the bubbles it is answered with."""

    locale: str = "ko"
    demo: bool = False
    replies: dict[str, list[Message]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    """Ids as they came in, repeated ones too."""
    asked_after: list[int] = field(default_factory=list)
    fail_with: list[int] = field(default_factory=list)
    """Status codes for the next posts; 0 answers only after having acted, with the connection cut."""
    kept_as: dict[str, str] = field(default_factory=dict)
    """How the history keeps what was typed: masked."""
    hold: asyncio.Event | None = None
    """While set and not fired, turns take their time."""
    desk: dict[str, Any] = field(default_factory=dict)
    demo_calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = asyncio.Condition()
        self.closing = False

    async def put(self, *said: Message) -> list[Message]:
        async with self.changed:
            new = [{"seq": len(self.messages) + 1 + n, **one} for n, one in enumerate(said)]
            self.messages += new
            self.changed.notify_all()
        return new

    # -- what a browser asks --------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        texts = load_texts()[self.locale]
        page = {
            "csrf": CSRF,
            "locale": self.locale,
            "texts": texts.section("chat"),
            "desk": texts.section("desk") if self.demo else None,
            "demo": self.demo,
        }
        templates = Environment(loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined)
        html = templates.get_template("chat.html").render(
            texts=page["texts"], page=page, locale=self.locale, demo=self.demo
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})

    async def say(self, request: Request) -> Response:
        if request.headers.get("X-CSRF-Token") != CSRF:
            return PlainTextResponse("", 403)
        body = await request.json()
        self.posts.append(body["id"])
        fault = self.fail_with.pop(0) if self.fail_with else 200
        if fault not in (0, 200):
            return PlainTextResponse("", fault)
        if body["id"] not in [one["id"] for one in self.heard]:
            self.heard.append(body)
            if body.get("choice") in ("lang:en", "lang:ko"):
                self.locale = body["choice"].partition(":")[2]
            text = body.get("label") or body.get("text")
            await self.put(message(self.kept_as.get(text, text), id=body["id"]) | {"from": "customer"})
            if self.hold is not None:
                await self.hold.wait()
            said = body.get("choice") or body["text"]
            await self.put(*self.replies.get(said, [message(f"{text}: 알겠어요.")]))
        if fault == 0:
            return Response(status_code=502)
        first = next(i for i, one in enumerate(self.messages) if one.get("id") == body["id"])
        return JSONResponse({"messages": self.messages[first:]})

    async def events(self, request: Request) -> Response:
        after = int(request.query_params["after"])
        self.asked_after.append(after)

        async def stream() -> AsyncIterator[str]:
            sent = after
            yield ": hello\n\n"
            while not self.closing:
                for one in [one for one in self.messages if one["seq"] > sent]:
                    sent = one["seq"]
                    yield f"id: {sent}\ndata: {json.dumps(one)}\n\n"
                async with self.changed:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.changed.wait(), 0.2)

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def document(self, request: Request) -> Response:
        return Response(b"encrypted", media_type="application/x-pkcs12")

    async def show_desk(self, request: Request) -> Response:
        return JSONResponse(self.desk)

    async def change_demo(self, request: Request) -> Response:
        if request.headers.get("X-CSRF-Token") != CSRF:
            return PlainTextResponse("", 403)
        verb, body = request.path_params["verb"], await request.json()
        self.demo_calls.append((verb, body))
        if verb == "switch":
            self.desk["customer"] = next(one for one in self.desk["customers"] if one["id"] == body["customer"])
        return JSONResponse({"sent": 1, "text": f"{body['date']}: 알림 1건을 보냈어요."} if verb == "clock" else {})

    # -- running --------------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/chat/say", self.say, methods=["POST"]),
                Route("/chat/events", self.events),
                Route("/chat/documents/{id}", self.document),
                Route("/demo/desk", self.show_desk),
                Route("/demo/{verb}", self.change_demo, methods=["POST"]),
                Mount("/static", StaticFiles(directory=WEB / "static")),
            ]
        )

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback; gives the port. May be entered again later with the same port: a restart."""
        self.closing = False
        listening = socket.create_server(("127.0.0.1", port))
        config = uvicorn.Config(self.app(), log_level="error", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            self.closing = True
            server.should_exit = server.force_exit = True
            await task
