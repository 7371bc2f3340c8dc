"""The real service (`python -m bot serve`) in a process of its own, alone on one core; who measures is elsewhere."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring import pin
from tests.live import ROOT, free_port

SERVER, CLIENT = 0, 1
"""Cores."""


@contextmanager
def real_service(folder: Path, settings: Mapping[str, str] | None = None, code: str = "") -> Iterator[tuple[int, int]]:
    """Port and process id of a service outside the demo, so that every browser is a customer of its own.

    The pace limit is at its highest. `settings` are more of them, by their names in `bot.settings`; `code` is run in
    the process before anything else.
    """
    passphrase, port = folder / "passphrase", free_port()
    passphrase.write_text("for a benchmark only\n", "utf-8")
    passphrase.chmod(0o600)
    given = {
        "demo": "false", "ca_key": "p-256", "ca_passphrase_file": str(passphrase),
        "bank": "benchmarks.bare:bank", "sms": "benchmarks.bare:sms",
        "messages_per_minute": "6000", "log_level": "warning", **(settings or {}),
    }  # fmt: skip
    environment = {f"CERTTALK_{name.upper()}": value for name, value in given.items()}
    made = [sys.executable, "-m", "bot", "ca", "init", "--yes", "--data", str(folder / "data")]
    made += ["--root-passphrase-file", str(passphrase)]  # outside the demo the CA is made before the service starts
    subprocess.run(made, cwd=ROOT, env=_without_ours() | environment, check=True, capture_output=True)
    started = f"{code}\nimport sys\nfrom bot.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", started, "serve", "--data", str(folder / "data"), "--port", str(port)]
    with served(command, port, environment, folder / "serve.log") as process:
        yield port, process


@contextmanager
def served(command: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[int]:
    """A server on its own core; gives its process id."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=_without_ours() | environment, stdout=out, stderr=out)
    try:
        pin(SERVER, process.pid)  # at once: threads take it over from the one that starts them
        _wait_for(port, process, log)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CERTTALK_")}


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError(log.read_text("utf-8"))
