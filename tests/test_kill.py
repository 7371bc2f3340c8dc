"""Killed anywhere, the service comes back with every certificate exactly once and a chain that holds.

Once with a real process and kill -9 at random moments, once inside: a fault before and after every call to the store.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from bot.sealing import Sealer, load_or_make_key
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database, open_database
from ca.authority import Enrollment
from ca.errors import RequestRefused
from ca.ports import Record, Serial, Status, SubscriberId
from ca.registration import RegistrationAuthority
from tests.live import ROOT, Live
from tests.outside import Clock, Key, Outside, Start, page_of

SEED = int(os.environ.get("CERTTALK_TEST_SEED", "20261122"))
ROUNDS = 15
CUSTOMERS = {"kim": "김데모", "smith": "Demo Smith", "lee": "이샘플"}


class Walker(threading.Thread):
    """A customer who goes through the journey again and again, and takes a dead connection as it comes."""

    def __init__(self, url: str, who: str) -> None:
        super().__init__(daemon=True)
        self.url, self.who, self.stop, self.faults = url, who, threading.Event(), list[str]()
        self.key, self.last = Key(), ""

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with httpx2.Client(base_url=self.url, cookies={"certtalk-as": self.who}, trust_env=False) as http:
                    token = page_of(http.get("/").text)["csrf"]
                    now = self.say(http, token, text="계속")
                    while not self.stop.is_set():
                        now = self.step(http, token, now)
            except (httpx2.TransportError, json.JSONDecodeError, KeyError):
                time.sleep(0.01)

    def say(self, http: httpx2.Client, token: str, **said: str) -> dict[str, Any]:
        message_id = f"{self.who}-{random.randrange(10**12):012}"
        now = dict(self.post(http, "/chat/say", token, {"id": message_id, **said})["messages"][-1])
        self.last = f"{said} -> {now['key']}"
        return now

    def post(self, http: httpx2.Client, path: str, token: str, body: Any) -> dict[str, Any]:
        answer = http.post(path, json=body, headers={"X-CSRF-Token": token})
        if answer.status_code >= 500 and answer.status_code != 503:
            self.faults.append(f"{path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

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
        desk = http.get("/demo/desk").json()
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
        answer = http.get(path, follow_redirects=False)
        if answer.status_code != 200:
            return
        shown, desk = page_of(answer.text), http.get("/demo/desk").json()
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
            self.post(http, f"{path}/done", shown["csrf"], {"document": None})


NURSERY = """
import asyncio, os, sys
from functools import cache
import bot.app, bot.serving, bot.vault, bot.web.application, ca.keys
from bot.cli import main
from bot.settings import load_settings
ca.keys.open_sealed = cache(ca.keys.open_sealed)
bot.app.Understanding = cache(bot.app.Understanding)
bot.app.Understanding()
asyncio.run(bot.vault.Vault(load_settings(None, data=sys.argv[1])).open(bot.app.utc_now()))
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os._exit(main(["serve", "--data", *sys.argv[1:]]))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""
"""Imports, reads the catalogue and opens the keys once; every line forks one service that begins at `main`."""


class Nursery(Live):
    """Services that start in a moment: real processes with everything slow done before."""

    def __enter__(self) -> Self:
        log = (self.data.parent / "serve.log").open("ab")
        self.mother = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(self.data), "--port", str(self.port)], cwd=ROOT, env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        log.close()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
        self.mother.communicate(timeout=30)

    def said(self) -> int:
        """The next number that the nursery says."""
        assert self.mother.stdout is not None
        for line in self.mother.stdout:
            if line.strip().isdecimal():
                return int(line)
        raise AssertionError((self.data.parent / "serve.log").read_text("utf-8"))

    def born(self) -> None:
        assert self.mother.stdin is not None
        self.mother.stdin.write("\n")
        self.mother.stdin.flush()
        self.pid = self.said()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.get("/healthz")
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError((self.data.parent / "serve.log").read_text("utf-8"))

    def dies(self, by: signal.Signals = signal.SIGKILL) -> int:
        os.kill(self.pid, by)
        return self.said()


def test_kill_9_at_random_moments(tmp_path: Path) -> None:
    print(f"CERTTALK_TEST_SEED={SEED}")
    chance, data = random.Random(SEED), tmp_path / "data"
    data.mkdir(0o700)
    with Nursery(
        data, CERTTALK_CA_KEY="p-256", CERTTALK_SMS_PER_HOUR="60", CERTTALK_CERTIFICATES_PER_DAY="100",
        CERTTALK_MESSAGES_PER_MINUTE="6000",
    ) as nursery:  # fmt: skip
        nursery.born()
        walkers = [Walker(nursery.url, who) for who in CUSTOMERS]
        for walker in walkers:
            walker.start()
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.1, 1.0))
            assert nursery.dies() == signal.SIGKILL
            asyncio.run(end_leases(data))
            asyncio.run(make_room(data))
            nursery.born()
        asyncio.run(make_room(data))
        before, deadline = asyncio.run(count(data)), time.monotonic() + 60
        while asyncio.run(count(data)) <= before:
            assert time.monotonic() < deadline, [(walker.is_alive(), walker.last) for walker in walkers]
            asyncio.run(make_room(data))
            time.sleep(0.3)
        for walker in walkers:
            walker.stop.set()
        for walker in walkers:
            walker.join(15)
        assert nursery.dies(signal.SIGTERM) == 0
        assert [fault for walker in walkers for fault in walker.faults] == []
        assert asyncio.run(check(data)) >= ROUNDS // 3
        verified = nursery.verb("audit", "verify")
        assert verified.returncode == 0, verified.stderr


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


async def check(data: Path) -> int:
    """What must hold of any data folder; how many certificates there are."""
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
        assert (await audit.verify(database)).broken is None
        conversations = await rows(
            "SELECT c.last_seq, (SELECT count(*) FROM messages m WHERE m.customer = c.customer) AS n"
            " FROM conversations c"
        )
        assert all(row["last_seq"] == row["n"] for row in conversations)
        return len(export)


# -- inside: a fault at every call ------------------------------------------------------------------------------------


class Death(BaseException):
    """Nothing of the process catches this."""


class Mortal:
    """A store that dies before or after its `fatal`-th call."""

    def __init__(self, store: Any, fatal: int, *, after: bool) -> None:
        self.store, self.left, self.after, self.calls = store, fatal, after, 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*given: Any) -> Any:
            self.calls += 1
            if self.calls == self.left and not self.after:
                raise Death(name)
            result = await getattr(self.store, name)(*given)
            if self.calls == self.left:
                raise Death(name)
            return result

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fatal", range(1, 5))
async def test_dying_at_any_call_to_the_store_leaves_one_certificate(start: Start, fatal: int, after: bool) -> None:
    key, clock = Key(), Clock()

    def wanted(outside: Outside) -> Enrollment:
        return Enrollment("request-1", SubscriberId("DEMO0001"), "personal", "김데모", "DEMO0001", key.csr, key.r)

    async with start(clock) as outside:
        mortal = Mortal(outside.service.certificates, fatal, after=after)
        registration = RegistrationAuthority(outside.service.registration.authority, mortal)  # type: ignore[arg-type]
        died = False
        try:
            await registration.enroll(wanted(outside), clock())
        except Death:
            died = True
        assert died is (fatal <= mortal.calls)
        assert mortal.calls <= 4, "the registration authority has more calls than are tried here"
    async with start(clock) as outside:  # reconciles
        assert await outside.service.certificates.unfinished() == []
        first = await outside.service.registration.enroll(wanted(outside), clock())
        again = await outside.service.registration.enroll(wanted(outside), clock())
        assert first == again
        assert first.status is Status.VALID
        [exported] = [one async for one in outside.service.certificates.export()]
        assert exported.der == first.der
        acts = [row["act"] for row in await outside.rows("SELECT act FROM audit ORDER BY seq")]
        assert acts == ["issuing", "issued"]
        assert (await outside.service.audit.verify(outside.service.database)).broken is None


async def test_a_start_during_issuing_does_not_make_a_second_signature_count(start: Start) -> None:
    """Another process that starts meanwhile finishes the plan; the first still gets that one certificate."""
    key, clock = Key(), Clock()
    wanted = Enrollment("request-1", SubscriberId("DEMO0001"), "personal", "김데모", "DEMO0001", key.csr, key.r)
    async with start(clock) as outside:
        complete = outside.service.certificates.complete

        async def late(serial: Serial, der: bytes, at: Any) -> Record:
            async with start(clock):
                pass
            return await complete(serial, der, at)

        outside.service.certificates.complete = late  # type: ignore[method-assign]
        try:
            record = await outside.service.registration.enroll(wanted, clock())
        except RequestRefused:
            record = await outside.service.registration.enroll(wanted, clock())
        [exported] = [one async for one in outside.service.certificates.export()]
        assert exported.der == record.der
