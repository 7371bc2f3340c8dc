"""The wire to the Bot API: aiohttp under python-telegram-bot, which comes with httpx and spends half a turn in it.

What matters to whoever sends is whether Telegram can have seen the request: `NotConnected` says surely not, and it may
be sent again; `TimedOut` and `Interrupted` say perhaps, and it may not. No error names the address: the token is in it.

What a proxy, a gateway or a Bot API server of another make answers is put into the Bot API's own form first, so that an
error page is an error and nothing more.
"""

import asyncio
import json
import re
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from telegram._utils.defaultvalue import DefaultValue
from telegram.error import EndPointNotFound, NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData
from yarl import URL

from bot.settings.kinds import is_loopback

READ: Final = 20.0
CONNECT: Final = 10.0
LONGEST_WAIT: Final = 3600.0
SHORTEST_WAIT: Final = 1.0
UNTOLD: Final = 3.0
"""Seconds; the last one where a 429 names none."""
MOST_SAID: Final = 300
"""Characters of an error's description."""
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_TOLD_APART: Final = {401, 403, 408, 409}
"""What asks for something else than a bad request; 408 for the same once more."""
_FINE: Final = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\s*,')


class NotConnected(NetworkError):
    """No connection was made: Telegram has seen nothing."""


class Interrupted(NetworkError):
    """The connection broke after it was made, or nobody can read the answer: it may have been done."""


class ToldToWait(TelegramError):
    """429: not now. `seconds` as Telegram says, or a few where it does not.

    PTB's own `RetryAfter` warns of its own future with every instance.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__("told to wait")
        self.seconds = seconds


class Wire(BaseRequest):
    """`connections` at once, kept open between requests."""

    def __init__(self, connections: int = 64) -> None:
        self.connections = connections
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        return READ

    async def initialize(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.connections, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def shutdown(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - one deadline covers writing and reading
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - whoever waits for a connection waits to connect
    ) -> tuple[int, bytes]:
        """Status and body. Raises `ToldToWait`, `NotConnected`, `TimedOut`, `Interrupted`, `EndPointNotFound`."""
        if self._session is None:
            await self.initialize()
        assert self._session is not None
        body, headers = _body(request_data)
        reading, connecting = _seconds(read_timeout, READ), _seconds(connect_timeout, CONNECT)
        # A server that hangs up after an answer without saying so has done it by now: let the loop see that, or the
        # next request would go into a dead connection, and nobody could tell whether it was heard.
        await asyncio.sleep(0)
        try:
            async with self._session.request(
                method,
                _url(url),
                data=body,
                headers=headers,
                proxy=_proxy(url),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=connecting, connect=connecting + READ, sock_read=reading),
            ) as response:
                answer = await response.read()
                if response.status == HTTPStatus.OK and (method == "GET" or _FINE.match(answer)):
                    return response.status, answer
                return _understood(response.status, answer, response.headers)
        # `from None`: the original names the address, and with it the token.
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected(type(error).__name__) from None
        except TimeoutError:
            raise TimedOut from None
        except (aiohttp.ClientError, OSError) as error:
            raise Interrupted(type(error).__name__) from None


def _body(data: RequestData | None) -> tuple[Any, dict[str, str] | None]:
    if data is None:
        return None, None
    if not data.contains_files:
        return "&".join(f"{name}={_quoted(value)}" for name, value in data.json_parameters.items()).encode(), _FORM
    # Names as they are, in UTF-8: percent-encoded, as aiohttp would have it, Telegram shows them that way.
    form = aiohttp.FormData(quote_fields=False, charset="utf-8")
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, media_type) in data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=media_type)
    return form, None


def _quoted(value: str) -> str:
    """Every octet as `%xx`: `urlencode` looks at each one whether it must be, which most of Hangul's must."""
    return value and f"%{value.encode(errors='replace').hex('%')}"


def _understood(status: int, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """The answer as the Bot API would give it: whoever reads it next knows no other form.

    https://core.telegram.org/bots/api#making-requests
    """
    told = _object(body)
    fine = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    if fine and told.get("ok") is False:
        code = told.get("error_code")
        status = code if isinstance(code, int) and code >= HTTPStatus.BAD_REQUEST else HTTPStatus.BAD_REQUEST
    elif fine:
        if "result" not in told:
            raise Interrupted("unreadable answer")
        return status, body
    given = told.get("parameters")
    parameters = given if isinstance(given, dict) else {}
    if status == HTTPStatus.TOO_MANY_REQUESTS or "retry_after" in parameters:
        raise ToldToWait(_seconds_of(parameters.get("retry_after", headers.get("Retry-After"))))
    if status == HTTPStatus.NOT_FOUND:
        raise EndPointNotFound("Not Found")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _TOLD_APART:
        status = HTTPStatus.BAD_REQUEST
    said = told.get("description")
    error = {"ok": False, "error_code": status, "description": said[:MOST_SAID] if isinstance(said, str) else ""}
    return status, json.dumps(error | ({"parameters": parameters} if parameters else {})).encode()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _seconds_of(told: Any) -> float:
    try:
        return max(SHORTEST_WAIT, min(float(told), LONGEST_WAIT))
    except (ValueError, TypeError):
        return UNTOLD


def _seconds(given: Any, otherwise: float) -> float:
    return otherwise if isinstance(given, DefaultValue) or given is None else float(given)


@lru_cache(maxsize=256)
def _url(url: str) -> URL:
    return URL(url, encoded=True)


@lru_cache(maxsize=256)
def _proxy(url: str) -> str | None:
    """What the environment says (HTTPS_PROXY, NO_PROXY), looked up once an address; none to this machine itself."""
    parts = URL(url, encoded=True)
    if parts.host is None or is_loopback(parts.host) or urllib.request.proxy_bypass(parts.host):
        return None
    return urllib.request.getproxies().get(parts.scheme)
