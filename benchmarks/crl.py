"""Revocation lists of any size: `python -m benchmarks.crl [entries…]` (1,000, 100,000 and 1,000,000).

From the stored entries to the signed list, through the service's own job, each size in a process of its own: reading,
joining, lint, signing; keeping the list for all workers apart. The bare hash and signature over the same octets, in the
same process, is what it is compared with.
"""

import asyncio
import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from benchmarks.measuring import machine, resident_megabytes, table
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


async def listed(count: int, folder: Path) -> list[object]:
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
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        authority.current.key.sign(der)
        ticks.append(time.perf_counter())
        del entries
        await service.listing.work()
        ticks.append(time.perf_counter())
    read, sign, bare, kept = (later - earlier for earlier, later in pairwise(ticks))
    together = read + sign
    seconds = (read, sign, together, kept - together)
    return [
        f"{count:,}", f"{len(der) / 1e6:.1f}", *(f"{one:.3f}" for one in seconds), f"{before:.0f}", f"{peak:.0f}",
        f"{bare:.4f}", f"{together / bare:.0f}",
    ]  # fmt: skip


def measure(count: int) -> list[object]:
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        return asyncio.run(listed(count, Path(made)))


if __name__ == "__main__":
    print(machine())
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        table("Revocation lists", HEADS, pool.map(measure, sizes, chunksize=1))
