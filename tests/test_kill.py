"""Killed anywhere, the service comes back with every certificate exactly once and a chain that holds.

Once with a real process and kill -9 at random moments, once inside: a fault before and after every call to the store.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import pytest

from ca.authority import Enrollment
from ca.errors import RequestRefused
from ca.ports import Record, Serial, Status, SubscriberId
from ca.registration import RegistrationAuthority
from tests.live import ROOT, Live
from tests.outside import Clock, Key, Outside, Start
from tests.walking import CUSTOMERS, GENEROUS, Walker, check, count, end_leases, make_room

SEED = int(os.environ.get("CERTTALK_TEST_SEED", "20261122"))
ROUNDS = 15


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
    with Nursery(data, **GENEROUS) as nursery:
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
        # However little came of it on a busy machine: it goes on until there is something to look at.
        wanted, deadline = max(asyncio.run(count(data)) + 1, ROUNDS // 3), time.monotonic() + 120
        while asyncio.run(count(data)) < wanted:
            assert time.monotonic() < deadline, [(walker.is_alive(), walker.last) for walker in walkers]
            asyncio.run(make_room(data))
            time.sleep(0.3)
        for walker in walkers:
            walker.stop.set()
        for walker in walkers:
            walker.join(15)
        assert nursery.dies(signal.SIGTERM) == 0
        assert [fault for walker in walkers for fault in walker.faults] == []
        assert asyncio.run(check(data, walkers)) >= wanted
        verified = nursery.verb("audit", "verify")
        assert verified.returncode == 0, verified.stderr


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
        about = "SELECT act FROM audit WHERE subject = :serial ORDER BY seq"
        serial = exported.serial
        acts = await outside.service.database.read(lambda tx: tx.column(about, serial=serial))
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
