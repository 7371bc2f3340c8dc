"""Certificates a second: `python -m benchmarks.issue [certificates per row]`.

From the bare signature to the durable certificate, each row beside the bare signatures of the same key in the same run:
prepared, linted, signed and verified without a store; then the whole order of effects over the real store on SQLite:
check the request and the key, build, lint, store the plan, sign, read back, store the certificate with its reminders,
audit rows and announcement, one after another and many at once. Requests are RSA-2048 and made beforehand. Meanwhile a
heart beats in the same event loop and tells how long others would have waited.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, islice, pairwise
from pathlib import Path
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.measuring import Measured, bare_commits, in_fast_loop, machine, repeated, table
from bot.app import running
from bot.service import Service, utc_now
from bot.settings import load_settings
from ca import signing
from ca.authority import CertificateAuthority, Enrollment
from ca.ports import Record, Status, SubscriberId

CA_KEYS = ("p-256", "rsa-2048", "rsa-3072")
AT_ONCE = (1, 16, 64)
STAGED = 100
BEAT = 0.001
E = 65537


def requests(count: int) -> Iterator[bytes]:
    """So many DER requests, each of another RSA-2048 key.

    Good primes take a tenth of a second, and one key has one certificate: so keys are pairs out of few primes.
    Worthless as keys, but nothing that reads them takes less time for it.
    """
    primes: list[int] = []
    while len(primes) * (len(primes) - 1) // 2 < count + len(primes):
        numbers = rsa.generate_private_key(E, 2048).private_numbers()
        primes += [numbers.p, numbers.q]
    subject = x509.Name([])
    made = 0
    for p, q in combinations(sorted(primes, reverse=True), 2):
        if made == count:
            return
        if (p * q).bit_length() != 2048:
            continue
        d = rsa.rsa_recover_private_exponent(E, p, q)
        key = rsa.RSAPrivateNumbers(
            p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
            rsa.RSAPublicNumbers(E, p * q),
        ).private_key(unsafe_skip_rsa_key_validation=True)  # fmt: skip
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
        made += 1
        yield csr.public_bytes(Encoding.DER)


def wanted(number: int, csr: bytes) -> Enrollment:
    return Enrollment(
        request_id=f"request {number}",
        subscriber=SubscriberId(f"BENCH{number:06d}"),
        profile="personal",
        name="김데모",
        english_name="KIM DEMO",
        idn=f"BENCH{number:06d}",
        csr=csr,
        r=secrets.token_bytes(20),
        evidence={"code": "passed", "factor": "card"},
    )


async def _stages(service: Service, csrs: Iterator[tuple[int, bytes]], count: int) -> list[str]:
    """Median milliseconds of each stage, one certificate after another."""
    authority, store = service.registration.authority, service.certificates
    spent: list[list[float]] = []
    for number, csr in islice(csrs, count):
        ticks = [time.perf_counter()]
        plan = authority.prepare(wanted(number, csr), utc_now())
        ticks.append(time.perf_counter())
        record = await store.plan(plan)
        ticks.append(time.perf_counter())
        der = authority.sign(record)
        ticks.append(time.perf_counter())
        await store.complete(plan.serial, der, utc_now())
        ticks.append(time.perf_counter())
        spent.append([1000 * (later - earlier) for earlier, later in pairwise(ticks)])
    return [f"{median(stage):.2f}" for stage in zip(*spent, strict=True)]


class Heart:
    """Beats in the loop: how late each beat was, and what processor time the loop's own thread had spent by then."""

    def __init__(self) -> None:
        self.late, self.spent = list[float](), list[float]()

    @contextmanager
    def beating(self) -> Iterator["Heart"]:
        task = asyncio.create_task(self._beat())
        try:
            yield self
        finally:
            task.cancel()

    async def _beat(self) -> None:
        while True:
            begun, spent = time.perf_counter(), time.thread_time()
            await asyncio.sleep(BEAT)
            self.late.append(time.perf_counter() - begun - BEAT)
            self.spent.append(time.thread_time() - spent)

    def cells(self) -> list[str]:
        """The 99th percentile of both, in milliseconds."""
        return [f"{Measured(one, 1).milliseconds(0.99):.1f}" for one in (self.late, self.spent)]


async def enrolled(service: Service, numbered: Iterator[tuple[int, bytes]], at_once: int, count: int) -> Measured:
    """`count` certificates out of `numbered` requests through the registration authority, `at_once` of them."""
    each = list[float]()

    async def issue() -> None:
        for _ in range(count // at_once):
            one = wanted(*next(numbered))
            begun = time.perf_counter()
            await service.registration.enroll(one, utc_now())
            each.append(time.perf_counter() - begun)

    started, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(issue() for _ in range(at_once)))
    return Measured(each, time.perf_counter() - started, time.process_time() - processor)


def _in_memory(authority: CertificateAuthority, csrs: list[bytes]) -> Measured:
    """Everything but the store."""
    numbered = iter(enumerate(csrs))
    each = list[float]()
    started, processor = time.perf_counter(), time.process_time()
    for number, csr in numbered:
        begun = time.perf_counter()
        authority.sign(Record(authority.prepare(wanted(number, csr), utc_now()), Status.PLANNED))
        each.append(time.perf_counter() - begun)
    return Measured(each, time.perf_counter() - started, time.process_time() - processor)


async def _measured(folder: Path, kind: str, csrs: list[bytes]) -> tuple[list[list[object]], list[str]]:
    """The rows of one CA key, and the stages."""
    share = (len(csrs) - STAGED) // len(AT_ONCE)
    async with running(load_settings(None, data=folder / kind, ca_key=kind), jobs=False) as service:
        authority = service.registration.authority
        tbs, key = authority.prepare(wanted(10**6, csrs[0]), utc_now()).tbs, authority.current.key
        bare = repeated(1.0, lambda: key.sign(tbs))
        results: list[tuple[str, Measured, Heart | None]] = [
            ("signature alone", bare, None),
            ("signature, verified", repeated(1.0, lambda: signing.signed(tbs, key)), None),
            ("prepared, linted, signed, verified", _in_memory(authority, csrs[:share]), None),
        ]
        numbered = iter(enumerate(csrs))
        stages = await _stages(service, numbered, STAGED)
        for at_once in AT_ONCE:
            with Heart().beating() as heart:
                result = await enrolled(service, numbered, at_once, share)
            results.append((f"durable, {at_once} at once", result, heart))
    rows: list[list[object]] = [
        [
            kind, name, f"{result.processor_rate:,.0f}", f"{result.processor_rate / bare.processor_rate:.2f}",
            *result.cells(), *(heart.cells() if heart else ("", "")),
        ]
        for name, result, heart in results
    ]  # fmt: skip
    return rows, stages


async def main(count: int) -> None:
    csrs = list(requests(count * len(AT_ONCE) + STAGED))
    rows, staged = list[list[object]](), []
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        folder = Path(made)
        for kind in CA_KEYS:
            measured, stages = await _measured(folder, kind, csrs)
            rows += measured
            staged.append([kind, *stages])
        commits = bare_commits(folder / "bare.db", 1.0)
        with Heart().beating() as late:
            await asyncio.sleep(1)
    heads = (
        "CA key", "", "a processor-second", "of the signature", "a second", "p50 ms", "p95 ms", "p99 ms",
        "heartbeat p99 late ms", "of it the loop's own work ms",
    )  # fmt: skip
    table("Certificates", heads, rows)
    table("Where its time goes (ms)", ("CA key", "prepare, lint", "plan", "sign, verify", "complete"), staged)
    print(f"\nBare sqlite3 commits in the same minute: {commits.rate:,.0f} a second; a certificate takes two.")
    print(f"The heart of an idle loop in the same minute: p99 {late.cells()[0]} ms late.")


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
