"""A small server that speaks the wire contract of the key pages (docs/architecture.md, "Pages"), with a toy CA.

It stands for the bank: it knows one security card, answers the same key with the same certificate, can lose answers.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from handlers.texts import load_texts

WEB = Path(__file__).parents[2] / "bot" / "web"
CSRF = "stub-csrf"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
NOW = datetime.now(UTC).replace(microsecond=0)
"""Real, because the browser's clock is."""
CARD = {"7": "12", "23": "34"}
OTP = "246810"
FOLDER = {"ca": "CertTalk", "dn": "cn=홍길동()0999040K7M2Q,ou=DEMO,ou=personal4IB,o=CertTalk,c=kr"}
RSA = {"name": "RSASSA-PKCS1-v1_5", "modulusLength": 2048}
P256 = {"name": "ECDSA", "namedCurve": "P-256"}
CHALLENGE = bytes(range(32))


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


class ToyCa:
    """Root and issuing CA, enough for a chain that readers accept."""

    def __init__(self) -> None:
        self.root_key = rsa.generate_private_key(65537, 2048)
        self.key = rsa.generate_private_key(65537, 2048)
        self.root = self._sign("Toy root", self.root_key.public_key(), "Toy root", self.root_key, ca=True)
        self.issuing = self._sign("Toy issuing", self.key.public_key(), "Toy root", self.root_key, ca=True)

    def issue(self, public_key: Any, days: int = 365) -> x509.Certificate:
        return self._sign("홍길동()0999040K7M2Q", public_key, "Toy issuing", self.key, ca=False, days=days)

    def _sign(
        self, subject: str, key: Any, issuer: str, signer: rsa.RSAPrivateKey, *, ca: bool, days: int = 365
    ) -> x509.Certificate:
        def name(text: str) -> x509.Name:
            return x509.Name(
                [x509.NameAttribute(NameOID.COUNTRY_NAME, "KR"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
            )

        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        usage = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(hours=1))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )


@cache
def toy_ca() -> ToyCa:
    return ToyCa()


@dataclass
class KeysStub:
    """`lose` counts answers to `issue` that get lost after the work was done."""

    locale: str = "ko"
    state: str = "open"
    factor: str = "card"
    key: dict[str, Any] = field(default_factory=lambda: dict(RSA))
    place: str = "this_pc"
    lose: int = 0
    refuse: list[dict[str, Any]] = field(default_factory=list)
    """Answers that replace the next ones, whatever was sent."""
    expires_in: timedelta = timedelta(minutes=10)
    findings_ok: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    checked: list[dict[str, Any]] = field(default_factory=list)
    issued: tuple[bytes, x509.Certificate] | None = None
    """Public key and certificate."""

    def data(self) -> dict[str, Any]:
        factor: dict[str, Any] = {"kind": "otp"}
        if self.factor == "card":
            factor = {"kind": "card", "cells": [{"cell": 7, "half": "front"}, {"cell": 23, "half": "back"}]}
        return {
            "purpose": "issue",
            "state": self.state,
            "csrf": CSRF,
            "locale": self.locale,
            "texts": load_texts()[self.locale].section("page"),
            "expires_at": (datetime.now(UTC) + self.expires_in).isoformat(),
            "summary": [
                {"label": "인증서", "value": "개인 은행·보험용"},
                {"label": "이름", "value": "홍*동"},
                {"label": "수수료", "value": "무료"},
                {"label": "보관할 곳", "value": "내 컴퓨터"},
            ],
            "old": None,
            "factor": factor,
            "key": self.key,
            "place": self.place,
            "login_check": "/login-check?s=abc",
        }

    def render(self, template: str, page: dict[str, Any]) -> Response:
        templates = Environment(loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined)
        html = templates.get_template(template).render(page=page)
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})

    async def secure(self, request: Request) -> Response:
        return self.render("secure.html", self.data())

    async def login_check(self, request: Request) -> Response:
        page = {
            "csrf": CSRF,
            "locale": self.locale,
            "texts": load_texts()[self.locale].section("page"),
            "challenge": b64(CHALLENGE),
            "challenge_id": "c1",
        }
        return self.render("login_check.html", page)

    # -- what the pages send ----------------------------------------------------------------------------------

    async def issue(self, request: Request) -> Response:
        if request.headers.get("X-CSRF-Token") != CSRF:
            return PlainTextResponse("", 403)
        body = await request.json()
        self.asked.append(body)
        if self.refuse:
            return JSONResponse(self.refuse.pop(0), 422)
        csr = x509.load_der_x509_csr(base64.b64decode(body["csr"]))
        assert csr.is_signature_valid
        spki = csr.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        texts = load_texts()[self.locale]
        if self.issued is None:
            right = body["factor"] in ({"cells": CARD}, {"otp": OTP})
            if not right:
                code = f"{self.factor}_wrong"
                fields = ["otp"] if self.factor == "otp" else ["cell_7", "cell_23"]
                text = texts(f"page.error.{code}", left=2)
                return JSONResponse({"error": code, "text": text, "final": False, "fields": fields}, 422)
            self.issued = (spki, toy_ca().issue(csr.public_key()))
            self.state = "issued"
        known, certificate = self.issued
        if known != spki:
            text = texts("page.error.request_conflict")
            return JSONResponse({"error": "request_conflict", "text": text, "final": True}, 409)
        if self.lose:
            self.lose -= 1
            return Response(status_code=502)
        return JSONResponse(
            {
                "certificate": b64(der(certificate)),
                "chain": [b64(der(toy_ca().issuing)), b64(der(toy_ca().root))],
                "folder": FOLDER,
                "serial": f"{certificate.serial_number:040x}",
                "not_after": certificate.not_valid_after_utc.isoformat(),
            }
        )

    async def finish(self, request: Request) -> Response:
        if request.headers.get("X-CSRF-Token") != CSRF:
            return PlainTextResponse("", 403)
        self.done.append(await request.json())
        self.state = "done"
        return JSONResponse({"ok": True})

    async def check(self, request: Request) -> Response:
        body = await request.json()
        self.checked.append(body)
        certificate = x509.load_der_x509_certificate(base64.b64decode(body["certificate"]))
        valid = self.verifies(certificate, base64.b64decode(body["signature"]))
        good = valid and self.findings_ok
        findings = [
            {"name": "signature", "ok": valid, "text": "개인키가 인증서와 짝이 맞아요."},
            {"name": "issuer", "ok": True, "text": "CertTalk이 발급했어요."},
            {"name": "status", "ok": good, "text": "지금 쓸 수 있어요." if good else "효력이 정지된 인증서예요."},
            {"name": "vid", "ok": None, "text": "고객 번호는 확인하지 않았어요."},
        ]
        until = certificate.not_valid_after_utc.isoformat()
        return JSONResponse({"ok": good, "findings": findings, "holder": "홍*동", "until": until})

    @staticmethod
    def verifies(certificate: x509.Certificate, signature: bytes) -> bool:
        message = b"CertTalk login check v1\n" + CHALLENGE
        key = certificate.public_key()
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                assert isinstance(key, ec.EllipticCurvePublicKey)
                r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
                key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    # -- running ----------------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/s/abc", self.secure),
                Route("/s/abc/issue", self.issue, methods=["POST"]),
                Route("/s/abc/done", self.finish, methods=["POST"]),
                Route("/login-check", self.login_check),
                Route("/login-check", self.check, methods=["POST"]),
                Mount("/static", StaticFiles(directory=WEB / "static")),
            ]
        )

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on loopback; gives the origin."""
        config = uvicorn.Config(self.app(), port=0, log_level="error", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 — uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = server.force_exit = True
            await task
