"""CA certificates and CRLs. OCSP is `bot.web.ocsp`, the practice statement is `bot.web.policy`."""

from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.storage.lists import Kept
from bot.web.room import Room

ROOT_CACHED: Final = timedelta(hours=1)


class PkiDesk:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [
            Route("/pki/{name}.crl", self.crl),
            Route("/pki/{name}.cer", self.certificate),
        ]

    async def crl(self, request: Request) -> Response:
        name = request.path_params["name"]
        listed = _of_root(self.service.vault.root_crl()) if name == "root" else await self.service.listing.of(name)
        if listed is None:
            return Response(status_code=404)
        etag, now = f'"{listed.sha256}"', self.service.clock()
        # The root's holds for a year, but a cache must not hide for long that an issuing CA was revoked.
        until = min(listed.next_update, now + ROOT_CACHED) if name == "root" else listed.next_update
        left = max(0, int((until - now).total_seconds()))
        headers = {
            "Cache-Control": f"max-age={left}, public, must-revalidate",
            "Last-Modified": format_datetime(listed.this_update, usegmt=True),
            "Expires": format_datetime(until, usegmt=True),
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


def _of_root(der: bytes) -> Kept:
    """The root's list, which lies beside its certificate and not in the database."""
    read = x509.load_der_x509_crl(der)
    number = read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert read.next_update_utc is not None  # made here (RFC 5280 §5.1.2.5)
    return Kept("root", number, 0, read.last_update_utc, read.next_update_utc, sha256(der).hexdigest(), der)


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
