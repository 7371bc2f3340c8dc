"""People of a server that runs alone, driven over HTTP: `POST /control/{person}/{act}` with a JSON object.

`POST /control/new {"first_name", "language_code"}` makes one and gives its id. Acts are `Person`'s methods that take
and give JSON (`says`, `taps`, `taps_data`, `shown`, `blocks` …), `document` (`{"name","bytes": b64}`), `file`
(`{"file_id"}` → b64), `answers` (what taps were told).
`POST /control/fault {…}` adds a `Fault`, `GET /control/log` tells what was called.
"""

import base64
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.telegram.faults import Fault
from tests.telegram.parameters import Upload
from tests.telegram.person import NothingToTap, Person
from tests.telegram.server import BotApi

ACTS = {
    "says", "taps", "taps_data", "shown", "heard", "blocks", "unblocks", "edits", "sends", "sends_contact",
    "sends_sticker", "sends_voice", "sends_photo", "sends_location",
}  # fmt: skip


def controlled(api: BotApi) -> None:
    """Add `/control` to a server; never to one that others reach."""

    async def new(request: web.Request) -> web.Response:
        return web.json_response(api.person(**await request.json()).user.id)

    async def fault(request: web.Request) -> web.Response:
        api.faults.rules.append(Fault(**await request.json()))
        return web.json_response(True)

    async def log(request: web.Request) -> web.Response:
        return web.json_response([
            {"method": one.method, "at": one.at, "outcome": one.outcome, "given": _shown(one.given)} for one in api.log
        ])  # fmt: skip

    async def act(request: web.Request) -> web.Response:
        user = api.world.users.get(int(request.match_info["person"]))
        name = request.match_info["act"]
        if user is None:
            return web.json_response({"error": "no such person"}, status=404)
        person, given = Person(api.world, api.updates, user), await request.json()
        if name == "document":
            return web.json_response(person.sends_document(given["name"], base64.b64decode(given["bytes"])))
        if name == "file":
            return web.json_response(base64.b64encode(api.world.files[given["file_id"]].octets).decode())
        if name == "answers":
            return web.json_response([asdict(tap) for tap in api.world.taps.values() if tap.user == user.id])
        if name not in ACTS:
            return web.json_response({"error": "no such act"}, status=404)
        try:
            done = getattr(person, name)(**given)
        except NothingToTap as nothing:
            return web.json_response({"error": str(nothing)}, status=409)
        return web.json_response(asdict(done) if hasattr(done, "__dataclass_fields__") else done)

    api.application.router.add_post("/control/new", new)
    api.application.router.add_post("/control/fault", fault)
    api.application.router.add_get("/control/log", log)
    api.application.router.add_post("/control/{person:\\d+}/{act}", act)


def _shown(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: f"{value.name} ({len(value.octets)} octets)" if isinstance(value, Upload) else value
        for name, value in given.items()
    }
