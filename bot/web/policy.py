"""Certificate policy and practice statement, at the address that every certificate names (`Places.cps`).

The outline is RFC 3647's; the sentences are in `locales/*/policy.toml`, and every figure in them is taken from the
running configuration at the moment of asking, so the statement cannot promise what the service does not do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.jobs import answering, listing
from bot.service import Service
from bot.storage import statuses
from bot.web.room import Room
from ca import keys, names, ocsp, profiles
from ca.crl import REASONS
from ca.issuer import public_key
from ca.registration import UNFINISHED_FOR
from ca.revocation import MAY_SAY
from handlers.texts import Texts

OUTLINE: Final[Mapping[str, Sequence[str]]] = {
    "introduction": ("overview", "name", "participants", "usage", "contact"),
    "publication": ("repository", "when"),
    "identification": ("names", "first", "rekey", "revocation"),
    "lifecycle": ("application", "issuance", "acceptance", "usage", "revocation", "status"),
    "operation": ("place", "audit", "archive", "changeover", "compromise"),
    "technical": ("generation", "protection", "sizes", "activation", "network"),
    "formats": ("certificate", "crl", "ocsp"),
    "compliance": ("checks",),
    "legal": ("fees", "privacy", "duties", "law"),
}
"""RFC 3647 §6: sections 1 to 9 and what there is to say under each."""


@dataclass(frozen=True, slots=True)
class Part:
    """A numbered heading with its text, and what stands below it."""

    number: str
    title: str
    text: str = ""
    parts: Sequence["Part"] = ()


def facts(service: Service) -> dict[str, Any]:
    """What the sentences may say of this service, by placeholder."""
    settings, authority = service.settings, service.registration.authority
    places = next(iter(authority.profiles.values())).places
    signer = authority.current.ocsp
    kinds = {kind for profile in authority.profiles.values() for kind in profile.keys}
    return {
        "authority": settings.ca_name,
        "cps_url": places.cps,
        "ocsp_url": places.ocsp,
        "crl_url": places.crl(authority.current.name),
        "root_key": _kind(keys.kind(public_key(authority.current.root))),
        "issuing_key": _kind(keys.kind(authority.current.public_key)),
        "ocsp_key": _kind(keys.kind(public_key(signer.certificate))) if signer else "-",
        "root_years": years(authority.current.root),
        "issuing_years": years(authority.current.certificate),
        "ocsp_seconds": int(answering.SHOWN_WITHIN.total_seconds()),
        "crl_seconds": int(listing.SHOWN_WITHIN.total_seconds()),
        "ocsp_hours": _hours(ocsp.LIFETIME),
        "crl_hours": _hours(listing.LIFETIME),
        "crl_fresh_hours": _hours(listing.FRESH),
        "key_kinds": ", ".join(_kind(kind) for kind in profiles.KEY_KINDS if kind in kinds),
        "longest": max(profile.days for profile in authority.profiles.values()),
        "longest_renewed": max(profile.longest(successor=True) for profile in authority.profiles.values()),
        "name_characters": names.COMMON_NAME_CHARACTERS,
        "reasons": ", ".join(reason for reason in REASONS if reason == statuses.HOLD or MAY_SAY[reason]),
        "code_seconds": settings.code_seconds,
        "tries": settings.tries,
        "proof_minutes": settings.proof_minutes,
        "link_minutes": settings.link_minutes,
        "unkept_hours": _hours(UNFINISHED_FOR),
        "per_day": settings.certificates_per_day,
        "fee": settings.business_fee,
        "audit_years": settings.audit_years,
        "key_place": "file" if service.vault.files.key_file(authority.current.name).is_file() else "token",
    }


def statement(texts: Texts, known: Mapping[str, Any]) -> list[Part]:
    """The nine sections with their numbers, in one language."""
    return [
        Part(
            str(n),
            texts(f"policy.{section}.title"),
            parts=[
                Part(f"{n}.{m}", texts(f"policy.{section}.{one}.title"), texts(f"policy.{section}.{one}.text", **known))
                for m, one in enumerate(subjects, 1)
            ],
        )
        for n, (section, subjects) in enumerate(OUTLINE.items(), 1)
    ]


class PolicyPage:
    def __init__(self, room: Room) -> None:
        self.room, self.service = room, room.service
        self.routes = [Route("/pki/cps", self.show), Route("/pki/", self.index)]

    async def index(self, _: Request) -> Response:
        """The statement says what else there is, and where."""
        return RedirectResponse("/pki/cps", 307)

    async def show(self, request: Request) -> Response:
        locale = await self.room.locale_of(request)
        texts = self.room.texts(locale)
        sections = statement(texts, facts(self.service))
        authority = self.service.registration.authority
        cas = [
            {"name": one.subject.rfc4514_string(), "file": f"/pki/{name}.cer", "crl": f"/pki/{name}.crl",
             "sha256": sha256(der).hexdigest(), "until": one.not_valid_after_utc}
            for name, one, der in (
                ("root", authority.current.root, authority.current.root_der),
                *((i.name, i.certificate, i.der) for i in authority.issuers.values()),
            )
        ]  # fmt: skip
        kinds = [
            {"notice": p.notice, "policy": p.policy, "keys": ", ".join(map(_kind, p.keys)), "days": p.days}
            for p in authority.profiles.values()
        ]
        html = self.room.templates.get_template("policy.html").render(
            texts=texts, locale=locale, translation=self.room.translation(request, locale), sections=sections,
            cas=cas, kinds=kinds, edition=sha256(repr((sections, kinds, cas)).encode()).hexdigest()[:12],
        )  # fmt: skip
        return Response(html, media_type="text/html")


def _kind(kind: str) -> str:
    return {"p-256": "P-256", "ed25519": "Ed25519"}.get(kind, kind.upper())


def years(certificate: x509.Certificate) -> int:
    """For how long it was made: the ceremony's order may say otherwise than its default."""
    return round((certificate.not_valid_after_utc - certificate.not_valid_before_utc).days / 365.25)


def _hours(duration: timedelta) -> int:
    return int(duration.total_seconds() // 3600)
