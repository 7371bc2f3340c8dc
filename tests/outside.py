"""The service in this process as the outside meets it: its ASGI application, a clock that stands, a browser.

The data folder (p-256 CA) is made once a session and copied; opening its keys (scrypt) and reading the catalogue of
questions happen once as well, because neither is what these tests look at.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

import bot.app
import ca.keys
from bot.app import running
from bot.service import Service
from bot.settings import Settings, load_settings
from bot.web.application import Application
from tests.years import moved

NOW = moved(datetime(2026, 11, 23, 1, tzinfo=UTC))
"""Ten in the morning in Korea, a Monday."""
URL = "http://127.0.0.1:8710"
_numbers = itertools.count(1)


class Clock:
    """Stands until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Key:
    """What the customer's browser would make: a key, its request, and R."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.r = os.urandom(20)

    @property
    def csr(self) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(self.private, SHA256()).public_bytes(Encoding.DER)

    @property
    def form(self) -> dict[str, str]:
        return {"csr": b64(self.csr), "r": b64(self.r)}


def nobody(_settings: Settings) -> object:
    """A bank and an SMS provider that nothing asks (`CERTTALK_BANK=tests.outside:nobody`)."""
    return object()


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def page_of(html: str) -> dict[str, Any]:
    """The data a page carries for its script."""
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', html, re.DOTALL)
    assert found, html[:300]
    return dict(json.loads(found[1]))


class Browser:
    """One cookie jar. `token` is the one of the last page opened."""

    def __init__(self, outside: "Outside", who: str | None = "kim") -> None:
        self.outside, self.token = outside, ""
        transport = httpx2.ASGITransport(outside.application.asgi, raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url=outside.service.settings.public_url)
        if who:
            self.http.cookies.set("certtalk-as", who)

    async def open(self, path: str = "/") -> dict[str, Any]:
        answer = await self.http.get(path)
        shown = page_of(answer.text)
        self.token = shown["csrf"]
        return shown | {"status": answer.status_code}

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        if not self.token:
            await self.open()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers={"X-CSRF-Token": self.token} | headers)

    async def said(self, text: str = "", choice: str | None = None, message_id: str = "") -> list[dict[str, Any]]:
        """Say something (or press a button); what was answered, the customer's own words left out."""
        body = {"id": message_id or f"message-{next(_numbers):06}", "text": text, "choice": choice}
        answer = await self.post("/chat/say", body)
        assert answer.status_code == 200, answer.text
        return [one for one in answer.json()["messages"] if one["from"] == "bot"]

    async def press(self, value: str, among: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Press the button whose value is `value`, with or without step and nonce."""
        offered = [choice["value"] for one in among for choice in one["choices"]]
        pressed = [v for v in offered if v == value or v.partition("=")[2].partition("~")[0] == value]
        assert pressed, (value, among)
        return await self.said(choice=pressed[0])

    async def desk(self) -> dict[str, Any]:
        return dict((await self.http.get("/demo/desk")).json())

    async def code(self) -> str:
        """The code of the newest SMS."""
        await self.outside.service.delivering.work()
        found = re.search(r"(?<!\d)\d{6}(?!\d)", (await self.desk())["phone"]["messages"][0]["text"])
        assert found
        return found[0]

    async def to_page(self) -> str:
        """Walk the journey of a certificate up to the secure page; its path."""
        desk = await self.desk()
        business = desk["customer"]["id"] in {"park", "noh"}
        who = self.outside.service.demo_bank.customer(desk["customer"]["id"])
        assert who is not None
        now = await self.press("ready", await self.said("인증서 발급"))
        now = await self.press("business" if business else "personal", now)
        if business:
            await self.press("accept", now)
        await self.said(desk["accounts"][0])
        await self.said(who.name)
        now = await self.said(await self.code())
        for value in ("yes", "agree", "this_pc"):
            now = await self.press(value, now)
        now = await self.press("confirm", now)
        assert now[-1]["key"] == "enroll.page.ask", now
        return str(now[-1]["link"]["url"]).removeprefix(self.outside.service.settings.public_url)

    async def factor(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The right answer to the page's second factor, read from the desk."""
        desk = await self.desk()
        if shown["factor"]["kind"] == "otp":
            return {"otp": desk["otp"]["code"]}
        halves = {"front": slice(0, 2), "back": slice(2, 4)}
        return {
            "cells": {
                str(one["cell"]): desk["card"]["cells"][str(one["cell"])][halves[one["half"]]]
                for one in shown["factor"]["cells"]
            }
        }

    async def issue(self, path: str, key: Key) -> httpx2.Response:
        shown = await self.open(path)
        return await self.post(f"{path}/issue", {"factor": await self.factor(shown), **key.form})

    async def issue_again(self, path: str, key: Key) -> httpx2.Response:
        """As the page does when an answer was lost: the same key, and nothing of the second factor."""
        return await self.post(f"{path}/issue", {"factor": None, **key.form})

    async def keep(self, path: str, document: Mapping[str, str] | None = None) -> httpx2.Response:
        return await self.post(f"{path}/done", {"document": document})

    async def enrolled(self) -> tuple[Key, dict[str, Any]]:
        """A certificate kept; its key and what the page was given."""
        path, key = await self.to_page(), Key()
        answer = await self.issue(path, key)
        assert answer.status_code == 200, answer.text
        assert (await self.keep(path)).json() == {"ok": True}
        return key, dict(answer.json())


class Outside:
    """A running service without a socket."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service, self.clock = service, clock
        self.application = Application(service)

    def browser(self, who: str | None = "kim") -> Browser:
        return Browser(self, who)

    async def rows(self, sql: str, **named: Any) -> list[dict[str, Any]]:
        return await self.service.database.read(lambda tx: tx.all(sql, **named))

    async def everything(self) -> dict[str, list[str]]:
        """Every row of every table, to compare before and after."""
        tables = await self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {one["name"]: sorted(map(repr, await self.rows(f"SELECT * FROM {one['name']}"))) for one in tables}

    @contextlib.asynccontextmanager
    async def stream(self, browser: Browser, query: str = "", **headers: str) -> AsyncIterator["Stream"]:
        stream = Stream(self.application, browser, query, headers)
        try:
            yield stream
        finally:
            await stream.close()


class Stream:
    """One open event stream (a client of httpx would wait for its end)."""

    def __init__(self, application: Application, browser: Browser, query: str, headers: Mapping[str, str]) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
        host = str(browser.http.base_url.netloc, "ascii")
        given = {"host": host, "cookie": cookies} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/chat/events", "raw_path": b"/chat/events", "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8710),
        }  # fmt: skip
        self.gone, self.received = asyncio.Event(), asyncio.Queue[dict[str, Any]]()
        self.buffer, self.ended = "", False
        self._asked = False
        self.task = asyncio.create_task(application.asgi(scope, self._receive, self.received.put))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def next(self, seconds: float = 8) -> dict[str, Any] | None:
        """The next message; None when the stream has ended."""
        while True:
            event, found, rest = self.buffer.partition("\n\n")
            if found:
                self.buffer = rest
                lines = dict(line.split(": ", 1) for line in event.splitlines() if not line.startswith(":"))
                if "data" in lines:
                    message = dict(json.loads(lines["data"]))
                    assert lines["id"] == str(message["seq"])
                    return message
                continue
            if self.ended:
                return None
            part = await asyncio.wait_for(self.received.get(), seconds)
            if part["type"] == "http.response.body":
                self.buffer += part.get("body", b"").decode()
                self.ended = not part.get("more_body", False)

    async def close(self) -> None:
        self.gone.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture(scope="session")
def quick() -> Any:
    """Keys are opened and questions are read once; both are the same every time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ca.keys, "open_sealed", cache(ca.keys.open_sealed))
        patch.setattr(bot.app, "Understanding", cache(bot.app.Understanding))
        yield


@pytest.fixture(scope="session")
def prepared(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after its first start, at `NOW`."""
    folder = tmp_path_factory.mktemp("prepared") / "data"

    async def start() -> None:
        settings = load_settings(None, data=folder, ca_key="p-256")
        async with running(settings, Clock(), jobs=False):
            pass

    asyncio.run(start())
    return folder


Start = Callable[..., contextlib.AbstractAsyncContextManager[Outside]]


@pytest.fixture
def start(prepared: Path, tmp_path: Path) -> Start:
    """Starts a service over this test's own data folder; again over the same one is a restart."""
    data = tmp_path / "data"
    shutil.copytree(prepared, data)

    @contextlib.asynccontextmanager
    async def started(clock: Clock | None = None, *, jobs: bool = False, **given: Any) -> AsyncIterator[Outside]:
        clock = clock or Clock()
        settings = load_settings(None, **({"data": data, "ca_key": "p-256", "messages_per_minute": 6000} | given))
        async with running(settings, clock, jobs=jobs) as service:
            yield Outside(service, clock)

    return started


@pytest_asyncio.fixture
async def outside(start: Start) -> AsyncIterator[Outside]:
    """The service with its defaults."""
    async with start() as one:
        yield one
