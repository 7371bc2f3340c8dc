"""One JSON question to a provider over HTTPS, and what a status means for trying again."""

import json
from typing import Any, Final

import aiohttp

from bot.gateways.fetching import at_most
from bot.gateways.sms import SmsRefused, SmsUnavailable

DEADLINE: Final = 8.0
"""Seconds; below the 15 a delivery has, so that a time-out is ours and known as one."""
MOST: Final = 256 * 1024
_LATER: Final = frozenset({401, 402, 403, 408, 409, 425, 429})
"""Not this message's fault: keys, an empty purse, too many at once. It may be taken when that is put right."""


async def ask(
    method: str, url: str, *, headers: dict[str, str], body: bytes | None = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """The answer's JSON object. Raises `SmsRefused` (other 4xx) or `SmsUnavailable` (all the rest)."""
    headers = {"Accept": "application/json", **headers}
    if body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=DEADLINE), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            ) as session,
            session.request(method, url, headers=headers, data=body, params=query, allow_redirects=False) as answer,
        ):
            status, after = answer.status, answer.headers.get("Retry-After", "")
            told = await at_most(answer.content, MOST)
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        raise SmsUnavailable(type(error).__name__) from None  # what it holds may be an address with a number in it
    if 400 <= status < 500 and status not in _LATER:
        raise SmsRefused(f"status {status}")
    if not 200 <= status < 300:
        raise SmsUnavailable(f"status {status}", int(after) if after.isdecimal() and len(after) < 5 else 0)
    try:
        answered = json.loads(told or b"{}")
    except (ValueError, RecursionError):
        raise SmsUnavailable("no JSON") from None
    if not isinstance(answered, dict):
        raise SmsUnavailable("no JSON object")
    return answered
