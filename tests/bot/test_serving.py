"""The listening socket: what every answer's speed hangs on."""

import socket

import pytest

from bot.serving import PortTaken, bound_socket


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on such sockets only


def test_a_port_somebody_listens_on_is_refused_by_its_number() -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            bound_socket("127.0.0.1", port)
