"""What the web's rooms share: service, doorkeeper, templates, and how a page is put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

from bot.service import Service, demo_customer
from bot.web.guard import Doorkeeper, Session
from handlers.message import CustomerId
from handlers.texts import LOCALES, Texts

AS_COOKIE = "certtalk-as"
"""Which demo customer this browser plays. Anybody may be anybody in the demo, so it proves nothing."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser and the conversation it has. `address` is what the web channel knows it by."""

    session: Session
    customer: CustomerId
    address: str
    demo_id: str | None


class Room:
    def __init__(self, service: Service) -> None:
        self.service = service
        settings = service.settings
        self.door = Doorkeeper(service.sealer, service.pages_at, settings.messages_per_minute)
        self.templates = Environment(
            loader=PackageLoader("bot.web", "templates"), autoescape=True, undefined=StrictUndefined
        )

    async def visitor(self, request: Request) -> Visitor:
        session = self.door.session(request)
        if self.service.settings.demo:
            who = request.cookies.get(AS_COOKIE, "")
            if self.service.demo_bank.customer(who) is None:
                who = self.service.demo_bank.customers()[0].id
            return Visitor(session, demo_customer(who), f"demo:{who}", who)
        address = self._address(session)
        customer = await self.service.addresses.customer_at("web", address, self.service.clock())
        return Visitor(session, customer, address, None)

    async def known(self, request: Request) -> CustomerId | None:
        """Whose conversation this browser has; nobody is written down for looking."""
        if self.service.settings.demo:
            return (await self.visitor(request)).customer
        session = self.door.session(request)
        return None if session.fresh else await self.service.addresses.known("web", self._address(session))

    def _address(self, session: Session) -> str:
        # The session itself is not stored: whoever reads the database cannot take it over.
        return self.service.sealer.mac("web session", session.id).hex()

    async def locale_of(self, request: Request, customer: CustomerId | None = None) -> str:
        """The conversation's language; else what the address asks for (?lang=), the demo customer's, the default."""
        if customer is not None:
            chosen = await self.service.conversation.locale(customer)
            if chosen is not None:
                return chosen
        wanted = request.query_params.get("lang")
        if wanted in LOCALES:
            return wanted
        demo = self.service.settings.demo
        played = self.service.demo_bank.customer(request.cookies.get(AS_COOKIE, "")) if demo else None
        return played.locale if played and played.locale else self.service.locale

    def texts(self, locale: str) -> Texts:
        return self.service.texts[locale]

    def translation(self, request: Request, locale: str) -> dict[str, str]:
        """The same page in the other language, for one that belongs to no conversation."""
        other = next(one for one in LOCALES if one != locale)
        name = self.texts(locale)(f"common.choice.lang_{other}")
        return {"lang": other, "href": f"{request.url.path}?lang={other}", "name": name}

    def page(self, name: str, session: Session, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page of a template; `shown` also goes into its JSON for the script."""
        shown.setdefault("csrf", self.door.token(session))
        response = HTMLResponse(
            self.templates.get_template(name).render(page=shown, texts=shown["texts"], locale=shown["locale"],
                                                     demo=shown.get("demo", False)),
            status,
        )  # fmt: skip
        self.door.keep(response, session)
        return response

    def refusal(
        self, texts: Texts, code: str, status: int, *, final: bool = False, fields: Sequence[str] = (), **params: Any
    ) -> JSONResponse:
        """What a page is told when its request is refused: a code, a sentence, and whether to try again."""
        key = f"page.error.{code}"
        return JSONResponse(
            {"error": code, "text": texts(key, **params), "final": final, "fields": list(fields), **params}, status
        )


def outside_kakaotalk(request: Request, url: str) -> str:
    """Where KakaoTalk's own browser opens `url` in the phone's; nothing in any other browser."""
    if "KAKAOTALK" not in request.headers.get("user-agent", "").upper():
        return ""
    return f"kakaotalk://web/openExternal?url={quote(url, safe='')}"
