"""What stands before every request: size, origin, session, and the headers every answer carries.

A state changes by POST only, with the session's token in a header (which no foreign form can set) and an Origin that
is this service's own. Cookies are `__Host-` under https; browsers would not keep such a cookie under http, so the
loopback demo uses the plain name.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import logs
from bot.sealing import Sealer

MAX_BODY: Final = 256 * 1024
MAX_DEPTH: Final = 32
SESSION_SECONDS: Final = 30 * 24 * 3600

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cache-Control": "no-store",
}


class Guarded:
    """ASGI middleware: refuses other hosts' names and bodies that are too large, adds the headers.

    `no-store` unless the answer says else. A body without a length raises `BodyTooLarge` where it is read.
    """

    def __init__(self, app: ASGIApp, *, https: bool, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts
        headers = _HEADERS | ({"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if https else {})
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        logs.turn_id.set(secrets.token_hex(4))
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in self.headers if one[0] not in said)]
            await send(message)

        given = Headers(scope=scope)
        named = given.getlist("host")  # RFC 9112 §3.2: of two names a proxy may have heard the other one
        if len(named) != 1 or host_of(named[0]) not in self.hosts:
            await PlainTextResponse("Invalid host header", 400)(scope, receive, send_with_headers)
            return
        length = given.get("content-length", "0")
        if not length.isdecimal() or len(length) > 12 or int(length) > MAX_BODY:
            await too_large()(scope, receive, send_with_headers)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise BodyTooLarge
            return message

        await self.app(scope, receive_counted, send_with_headers)


class BodyTooLarge(Exception):
    """A body without a length went on and on."""


def too_large() -> Response:
    return JSONResponse({"error": "too_large"}, 413)


def host_of(authority: str) -> str:
    """The name in `name:port`; `[::1]` keeps its brackets."""
    return re.sub(r":\d*$", "", authority).lower()


@dataclass(frozen=True, slots=True)
class Session:
    """One browser. `fresh` ones still have to be given their cookie."""

    id: str
    fresh: bool


class Doorkeeper:
    """Sessions, tokens against forged requests, and a pace for each session."""

    def __init__(self, sealer: Sealer, public_url: str, per_minute: int) -> None:
        self.sealer, self.https = sealer, public_url.startswith("https://")
        self.public_host = public_url.partition("://")[2]
        self.cookie = "__Host-certtalk" if self.https else "certtalk"
        self.pace = Pace(per_minute)

    def session(self, request: Request) -> Session:
        known = request.cookies.get(self.cookie, "")
        # 128 bits in 22 characters; anything else was not given out here.
        if len(known) == 22 and known.isascii():
            return Session(known, fresh=False)
        return Session(secrets.token_urlsafe(16), fresh=True)

    def keep(self, response: Response, session: Session) -> None:
        if session.fresh:
            response.set_cookie(
                self.cookie,
                session.id,
                max_age=SESSION_SECONDS,
                path="/",
                secure=self.https,
                httponly=True,
                samesite="lax",
            )

    def token(self, session: Session) -> str:
        return self.sealer.token("csrf", session.id)

    def refuses(self, request: Request, session: Session) -> bool:
        """True for a request that changes something and does not come from our own page."""
        return self.foreign(request) or not self.sealer.same(
            request.headers.get("x-csrf-token", ""), self.token(session)
        )

    def foreign(self, request: Request) -> bool:
        """Whether a browser says that another site's page sent this."""
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        if origin is not None and origin.partition("://")[2] not in {host, self.public_host}:
            return True
        return request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}


class Pace:
    """At most so many a minute for each key (generic cell rate algorithm), with a burst of a third of that."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float] = time.monotonic, *, burst: int | None = None
    ) -> None:
        self.gap = 60.0 / per_minute
        self.burst = max(1, burst or per_minute // 3) * self.gap
        self.clock = clock
        self._next: MutableMapping[str, float] = {}
        self._room = 1000

    def allows(self, key: str) -> bool:
        now = self.clock()
        due = max(self._next.get(key, 0.0), now)
        if due - now > self.burst:
            return False
        self._next[key] = due + self.gap
        if len(self._next) > self._room:  # of those who came a while ago nothing has to be remembered
            self._next = {k: t for k, t in self._next.items() if t > now}
            self._room = max(1000, 2 * len(self._next))
        return True


class BadJson(Exception):
    """The body is not a JSON object a page of ours would send."""


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object of sane depth. Raises `BadJson`."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise BadJson from error
    if not isinstance(body, dict) or _deeper(body, MAX_DEPTH):
        raise BadJson
    return body


def _deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_deeper(one, levels - 1) for one in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper(one, levels - 1) for one in value)
    return False
