"""Customers who go through the journey over HTTP again and again, and what must hold of the data folder afterwards."""

import base64
import contextlib
import json
import random
import re
import threading
import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from bot.sealing import Sealer, load_or_make_key
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database, open_database
from ca.ports import Serial
from tests.outside import Key, page_of

CUSTOMERS = {"kim": "김데모", "smith": "Demo Smith", "lee": "이샘플"}
GENEROUS = {
    "CERTTALK_CA_KEY": "p-256", "CERTTALK_SMS_PER_HOUR": "60", "CERTTALK_CERTIFICATES_PER_DAY": "100",
    "CERTTALK_MESSAGES_PER_MINUTE": "6000",
}  # fmt: skip
"""Settings that let the same few go on for long."""


class Later(Exception):
    """Not now."""


class Walker(threading.Thread):
    """A customer who goes through the journey again and again, and takes a dead connection as it comes."""

    def __init__(self, url: str, who: str) -> None:
        super().__init__(daemon=True)
        self.url, self.who, self.stop, self.faults = url, who, threading.Event(), list[str]()
        self.refused = 0
        """How often the service said: not now."""
        self.given: list[bytes] = []
        """Certificates that the service said are issued, DER."""
        self.key, self.last = Key(), ""

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with httpx2.Client(base_url=self.url, cookies={"certtalk-as": self.who}, trust_env=False) as http:
                    token = page_of(self.get(http, "/").text)["csrf"]
                    now = self.say(http, token, text="계속")
                    while not self.stop.is_set():
                        now = self.step(http, token, now)
            except (httpx2.TransportError, json.JSONDecodeError, KeyError, Later):
                time.sleep(0.01)

    def say(self, http: httpx2.Client, token: str, **said: str) -> dict[str, Any]:
        message_id = f"{self.who}-{random.randrange(10**12):012}"
        now = dict(self.post(http, "/chat/say", token, {"id": message_id, **said})["messages"][-1])
        self.last = f"{said} -> {now['key']}"
        return now

    def post(self, http: httpx2.Client, path: str, token: str, body: Any) -> dict[str, Any]:
        return dict(self.noted(http.post(path, json=body, headers={"X-CSRF-Token": token})).json())

    def get(self, http: httpx2.Client, path: str) -> httpx2.Response:
        return self.noted(http.get(path, follow_redirects=False))

    def noted(self, answer: httpx2.Response) -> httpx2.Response:
        if answer.status_code == 503:
            self.refused += 1
            raise Later
        if answer.status_code >= 500:
            self.faults.append(f"{answer.url}: {answer.status_code} {answer.text}")
            raise Later
        return answer

    def step(self, http: httpx2.Client, token: str, now: dict[str, Any]) -> dict[str, Any]:
        """One step from wherever the conversation stands; what the bot said last."""
        offered = [choice["value"] for choice in now["choices"]]
        if now["link"]:
            self.page(http, now["link"]["url"].removeprefix(self.url))
            return self.say(
                http, token, **({"choice": "works=later"} if "works=later" in offered else {"text": "계속"})
            )
        wanted = ("prepare=ready", "kind=personal", "details=yes", "terms=agree", "place=usb", "review=confirm")
        for value in offered:
            if value.partition("~")[0] in wanted:
                return self.say(http, token, choice=value)
        desk = self.get(http, "/demo/desk").json()
        # Newest first; word of what was done may have come after the code.
        code = re.search(r"(?<!\d)\d{6}(?!\d)", " ".join(one["text"] for one in desk["phone"]["messages"][:4]))
        if "code=resend" in offered and code and code[0] in self.last:
            # That one is used; the next is still being sent, or was when the process was killed.
            return self.say(http, token, choice="code=resend")
        words = {
            "identity.account.ask": desk["accounts"][0], "identity.name.ask": CUSTOMERS[self.who],
            "identity.code.ask": code[0] if code else "계속",
        }  # fmt: skip
        return self.say(http, token, text=words.get(now["key"], "인증서 발급"))

    def page(self, http: httpx2.Client, path: str) -> None:
        answer = self.get(http, path)
        if answer.status_code != 200:
            return
        shown, desk = page_of(answer.text), self.get(http, "/demo/desk").json()
        factor: dict[str, Any] = {}
        if (shown["factor"] or {}).get("kind") == "otp":
            factor = {"otp": desk["otp"]["code"]}
        elif (shown["factor"] or {}).get("kind") == "card":
            halves = {"front": slice(0, 2), "back": slice(2, 4)}
            cells = {
                c["cell"]: desk["card"]["cells"][str(c["cell"])][halves[c["half"]]] for c in shown["factor"]["cells"]
            }
            factor = {"cells": {str(cell): digits for cell, digits in cells.items()}}
        if shown["state"] == "open":
            self.key = Key()
        issued = self.post(http, f"{path}/issue", shown["csrf"], {"factor": factor, **self.key.form})
        if "certificate" in issued:
            self.given.append(base64.b64decode(issued["certificate"]))
            self.post(http, f"{path}/done", shown["csrf"], {"document": None})


@contextlib.asynccontextmanager
async def opened(data: Path) -> AsyncIterator[tuple[Database, Certificates, AuditTrail]]:
    """The store beside the service, without keys."""
    sealer = Sealer(load_or_make_key(data / "service.key"))
    database = await open_database(data / "certtalk.sqlite3")
    try:
        audit = AuditTrail(sealer.mac("audit", "key"))
        yield database, Certificates(database, audit, sealer.mac("export", "key")), audit
    finally:
        await database.close()


async def make_room(data: Path) -> None:
    """Revoke what is valid and forget the counters, so that the same customers can go on asking."""
    async with opened(data) as (database, certificates, _):
        for row in await database.read(lambda tx: tx.all("SELECT serial FROM certificates WHERE status = 'valid'")):
            await certificates.revoke(Serial(int(row["serial"], 16)), datetime.now(UTC), "superseded")
        for table in ("lookups", "factor_failures"):
            await database.run(lambda tx, name=table: tx.execute(f"DELETE FROM {name}"))
        await database.run(lambda tx: tx.execute("UPDATE code_challenges SET sent_at = '2000'"))


async def end_leases(data: Path) -> None:
    """What the dead process was sending need not wait out the minute it is held for."""
    async with opened(data) as (database, _, _):
        await database.run(lambda tx: tx.execute("UPDATE outbox SET lease_until = '' WHERE state = 'queued'"))


async def count(data: Path) -> int:
    async with opened(data) as (database, _, _):
        row = await database.read(lambda tx: tx.one("SELECT count(*) AS n FROM certificates WHERE der IS NOT NULL"))
        return int(row["n"]) if row else 0


async def check(data: Path, walkers: Iterable[Walker]) -> int:
    """What must hold of any data folder these have been at; how many certificates there are."""
    async with opened(data) as (database, certificates, audit):
        export = [one async for one in certificates.export()]

        async def rows(sql: str) -> list[dict[str, Any]]:
            return await database.read(lambda tx: tx.all(sql))

        assert await rows("SELECT serial FROM certificates WHERE status = 'planned'") == []
        twice = (
            "SELECT subscriber FROM certificates WHERE status IN ('valid', 'held')"
            " GROUP BY subscriber, profile HAVING count(*) > 1"
        )
        assert await rows(twice) == []
        acts = {(row["act"], row["subject"]) for row in await rows("SELECT act, subject FROM audit")}
        assert {("issuing", one.serial) for one in export} <= acts
        assert {("issued", one.serial) for one in export} <= acts
        assert len({one.serial for one in export}) == len(export)
        assert {der for walker in walkers for der in walker.given} <= {one.der for one in export}
        assert (await audit.verify(database)).broken is None
        conversations = await rows(
            "SELECT c.last_seq, (SELECT count(*) FROM messages m WHERE m.customer = c.customer) AS n"
            " FROM conversations c"
        )
        assert all(row["last_seq"] == row["n"] for row in conversations)
        return len(export)
