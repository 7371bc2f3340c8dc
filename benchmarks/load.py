"""Everything at once on one running service: `python -m benchmarks.load [seconds]`.

The service is the real one (`python -m bot serve`) with SQLite at `synchronous=FULL`, alone on one core; who loads
it is on the other. For so many seconds, all at the same time: updates of Telegram at its webhook, skill calls of
KakaoTalk, secure pages that issue certificates (P-256; the customers' keys are RSA-2048), and OCSP, one request in ten
with a nonce.
Nobody waits for an answer before the next one begins, and every time is counted from when the request was due, so that
what holds up one shows in all that come after it. A bare application on the service's core is asked meanwhile.
"""

import asyncio
import base64
import itertools
import json
import os
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from benchmarks.everybody import NAME, SENT, account, phone
from benchmarks.issue import requests
from benchmarks.kakao import KAKAO, Centre
from benchmarks.measuring import Measured, in_fast_loop, machine, pin, resident_megabytes, table
from benchmarks.ocsp import fresh_requests
from benchmarks.serving import CLIENT
from benchmarks.telegram import PEOPLE, Talking, through_telegram
from benchmarks.visitors import Barely, Visitor, bare_server, entered, spent
from tests.outside import page_of

Once = Callable[[float], Awaitable[object]]
"""Is told when it was due (`time.perf_counter`)."""
SETTINGS: Final = {"bank": "benchmarks.everybody:bank", "sms": "benchmarks.everybody:sms"} | KAKAO
PRESSED: Final = ("prepare=ready", "kind=personal", "details=yes", "terms=agree", "place=usb", "review=confirm")
ON_THE_WAY: Final = 32
"""Customers who come through the conversation side by side, before the clock starts."""
RELYING: Final = 150
"""Connections for OCSP: so many that half a second's questions find one, however long an answer takes."""
SHARES: Final = (0.5, 0.95, 0.99, 1.0)
WARM: Final = 8
"""Customers who are issued theirs before; their certificates are what OCSP is asked about."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A second."""

    telegram: float = 50
    kakao: float = 50
    issues: float = 20
    ocsp: float = 300
    bare: float = 20
    """Of the least an application can answer, by a server beside it: what the machine itself held up."""


@dataclass(slots=True)
class Done:
    """Seconds from when each was due: until it was begun, and until it was done; what went wrong with the others."""

    rate: float
    each: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        times = [f"{Measured(self.each, 1).milliseconds(share):.0f}" if self.each else "-" for share in SHARES]
        late = f"{Measured(self.begun, 1).milliseconds(0.99):.1f}" if self.begun else ""
        return [f"{self.rate:g}", f"{len(self.each):,}", *times, str(len(self.faults)), late]


async def open_loop(rate: float, seconds: float, once: Once) -> Done:
    """Begin `once` at `rate` a second, whatever became of the ones before."""
    done, tasks, start = Done(rate), list[asyncio.Task[None]](), time.perf_counter() + 0.2

    async def one(due: float) -> None:
        done.begun.append(time.perf_counter() - due)
        try:
            await once(due)
        except (AssertionError, OSError, EOFError, TimeoutError) as error:
            done.faults.append(f"{type(error).__name__}: {error}"[:200])
        else:
            done.each.append(time.perf_counter() - due)

    for number in range(round(rate * seconds)):
        due = start + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return done


def by_turns(visitors: Iterable[Visitor], say: Callable[[Visitor], Awaitable[object]]) -> Once:
    """Whoever is free longest is the next; when none is, waiting for one counts."""
    free = asyncio.Queue[Visitor]()
    for visitor in visitors:
        free.put_nowait(visitor)

    async def once(_due: float) -> None:
        visitor = await free.get()
        try:
            await say(visitor)
        finally:
            free.put_nowait(visitor)

    return once


class Applicant(Visitor):
    """A customer of the bank in the web chat, on the way to a certificate."""

    def __init__(self, port: int, number: int, sent: Path, csr: bytes) -> None:
        super().__init__(port)
        self.number, self.sent = number, sent
        self.form = {"csr": base64.b64encode(csr).decode(), "r": base64.b64encode(os.urandom(20)).decode()}
        self.page = ""

    async def told(self, **said: str) -> dict[str, Any]:
        body = {"id": f"load-{self.number:06d}-{next(self.numbers):04d}", **said}
        messages = json.loads(await self.post("/chat/say", json.dumps(body).encode()))["messages"]
        return dict([one for one in messages if one["from"] == "bot"][-1])

    async def to_page(self) -> None:
        """Up to the secure page, opened; then the connection is closed."""
        await self.enter()
        now = await self.told(text="인증서 발급")
        while not now["link"]:
            offered = [one["value"] for one in now["choices"]]
            wanted = next((value for value in offered if value.partition("~")[0] in PRESSED), None)
            now = await (self.told(choice=wanted) if wanted else self.told(text=await self._answer(now["key"])))
        self.page = "/s/" + now["link"]["url"].rpartition("/s/")[2]
        _, body = await self.ask(f"GET {self.page} HTTP/1.1\r\n{self.headers}\r\n".encode())
        assert page_of(body.decode())["state"] == "open"
        self.writer.close()

    async def _answer(self, asked: str) -> str:
        if asked == "identity.code.ask":
            return await self._code()
        return {"identity.account.ask": account(self.number), "identity.name.ask": NAME}[asked]

    async def _code(self) -> str:
        for _ in range(600):
            if self.sent.exists():
                found = re.findall(
                    rf"^{phone(self.number)} .*?(?<!\d)(\d{{6}})(?!\d)", self.sent.read_text("utf-8"), re.MULTILINE
                )
                if found:
                    return str(found[-1])
            await asyncio.sleep(0.05)
        raise AssertionError("no text message came")

    async def issue(self) -> dict[str, Any]:
        """What the page is given: `certificate`, `chain`, `serial`…"""
        await self.connect()
        form = {"factor": {"otp": "123456"}, **self.form}
        return dict(json.loads(await self.post(f"{self.page}/issue", json.dumps(form).encode())))

    async def keep(self) -> None:
        await self.post(f"{self.page}/done", b'{"document": null}')
        self.writer.close()


async def applicants(port: int, sent: Path, count: int) -> list[Applicant]:
    csrs = list(requests(count))
    everybody = [Applicant(port, number, sent, csr) for number, csr in enumerate(csrs, 1)]
    waiting = iter(everybody)

    async def one_after_another() -> None:
        for applicant in waiting:
            await applicant.to_page()

    await asyncio.gather(*(one_after_another() for _ in range(ON_THE_WAY)))
    return everybody


class Brought:
    """Updates brought to the webhook: done when it has said 2xx, and when the person has seen something new."""

    def __init__(self, talking: Talking) -> None:
        self.crowd, self.updates = talking.crowd, talking.api.updates
        self.people = itertools.cycle(talking.crowd.people)
        self.taken, self.since, self.seen = dict[int, asyncio.Future[int]](), dict[int, float](), list[float]()
        self.updates.on_delivered = self._delivered
        talking.api.world.on_said = self._said

    def _delivered(self, status: int, update: int) -> None:
        if update in self.taken and 200 <= status < 300:
            self.taken.pop(update).set_result(status)

    def _said(self, chat: int) -> None:
        if chat in self.since:
            self.seen.append(time.perf_counter() - self.since.pop(chat))

    async def once(self, due: float) -> None:
        person = next(self.people)
        self.since[person.user.id] = due
        self.crowd.says_next(person)
        future = asyncio.get_running_loop().create_future()
        self.taken[self.updates.history[-1]["update_id"]] = future
        await asyncio.wait_for(future, 60)


@dataclass(slots=True)
class Loaded:
    """What became of it, by the name of a row; `serials` of all that customers were given, turns `said` by channel."""

    done: dict[str, Done]
    serials: list[str]
    said: dict[str, int]
    seconds: float
    server: float
    client: float
    megabytes: float


@asynccontextmanager
async def beside(folder: Path) -> AsyncIterator[int]:
    """The port of `benchmarks.bare`; it starts in a thread, as this loop answers the service meanwhile."""
    server = bare_server(folder)
    port, _ = await asyncio.to_thread(server.__enter__)
    try:
        yield port
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


async def under_load(folder: Path, rates: Rates, seconds: float, people: int = PEOPLE) -> Loaded:
    async with (
        through_telegram(folder, "webhook", settings=SETTINGS, people=people) as talking,
        beside(folder) as other,
    ):
        port, process = talking.port, talking.process
        waiting = await applicants(port, folder / "data" / SENT, WARM + round(rates.issues * seconds))
        first = [await one.issue() for one in waiting[:WARM]]
        for applicant in waiting[:WARM]:
            await applicant.keep()
        serials = [given["serial"] for given in first]
        left, bodies = iter(waiting[WARM:]), itertools.cycle(questions(first))
        skills = await entered(lambda: Centre(port), max(2, round(rates.kakao)))
        barely = await entered(lambda: Barely(other), 4)
        relying = [Visitor(port) for _ in range(RELYING)]
        for one in relying:
            await one.connect()
            one.headers += "Content-Type: application/ocsp-request\r\n"
        brought, kept = Brought(talking), list[asyncio.Task[None]]()

        async def issue(_due: float) -> None:
            applicant = next(left)
            serials.append((await applicant.issue())["serial"])
            kept.append(asyncio.create_task(applicant.keep()))

        async def ask(visitor: Visitor) -> None:
            answer = await visitor.post("/pki/ocsp", next(bodies)())
            assert b"\x0a\x01\x00" in answer[:12], "not successful"  # OCSPResponseStatus, RFC 6960 §4.2.1

        before, started = spent(process), time.perf_counter()
        telegram, kakao, issued, asked, least = await asyncio.gather(
            open_loop(rates.telegram, seconds, brought.once),
            open_loop(rates.kakao, seconds, by_turns(skills, lambda one: one.say())),
            open_loop(rates.issues, seconds, issue),
            open_loop(rates.ocsp, seconds, by_turns(relying, ask)),
            open_loop(rates.bare, seconds, by_turns(barely, lambda one: one.say())),
        )
        server, client = (b - a for a, b in zip(before, spent(process), strict=True))
        took = time.perf_counter() - started
        await asyncio.gather(*kept)
        for visitor in (*skills, *relying, *barely):
            visitor.writer.close()
        await talking.crowd.silence()
        done = {
            "Telegram: the webhook's 2xx": telegram,
            "Telegram: the answer seen": Done(rates.telegram, brought.seen),
            "KakaoTalk: skill calls": kakao, "certificates, by their pages": issued, "OCSP": asked,
            "bare Starlette on the same core": least,
        }  # fmt: skip
        said = {"telegram": talking.crowd.said, "kakao": len(skills) + len(kakao.each)}
        return Loaded(done, serials, said, took, server, client, resident_megabytes(process) or 0.0)


def questions(given: Sequence[dict[str, Any]]) -> list[Callable[[], bytes]]:
    """OCSP requests about these certificates, one in ten with a nonce of its own."""
    issuer = x509.load_der_x509_certificate(base64.b64decode(given[0]["chain"][0]))
    found = list[Callable[[], bytes]]()
    for number in range(10 * len(given)):
        certificate = x509.load_der_x509_certificate(base64.b64decode(given[number % len(given)]["certificate"]))
        if number % 10:
            plain = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256()).build()
            found.append(partial(plain.public_bytes, Encoding.DER))
        else:
            found.append(fresh_requests(certificate, issuer))
    return found


def stored(folder: Path) -> tuple[set[str], dict[str, int], int]:
    """After the service has stopped: serials of all valid certificates, turns by channel, messages there twice."""
    connection = sqlite3.connect(folder / "data" / "certtalk.sqlite3")
    serials = {row[0] for row in connection.execute("SELECT serial FROM certificates WHERE status = 'valid'")}
    turns = dict(connection.execute("SELECT channel, count(*) FROM inbox GROUP BY channel"))
    doubles = connection.execute(
        "SELECT count(*) - count(DISTINCT customer || ' ' || message_id) FROM messages WHERE author = 'customer'"
    ).fetchone()[0]
    connection.close()
    return serials, turns, int(doubles)


async def main(seconds: float) -> None:
    pin(CLIENT)
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        loaded = await under_load(Path(made), Rates(), seconds)
        kept, turns, doubles = stored(Path(made))
    heads = ("", "a second", "done", "p50 ms", "p95 ms", "p99 ms", "most ms", "failed", "begun late, p99 ms")
    table("All at once", heads, ([name, *one.cells()] for name, one in loaded.done.items()))
    print(
        f"\nThe service used {loaded.server / loaded.seconds:.0%} of its core and {loaded.megabytes:.0f} MiB; "
        f"who loaded it, {loaded.client / loaded.seconds:.0%} of the other core.\n"
        f"Certificates: {len(loaded.serials)} given, {len(set(loaded.serials))} different ones, {len(kept)} stored."
    )
    for channel, said in loaded.said.items():
        print(f"Turns of {channel}: {said} said, {turns[channel]} stored.")
    print(f"Messages stored twice: {doubles}.")
    for fault in sorted({fault for one in loaded.done.values() for fault in one.faults})[:10]:
        print(f"failed: {fault}")


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
