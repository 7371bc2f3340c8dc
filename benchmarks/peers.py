"""Our CA beside django-ca in the same run: `python -m benchmarks.peers [certificates per row] [entries of lists…]`.

Certificates on SQLite (WAL, synchronous FULL), OCSP answers of each one's whole application called without a socket,
revocation lists from the stored rows to the list that is signed and stored. Both are on the same core and take turns,
a small round each, because what the disk gives changes from minute to minute; django-ca is in a process of its own
(`benchmarks.peer`), with the same version of `cryptography`, the same kinds of keys and the same requests, both warm.
It is measured as it comes, and with its keys kept in memory.
"""

import asyncio
import importlib.util
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.x509 import ocsp as library

from benchmarks import crl
from benchmarks.issue import enrolled, requests, wanted
from benchmarks.measuring import Measured, bare_commits, in_fast_loop, machine, measured, pin, table
from benchmarks.ocsp import calling, fresh_requests
from bot.app import running
from bot.service import utc_now
from bot.settings import load_settings
from bot.web.application import Application
from ca import ocsp
from tests.live import ROOT

KINDS: Final = ("p-256", "rsa-2048")
SIZES: Final = (1_000, 10_000)
A_ROUND, TOGETHER, WARM = 25, 64, 20
SECONDS: Final = 1.0
ANSWERED_ROUNDS: Final = 3
HEADS: Final = ("", "CA key", "a second", "p50 ms", "p95 ms", "p99 ms", "a processor-second", "ours : it", "processor")
MISSING: Final = """\
django-ca is not installed here. Only this comparison needs it, so it gets an environment of its own:

    python3 -m venv .venv-bench
    .venv-bench/bin/pip install --require-hashes --requirement requirements-bench.lock
    .venv-bench/bin/python -m benchmarks.peers
"""


class Peer:
    """django-ca, asked over a pipe."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    async def does(self, what: str, **told: object) -> dict[str, Any]:
        return await asyncio.to_thread(self._ask, json.dumps({"what": what, **told}))

    async def measures(self, what: str, **told: object) -> Measured:
        return Measured(**await self.does(what, **told))

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        print(line, file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline() or '"it has died"')
        return answer


@contextmanager
def beside(folder: Path, kind: str) -> Iterator[Peer]:
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.peer", str(folder), kind]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Peer(process)  # leaving closes the pipe, which ends it


class Rows:
    """What each one has done in all rounds."""

    def __init__(self, kind: str) -> None:
        self.kind, self.rounds = kind, dict[str, list[Measured]]()

    def add(self, name: str, result: Measured) -> None:
        self.rounds.setdefault(name, []).append(result)

    def told(self, against: dict[str, str]) -> list[list[str]]:
        """Cells under `HEADS`; `against` names the row of ours that one of the peer is compared with."""
        results = {name: Measured.all(rounds) for name, rounds in self.rounds.items()}
        return [[name, self.kind, *one.cells(), f"{one.processor_rate:,.0f}",
                 *(ratios(results[against[name]], one) if name in against else ("", ""))]
                for name, one in results.items()]  # fmt: skip


def ratios(ours: Measured, other: Measured) -> list[str]:
    """By wall time and by processor time."""
    pairs = (ours.rate, other.rate), (ours.processor_rate, other.processor_rate)
    return [f"{a / b:.2f}" if a < 10 * b else f"{a / b:.0f}" for a, b in pairs]


async def issued(folder: Path, kind: str, csrs: Sequence[bytes]) -> list[list[str]]:
    rows, numbered = Rows(kind), enumerate(csrs)
    async with running(load_settings(None, data=folder / f"ours {kind}", ca_key=kind), jobs=False) as service:
        with beside(folder / f"issues {kind}", kind) as peer:
            await enrolled(service, numbered, 1, WARM)
            for at in range(WARM, len(csrs), A_ROUND + TOGETHER):
                same = [csr.hex() for csr in csrs[at : at + A_ROUND]]
                rows.add("CertTalk", await enrolled(service, numbered, 1, A_ROUND))
                rows.add("django-ca", await peer.measures("issue", csrs=same, kept=False))
                rows.add("django-ca, CA and key kept", await peer.measures("issue", csrs=same, kept=True))
                rows.add("CertTalk, 64 at once", await enrolled(service, numbered, TOGETHER, TOGETHER))
                rows.add("sqlite3, bare commits", bare_commits(folder / f"{kind} {at}.db", 0.2))
    names = list(rows.rounds)
    return rows.told({names[1]: names[0], names[2]: names[0]})


async def answered(folder: Path, kind: str, csr: bytes) -> list[list[str]]:
    rows = Rows(kind)
    async with running(load_settings(None, data=folder / f"answers {kind}", ca_key=kind)) as service:
        record = await service.registration.enroll(wanted(0, csr), utc_now())
        issuer = service.registration.authority.current
        asked = ocsp.request(issuer, record.plan.serial, "sha256")
        fresh = fresh_requests(x509.load_der_x509_certificate(record.der or b""), issuer.certificate)
        answer = library.load_der_ocsp_response((await service.answering.answer(fresh())).der)
        assert answer.certificate_status is library.OCSPCertStatus.GOOD
        app = Application(service).asgi

        async def ours(body: Callable[[], bytes], callers: int) -> Measured:
            once = calling(app, "POST", "/pki/ocsp", body)
            for _ in range(WARM):
                await once()
            return await measured(callers, SECONDS, lambda _: once)

        with beside(folder / f"peer answers {kind}", kind) as peer:

            async def theirs(*, kept: bool = False, cached: bool = False) -> Measured:
                return await peer.measures("answer", csr=csr.hex(), kept=kept, cached=cached, seconds=SECONDS)

            for _ in range(ANSWERED_ROUNDS):
                rows.add("CertTalk, prepared", await ours(lambda: asked, 1))
                rows.add("django-ca, from its cache", await theirs(cached=True))
                rows.add("CertTalk, signed on demand", await ours(fresh, 1))
                rows.add("CertTalk, the same, 64 at once", await ours(fresh, TOGETHER))
                rows.add("django-ca, signed on demand", await theirs())
                rows.add("django-ca, the same, key kept", await theirs(kept=True))
    prepared, cached, demanded, _, plain, kept = rows.rounds
    return rows.told({cached: prepared, plain: demanded, kept: demanded})


async def listed(folder: Path, csr: bytes, size: int) -> list[str]:
    """The quickest of three, each in a process of its own for the memory's sake; a long one once."""
    tries = 3 if size <= SIZES[-1] else 1
    ours = min(crl.each_alone([size] * tries), key=lambda one: one.kept)
    theirs = list[dict[str, Any]]()
    for number in range(tries):
        with beside(folder / f"list {size} {number}", "p-256") as peer:
            theirs.append(await peer.does("revocations", csr=csr.hex(), count=size))
    other = min(theirs, key=lambda one: one["seconds"])
    seconds = (f"{one:.3f}" for one in (ours.kept, other["seconds"]))
    return [f"{size:,}", *seconds, f"{other['seconds'] / ours.kept:.0f}", f"{ours.peak:.0f}", f"{other['peak']:.0f}"]


async def main(certificates: int, sizes: Sequence[int]) -> None:
    pin(0)
    logging.disable(logging.WARNING)  # that nobody is there to be told of these certificates
    rounds = -(-certificates // A_ROUND)
    csrs = list(requests(WARM + rounds * (A_ROUND + TOGETHER)))
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        folder = Path(made)
        table(
            "Certificates, one after another",
            HEADS,
            [row for kind in KINDS for row in await issued(folder, kind, csrs)],
        )
        table("OCSP answers", HEADS, [row for kind in KINDS for row in await answered(folder, kind, csrs[0])])
        heads = ("entries", "CertTalk s", "django-ca s", "times as long", "CertTalk peak MB", "django-ca peak MB")
        table("Revocation lists, P-256", heads, [await listed(folder, csrs[0], size) for size in sizes])
    print(
        "\nA certificate of ours is two commits, linted, read back and verified; one of django-ca is a single commit."
    )


if __name__ == "__main__":
    if importlib.util.find_spec("django_ca") is None:
        sys.exit(MISSING)
    print(f"{machine()}, django-ca {version('django-ca')}, cryptography {version('cryptography')}")
    numbers = [int(number) for number in sys.argv[1:]]
    in_fast_loop(main(numbers[0] if numbers else 300, numbers[1:] or SIZES))
