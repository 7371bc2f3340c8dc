"""The page a certificate from elsewhere is handed in on: its public file, or the certificate with a signature.

With a signature, key and password stay in the browser; what comes here is what a login sends. The challenge is the
link's own, so a signature is good for this page only. What is refused is not kept anywhere.
"""

import base64
import binascii
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.storage.pages import OneTimeLink
from bot.web.guard import BadJson, json_object
from bot.web.room import Room
from ca import verify
from ca.elsewhere import MOST_OCTETS
from handlers.draft import Draft
from handlers.flow import PageForm, Refused
from handlers.message import Reply
from handlers.wording import say

PREFIX: Final = b"CertTalk register v1\n"


class ElsewherePage:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [
            Route("/register/{token}", self.show),
            Route("/register/{token}", self.hand_in, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        link = await self._link(request)
        locale = await self.room.locale_of(request, link.customer if link else None)
        return self.room.page(
            "register.html", self.room.door.session(request), 404 if link is None else 200, locale=locale,
            texts=self.room.texts(locale).section("page"), state=self._state(link), most=MOST_OCTETS,
            challenge=base64.b64encode(self._challenge(link.id)).decode() if link else "",
        )  # fmt: skip

    async def hand_in(self, request: Request) -> Response:
        texts = self.room.texts(await self.room.locale_of(request))
        if self.room.door.refuses(request, self.room.door.session(request)):
            return self.room.refusal(texts, "csrf", 403)
        link = await self._link(request)
        if link is None:
            return self.room.refusal(texts, "link_gone", 404, final=True)
        texts = self.room.texts(await self.service.conversation.locale(link.customer) or self.service.locale)
        if not self.room.door.pace.allows(f"register:{link.id}"):
            return self.room.refusal(texts, "busy", 429)
        if link.done_at is not None:
            return JSONResponse({"ok": True, "findings": []})  # its answer was lost on the way: the chat has it
        if self._state(link) != "open":
            return self.room.refusal(texts, "link_gone", 410, final=True)
        try:
            fields = self._read(await json_object(request), link)
        except BadJson:
            return self.room.refusal(texts, "bad_request", 400)
        if fields["signed"] is None:
            return JSONResponse(self._refusal(texts, "signature"), 409)
        result, locale = await self.service.conversation.submit(
            link.channel, link.address, link.customer, PageForm(link.id, fields)
        )
        if isinstance(result, Refused):
            if result.error == "private_key":
                await self._advise(link)
            return JSONResponse(self._refusal(self.room.texts(locale), result.error, final=result.final), 409)
        await self.service.links.finish(link.id, {}, self.service.clock())
        if (done := await self.service.links.unresumed(link.id)) is not None:
            await self.service.cleaning.resume(done)
        return JSONResponse({"ok": True, **result.data})

    def _read(self, form: dict[str, Any], link: OneTimeLink) -> dict[str, Any]:
        """`signed` is None for a signature that does not fit. Raises `BadJson`."""
        content, signature = _octets(form.get("file")), form.get("signature")
        signed: bool | None = False
        if signature is not None:
            fits = verify.proves(content, _octets(signature), PREFIX + self._challenge(link.id))
            signed = True if fits else None
        return {"name": str(form.get("name") or "")[:200], "content": content, "signed": signed}

    @staticmethod
    def _refusal(texts: Any, error: str, *, final: bool = False) -> dict[str, Any]:
        own = f"register.file.error.{error}"
        text = texts(own if own in texts else f"page.error.{error}")
        return {"error": error, "text": text, "final": final, "fields": ["files"]}

    async def _advise(self, link: OneTimeLink) -> None:
        """A key that has left its device is no secret any more: said in the chat as well, with what to do."""

        def word(draft: Draft) -> Reply:
            return say(draft.texts, "register.file.error.private_key", ("means:int_reissue", "cmd:continue"))

        await self.service.conversation.notify(
            link.channel, link.address, link.customer, f"private key:{link.id}", word
        )

    async def _link(self, request: Request) -> OneTimeLink | None:
        link = await self.service.links.by_token(request.path_params["token"][:128])
        return link if link is not None and link.purpose == "register" else None

    def _state(self, link: OneTimeLink | None) -> str:
        if link is None or (link.done_at is None and self.service.clock() >= link.expires_at):
            return "gone"
        return "done" if link.done_at is not None else "open"

    def _challenge(self, link_id: str) -> bytes:
        return self.service.sealer.mac("register challenge", link_id)


def _octets(given: object) -> bytes:
    try:
        return base64.b64decode(given, validate=True)  # type: ignore[arg-type]
    except (TypeError, ValueError, binascii.Error) as error:
        raise BadJson from error
