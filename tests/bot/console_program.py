"""`python -m bot chat --json` as another program drives it; pages are done over HTTP."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.live import ROOT
from tests.outside import Key, page_of


class Program:
    """One conversation. `turn` writes a line and reads one."""

    def __init__(self, data: Path, environment: Mapping[str, str], who: str = "kim") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "chat", "--as", who, "--json", "--data", str(data)],
            cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            assert self.end() == 0
        else:
            self.process.kill()
            self.process.communicate()

    def end(self) -> int:
        self.stderr = self.process.communicate(timeout=30)[1].decode()
        return self.process.returncode

    def raw(self, line: bytes) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(self.process.communicate()[1].decode())
        return dict(json.loads(answer))

    def says(self, text: str) -> dict[str, Any]:
        return self.raw(text.encode())

    def presses(self, value: str, among: Mapping[str, Any]) -> dict[str, Any]:
        offered = [choice["value"] for reply in among["replies"] for choice in reply["choices"]]
        pressed = next(v for v in offered if v.partition("=")[2].partition("~")[0] == value)
        return self.raw(json.dumps({"choice": pressed}).encode())

    def polls(self) -> dict[str, Any]:
        return self.raw(b"")

    def to_page(self, account: str = "000-21-1101-011", name: str = "김데모") -> str:
        """Walk up to the secure page; its address."""
        self.says("인증서 발급")
        turn = self.says("준비됐어요")
        self.presses("personal", turn)
        self.says(account)
        turn = self.says(name)
        texts = list(turn.get("sms", ()))
        while not texts:
            texts = self.polls().get("sms", [])
        found = re.search(r"(?<!\d)\d{6}(?!\d)", texts[0])
        assert found
        turn = self.says(found[0])
        for value in ("yes", "agree", "this_pc", "confirm"):
            turn = self.presses(value, turn)
        return str(turn["replies"][-1]["link"])

    def enrol(self, who: str = "kim") -> dict[str, Any]:
        """What the page was given; the conversation stands at the check afterwards."""
        page = PageByHand(self.to_page(), who)
        return page.done()


class PageByHand:
    """The secure page without a browser."""

    def __init__(self, url: str, who: str) -> None:
        origin, mark, token = url.partition("/s/")
        self.path = mark + token
        self.http = httpx2.Client(base_url=origin, cookies={"certtalk-as": who}, trust_env=False, timeout=10)
        self.shown = page_of(self.http.get(self.path).text)

    def post(self, end: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.http.post(f"{self.path}/{end}", json=body, headers={"X-CSRF-Token": self.shown["csrf"]})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def factor(self) -> dict[str, Any]:
        card = self.http.get("/demo/desk").json()["card"]["cells"]
        return {
            "cells": {str(c["cell"]): half_of(card[str(c["cell"])], c["half"]) for c in self.shown["factor"]["cells"]}
        }

    def issue(self, key: Key) -> dict[str, Any]:
        return self.post("issue", {"factor": self.factor(), **key.form})

    def done(self) -> dict[str, Any]:
        """Issue and keep; what the page was given."""
        issued = self.issue(Key())
        assert self.post("done", {"document": None}) == {"ok": True}
        self.http.close()
        return issued


def half_of(digits: str, half: str) -> str:
    return digits[:2] if half == "front" else digits[2:]
