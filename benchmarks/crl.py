"""Revocation lists of any size: `python -m benchmarks.crl [entries…]` (1,000, 100,000 and 1,000,000).

From the stored entries to the signed list, through the service's own job, each size in a process of its own: reading,
joining, lint, signing; keeping the list for all workers apart. The bare hash and signature over the same octets, in the
same process, is what it is compared with.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import machine, peak_megabytes, resident_megabytes, table
from bot.app import running
from bot.service import utc_now
from bot.settings import load_settings
from bot.storage.database import Tx
from bot.storage.instants import text_of
from ca import crl, randomness
from ca.ports import RevokedEntry

SIZES = (1_000, 100_000, 1_000_000)
HEADS = (
    "entries",
    "MB",
    "read s",
    "sign s",
    "together s",
    "keep s",
    "RSS before MB",
    "peak MB",
    "bare signature s",
    "x bare",
)


def fill(tx: Tx, issuer: str, count: int) -> None:
    now = utc_now()
    until = text_of(now + timedelta(days=365))
    for _ in range(count):
        serial = randomness.serial()
        entry = crl.entry(RevokedEntry(serial, now, "superseded"))
        tx.execute(
            "INSERT INTO crl_entries (issuer, serial, not_after, entry) VALUES (:issuer, :serial, :until, :entry)",
            issuer=issuer, serial=f"{serial:040x}", until=until, entry=entry,
        )  # fmt: skip


class Listed(NamedTuple):
    """Seconds and MiB; `kept` is the service's whole job: read, join, lint, sign and keep."""

    entries: int
    octets: int
    read: float
    sign: float
    bare: float
    kept: float
    before: float
    peak: float

    def row(self) -> list[str]:
        together = self.read + self.sign
        seconds = (self.read, self.sign, together, self.kept - together)
        return [
            f"{self.entries:,}", f"{self.octets / 1e6:.1f}", *(f"{one:.3f}" for one in seconds), f"{self.before:.0f}",
            f"{self.peak:.0f}", f"{self.bare:.4f}", f"{together / self.bare:.0f}",
        ]  # fmt: skip


async def listed(count: int, folder: Path) -> Listed:
    async with running(load_settings(None, data=folder, ca_key="p-256"), jobs=False) as service:
        authority, shelf = service.registration.authority, service.listing.shelf
        name = authority.current.name
        left = count
        while left:
            part = min(left, 20_000)
            await service.database.run(fill, name, part, deadline=60)
            left -= part
        before, now = resident_megabytes(multiprocessing.current_process().pid or 0) or 0.0, utc_now()
        ticks = [time.perf_counter()]
        entries = await shelf.entries(name, now, None, None)
        ticks.append(time.perf_counter())
        der = authority.sign_crl(name, entries, 1, now.replace(microsecond=0), timedelta(days=1))
        ticks.append(time.perf_counter())
        peak = peak_megabytes()
        authority.current.key.sign(der)
        ticks.append(time.perf_counter())
        del entries
        await service.listing.work()
        ticks.append(time.perf_counter())
    read, sign, bare, kept = (later - earlier for earlier, later in pairwise(ticks))
    return Listed(count, len(der), read, sign, bare, kept, before, peak)


def measure(count: int) -> Listed:
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        return asyncio.run(listed(count, Path(made)))


def each_alone(sizes: Iterable[int]) -> list[Listed]:
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.map(measure, sizes, chunksize=1)


if __name__ == "__main__":
    print(machine())
    results = each_alone([int(size) for size in sys.argv[1:]] or SIZES)
    table("Revocation lists", HEADS, (result.row() for result in results))
