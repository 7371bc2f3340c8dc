"""CA certificates and CRLs. OCSP is `bot.web.ocsp`, the practice statement is `bot.web.policy`."""

from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web.room import Room


class PkiDesk:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [
            Route("/pki/{name}.crl", self.crl),
            Route("/pki/{name}.cer", self.certificate),
        ]

    async def crl(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "root":
            return _file(self.service.vault.root_crl(), "application/pkix-crl")
        listed = await self.service.listing.of(name)
        if listed is None:
            return Response(status_code=404)
        etag = f'"{listed.sha256}"'
        left = max(0, int((listed.next_update - self.service.clock()).total_seconds()))
        headers = {
            "Cache-Control": f"max-age={left}, public, must-revalidate",
            "Last-Modified": format_datetime(listed.this_update, usegmt=True),
            "Expires": format_datetime(listed.next_update, usegmt=True),
            "ETag": etag,
        }
        if _has_it(request, etag, listed.this_update):
            return Response(status_code=304, headers=headers)
        return Response(listed.der, media_type="application/pkix-crl", headers=headers)

    async def certificate(self, request: Request) -> Response:
        name = request.path_params["name"]
        authority = self.service.registration.authority
        if name == "root":
            return _file(authority.current.root_der, "application/pkix-cert")
        if name not in authority.issuers:
            return Response(status_code=404)
        return _file(authority.issuers[name].der, "application/pkix-cert")


def _has_it(request: Request, etag: str, made_at: datetime) -> bool:
    """RFC 9110 §13.2.2: If-Modified-Since counts only where there is no If-None-Match."""
    if known := request.headers.get("if-none-match"):
        return known == "*" or etag in (one.strip().removeprefix("W/") for one in known.split(","))
    try:
        return parsedate_to_datetime(request.headers["if-modified-since"]) >= made_at
    except (KeyError, TypeError, ValueError):
        return False


def _file(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "max-age=3600, public"})
