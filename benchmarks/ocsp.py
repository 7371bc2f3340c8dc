"""OCSP answers a second on one core: `python -m benchmarks.ocsp [seconds per row]`.

The responder's own ASGI application, called as a server calls it, beside a bare ASGI application that sends as many
octets: the same messages, without the cost of HTTP parsing that both would share. Prepared answers by POST and GET, and
answers with a nonce, which are signed on demand, at 64 at once. Then the same over HTTP: the real service alone on one
core, the least an ASGI application can answer under the same server on that core, the client on the other;
and OpenSSL's own responder.
"""

import asyncio
import base64
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.issue import requests, wanted
from benchmarks.measuring import Measured, cpu_seconds, in_fast_loop, machine, measured, pin, repeated, table
from benchmarks.serving import CLIENT, SERVER, served
from benchmarks.visitors import Visitor
from bot.app import running
from bot.service import utc_now
from bot.settings import load_settings
from bot.web.application import Application
from ca import ocsp
from tests.live import free_port

AT_ONCE = 64


def calling(app: ASGIApp, method: str, path: str, body: Callable[[], bytes]) -> Callable[[], Awaitable[object]]:
    """One request after the other, as uvicorn hands them over."""
    scope: Scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "headers": [(b"host", b"127.0.0.1")],
    }  # fmt: skip

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200

    async def once() -> None:
        message = {"type": "http.request", "body": body(), "more_body": False}

        async def receive() -> Any:
            return message

        await app(scope, receive, send)

    return once


def fresh_requests(certificate: x509.Certificate, issuer: x509.Certificate) -> Callable[[], bytes]:
    """Gives a DER request with a nonce of its own each time, so that no answer can have been prepared."""
    builder = library.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256())

    def fresh() -> bytes:
        nonce = x509.OCSPNonce(secrets.token_bytes(16))
        return builder.add_extension(nonce, critical=False).build().public_bytes(Encoding.DER)

    return fresh


def bare(answer: bytes) -> ASGIApp:
    headers = [(b"content-type", b"application/ocsp-response"), (b"content-length", b"%d" % len(answer))]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as every ASGI application
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


async def _over_http(
    data: Path, asked: bytes, fresh: Callable[[], bytes], octets: int, seconds: float
) -> list[list[str]]:
    port, other = free_port(), free_port()
    here, log = [sys.executable, "-m"], data / "serve.log"
    pin(CLIENT)
    rows: list[list[str]] = []
    floor = 0.0
    with (
        served([*here, "benchmarks.bare", str(other)], other, {}, log) as least,
        served([*here, "bot", "serve", "--data", str(data), "--port", str(port)], port, {}, log) as ours,
    ):
        for name, process, at, path, body in (
            ("bare ASGI, as many octets", least, other, f"/octets/{octets}", lambda: asked),
            ("prepared, POST", ours, port, "/pki/ocsp", lambda: asked),
            ("signed on demand, POST", ours, port, "/pki/ocsp", fresh),
        ):
            visitors = [Visitor(at) for _ in range(AT_ONCE)]
            for visitor in visitors:
                await visitor.connect()
                visitor.headers += "Content-Type: application/ocsp-request\r\n"

            async def once(visitor: Visitor, path: str = path, body: Callable[[], bytes] = body) -> None:
                await visitor.post(path, body())

            before = cpu_seconds(process) or 0.0
            result = await measured(
                AT_ONCE,
                seconds,
                lambda n, visitors=visitors, once=once: lambda: once(visitors[n]),  # type: ignore[misc]
            )
            spent = (cpu_seconds(process) or 0.0) - before
            rate = len(result.each) / spent if spent else result.rate
            floor = floor or rate
            rows.append([name, f"{rate:,.0f}", *result.cells(), f"{rate / floor:.2f}"])
            for visitor in visitors:
                visitor.writer.close()
    result, processor = await _openssl(data, seconds)
    rate = len(result.each) / processor if processor else result.rate
    rows.append(["openssl ocsp, signed on demand", f"{rate:,.0f}", *result.cells(), f"{rate / floor:.2f}"])
    return rows


async def _openssl(folder: Path, seconds: float) -> tuple[Measured, float]:
    """The responder of OpenSSL with a P-256 key and one certificate; it closes each connection."""
    port, key, certificate, index = free_port(), folder / "o.key", folder / "o.pem", folder / "index.txt"
    subprocess.run(  # noqa: ASYNC221 - nothing else is under way
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    issuer = x509.load_pem_x509_certificate(certificate.read_bytes())
    index.write_text(f"V\t491231235959Z\t\t{issuer.serial_number:X}\tunknown\t/CN=bench\n", "utf-8")
    fresh = fresh_requests(issuer, issuer)
    command = [
        "openssl",
        "ocsp",
        "-index",
        index,
        "-port",
        port,
        "-rsigner",
        certificate,
        "-rkey",
        key,
        "-CA",
        certificate,
    ]

    async def once() -> None:
        body = fresh()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST / HTTP/1.0\r\nContent-Type: application/ocsp-request\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        answer = await reader.read(-1)
        writer.close()
        assert library.load_der_ocsp_response(answer.partition(b"\r\n\r\n")[2]).certificate_status.name == "GOOD"

    log = folder / "openssl.log"
    with log.open("wb") as out:
        process = subprocess.Popen([str(one) for one in command], stdout=out, stderr=out)  # noqa: ASYNC220
    try:
        pin(SERVER, process.pid)
        # By its words, not by a connection: it waits for ever for the request of whoever has gone.
        while b"ACCEPT" not in log.read_bytes():  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.05)
        before = cpu_seconds(process.pid) or 0.0
        result = await measured(4, seconds, lambda _: once)
        return result, (cpu_seconds(process.pid) or 0.0) - before
    finally:
        process.terminate()
        process.wait(30)


async def main(seconds: float) -> None:
    pin(0)
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        async with running(load_settings(None, data=Path(made), ca_key="p-256")) as service:
            record = await service.registration.enroll(wanted(0, next(requests(1))), utc_now())
            issuer = service.registration.authority.current
            asked = ocsp.request(issuer, record.plan.serial, "sha1")
            fresh = fresh_requests(x509.load_der_x509_certificate(record.der or b""), issuer.certificate)
            app, path = Application(service).asgi, "/pki/ocsp"
            await service.answering.work()
            answer = (await service.answering.answer(asked)).der
            signer = issuer.ocsp
            assert signer is not None
            results: list[tuple[str, Measured]] = []
            for name, target, method, where, body, callers in (
                ("bare ASGI, as many octets", bare(answer), "POST", path, lambda: asked, 1),
                ("prepared, POST", app, "POST", path, lambda: asked, 1),
                ("prepared, GET", app, "GET", f"{path}/{base64.b64encode(asked).decode()}", lambda: b"", 1),
                ("signed on demand, POST", app, "POST", path, fresh, 64),
            ):
                once = calling(target, method, where, body)
                results.append((name, await measured(callers, seconds, lambda _, once=once: once)))  # type: ignore[misc]
            results.append(("bare signatures of its key", repeated(seconds, lambda: signer.key.sign(answer))))
        over_http = await _over_http(Path(made), asked, fresh, len(answer), seconds)
    floor = results[0][1].rate
    rows = [[name, *result.cells(), f"{result.rate / floor:.2f}"] for name, result in results]
    heads = ("", "a second", "p50 ms", "p95 ms", "p99 ms", "of bare ASGI")
    table("OCSP on one core", heads, rows)
    table("OCSP over HTTP on one core, 64 at once", ("", "a processor-second", *heads[1:]), over_http)


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0))
