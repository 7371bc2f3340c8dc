"""What stands before every room: headers on every answer, and what is refused before anything is read or changed."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Mount, Route

from bot.storage.database import DatabaseCorrupt, DatabaseUnavailable
from bot.web.guard import MAX_BODY, Guarded, Pace
from bot.web.ocsp import OcspDesk
from handlers.bank import BankUnavailable
from tests.outside import Key, Outside, Start

HTTPS = "https://cert.example.com"
ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
TOKEN = "x" * 22 + "." + "y" * 22


def routes(outside: Outside, method: str) -> list[str]:
    """Every path of ours that takes `method`, its parameters filled in with nothing that exists."""
    assert isinstance(outside.application.asgi, OcspDesk), "which no browser is sent to"
    assert isinstance(outside.application.asgi.app, Guarded)
    application: Any = outside.application.asgi.app.app
    found = [one for one in application.routes if isinstance(one, Route) and method in (one.methods or ())]
    assert all(isinstance(one, Route | Mount) for one in application.routes)
    named = {"id": "x", "name": "x", "tool": "check"}
    return [one.path.replace("{token}", TOKEN).format(**named) for one in found]


async def ask(outside: Outside, path: str, method: str = "GET", **given: Any) -> httpx2.Response:
    return await outside.browser().http.request(method, path, **given)


def assert_guarded(answer: httpx2.Response, *, https: bool = False) -> None:
    for name, value in ALWAYS.items():
        assert answer.headers.get_list(name) == [value], (answer.url, answer.status_code, name)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert not any("unsafe" in value or "*" in value for value in policy.values())
    assert "camera=()" in answer.headers["permissions-policy"]
    assert ("strict-transport-security" in answer.headers) is https
    assert answer.headers["cache-control"]


async def test_every_kind_of_answer_carries_the_headers(outside: Outside) -> None:
    seen: set[int] = set()

    async def look(answer: httpx2.Response) -> None:
        assert_guarded(answer)
        seen.add(answer.status_code)

    for path in [*routes(outside, "GET"), "/nothing", "/static/secure.css", "/static/nothing", "/static/../app.py"]:
        if path != "/chat/events":
            await look(await ask(outside, path))
            await look(await ask(outside, path, "DELETE"))
    for path in routes(outside, "POST"):
        await look(await ask(outside, path, "POST"))
    await look(await ask(outside, "/", headers={"Host": "elsewhere.example"}))
    await look(await ask(outside, "/chat/say", "POST", content=b"x" * (MAX_BODY + 1)))
    crl = await ask(outside, "/pki/issuing-1.crl")
    await look(await ask(outside, "/pki/issuing-1.crl", headers={"If-None-Match": crl.headers["etag"]}))
    assert seen >= {200, 304, 400, 403, 404, 405, 413, 503}


async def test_a_fault_shows_nothing_of_the_inside(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(outside.service, "health", fail)
    answer = await ask(outside, "/healthz")
    assert (answer.status_code, answer.json()) == (500, {"error": "internal"})
    assert_guarded(answer)


@pytest.mark.parametrize("error", [DatabaseUnavailable, DatabaseCorrupt, BankUnavailable])
async def test_what_may_work_in_a_moment_says_so(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    await browser.open(path)

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(outside.service.conversation, "show", fail)
    monkeypatch.setattr(outside.service.conversation.store, "open", fail)
    monkeypatch.setattr(outside.service.certificates, "by_request", fail)
    shown = await browser.http.get(path)
    assert (shown.status_code, shown.headers["retry-after"]) == (503, "2")
    assert shown.text.endswith("요.")
    answer = await browser.keep(path)
    assert answer.status_code == 503
    assert answer.json()["text"].endswith("요.")


async def test_under_https_the_cookie_is_bound_to_the_host(start: Start) -> None:
    async with start(public_url=HTTPS) as outside:
        answer = await outside.browser().http.get("/")
        assert_guarded(answer, https=True)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-certtalk=")
        for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert part.lower() in cookie.lower()
        assert "domain" not in cookie.lower()
        browser = outside.browser()
        assert await browser.said("안녕하세요")


async def test_under_http_the_cookie_is_plain_and_no_hsts(outside: Outside) -> None:
    answer = await outside.browser().http.get("/")
    assert answer.headers["set-cookie"].startswith("certtalk=")
    assert "secure" not in answer.headers["set-cookie"].lower()
    assert "httponly" in answer.headers["set-cookie"].lower()


async def test_sessions_differ_and_a_kept_one_is_not_given_again(outside: Outside) -> None:
    first, second = outside.browser(), outside.browser()
    tokens = {(await one.open())["csrf"] for one in (first, second)}
    assert len(tokens) == 2
    again = await first.http.get("/")
    assert "set-cookie" not in again.headers


FORGED: list[tuple[str, dict[str, str | None]]] = [
    ("no token", {"x-csrf-token": None}),
    ("wrong token", {"x-csrf-token": "A" * 22}),
    ("not even ASCII", {"x-csrf-token": "é"}),
    ("another origin", {"origin": "https://elsewhere.example"}),
    ("our name as a part", {"origin": "http://127.0.0.1:8710.elsewhere.example"}),
    ("a sandboxed frame", {"origin": "null"}),
    ("cross-site", {"sec-fetch-site": "cross-site"}),
    ("a sister of the site", {"sec-fetch-site": "same-site"}),
]


@pytest.mark.parametrize(("what", "changed"), FORGED, ids=[what for what, _ in FORGED])
async def test_forged_requests_are_refused_on_every_route_that_changes_something(
    outside: Outside, what: str, changed: dict[str, str | None]
) -> None:
    browser = outside.browser()
    await browser.open()
    before = await outside.everything()
    paths = [path for path in routes(outside, "POST") if path != "/pki/ocsp"]  # OCSP changes nothing
    assert len(paths) >= 6
    for path in paths:
        headers = {"x-csrf-token": browser.token} | changed
        given = {name: value.encode() for name, value in headers.items() if value is not None}
        answer = await browser.http.post(path, content=b"{}", headers=given)
        assert answer.status_code == 403, path
        assert answer.json()["error"] == "csrf"
    assert await outside.everything() == before


async def test_the_same_requests_with_what_our_page_sends_go_through(outside: Outside) -> None:
    browser = outside.browser()
    await browser.open()
    for path in routes(outside, "POST"):
        headers = {"Origin": "http://127.0.0.1:8710", "Sec-Fetch-Site": "same-origin"}
        assert (await browser.post(path, {}, **headers)).status_code != 403, path


async def test_one_sessions_token_is_worth_nothing_in_another(outside: Outside) -> None:
    mine, theirs = outside.browser(), outside.browser()
    await mine.open()
    await theirs.open()
    answer = await mine.post("/chat/say", {"id": "12345678", "text": "x"}, **{"X-CSRF-Token": theirs.token})
    assert answer.status_code == 403


@pytest.mark.parametrize("demo", [True, False])
async def test_getting_changes_nothing(start: Start, tmp_path: Path, demo: bool) -> None:
    passphrase = tmp_path / "passphrase"
    shutil.copy(tmp_path / "data/ca.passphrase", passphrase)
    adapters = dict.fromkeys(("bank", "sms"), "tests.outside:nobody")
    given = {} if demo else {"demo": False, "ca_passphrase_file": passphrase, **adapters}
    async with start(**given) as outside:
        browser = outside.browser()
        if demo:
            await browser.to_page()
        await browser.http.get("/pki/issuing-1.crl")  # numbered when it is first made
        before = await outside.everything()
        for _ in range(2):  # the second time as somebody who has a cookie
            for path in routes(outside, "GET"):
                if path != "/chat/events":  # says hello, once
                    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
                        await browser.http.request(method, path)
        assert await outside.everything() == before


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example:8710", "", "[::2]", "localhost."])
async def test_other_names_are_refused(outside: Outside, host: str) -> None:
    assert (await ask(outside, "/", headers={"Host": host})).status_code == 400


async def test_two_names_are_refused_whichever_comes_first(outside: Outside) -> None:
    for hosts in (("127.0.0.1:8710", "elsewhere.example"), ("elsewhere.example", "127.0.0.1:8710")):
        assert (await ask(outside, "/", headers=[("Host", one) for one in hosts])).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8710", "localhost:8710", "LOCALHOST", "[::1]:8710", "[::1]"])
async def test_names_of_this_machine_are_taken(outside: Outside, host: str) -> None:
    assert (await ask(outside, "/", headers={"Host": host})).status_code == 200


async def test_the_public_name_is_taken_with_and_without_its_port(start: Start) -> None:
    async with start(public_url="https://Cert.example.com:8443") as outside:
        for host, status in {"cert.example.com": 200, "cert.example.com:8443": 200, "example.com": 400}.items():
            assert (await ask(outside, "/", headers={"Host": host})).status_code == status


async def test_an_ipv6_address_can_be_the_public_one(start: Start) -> None:
    async with start(host="::1") as outside:
        assert outside.service.settings.public_url == "http://[::1]:8710"
        assert await outside.browser().said("안녕하세요")


async def endless(octets: int) -> AsyncIterator[bytes]:
    for _ in range(octets // 1000 + 1):
        yield b" " * 1000


async def test_bodies_that_are_too_large(outside: Outside) -> None:
    browser = outside.browser()
    await browser.open()
    for path in routes(outside, "POST"):
        headers = {"X-CSRF-Token": browser.token}
        path = path.replace(TOKEN, outside.service.links.token("x" * 22))
        for content in (b"x" * (MAX_BODY + 1), endless(MAX_BODY)):
            answer = await browser.http.post(path, content=content, headers=headers)
            # A link that does not exist is refused before its body is read.
            assert answer.status_code in {413, 404}, path
            assert (answer.status_code == 404) <= path.startswith(("/s/", "/register/"))
            assert_guarded(answer)
    for length in ("-1", "1e9", "9" * 30, "٣"):
        answer = await browser.http.post("/chat/say", content=b"{}", headers=[(b"content-length", length.encode())])
        assert answer.status_code == 413
    largest = json.dumps({"id": "12345678", "text": "x", "more": ""}).encode()
    assert (await browser.post("/chat/say", largest[:-2] + b" " * (MAX_BODY - len(largest)) + b'"}')).status_code == 200


DEEP = b'{"a":' * 60_000 + b"1" + b"}" * 60_000
HOSTILE = [
    b"", b"null", b"[]", b'"x"', b"1", b"{", b"\xff\xfe", b'{"a": "\xff"}', b"\x00", DEEP[:MAX_BODY], b"[" * 200_000,
    b'{"a":' * 40 + b"1" + b"}" * 40, b'{"id": ' + b"9" * 100_000 + b"}", b'{"a": 1e400, "b": NaN}', b"{}" * 3,
    b'{"a": "' + b"\\ud800" * 1000 + b'"}', "﻿{}".encode(), '{"a": 1}'.encode("utf-16"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_hostile_bodies_are_the_senders_fault(outside: Outside, number: int) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    await browser.open(path)
    for route in ("/chat/say", f"{path}/issue", f"{path}/done", "/login-check", "/demo/switch", "/demo/clock"):
        answer = await browser.post(route, HOSTILE[number])
        assert 400 <= answer.status_code < 500, (route, answer.text)


SCALARS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    | st.text(st.characters(categories=["Cs", "Cc", "Zl", "Cf", "Nd"]), max_size=12)
    | st.sampled_from(["", "AA==", "\x00" * 9, "\ud800" * 9, "٣", "MAA=", "9999999999-\ud800", "9999999999-\x00"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
OTP_OR_CELLS = st.fixed_dictionaries(
    {}, optional={"otp": VALUES, "cells": VALUES | st.dictionaries(SCALARS.map(str), VALUES)}
)
FORMS = {
    "/chat/say": ({"id": VALUES, "text": VALUES, "choice": VALUES, "label": VALUES}, {"id": st.just("message-1")}),
    "issue": ({"factor": VALUES | OTP_OR_CELLS, "csr": VALUES, "r": VALUES}, {}),
    "done": ({"document": VALUES | st.fixed_dictionaries({}, optional={"filename": VALUES, "bytes": VALUES})}, {}),
    "/login-check": (
        {"challenge_id": VALUES, "certificate": VALUES, "signature": VALUES, "r": VALUES, "s": VALUES},
        {"challenge_id": SCALARS | st.sampled_from(["9999999999-\ud800", "9999999999-\x00"]),
         **dict.fromkeys(("certificate", "signature"), st.just("MAA=")), "r": st.none()},
    ),
}  # fmt: skip


@pytest.mark.parametrize("route", FORMS)
async def test_no_field_of_any_type_is_our_fault(start: Start, route: str) -> None:
    """Whatever is in any field: an answer, and never a fault of the server."""
    fields, sane = FORMS[route]
    forms = st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries({**fields, **sane})
    drawn: list[dict[str, Any]] = []

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(forms)
    def draw(form: dict[str, Any]) -> None:
        drawn.append(form)

    draw()
    async with start(tries=10) as outside:
        browser = outside.browser("lee")
        path = await browser.to_page()
        if route == "done":
            assert (await browser.issue(path, Key())).status_code == 200
        for form in drawn:
            answer = await browser.post(f"{path}/{route}" if route in {"issue", "done"} else route, form)
            assert answer.status_code < 500, (form, answer.text)


def test_the_pace_is_a_burst_and_then_so_many_a_minute() -> None:
    times: Iterator[float] = iter([0.0] * 22 + [1.0] * 2 + [100.0])
    pace = Pace(60, lambda: next(times))
    assert [pace.allows("one") for _ in range(22)] == [True] * 21 + [False]
    assert [pace.allows("one"), pace.allows("one")] == [True, False]
    assert pace.allows("one")


async def test_too_many_messages_are_told_to_wait(start: Start) -> None:
    async with start(messages_per_minute=3) as outside:
        browser = outside.browser()
        answers = [await browser.post("/chat/say", {"id": f"message-{n}", "text": "수수료"}) for n in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 429, 429]
        assert answers[-1].json()["text"].endswith("요.")
        assert answers[-1].headers["retry-after"]
        other = outside.browser("lee")
        assert await other.said("수수료")


def test_what_a_page_shows_is_never_markup(outside: Outside) -> None:
    name = "<script>alert(1)</script>"
    page = outside.application.room.templates.from_string("<p title='{{ name }}'>{{ name }}</p>").render(name=name)
    assert "<script" not in page
