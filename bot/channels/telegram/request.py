"""The wire to the Bot API: aiohttp under python-telegram-bot, which comes with httpx and spends half a turn in it.

What matters to whoever sends is whether Telegram can have seen the request: `NotConnected` says surely not, and it may
be sent again; `TimedOut` and `Interrupted` say perhaps, and it may not. No error names the address: the token is in it.
"""

import json
import urllib.request
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from telegram._utils.defaultvalue import DefaultValue
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData
from yarl import URL

READ: Final = 20.0
CONNECT: Final = 10.0
LONGEST_WAIT: Final = 3600.0
SHORTEST_WAIT: Final = 1.0
UNTOLD: Final = 3.0
"""Seconds; the last one where a 429 names none."""
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class NotConnected(NetworkError):
    """No connection was made: Telegram has seen nothing."""


class Interrupted(NetworkError):
    """The connection broke after it was made: Telegram may have done what was asked."""


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
        """Status and body. Raises `ToldToWait`, `NotConnected`, `TimedOut`, `Interrupted`."""
        if self._session is None:
            await self.initialize()
        assert self._session is not None
        body, headers = _body(request_data)
        reading, connecting = _seconds(read_timeout, READ), _seconds(connect_timeout, CONNECT)
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
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise ToldToWait(_retry_after(answer))
                return response.status, answer
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


def _retry_after(answer: bytes) -> float:
    try:
        return max(SHORTEST_WAIT, min(float(json.loads(answer)["parameters"]["retry_after"]), LONGEST_WAIT))
    except (ValueError, TypeError, LookupError):
        return UNTOLD


def _seconds(given: Any, otherwise: float) -> float:
    return otherwise if isinstance(given, DefaultValue) or given is None else float(given)


@lru_cache(maxsize=256)
def _url(url: str) -> URL:
    return URL(url, encoded=True)


@lru_cache(maxsize=256)
def _proxy(url: str) -> str | None:
    """What the environment says (HTTPS_PROXY, NO_PROXY), looked up once an address."""
    parts = URL(url, encoded=True)
    if parts.host is None or urllib.request.proxy_bypass(parts.host):
        return None
    return urllib.request.getproxies().get(parts.scheme)
