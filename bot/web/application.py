"""The ASGI application: every room's routes behind one guard."""

import logging

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.channels.kakao.answering import Kakao
from bot.channels.telegram.transport import WEBHOOK_PATH, Telegram
from bot.service import Service
from bot.storage.database import DatabaseCorrupt, DatabaseUnavailable
from bot.web.chat import ChatRoom
from bot.web.desk import DemoDesk
from bot.web.device import DevicePages
from bot.web.elsewhere import ElsewherePage
from bot.web.guard import BodyTooLarge, Guarded, host_of, too_large
from bot.web.kakao import KakaoRoom
from bot.web.kakao_files import KakaoFiles
from bot.web.mini_app import MiniApp
from bot.web.ocsp import OcspDesk
from bot.web.pages import SecurePages
from bot.web.pki import PkiDesk
from bot.web.policy import PolicyPage
from bot.web.preview import Preview
from bot.web.room import Room
from bot.web.telegram import TelegramRoom
from handlers.bank import BankUnavailable
from handlers.conversation import TooBusy

log = logging.getLogger(__name__)


class Application:
    """`asgi` is what a server runs; `close()` lets open streams end."""

    def __init__(self, service: Service, telegram: Telegram | None = None, kakao: Kakao | None = None) -> None:
        self.service = service
        self.room = room = Room(service)
        self.chat = ChatRoom(room)
        pages = SecurePages(room)
        routes: list[BaseRoute] = [  # looked through in this order: what is asked most stands first
            *self.chat.routes,
            *self._webhook(telegram),
            *([*KakaoRoom(kakao).routes, *KakaoFiles(room, kakao).routes] if kakao else []),
            *PolicyPage(room).routes,
            *pages.routes,
            *ElsewherePage(room).routes,
            *(MiniApp(pages, token).routes if (token := service.settings.telegram_token.get_secret_value()) else []),
            *DevicePages(room).routes,
            *PkiDesk(room).routes,
            *([*DemoDesk(room).routes, *Preview(room).routes] if service.settings.demo else []),
            Route("/healthz", self.health),
            Mount("/static", StaticFiles(packages=[("bot.web", "static")])),
        ]
        scheme, _, authority = service.pages_at.partition("://")
        # Outside of everything else, so that an answer to a fault carries the headers as well.
        guarded = Guarded(
            Starlette(
                routes=routes,
                exception_handlers={
                    BodyTooLarge: _too_large,
                    ClientDisconnect: _gone,
                    **dict.fromkeys((BankUnavailable, DatabaseCorrupt, DatabaseUnavailable, TooBusy), self._later),
                    404: self._missing,
                    Exception: _broken,
                },
            ),
            https=scheme == "https",
            # A page elsewhere must not reach the loopback demo under a name of its own (DNS rebinding).
            hosts=frozenset({host_of(authority), "127.0.0.1", "localhost", "[::1]"}),
        )
        self.asgi: ASGIApp = OcspDesk(guarded, service.answering)

    def _webhook(self, telegram: Telegram | None) -> list[Route]:
        if telegram is None or telegram.settings.telegram_mode != "webhook":
            return []
        secret = telegram.settings.telegram_webhook_secret.get_secret_value()
        return TelegramRoom(WEBHOOK_PATH, secret, telegram.receiver.take).routes

    async def health(self, request: Request) -> Response:
        report = await self.service.health()
        return JSONResponse(report, 200 if report["ok"] else 503)

    async def _later(self, request: Request, error: Exception) -> Response:
        """Nothing was stored, or asking again is safe: whoever asks in a moment gets it."""
        damaged = isinstance(error, DatabaseCorrupt)  # or a read that failed once; an operator has to look either way
        log.log(
            logging.ERROR if damaged else logging.WARNING, "not now",
            exc_info=error if damaged else None, extra={"path": request.url.path, "error": type(error).__name__},
        )  # fmt: skip
        text = self.service.texts[self.service.locale]("common.too_busy")
        if request.method == "GET":
            return PlainTextResponse(text, 503, headers={"Retry-After": "2"})
        return JSONResponse({"error": "busy", "text": text, "final": False, "fields": []}, 503,
                            headers={"Retry-After": "2"})  # fmt: skip

    async def _missing(self, request: Request, error: Exception) -> Response:
        """A person is led back to the chat; a program is told in a word."""
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("Not Found", 404)
        locale = await self.room.locale_of(request)
        page = {"locale": locale, "texts": self.room.texts(locale).section("page")}
        return HTMLResponse(self.room.templates.get_template("missing.html").render(page=page), 404)

    def close(self) -> None:
        self.chat.close()


async def _too_large(request: Request, error: Exception) -> Response:
    return too_large()


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody is there to read it."""
    return Response(status_code=400)


async def _broken(request: Request, error: Exception) -> Response:
    """Nothing of the inside shows; the log has it under the path."""
    log.error("unhandled", exc_info=error, extra={"path": request.url.path})
    return JSONResponse({"error": "internal"}, 500)
