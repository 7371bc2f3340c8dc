"""Asking addresses that strangers wrote into certificates: few hosts, small answers, no detours, not for long.

The host must be on the operator's list, and what its name resolves to must be an address of the open internet: the
addresses that were looked at are the ones connected to, so that a name cannot change its mind in between (DNS
rebinding). Redirects are not followed, nothing is unpacked, no cookie or proxy is used.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

log = logging.getLogger(__name__)

DEADLINE: Final = 3.0
"""Seconds for one answer, name, connection and all."""
_PORTS: Final = {"http": 80, "https": 443}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not private, loopback, link-local, multicast or reserved."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global and not parsed.is_multicast


async def at_most(content: aiohttp.StreamReader, most: int) -> bytes:
    """What an answer holds, or its first `most` octets; one `read` gives no more than has just arrived."""
    octets = b""
    while len(octets) < most and (more := await content.read(most - len(octets))):
        octets += more
    return octets


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Fetcher:
    """`hosts` as the operator lists them: `NAME` for the scheme's own port, or `NAME:PORT`."""

    def __init__(
        self, hosts: frozenset[str], *, deadline: float = DEADLINE, may_reach: Callable[[str], bool] = is_public,
        resolver: AbstractResolver | None = None,
    ) -> None:  # fmt: skip
        self.hosts, self.deadline, self.may_reach = hosts, deadline, may_reach
        self._resolver = resolver

    def may_ask(self, url: str) -> bool:
        """Whether the operator lets us ask there at all."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or not url.isascii():
            return False
        own = _PORTS[parts.scheme]
        name = parts.hostname.rstrip(".").lower()
        if _is_number(name) and not self.may_reach(name):  # a number is not resolved, so nobody else would look
            return False
        return (name if port in (None, own) else f"{name}:{port}") in self.hosts

    async def get(self, url: str, most: int) -> bytes | None:
        """At most `most` octets; None for whatever was not an answer."""
        return await self._ask(url, most)

    async def post(self, url: str, body: bytes, media_type: str, most: int) -> bytes | None:
        return await self._ask(url, most, data=body, headers={"Content-Type": media_type})

    async def _ask(self, url: str, most: int, **more: Any) -> bytes | None:
        if not self.may_ask(url):
            return None
        try:
            async with asyncio.timeout(self.deadline), self._session() as session:
                method = "POST" if "data" in more else "GET"
                async with session.request(method, url, allow_redirects=False, **more) as answer:
                    if answer.status != 200:
                        return None
                    octets = await at_most(answer.content, most + 1)
                    return octets if len(octets) <= most else None
        except (TimeoutError, OSError, ValueError, aiohttp.ClientError) as error:
            log.info("not reached", extra={"host": urlsplit(url).hostname, "error": type(error).__name__})
            return None

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_Guarded(self._resolver or aiohttp.ThreadedResolver(), self.may_reach), limit=2, force_close=True
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "CertTalk"},
        )  # fmt: skip


class _Guarded(AbstractResolver):
    """Names to addresses, without those that must not be reached."""

    def __init__(self, asked: AbstractResolver, may_reach: Callable[[str], bool]) -> None:
        self.asked, self.may_reach = asked, may_reach

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self.asked.resolve(host, port, family)
        if not found or not all(self.may_reach(one["host"]) for one in found):
            raise OSError(f"{host} is not on the open internet")
        return found

    async def close(self) -> None:
        await self.asked.close()
