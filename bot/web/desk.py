"""The demo desk: what this customer would hold in the hand, beside the chat. Only in the demo."""

from datetime import date, datetime, time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.gateways.bank_demo import DemoCustomer
from bot.web.guard import SESSION_SECONDS, BadJson, json_object
from bot.web.room import AS_COOKIE, Room
from handlers.texts import KOREA, Texts


class DemoDesk:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [
            Route("/demo/desk", self.show),
            Route("/demo/switch", self.switch, methods=["POST"]),
            Route("/demo/clock", self.move_clock, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        visitor = await self.room.visitor(request)
        texts = self.room.texts(await self.room.locale_of(request, visitor.customer))
        bank, now = self.service.demo_bank, self.service.clock()
        who = bank.customer(visitor.demo_id or "")
        assert who is not None
        cells, code = bank.card_cells(who.id), bank.otp_now(who.id, now)
        messages = await self.service.phones.messages(who.phone_digits)
        return JSONResponse(
            {
                "customer": _card(who, texts),
                "customers": [_card(one, texts) for one in bank.customers()],
                "phone": {"number": who.phone, "messages": [{"at": at, "text": text} for at, text in messages]},
                "card": {"serial": bank.card_serial(who.id), "cells": cells} if cells else None,
                "otp": {"code": code[0], "seconds_left": code[1]} if code else None,
                "holder": who.name,
                "accounts": list(who.accounts),
                "clock": now.astimezone(KOREA).date().isoformat(),
            }
        )

    async def switch(self, request: Request) -> Response:
        refused, body = await self._asked(request)
        if refused is not None:
            return refused
        who = self.service.demo_bank.customer(str(body.get("customer")))
        if who is None:
            return JSONResponse({"error": "bad_request"}, 400)
        response = JSONResponse({"ok": True})
        response.set_cookie(AS_COOKIE, who.id, max_age=SESSION_SECONDS, httponly=True, samesite="lax")
        return response

    async def move_clock(self, request: Request) -> Response:
        """Run the reminder job as if it were nine o'clock of a day; nothing else's clock moves."""
        refused, body = await self._asked(request)
        if refused is not None:
            return refused
        try:
            day = date.fromisoformat(str(body.get("date")))
        except ValueError:
            return JSONResponse({"error": "bad_request"}, 400)
        visitor = await self.room.visitor(request)
        texts = self.room.texts(await self.room.locale_of(request, visitor.customer))
        due = await self.service.reminding.remind(datetime.combine(day, time(9), KOREA))
        self.service.deliver_soon()
        return JSONResponse({"sent": len(due), "text": texts("web.reminded", day=day, count=len(due))})

    async def _asked(self, request: Request) -> tuple[Response | None, dict[str, object]]:
        if self.room.door.refuses(request, self.room.door.session(request)):
            return JSONResponse({"error": "csrf"}, 403), {}
        try:
            return None, await json_object(request)
        except BadJson:
            return JSONResponse({"error": "bad_request"}, 400), {}


def _card(who: DemoCustomer, texts: Texts) -> dict[str, str]:
    return {"id": who.id, "name": texts(who.name_key), "note": texts(who.note_key)}
