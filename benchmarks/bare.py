"""The least a Starlette application under our server settings can do with a POST: read JSON, answer JSON."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def answer(request: Request) -> JSONResponse:
    said = await request.json()
    return JSONResponse({"messages": [{"seq": 1, "from": "bot", "text": said["text"], "choices": []}]})


if __name__ == "__main__":
    application = Starlette(routes=[Route("/", answer, methods=["POST"])])
    uvicorn.run(application, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
