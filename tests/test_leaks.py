"""After whole journeys: no secret in any file of the data folder, in any log line, in any history."""

import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from bot import logs
from bot.channels.kakao.answering import Kakao
from bot.web.application import Application
from handlers.message import CustomerId
from tests.kakao.calls import KAKAO
from tests.outside import Browser, Key, Outside, Start, b64
from tests.web.test_guard import TOKEN, routes

PASSWORD = "Gildong!2026pw"


class Said:
    """Everything that was secret on the way."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def note(self, what: str, secret: str) -> str:
        self.secrets[what] = secret
        return secret


async def journeys(outside: Outside, said: Said) -> None:
    """Two customers (card, token) enrol; codes, digits and passwords are also typed where they do not belong."""
    for who in ("kim", "lee"):
        browser, key = outside.browser(who), Key()
        path = await browser.to_page()
        code = said.note(f"{who}'s SMS code", await browser.code())
        account = (await browser.desk())["accounts"][0]
        said.note(f"{who}'s account", account.replace("-", ""))
        said.note(f"{who}'s account as written", account)
        await browser.said(f"인증번호는 {code}이고 비밀번호는 {PASSWORD}예요")
        factor = await browser.factor(await browser.open(path))
        if "otp" in factor:
            said.note("token code", factor["otp"])
        else:
            await card_digits(browser, said, factor)
        wrong = {"otp": "000000", "cells": dict.fromkeys(factor.get("cells", ()), "xx")}
        await browser.post(f"{path}/issue", {"factor": wrong, **key.form})
        answer = await browser.post(f"{path}/issue", {"factor": factor, **key.form})
        assert answer.status_code == 200
        document = {"filename": "a.p12", "bytes": b64(b"0 only an encrypted file")}
        assert (await browser.keep(path, document)).status_code == 200
        await browser.said(choice="works=later")
        said.note(f"{who}'s R", key.form["r"])
        said.note(f"{who}'s link", path.rpartition(".")[2])
        said.note(f"{who}'s session", browser.http.cookies["certtalk"])
        said.note(f"{who}'s form token", browser.token)
    said.note("password", PASSWORD)
    await outside.service.delivering.work()
    await outside.service.cleaning.work()


async def card_digits(browser: Browser, said: Said, factor: dict[str, Any]) -> None:
    cells: dict[str, str] = (await browser.desk())["card"]["cells"]
    for cell in factor["cells"]:
        said.note(f"card cell {cell}", cells[cell])


def found(secrets: dict[str, str], content: str) -> set[str]:
    """Two digits of a card are everywhere: whole cells are looked for where they would stand as such."""
    return {what for what, secret in secrets.items() if len(secret) > 4 and secret in content} | {
        what
        for what, secret in secrets.items()
        if len(secret) == 4 and any(f"{mark}{secret}{mark}" in content for mark in ('"', "'", " "))
    }


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """Everything the service writes at its most talkative, as it writes it."""
    root, stream = logging.getLogger(), StringIO()
    handlers, level = list(root.handlers), root.level
    root.handlers = []
    logs.configure("debug", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


async def test_no_secret_is_left_anywhere(start: Start, tmp_path: Path, logged: StringIO) -> None:
    said = Said()
    async with start(jobs=True, tries=10) as outside:
        await journeys(outside, said)
        rows = "\n".join([row for table in (await outside.everything()).values() for row in table])
        history = outside.service.conversations.history
        said_there = [await history(CustomerId(who), 0) for who in ("demo:kim", "demo:lee")]
    histories = "\n".join(f"{one.text} {one.reply}" for talk in said_there for one in talk)
    assert len(said.secrets) >= 14
    # The link of a page may be shown again to its own customer; it is stored nowhere.
    in_chat = {what: secret for what, secret in said.secrets.items() if not what.endswith("link")}
    assert found(in_chat, histories) == set()
    assert found(said.secrets, rows) == set()
    lines = logged.getvalue()
    assert found(said.secrets, lines) == set()
    assert '"level": "info"' in lines
    for row in ("김데모", "demo:kim", "01000000001"):  # libraries would print the rows they read
        assert row not in lines
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"certtalk.sqlite3", "service.key", "issuing-1.key"}
    for path in files:
        content = path.read_bytes()
        # An account stands in the open journey's state, so a page of the file may still remember it.
        octets = {what: s for what, s in said.secrets.items() if len(s) > 4 and "account" not in what}
        assert {what for what, secret in octets.items() if secret.encode() in content} == set(), path.name


async def test_no_private_key_lies_in_clear_and_nobody_else_may_read(start: Start, tmp_path: Path) -> None:
    async with start() as outside:
        await outside.browser().enrolled()
    data = tmp_path / "data"
    keys = [path for path in data.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    # The root's key has the first digits of its identifier in its name.
    assert {path.name.partition("-")[0] for path in keys} == {"root", "issuing", "ocsp"}
    assert len(keys) == 3
    for path in keys:
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
        assert b"BEGIN PRIVATE" not in path.read_bytes()
    for path in (data, data / "ca", *keys, data / "service.key", data / "certtalk.sqlite3"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_this_test_can_see(outside: Outside) -> None:
    """What is put in is found, so that an empty result means something."""
    await outside.service.database.run(lambda tx: tx.execute(
        "INSERT INTO unanswered (customer, message_id, words, candidates, at) VALUES ('x', 'x', '123456', '[]', '')"
    ))  # fmt: skip
    rows = repr(await outside.everything())
    assert found({"code": "123456", "cell": "9876"}, rows + ' "9876" ') == {"code", "cell"}


@pytest.mark.parametrize("token", ["A" * 22 + "." + "b" * 22, "A" * 22 + ".1799999999." + "b" * 22])
async def test_a_whole_link_is_hidden_from_logs(start: Start, token: str) -> None:
    """On every route that has one: a fault and a busy database are logged with the request's path."""
    async with start(telegram_token="1234567:" + "A" * 35, **KAKAO) as outside:
        outside.application = Application(outside.service, kakao=Kakao(outside.service))
        paths = {path.replace(TOKEN, token) for method in ("GET", "POST") for path in routes(outside, method)}
    paths = {path for path in paths if token in path}
    assert {path.split("/")[1] for path in paths} >= {"s", "app", "register", "files", "k"}
    for path in (*paths, f"/login-check?s={token}", f"/login-check?lang=ko&s={token}"):
        line = logs.redact(f"GET {path} 200")
        assert "AAAA" not in line
        assert "bbbb" not in line
        assert "200" in line
