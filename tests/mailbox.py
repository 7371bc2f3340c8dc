"""A mail server of somebody else's making (aiosmtpd) on loopback, which takes, refuses and fails as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as PARSED
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "notices", "a-password-for-tests"


class Mailbox:
    """`answers` are given one by one to RCPT or DATA (`"RCPT 550 no"`); after that everything is taken."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.answers: list[str] = []
        self.logins = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self, tls: SSLContext | None = None, *, at_once: bool = False) -> AsyncIterator[None]:
        """With `tls` it wants STARTTLS and a login; or it speaks TLS `at_once`, and a login is for who tries one."""

        def session() -> SMTP:
            return SMTP(
                self, hostname="mail.example", enable_SMTPUTF8=False, tls_context=None if at_once else tls,
                require_starttls=tls is not None and not at_once, auth_required=tls is not None and not at_once,
                auth_require_tls=not at_once, authenticator=self._login,
            )  # fmt: skip

        loop = asyncio.get_running_loop()
        server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if at_once else None)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins += 1
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if told := self._told("RCPT"):
            return told
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if told := self._told("DATA"):
            return told
        content = envelope.original_content
        assert content is not None
        # RFC 5321 §4.5.3.1.6: a line has 1000 octets at most, and here it is ASCII throughout.
        assert content.isascii()
        assert all(len(line) <= 998 for line in content.split(b"\r\n"))
        message = message_from_bytes(content, policy=PARSED)
        self.taken.append((list(envelope.rcpt_tos), cast("EmailMessage", message)))
        return "250 OK"

    def _told(self, command: str) -> str:
        told = self.answers and self.answers[0].startswith(command)
        return self.answers.pop(0).removeprefix(f"{command} ") if told else ""


def tls_for(folder: Path) -> tuple[SSLContext, Path]:
    """A server's context for 127.0.0.1, and the certificate whoever trusts it needs."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (trusted := folder / "mail.pem").write_bytes(pem)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (both := folder / "mail-with-key.pem").write_bytes(secret + pem)
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, trusted
