"""The secure page inside Telegram: a small page first, which asks Telegram who holds it, then the page itself.

The button's address alone opens nothing: the small page sends what Telegram signed (`init_data`), and only for the
conversation's own account the page's real address comes back. In Telegram Web, where we would be a frame within
another site, that address opens in a tab of its own: no page with secrets on it is ever framed. Files leave by an
address Telegram itself downloads from, since its webview does not save what a script has made.
"""

import logging
import re
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.channels.telegram.init_data import MOST, BadInitData, opened_by
from bot.storage.pages import OneTimeLink
from bot.web.guard import BadJson, Session, json_object
from bot.web.pages import SecurePages
from ca.ports import Status
from handlers.message import CustomerId

log = logging.getLogger(__name__)

TELEGRAM_WEB: Final = "https://web.telegram.org"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    f"form-action 'none'; object-src 'none'; frame-ancestors {TELEGRAM_WEB}"
)
"""Of the small page only: it shows nothing of anybody, so it may stand in Telegram Web's frame."""
DOWNLOAD_LIFE: Final = timedelta(minutes=10)
_DOWNLOAD: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})")


class MiniApp:
    """`token` is the bot's; `pages` is the room the secure page lives in."""

    def __init__(self, pages: SecurePages, token: str) -> None:
        self.pages, self.room, self.service, self.token = pages, pages.room, pages.service, token
        self.routes = [
            Route("/app/{token}", self.show),
            Route("/app/{token}", self.enter, methods=["POST"]),
            Route("/s/{token}/download", self.offer, methods=["POST"]),
            Route("/files/{token}", self.download),
        ]

    async def show(self, request: Request) -> Response:
        """The same small page for every address, so that it tells nothing about any."""
        locale = await self.room.locale_of(request)
        link = await self._link(request)
        if link is not None:
            locale = await self.service.conversation.locale(link.customer) or locale
        nobody = Session("", fresh=False)  # in a frame there is no cookie; what Telegram signed stands for it
        texts = self.room.texts(locale).section("page")
        response = self.room.page("mini_app.html", nobody, csrf="", locale=locale, texts=texts)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    async def enter(self, request: Request) -> Response:
        texts = self.room.texts(await self.room.locale_of(request))
        if self.room.door.foreign(request):
            return self.room.refusal(texts, "csrf", 403)
        link = await self._link(request)
        if link is None:
            return self.room.refusal(texts, "link_gone", 404, final=True)
        texts = self.room.texts(await self.service.conversation.locale(link.customer) or self.service.locale)
        if not self.room.door.pace.allows(f"app:{link.id}"):
            return self.room.refusal(texts, "busy", 429)
        try:
            form = await json_object(request)
            account = opened_by(str(form.get("init_data", ""))[: MOST + 1], self.token, self.service.clock())
        except (BadJson, BadInitData) as error:
            log.warning("a mini app that shows nobody", extra={"link": link.id, "error": str(error)})
            return self.room.refusal(texts, "not_telegram", 403)
        if await self._at(account) != link.customer:
            log.warning("a mini app opened by another account", extra={"link": link.id})
            return self.room.refusal(texts, "other_account", 403, final=True)
        return JSONResponse({"url": self.service.links.url(link.id)})

    async def _link(self, request: Request) -> OneTimeLink | None:
        return await self.service.links.by_token(request.path_params["token"][:128], "mini app")

    async def _at(self, account: int) -> CustomerId | None:
        # A private chat has the number of the account it is with.
        return await self.service.addresses.known("telegram", str(account))

    # -- a file Telegram fetches ------------------------------------------------------------------------------

    async def offer(self, request: Request) -> Response:
        """Keep the encrypted file for a while, under an address only this page is told."""
        link, form, refused = await self.pages.asked(request)
        if link is None or refused is not None:
            assert refused is not None
            return refused
        texts = self.room.texts(self.service.locale)
        record = await self.service.certificates.by_request(link.id)
        if record is None or record.status is not Status.VALID:
            return self.room.refusal(texts, "not_ready", 409)
        now = self.service.clock()
        ending = str(form.get("filename", ""))[-3:].lower()
        try:
            kept = await self.pages.keep(link, f"{link.id}-{ending}", form, now)
        except BadJson:
            return self.room.refusal(texts, "bad_request", 400)
        assert kept is not None
        name = f"{kept.id}.{int((now + DOWNLOAD_LIFE).timestamp())}"
        url = f"{self.service.pages_at}/files/{name}.{self.service.sealer.token('download', name)}"
        return JSONResponse({"url": url, "filename": kept.filename})

    async def download(self, request: Request) -> Response:
        known = _DOWNLOAD.fullmatch(request.path_params["token"][:128])
        found = None
        now = self.service.clock()
        if known is not None and self.service.sealer.same(
            known[3], self.service.sealer.token("download", f"{known[1]}.{known[2]}")
        ):
            link = await self.service.links.by_id(known[1].rpartition("-")[0])
            if link is not None and now.timestamp() <= int(known[2]):
                found = await self.service.documents.content(known[1], link.customer, now)
        if found is None:
            return Response(status_code=404)
        document, content = found
        return Response(
            content,
            media_type=document.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{document.filename}"',
                "Access-Control-Allow-Origin": TELEGRAM_WEB,  # Telegram Web asks for it before it saves
            },
        )
