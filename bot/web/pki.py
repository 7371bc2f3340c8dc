"""What relying parties fetch: CA certificates, CRLs, OCSP answers. Raw ASGI where it is hot."""

import base64
import binascii
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web.room import Room
from ca.ocsp import LIFETIME, Refusal

OCSP_TYPE = "application/ocsp-response"


class PkiDesk:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [
            Route("/pki/ocsp", self.ocsp_post, methods=["POST"]),
            Route("/pki/ocsp/{request:path}", self.ocsp_get),
            Route("/pki/{name}.crl", self.crl),
            Route("/pki/{name}.cer", self.certificate),
        ]

    async def ocsp_post(self, request: Request) -> Response:
        return await self._answer(await request.body(), cacheable=False)

    async def ocsp_get(self, request: Request) -> Response:
        # RFC 6960 Appendix A.1: base64 of the request, percent-encoded, after the address.
        try:
            asked = base64.b64decode(unquote(request.path_params["request"]), validate=True)
        except (binascii.Error, ValueError):
            asked = b""
        return await self._answer(asked, cacheable=True)

    async def _answer(self, asked: bytes, *, cacheable: bool) -> Response:
        now = self.service.clock()
        authority = self.service.registration.authority
        answer = await authority.answer_ocsp(asked, self.service.certificates.by_serial, now)
        headers = {}
        if cacheable and len(answer) > len(Refusal.MALFORMED_REQUEST.response()):
            # RFC 5019 §6.2: a cached answer must not hide a revocation for long, so far below nextUpdate.
            headers = {
                "Cache-Control": "max-age=60, public, no-transform, must-revalidate",
                "Last-Modified": format_datetime(now.replace(microsecond=0), usegmt=True),
                "Expires": format_datetime((now + LIFETIME).replace(microsecond=0), usegmt=True),
                "ETag": f'"{sha256(answer).hexdigest()}"',
            }
        return Response(answer, media_type=OCSP_TYPE, headers=headers)

    async def crl(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "root":
            return _file(self.service.vault.root_crl(), "application/pkix-crl")
        listed = await self.service.listing.of(name)
        if listed is None:
            return Response(status_code=404)
        etag = f'"{sha256(listed.der).hexdigest()}"'
        headers = {
            "Cache-Control": "max-age=60, public, must-revalidate",
            "Last-Modified": format_datetime(listed.made_at, usegmt=True),
            "Expires": format_datetime(listed.next_update, usegmt=True),
            "ETag": etag,
        }
        if request.headers.get("if-none-match") == etag:
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


def _file(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "max-age=3600, public"})
