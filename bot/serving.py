"""`certtalk serve`: the web application on a socket, with a clean stop.

SIGTERM finishes the turns under way, ends the open streams and keeps the outbox for the next start.
"""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
import webbrowser
from types import FrameType

import uvicorn

from bot.app import running
from bot.channels.kakao.answering import beside as beside_kakao
from bot.channels.telegram.transport import beside
from bot.settings import Settings
from bot.vault.passphrases import Ask
from bot.web.application import Application
from bot.web.wire import Wire
from handlers.texts import load_texts

log = logging.getLogger(__name__)

GRACE = 8
"""Seconds for requests under way when the service is told to stop."""
CONNECTIONS = 4000
"""At a time; more are told to come later."""


class PortTaken(Exception):
    """Another program listens there."""


class CannotListen(Exception):
    """Not an address of this computer, or not a port for us."""


class Server(uvicorn.Server):
    """Ends the chat's open streams first: they would keep a graceful stop waiting."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self.application = application

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        # Not uvicorn's own: that raises the signal again once it has stopped, before we could close anything.
        self.application.close()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises `PortTaken`, `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by its name: a loop sets TCP_NODELAY only there, and without it each answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(str(port)) from error
        raise CannotListen(error.strerror or error) from error
    return listener


def limit_the_process() -> None:
    """No core file, which would hold the CA's keys; and a descriptor for every connection, as far as we are let."""
    if os.name != "posix":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def server_for(application: Application) -> Server:
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # starting and stopping we tell ourselves
    config = uvicorn.Config(
        application.asgi, http=Wire, ws="none", log_config=None, access_log=False, server_header=False,
        date_header=True, timeout_graceful_shutdown=GRACE, timeout_keep_alive=30, limit_concurrency=CONNECTIONS,
        lifespan="off",
        # Who called is what our own settings say: anybody may write X-Forwarded-For, also through a proxy of ours.
        proxy_headers=False,
    )  # fmt: skip
    return Server(config, application)


async def serve(settings: Settings, *, open_browser: bool = False, ask: Ask | None = None) -> None:
    """Serve until SIGTERM or Ctrl+C. Raises `PortTaken` before anything is started.

    `ask` reaches a person at the terminal for a passphrase that no file holds.
    """
    limit_the_process()
    listener = bound_socket(settings.host, settings.port)
    texts = load_texts()[settings.default_locale]
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        service = await stack.enter_async_context(running(settings, ask=ask))
        telegram = await stack.enter_async_context(beside(service))
        kakao = await stack.enter_async_context(beside_kakao(service))
        application = Application(service, telegram, kakao)
        server = server_for(application)
        _settle_memory()
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers nothing to wait on
            await asyncio.sleep(0.01)
        if server.started:
            _announce(texts("cli.listening", url=settings.public_url))
            if settings.demo:
                _announce(texts("cli.demo_hint"))
            _announce(texts("cli.stop_hint"))
            if open_browser:
                await asyncio.to_thread(webbrowser.open, settings.public_url)
        await task
    _announce(texts("cli.stopped"))


def _settle_memory() -> None:
    """Keep the collector from what was made for good, and from looking after every turn: that was a fifth of one."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
