"""The ASGI application: every room's routes behind one guard."""

import logging

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.app import Service
from bot.web.chat import ChatRoom
from bot.web.desk import DemoDesk
from bot.web.guard import Guarded
from bot.web.pages import SecurePages
from bot.web.pki import PkiDesk
from bot.web.room import Room

log = logging.getLogger(__name__)


class Application:
    """`asgi` is what a server runs; `close()` lets open streams end."""

    def __init__(self, service: Service) -> None:
        self.service = service
        room = Room(service)
        self.chat = ChatRoom(room)
        routes: list[BaseRoute] = [
            *self.chat.routes,
            *SecurePages(room).routes,
            *PkiDesk(room).routes,
            *(DemoDesk(room).routes if service.settings.demo else []),
            Route("/healthz", self.health),
            Mount("/static", StaticFiles(packages=[("bot.web", "static")])),
        ]
        https = service.settings.public_url.startswith("https://")
        host = service.settings.public_url.partition("://")[2].rpartition(":")[0] or service.settings.public_url
        # A page elsewhere must not reach the loopback demo under a name of its own (DNS rebinding).
        hosts = sorted({host.strip("[]"), service.settings.public_url.partition("://")[2], "127.0.0.1", "localhost"})
        self.asgi = Starlette(
            routes=routes,
            middleware=[
                Middleware(Guarded, https=https),
                Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            ],
            exception_handlers={Exception: _broken},
        )

    async def health(self, request: Request) -> Response:
        report = await self.service.health()
        return JSONResponse(report, 200 if report["ok"] else 503)

    def close(self) -> None:
        self.chat.close()


async def _broken(request: Request, error: Exception) -> Response:
    """Nothing of the inside shows; the log has it under the path."""
    log.error("unhandled", exc_info=error, extra={"path": request.url.path})
    return JSONResponse({"error": "internal"}, 500)
