"""The secure page and the login check: looking spends nothing, posting spends once, secrets stay in the browser."""

import base64
import binascii
import re
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.storage.certificate_rows import hex_of
from bot.storage.conversations import known_as
from bot.storage.pages import OneTimeLink
from bot.web.guard import BadJson, json_object
from bot.web.room import Room, outside_kakaotalk
from ca import verify
from ca.ports import Record, Status
from handlers.bank import CustomerNumber
from handlers.flow import PageForm, Refused
from handlers.masking import name as masked_name
from handlers.message import Document
from handlers.texts import KOREA

LATE: Final = timedelta(hours=24)
"""How long after its time a page on which a certificate was issued may still be finished."""
DOCUMENT: Final = ("id", "filename", "media_type", "size")
MAX_DOCUMENT: Final = 64 * 1024
CHALLENGE_LIFE: Final = timedelta(minutes=10)
_CHALLENGE: Final = re.compile(r"([0-9]{1,12})-[A-Za-z0-9_-]{1,40}")
CHALLENGE_PREFIX: Final = b"CertTalk login check v1\n"
_KINDS: Final = {".p12": "application/x-pkcs12", ".zip": "application/zip"}
_KEYS: Final[dict[str, dict[str, Any]]] = {
    "rsa-2048": {"name": "RSASSA-PKCS1-v1_5", "modulusLength": 2048},
    "rsa-3072": {"name": "RSASSA-PKCS1-v1_5", "modulusLength": 3072},
    "rsa-4096": {"name": "RSASSA-PKCS1-v1_5", "modulusLength": 4096},
    "p-256": {"name": "ECDSA", "namedCurve": "P-256"},
}
_SYSTEMS: Final = (
    ("android", r"Android"), ("ios", r"iPhone|iPad|iPod"), ("windows", r"Windows"), ("mac", r"Mac OS X|Macintosh"),
    ("linux", r"Linux|X11"),
)  # fmt: skip


class SecurePages:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [
            Route("/s/{token}", self.show),
            Route("/s/{token}/issue", self.issue, methods=["POST"]),
            Route("/s/{token}/done", self.done, methods=["POST"]),
            Route("/login-check", self.show_login),
            Route("/login-check", self.check_login, methods=["POST"]),
        ]

    # -- the secure page --------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        token = request.path_params["token"][:128]
        link = await self.service.links.by_token(token)
        if link is not None and link.purpose == "login_check":
            return RedirectResponse(f"/login-check?s={token}", 303)
        if link is not None and link.purpose == "register":
            return RedirectResponse(f"/register/{token}", 303)
        shown, locale, state = None, await self.room.locale_of(request), "gone"
        if link is not None:
            shown, locale = await self.service.conversation.show(link.channel, link.customer, link.id)
            state = await self._state(link, open_step=shown is not None)
        texts = self.room.texts(locale)
        shown = shown or {"summary": [], "factor": None, "place": "this_pc", "profile": "personal"}
        profile = self.service.registration.authority.profile(shown["profile"])
        return self.room.page(
            "secure.html", self.room.door.session(request), 200 if state != "gone" else 404,
            purpose=shown.get("purpose", "issue"), old=shown.get("old"),
            state=state, locale=locale, texts=texts.section("page"), login_check=None,
            expires_at=(link.expires_at if link else self.service.clock()).isoformat(),
            outside=outside_kakaotalk(request, self.service.pages_at + request.url.path),
            summary=shown["summary"], factor=shown["factor"], place=shown["place"], key=_KEYS[profile.keys[0]],
        )  # fmt: skip

    async def _state(self, link: OneTimeLink, *, open_step: bool) -> str:
        if link.done_at is not None:
            return "done"
        now = self.service.clock()
        issued = await self.service.registry.issued_for(link.id)
        if open_step and issued and now < link.expires_at + LATE:
            return "issued"
        return "open" if open_step and now < link.expires_at else "gone"

    async def asked(self, request: Request) -> tuple[OneTimeLink | None, dict[str, Any], Response | None]:
        """The link and the form, or what to answer instead."""
        texts = self.room.texts(self.service.locale)
        if self.room.door.refuses(request, self.room.door.session(request)):
            return None, {}, self.room.refusal(texts, "csrf", 403)
        link = await self.service.links.by_token(request.path_params["token"][:128])
        if link is None or link.purpose in {"login_check", "register"}:
            return None, {}, self.room.refusal(texts, "link_gone", 404, final=True)
        if not self.room.door.pace.allows(f"page:{link.id}"):
            return None, {}, self.room.refusal(texts, "busy", 429)
        try:
            return link, await json_object(request), None
        except BadJson:
            return None, {}, self.room.refusal(texts, "bad_request", 400)

    async def issue(self, request: Request) -> Response:
        link, form, refused = await self.asked(request)
        if link is None or refused is not None:
            assert refused is not None
            return refused
        if await self._state(link, open_step=True) not in {"open", "issued"}:
            return self.room.refusal(self.room.texts(self.service.locale), "link_gone", 410, final=True)
        result, locale = await self.service.conversation.submit(
            link.channel, link.address, link.customer, PageForm(link.id, form)
        )
        self.service.deliver_soon()
        if isinstance(result, Refused):
            status = 410 if result.final else 409
            return self.room.refusal(
                self.room.texts(locale),
                result.error,
                status,
                final=result.final,
                fields=result.fields,
                **dict(result.params),
            )
        if link.purpose == "prove":
            # Nothing is made on this page: that the factor was right is all the conversation waits for.
            await self.service.links.finish(link.id, {}, self.service.clock())
            await self._resume(link.id)
        return JSONResponse(dict(result.data))

    async def done(self, request: Request) -> Response:
        """The files are kept: take the encrypted one into the chat if it was handed over, and go on there."""
        link, form, refused = await self.asked(request)
        if link is None or refused is not None:
            assert refused is not None
            return refused
        record = await self.service.certificates.by_request(link.id)
        texts = self.room.texts(self.service.locale)
        if record is None or record.der is None:
            return self.room.refusal(texts, "not_ready", 409)
        if link.done_at is None and record.status is not Status.VALID:
            # Withdrawn meanwhile, because nobody had kept it: the chat has a new page.
            return self.room.refusal(texts, "link_gone", 410, final=True)
        now = self.service.clock()
        try:
            document = await self.keep(link, link.id, form.get("document"), now)
        except BadJson:
            return self.room.refusal(texts, "bad_request", 400)
        result = {
            "serial": hex_of(record.plan.serial),
            "until": record.plan.not_after.isoformat(),
            "system": _system(request.headers.get("user-agent", "")),
            "document": document and {name: getattr(document, name) for name in DOCUMENT},
        }
        if not await self.service.links.finish(link.id, result, now) and link.done_at is None:
            link = await self.service.links.by_id(link.id)
            if link is None or link.done_at is None:  # stopped in this very moment
                return self.room.refusal(texts, "link_gone", 410, final=True)
        await self._resume(link.id)
        return JSONResponse({"ok": True})

    async def keep(self, link: OneTimeLink, document_id: str, handed: object, now: datetime) -> Document | None:
        """The encrypted file a page handed over, if it did. Raises `BadJson` for what is none."""
        if handed is None:
            return None
        if not isinstance(handed, dict) or not isinstance(handed.get("filename"), str):
            raise BadJson
        suffix = handed["filename"][-4:].lower()
        try:
            content = base64.b64decode(handed["bytes"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise BadJson from error
        # A zip or a DER SEQUENCE, and nothing that could be more than an encrypted certificate.
        if suffix not in _KINDS or len(content) > MAX_DOCUMENT or content[:1] not in (b"P", b"0"):
            raise BadJson
        # The name is ours, so that no path and no personal data can be in it.
        filename = f"CertTalk-{now.astimezone(KOREA):%Y%m%d}{suffix}"
        return await self.service.documents.keep(document_id, link.customer, filename, _KINDS[suffix], content, now)

    async def _resume(self, link_id: str) -> None:
        link = await self.service.links.unresumed(link_id)
        if link is not None:
            await self.service.cleaning.resume(link)

    # -- the login check --------------------------------------------------------------------------------------

    async def show_login(self, request: Request) -> Response:
        link = await self.service.links.by_token(request.query_params.get("s", "")[:128])
        locale = await self.room.locale_of(request, link.customer if link else None)
        challenge, challenge_id = self._challenge(self.service.clock())
        return self.room.page(
            "login_check.html", self.room.door.session(request), locale=locale,
            texts=self.room.texts(locale).section("page"), challenge=base64.b64encode(challenge).decode(),
            challenge_id=challenge_id, translation=None if link else self.room.translation(request, locale),
        )  # fmt: skip

    def _challenge(self, now: datetime) -> tuple[bytes, str]:
        """32 octets that only we can derive from the id, which says until when it holds."""
        challenge_id = f"{int((now + CHALLENGE_LIFE).timestamp())}-{self.service.new_id()}"
        return self._octets(challenge_id), challenge_id

    def _octets(self, challenge_id: str) -> bytes:
        return self.service.sealer.mac("login challenge", challenge_id)

    async def check_login(self, request: Request) -> Response:
        session = self.room.door.session(request)
        default = self.room.texts(self.service.locale)
        if self.room.door.refuses(request, session):
            return self.room.refusal(default, "csrf", 403)
        if not self.room.door.pace.allows(f"login:{session.id}"):
            return self.room.refusal(default, "busy", 429)
        try:
            form = await json_object(request)
            certificate, signature = _octets_of(form, "certificate"), _octets_of(form, "signature")
            r = _octets_of(form, "r") if form.get("r") else None
            challenge_id, token = str(form["challenge_id"]), str(form.get("s") or "")[:128]
        except (BadJson, KeyError):
            return self.room.refusal(default, "bad_request", 400)
        link = await self.service.links.by_token(token)
        locale = await self.room.locale_of(request, link.customer if link else None)
        texts = self.room.texts(locale)
        now = self.service.clock()
        known = _CHALLENGE.fullmatch(challenge_id)
        if (
            known is None
            or now.timestamp() > int(known[1])
            or not await self.service.links.use_login_challenge(challenge_id, now)
        ):
            return self.room.refusal(texts, "challenge_gone", 409)
        serial = verify.serial_of(certificate)
        record = None if serial is None else await self.service.certificates.by_serial(serial)
        checked = await self._check(certificate, signature, self._octets(challenge_id), r, record, now)
        if checked.ok and record is not None and link is not None and await self._is_theirs(link, record):
            await self.service.links.finish(link.id, {"checked": True}, now)
            await self._resume(link.id)
        return JSONResponse(
            {
                "ok": checked.ok,
                "findings": [
                    {"name": one.name, "ok": one.ok, "text": _finding(texts, one)} for one in checked.findings
                ],
                "holder": masked_name(checked.holder) if checked.holder else None,
                "until": checked.until.isoformat() if checked.until else None,
            }
        )

    async def _is_theirs(self, link: OneTimeLink, record: Record) -> bool:
        """Whether the conversation that waits behind `link` is the certificate's subscriber's."""
        rows = await self.service.database.read(known_as, record.plan.subscriber)
        return link.purpose == "login_check" and any(row["customer"] == link.customer for row in rows)

    async def _check(
        self, certificate: bytes, signature: bytes, challenge: bytes, r: bytes | None, record: Record | None,
        now: datetime,
    ) -> verify.Checked:  # fmt: skip
        authority = self.service.registration.authority
        # The VID is made over the bank's own customer number, so the bank can tell whose certificate it is.
        known = record and await self.service.bank.by_number(CustomerNumber(record.plan.subscriber))
        return verify.check(
            certificate, signature=signature, message=CHALLENGE_PREFIX + challenge, now=now,
            issuers=authority.issuers, profiles=authority.profiles, record=record,
            idn=known.number if known else None, r=r,
        )  # fmt: skip


def _finding(texts: Any, finding: verify.Finding) -> str:
    verdict = {True: "ok", False: "bad", None: "unasked"}[finding.ok]
    exact = f"login.{finding.name}.{finding.detail}"
    return str(texts(exact if finding.ok is False and exact in texts else f"login.{finding.name}.{verdict}"))


def _octets_of(form: dict[str, Any], field: str) -> bytes:
    try:
        return base64.b64decode(form[field], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise BadJson from error


def _system(user_agent: str) -> str:
    return next((name for name, pattern in _SYSTEMS if re.search(pattern, user_agent[:400])), "other")
