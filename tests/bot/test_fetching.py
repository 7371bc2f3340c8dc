"""Addresses out of certificates: only allowed hosts on the open internet, little at a time, and not for long."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.gateways.fetching import Fetcher, is_public


class Names(AbstractResolver):
    """A name service of our own: every name is `address`."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address, self.asked = address, 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=self.address, port=port, family=socket.AF_INET, proto=0, flags=0)
        ]  # fmt: skip

    async def close(self) -> None:
        pass


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server of strangers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/slow":
                await asyncio.sleep(5)
            case "/moved":
                raise web.HTTPFound("/ok")
            case "/gone":
                raise web.HTTPNotFound
            case "/large":
                return web.Response(body=bytes(2000))
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                for _ in range(100):
                    await response.write(bytes(100))
                return response
            case "/packed":
                return web.Response(body=b"\x1f\x8bpacked", headers={"Content-Encoding": "gzip"})
        return web.Response(body=b"ok" + await request.read())

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def fetcher(port: int, **more: Any) -> Fetcher:
    given = {"resolver": Names(), "may_reach": lambda address: True, "deadline": 0.5} | more
    return Fetcher(frozenset({f"ca.test:{port}"}), **given)


async def test_an_allowed_host_is_asked(port: int) -> None:
    assert await fetcher(port).get(f"http://ca.test:{port}/ok", 100) == b"ok"
    posted = await fetcher(port).post(f"http://CA.test.:{port}/ok", b"?", "application/ocsp-request", 100)
    assert posted == b"ok?"


@pytest.mark.parametrize("path", ["/slow", "/moved", "/gone", "/large", "/endless"])
async def test_whatever_else_comes_back_is_no_answer(port: int, path: str) -> None:
    assert await fetcher(port).get(f"http://ca.test:{port}{path}", 1000) is None


async def test_nothing_is_unpacked(port: int) -> None:
    assert await fetcher(port).get(f"http://ca.test:{port}/packed", 1000) == b"\x1f\x8bpacked"


async def test_a_name_that_leads_inside_is_not_followed(port: int) -> None:
    names = Names("127.0.0.1")
    guarded = fetcher(port, may_reach=is_public, resolver=names)
    assert await guarded.get(f"http://ca.test:{port}/ok", 100) is None
    assert names.asked == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.test/", "http://ca.test:81/", "https://ca.test:80/", "ldap://ca.test/", "file:///etc/passwd",
        "http://ca.test@evil.test/", "http://user:pw@ca.test/", "http://127.0.0.1/", "http://[::1]/", "http:///x",
        "http://ca.test:99999/", "http://ca.test.evil.test/", "http://cа.test/", "", "http://[",
    ],
)  # fmt: skip
def test_other_hosts_ports_and_schemes_are_not_asked(url: str) -> None:
    assert not Fetcher(frozenset({"ca.test", "127.0.0.1", "::1"}), may_reach=is_public).may_ask(url)


def test_ports_are_the_schemes_own_or_listed() -> None:
    allowed = Fetcher(frozenset({"ca.test", "ocsp.test:4612"}))
    assert allowed.may_ask("http://ca.test/a")
    assert allowed.may_ask("http://ca.test:80/a")
    assert allowed.may_ask("http://OCSP.test:4612")
    assert not allowed.may_ask("http://ocsp.test/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "::", "ff02::1", "not one",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_addresses_of_the_open_internet_are() -> None:
    assert is_public("1.1.1.1")
    assert is_public("2606:4700::1111")
