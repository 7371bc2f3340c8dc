"""The disk answers EIO: nothing is issued that cannot be stored, what is known is still said, and nothing told is lost.

The kernel's answers are changed by strace while the service runs, for the files of its database only.
"""

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.live import Live
from tests.walking import CUSTOMERS, GENEROUS, Walker, check, end_leases, make_room

STRACE = shutil.which("strace")
EVERY = (2, 7)
WRITING, READING = "fdatasync,pwrite64", "pread64"


@contextlib.contextmanager
def answered_with_eio(live: Live, calls: str, every: int) -> Iterator[None]:
    """Every so many of these calls on the database's files fails. Skips the test where nothing may be traced."""
    assert STRACE is not None
    assert live.process is not None
    files = [part for end in ("", "-wal", "-shm") for part in ("-P", str(live.data / f"certtalk.sqlite3{end}"))]
    faults = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={every}+{every}"]
    command = [STRACE, "-f", "-o", "/dev/null", *files, *faults, "-p", str(live.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    try:
        if "attached" not in said:
            pytest.skip(f"no process may be traced here: {said.strip()}")
        yield
    finally:
        tracer.terminate()  # lets go of the process
        tracer.communicate(timeout=20)


def until(held: Callable[[], bool]) -> None:
    """A hang is an error; nothing here is measured."""
    deadline = time.monotonic() + 60
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(live: Live, certificate: x509.Certificate, issuer: x509.Certificate) -> str:
    """What OCSP says of it, or why it does not."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1()).build()
    octets = live.fetch("/pki/ocsp", request.public_bytes(Encoding.DER), "application/ocsp-request")
    answer = ocsp.load_der_ocsp_response(octets)
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return answer.response_status.name
    return answer.certificate_status.name


@pytest.mark.skipif(STRACE is None, reason="no strace")
def test_the_disk_answers_eio(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    live = Live(data, **GENEROUS).start()
    walkers = [Walker(live.url, who) for who in CUSTOMERS]

    def given() -> int:
        return sum(len(walker.given) for walker in walkers)

    def they_go_on() -> None:
        before, deadline = given(), time.monotonic() + 60
        while given() == before:
            assert time.monotonic() < deadline, [walker.last for walker in walkers]
            asyncio.run(make_room(data))
            asyncio.run(end_leases(data))
            time.sleep(0.3)

    try:
        for walker in walkers:
            walker.start()
        until(lambda: all(walker.given for walker in walkers))
        issuer = x509.load_der_x509_certificate(live.fetch("/pki/issuing-1.cer"))
        known = x509.load_der_x509_certificate(walkers[0].given[0])
        before = status(live, known, issuer)
        assert before in {"GOOD", "REVOKED"}

        with answered_with_eio(live, "fdatasync", 1):
            time.sleep(0.5)  # what was being stored when it began
            issued = given()
            refused = [walker.refused for walker in walkers]
            until(lambda: all(walker.refused > n + 5 for walker, n in zip(walkers, refused, strict=True)))
            assert given() == issued, "said to be issued, and not on the disk"
            assert status(live, known, issuer) == before
        they_go_on()

        for calls in (WRITING, READING):
            for every in EVERY:
                with answered_with_eio(live, calls, every):
                    for _ in range(5):
                        assert status(live, known, issuer) in {"GOOD", "REVOKED", "TRY_LATER"}
                        time.sleep(0.1)
        they_go_on()
    finally:
        for walker in walkers:
            walker.stop.set()
        for walker in walkers:
            walker.join(15)
        stopped = live.stop()
    assert stopped == 0
    assert [fault for walker in walkers for fault in walker.faults] == []
    assert asyncio.run(check(data, walkers)) >= len(walkers)
    verified = live.verb("audit", "verify")
    assert verified.returncode == 0, verified.stderr
