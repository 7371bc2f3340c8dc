"""What stands beside the service while it is measured: the least Starlette can do, and a bank that knows nobody.

`python -m benchmarks.bare PORT` answers every POST with a small JSON object under our server settings, and under
`/octets/N` with N octets, as bare as ASGI can.
`CERTTALK_BANK=benchmarks.bare:bank` and `CERTTALK_SMS=benchmarks.bare:sms` let the service run outside the demo, where
every browser is a customer of its own; the turns that are measured ask neither of them anything.
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class Nobody:
    """Fails on whatever is asked of it, as it has no method at all."""


def bank(_settings: object) -> Nobody:
    return Nobody()


sms = bank


async def answer(request: Request) -> JSONResponse:
    said = await request.json()
    return JSONResponse({"messages": [{"seq": 1, "from": "bot", "text": said["text"], "choices": []}]})


json_answers = Starlette(routes=[Route("/", answer, methods=["POST"])])


async def octets(scope: Scope, receive: Receive, send: Send) -> None:
    """What is left of a responder when nothing is answered."""
    await receive()
    body = bytes(int(scope["path"].rpartition("/")[2]))
    headers = [(b"content-type", b"application/ocsp-response"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    here = octets if scope["path"].startswith("/octets/") else json_answers
    await here(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(application, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
