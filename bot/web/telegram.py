"""Where Telegram brings its updates. Who does not know the secret is not even read.

2xx is said only when the turn is on disk; our own trouble is a 5xx, so that Telegram brings it again. What can never be
read is taken and logged: refusing it would only bring it back.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sealing import Sealer
from bot.web.guard import BadJson, json_object

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name


class TelegramRoom:
    def __init__(self, path: str, secret: str, take: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        self.secret, self.take = secret, take
        self.routes = [Route(path, self.update, methods=["POST"])]

    async def update(self, request: Request) -> Response:
        if not Sealer.same(request.headers.get(SECRET_HEADER, ""), self.secret):
            return Response(status_code=403)
        try:
            data = await json_object(request)
        except BadJson:
            log.warning("a webhook's body that is no update")
            return Response(status_code=400)
        await self.take(data)
        return Response(status_code=200)
