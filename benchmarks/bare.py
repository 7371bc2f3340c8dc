"""What stands beside the service while it is measured: the least Starlette can do, and a bank that knows nobody.

`python -m benchmarks.bare PORT` answers every POST with a small JSON object under our server settings.
`CERTTALK_BANK=benchmarks.bare:bank` and `CERTTALK_SMS=benchmarks.bare:sms` let the service run outside the demo, where
every browser is a customer of its own; the turns that are measured ask neither of them anything.
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class Nobody:
    """Fails on whatever is asked of it, as it has no method at all."""


def bank(_settings: object) -> Nobody:
    return Nobody()


sms = bank


async def answer(request: Request) -> JSONResponse:
    said = await request.json()
    return JSONResponse({"messages": [{"seq": 1, "from": "bot", "text": said["text"], "choices": []}]})


if __name__ == "__main__":
    application = Starlette(routes=[Route("/", answer, methods=["POST"])])
    uvicorn.run(application, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
