"""A real service for tests: `python -m bot serve` in a process of its own, on a free loopback port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Live:
    """Start, stop and kill one service over one data folder."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data, self.port = data, free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CERTTALK_")}
        self.environment |= {"CERTTALK_CA_KEY": "rsa-2048", "PYTHONUNBUFFERED": "1", **environment}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Live":
        command = [sys.executable, "-m", "bot", "serve", "--data", str(self.data), "--port", str(self.port)]
        log = (self.data.parent / "serve.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if self.get("/healthz")["ok"]:
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.data.parent / "serve.log").read_text("utf-8"))

    def get(self, path: str) -> Mapping[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.loads(answer.read())

    def fetch(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        request = urllib.request.Request(self.url + path, data=body, headers={"Content-Type": kind} if kind else {})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bytes(answer.read())

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A verb of the command line over the same folder."""
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments, "--data", str(self.data)],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
