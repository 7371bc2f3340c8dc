"""The OCSP responder on HTTP: raw ASGI in front of everything else, because a framework costs more than an answer.

No browser comes here, so there is nothing to guard: no cookie, no page, no host name to hold on to. A GET may be kept
by caches on the way (RFC 5019 §6), but not for long, because a cached answer hides a revocation.
"""

import base64
import binascii
from collections.abc import MutableMapping
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.jobs.answering import Answering, Prepared
from ca.ocsp import MAX_REQUEST_OCTETS

PATH: Final = "/pki/ocsp"
KEPT_SECONDS: Final = 60
_TYPE: Final = (b"content-type", b"application/ocsp-response")
_PLAIN: Final = (b"x-content-type-options", b"nosniff")
_NO_STORE: Final = (b"cache-control", b"no-store")

Headers = list[tuple[bytes, bytes]]


class OcspDesk:
    """An ASGI application around another one: takes what is OCSP and passes on the rest."""

    def __init__(self, app: ASGIApp, answering: Answering) -> None:
        self.app, self.answering = app, answering
        self._cacheable: MutableMapping[Prepared, Headers] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self.app(scope, receive, send)
            return
        rest, method = scope["path"][len(PATH) :], scope["method"]
        if method == "POST" and rest in ("", "/"):
            prepared = await self._answered(await _body(receive))
            await _send(send, prepared, [_TYPE, _PLAIN, _NO_STORE])
        elif method in ("GET", "HEAD") and rest.startswith("/"):
            prepared = await self._answered(_request_in(rest[1:]))
            await self._send_cacheable(scope, send, prepared, head=method == "HEAD")
        else:
            await self.app(scope, receive, send)

    async def _answered(self, request: bytes) -> Prepared:
        return self.answering.prepared(request) or await self.answering.answer(request)

    async def _send_cacheable(self, scope: Scope, send: Send, prepared: Prepared, *, head: bool) -> None:
        if not prepared.certain:
            await _send(send, prepared, [_TYPE, _PLAIN, _NO_STORE], head=head)
            return
        headers = self._cacheable.get(prepared)
        if headers is None:
            headers = self._cacheable[prepared] = _cacheable(prepared)
        if (b"if-none-match", prepared.etag.encode()) in scope["headers"]:
            await send({"type": "http.response.start", "status": 304, "headers": headers[1:]})
            await send({"type": "http.response.body", "body": b""})
            return
        await _send(send, prepared, headers, head=head)


async def _body(receive: Receive) -> bytes:
    """What was posted, up to one octet more than a request may have."""
    body = b""
    while len(body) <= MAX_REQUEST_OCTETS:
        message: Any = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[: MAX_REQUEST_OCTETS + 1]


def _request_in(path: str) -> bytes:
    """RFC 6960 Appendix A.1: base64 of the request, percent-encoded; some encode it twice, some not at all."""
    try:
        return base64.b64decode(unquote(path), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _cacheable(prepared: Prepared) -> Headers:
    """RFC 5019 §6.2: Last-Modified is thisUpdate, Expires nextUpdate; max-age far below it."""
    headers = {
        "content-type": "application/ocsp-response",
        "cache-control": f"max-age={KEPT_SECONDS}, public, no-transform, must-revalidate",
        "last-modified": format_datetime(prepared.made_at, usegmt=True),
        "expires": format_datetime(prepared.valid_until.replace(microsecond=0), usegmt=True),
        "etag": prepared.etag,
        "x-content-type-options": "nosniff",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _send(send: Send, prepared: Prepared, headers: Headers, *, head: bool = False) -> None:
    length = (b"content-length", b"%d" % len(prepared.der))
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": b"" if head else prepared.der})
