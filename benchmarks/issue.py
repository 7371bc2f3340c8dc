"""Durable certificates a second: `python -m benchmarks.issue [certificates per row]`.

The whole order of effects: check the request and the key, build, lint, store the plan, sign, read back, store the
certificate with reminders, audit rows and its announcement; two fsyncs a certificate. Over the real store on SQLite,
with RSA-2048 requests made beforehand. The same CA key signing bare, in the same run, is what it is compared with.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
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
from ca.authority import Enrollment
from ca.ports import SubscriberId

CA_KEYS = ("p-256", "rsa-2048", "rsa-3072")
AT_ONCE = (1, 16)
STAGED = 100
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


async def _issued(folder: Path, kind: str, csrs: list[bytes]) -> tuple[list[Measured], Measured, list[str]]:
    """With one and with several at once; the bare signatures of the same key; and the stages."""
    settings = load_settings(None, data=folder / kind, ca_key=kind)
    share = (len(csrs) - STAGED) // len(AT_ONCE)
    results = []
    async with running(settings, jobs=False) as service:
        numbered = iter(enumerate(csrs))
        stages = await _stages(service, numbered, STAGED)
        for at_once in AT_ONCE:
            each: list[float] = []

            async def issue(count: int, each: list[float] = each) -> None:
                for _ in range(count):
                    one = wanted(*next(numbered))
                    begun = time.perf_counter()
                    await service.registration.enroll(one, utc_now())
                    each.append(time.perf_counter() - begun)

            started = time.perf_counter()
            await asyncio.gather(*(issue(share // at_once) for _ in range(at_once)))
            results.append(Measured(each, time.perf_counter() - started))
        authority = service.registration.authority
        tbs = authority.prepare(wanted(10**6, csrs[0]), utc_now()).tbs
        bare = repeated(1.0, lambda: signing.signed(tbs, authority.current.key))
    return results, bare, stages


async def main(count: int) -> None:
    csrs = list(requests(count * len(AT_ONCE) + STAGED))
    rows, staged = [], []
    with tempfile.TemporaryDirectory(prefix="certtalk-bench-") as made:
        folder = Path(made)
        for kind in CA_KEYS:
            results, bare, stages = await _issued(folder, kind, csrs)
            staged.append([kind, *stages])
            for at_once, result in zip(AT_ONCE, results, strict=True):
                rows.append([kind, at_once, *result.cells(), f"{bare.rate:,.0f}", f"{result.rate / bare.rate:.2f}"])
        commits = bare_commits(folder / "bare.db", 1.0)
    heads = ("CA key", "at once", "a second", "p50 ms", "p95 ms", "p99 ms", "bare signatures a second", "ratio")
    table("Durable certificates", heads, rows)
    table("Where its time goes (ms)", ("CA key", "prepare, lint", "plan", "lint, sign, verify", "complete"), staged)
    print(f"\nBare sqlite3 commits in the same minute: {commits.rate:,.0f} a second; a certificate takes two.")


if __name__ == "__main__":
    print(machine())
    in_fast_loop(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
