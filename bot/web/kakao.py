"""Where the chatbot admin centre calls its skill, and the page a file is fetched from.

KakaoTalk signs nothing: a caller is who knows the secret in the registered header, and comes from where the operator
says. Who does not is not even read. Looking at a file's page (a link's preview does that first) shows and spends
nothing; only its button fetches the file.
"""

import asyncio
import ipaddress
import logging
import re
import time
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.channels.kakao.answering import Kakao
from bot.channels.kakao.centre import PATH
from bot.channels.kakao.reading import Unreadable, read
from bot.sealing import Sealer
from bot.web.guard import BadJson, json_object

log = logging.getLogger(__name__)

MOST_BODY: Final = 64 * 1024
BODY_IN_TIME: Final = 2.0
"""Seconds for the body to arrive."""
_REQUEST_ID: Final = re.compile(r"[!-~]{1,200}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class KakaoRoom:
    def __init__(self, kakao: Kakao) -> None:
        settings = kakao.service.settings
        self.kakao, self.bot, self.header = kakao, settings.kakao_bot, settings.kakao_header
        self.secret = settings.kakao_secret.get_secret_value()
        self.callers = networks(settings.kakao_addresses)
        self.proxies = networks(settings.kakao_proxies)
        self.routes = [Route(PATH, self.skill, methods=["POST"])]

    async def skill(self, request: Request) -> Response:
        began = time.monotonic()
        if not Sealer.same(request.headers.get(self.header, ""), self.secret) or not self._from_kakao(request):
            return Response(status_code=403)
        if int(request.headers.get("content-length", "0")) > MOST_BODY:
            return Response(status_code=413)
        try:
            async with asyncio.timeout(BODY_IN_TIME):
                heard = read(await json_object(request))
        except TimeoutError:
            return Response(status_code=408)
        except (BadJson, Unreadable) as error:
            log.warning("a skill call that is none", extra={"error": str(error) or "json"})
            return Response(status_code=400)
        if not Sealer.same(heard.bot, self.bot):
            log.warning("a skill call for another bot")
            return Response(status_code=403)
        named = request.headers.get("x-request-id", "")
        return JSONResponse(await self.kakao.answer(heard, named if _REQUEST_ID.fullmatch(named) else None, began))

    def _from_kakao(self, request: Request) -> bool:
        """Whether the caller's address is one of those the operator named; any, where none is named."""
        if not self.callers:
            return True
        peer = request.client.host if request.client else ""
        told = request.headers.getlist("x-forwarded-for")
        return within(caller(peer, told, self.proxies), self.callers)


def networks(listed: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by blanks. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(one) for one in listed.split())


def within(address: str, among: Sequence[Network]) -> bool:
    try:
        known = ipaddress.ip_address(address.strip())
    except ValueError:
        return False
    return any(known in one for one in among)


def caller(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Who called: the peer, or what our own proxies say before it. What anybody else says of that is not heard.

    Each proxy puts the address it was called from last: read from the end, up to the first one that is no proxy.
    """
    hops = [one.strip() for line in forwarded for one in line.split(",")]
    while within(peer, proxies) and hops:
        peer = hops.pop()
    return peer
