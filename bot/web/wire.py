"""One connection, bounded: how large the head of a request may be, and how long a request may take to arrive.

The server underneath reads a head of any size and waits for the rest for ever: a few thousand connections that say
nothing would keep everybody else out. How large a body may be is `bot.web.guard`'s to say.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 64 * 1024
"""Octets of request line and headers; one packet more may have been read by then."""
ARRIVES_WITHIN: Final = 30.0
"""Seconds from a request's first octet to its last; also from connecting to the first request's."""


class Wire(HttpToolsProtocol):
    """What uvicorn serves HTTP/1.1 with."""

    _arriving = _heading = False
    _head = 0
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if not self._arriving:
            self._arrived()
        elif self._heading and self._head > LARGEST_HEAD:
            self.send_400_response("Request head too large.")
        elif self._alarm is None:  # most requests come in one piece, and none is needed
            self._expect()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arriving = self._heading = True
        self._head = 0  # what came in the same packet is counted from the next one on

    def on_headers_complete(self) -> None:
        self._heading = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()

    def _expect(self) -> None:
        self._alarm = self.loop.call_later(ARRIVES_WITHIN, self.transport.close)

    def _arrived(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
