"""The second chance of a slow turn: one answer, within a minute, to an address the call itself names.

That address is only ever one of KakaoTalk's own hosts, over https, as it stands: no other port, no way around, no
redirect followed. It is used once and never again, whatever came of it; what was not taken is shown with the next turn.
"""

import contextlib
import json
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from bot.gateways.fetching import at_most

log = logging.getLogger(__name__)

MOST_URL: Final = 1000
MOST_ANSWER: Final = 64 * 1024
PATIENCE: Final = 5.0
"""Seconds for one answer to be taken."""
_REMEMBERED: Final = 4096
_PLAIN: Final = re.compile(r"https://[a-z0-9.-]+(?::443)?/[A-Za-z0-9._~/?=&%+:,;@!$'()*-]*", re.IGNORECASE)


def allowed(url: str, hosts: Collection[str]) -> bool:
    """Whether an answer may go to `url`."""
    if len(url) > MOST_URL or not _PLAIN.fullmatch(url):
        return False
    return (urlsplit(url).hostname or "") in hosts


class Callbacks:
    """Sends answers while it is `running()`."""

    def __init__(self, hosts: Collection[str]) -> None:
        self.hosts = frozenset(hosts)
        self._used: OrderedDict[str, None] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    def take(self, url: str | None) -> str | None:
        """`url`, if an answer may go there and none has; from now on one has."""
        if url is None or self._session is None or not allowed(url, self.hosts) or url in self._used:
            return None
        self._used[url] = None
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        return url

    async def send(self, url: str, answer: Mapping[str, Any]) -> bool:
        """Whether KakaoTalk says it has shown `answer`."""
        assert self._session is not None
        try:
            async with self._session.post(url, json=answer, allow_redirects=False) as taken:
                told = json.loads(await at_most(taken.content, MOST_ANSWER)) if taken.status == 200 else None
        except (TimeoutError, aiohttp.ClientError, ValueError, RecursionError) as error:
            log.warning("callback not taken", extra={"error": type(error).__name__})
            return False
        done = isinstance(told, dict) and told.get("status") == "SUCCESS"
        if not done:
            log.warning("callback refused", extra={"status": taken.status})
        return done
