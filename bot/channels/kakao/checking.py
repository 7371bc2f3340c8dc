"""`certtalk kakao check`: could KakaoTalk reach us, and could anybody else?

It calls the skill at the public address, as KakaoTalk would, with a call that starts no turn. Findings are the
doctor's own kind.
"""

import asyncio
import ipaddress
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from bot.channels.kakao.answering import IN_TIME
from bot.channels.kakao.centre import skill_url
from bot.doctor import Finding
from bot.gateways.fetching import at_most
from bot.settings import Settings

MOST_ANSWER: Final = 64 * 1024
PATIENCE: Final = 10.0


def probe(bot: str) -> dict[str, Any]:
    """A skill call that is answered without a turn."""
    return {
        "bot": {"id": bot},
        "userRequest": {"utterance": "", "user": {"id": "certtalk-kakao-check", "type": "botUserKey"}},
        "action": {"clientExtra": {"check": "1"}},
    }


async def check(settings: Settings) -> list[Finding]:
    """What was found. Never raises what the network says."""
    if not settings.kakao_secret.get_secret_value():
        return [Finding("kakao", "fault", "off")]
    return [one async for one in _look(settings)]


async def _look(settings: Settings) -> AsyncIterator[Finding]:
    yield Finding("kakao", "ok", params={"bot": settings.kakao_bot})
    if not settings.kakao_block:
        yield Finding("kakao", "warning", "no_block")
    url = skill_url(settings)
    parts = urlsplit(url)
    if parts.scheme != "https":
        yield Finding("kakao_address", "fault", "http", {"url": url})
    elif not await _public(parts.hostname or "", parts.port or 443):
        yield Finding("kakao_address", "fault", "local", {"host": parts.hostname})
    else:
        yield Finding("kakao_address", "ok", params={"url": url})
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            async for one in _call(session, settings, url):
                yield one
    except (aiohttp.ClientError, TimeoutError) as error:
        yield Finding("kakao_skill", "fault", "unreachable", {"url": url, "reason": type(error).__name__})


async def _call(session: aiohttp.ClientSession, settings: Settings, url: str) -> AsyncIterator[Finding]:
    secret, name = settings.kakao_secret.get_secret_value(), settings.kakao_header
    began = time.monotonic()
    status, answer = await _post(session, url, {name: secret}, probe(settings.kakao_bot))
    seconds = time.monotonic() - began
    if status == 403 and settings.kakao_addresses:
        # The list of callers does what it is for: this machine is not on it.
        yield Finding("kakao_skill", "warning", "narrowed")
        return
    if status != 200 or answer.get("version") != "2.0":
        yield Finding("kakao_skill", "fault", "refused", {"status": status, "url": url})
        return
    slow = seconds > IN_TIME / 2
    yield Finding("kakao_skill", "warning" if slow else "ok", "slow" if slow else "ok", {"seconds": f"{seconds:.2f}"})
    for word, headers, bot in (
        ("open", {}, settings.kakao_bot),
        ("open", {name: secret[::-1] + "x"}, settings.kakao_bot),
        ("any_bot", {name: secret}, "x" + settings.kakao_bot),
    ):
        status, _ = await _post(session, url, headers, probe(bot))
        if status != 403:
            yield Finding("kakao_door", "fault", word, {"status": status})
            return
    yield Finding("kakao_door", "ok")


async def _post(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: Mapping[str, Any]
) -> tuple[int, Mapping[str, Any]]:
    async with session.post(url, json=body, headers=headers, allow_redirects=False) as answer:
        try:
            told = json.loads(await at_most(answer.content, MOST_ANSWER))
        except (ValueError, RecursionError):
            told = {}
        return answer.status, told if isinstance(told, dict) else {}


async def _public(host: str, port: int) -> bool:
    """Whether every address of `host` is one the world can reach."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(one[4][0]).is_global for one in found)
