"""Wishes that the customer's own device fulfils: copying, a backup, another password, tidying up a shared computer.

Each is one question, because the answer decides which page helps (`bot/web/device.py`). Those pages send nothing about
the certificate, so nobody proves who they are, and their addresses are no secret.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from handlers.flow import Again, Ask, Done, Flow, Stop, Taken, Turn

TOOLS: Final = ("password", "convert", "copy", "check", "send", "clean")
"""Pages under `/device/`, in the order of the menu."""


class OnDevice(Flow):
    """`pages_at` is the address pages are opened under, an origin."""

    steps: ClassVar[tuple[str, ...]] = ("which",)
    ways: ClassVar[Mapping[str, str | None]]
    """What may be answered, and the tool that helps; None where words alone do."""

    def __init__(self, pages_at: str) -> None:
        self.pages_at = pages_at

    async def ask_which(self, turn: Turn) -> Ask:
        return Ask(tuple(self.ways))

    async def take_which(self, turn: Turn, answer: str) -> Taken:
        if answer not in self.ways:
            return Again("not_offered")
        turn.data["which"] = answer
        return None

    async def finish(self, turn: Turn) -> Done | Stop:
        which = turn.data["which"]
        tool = self.ways[which]
        if tool is None:
            return Done(choices=("means:int_reissue",), variant=which)
        if turn.in_chat:
            return Done(choices=("cmd:menu",), variant="by_hand")  # no page of ours is reached from there
        return Done(choices=("cmd:menu",), variant=which, page=f"{self.pages_at}/device/{tool}?lang={turn.locale}")


class Copy(OnDevice):
    name: ClassVar[str] = "copy"
    ways: ClassVar[Mapping[str, str | None]] = {"phone": "send", "folder": "copy", "file": "convert"}


class Backup(OnDevice):
    name: ClassVar[str] = "backup"
    ways: ClassVar[Mapping[str, str | None]] = {"make": "copy", "check": "check"}


class ChangePassword(OnDevice):
    name: ClassVar[str] = "change_password"
    ways: ClassVar[Mapping[str, str | None]] = {"known": "password", "forgotten": None}


class Cleanup(OnDevice):
    name: ClassVar[str] = "cleanup"
    ways: ClassVar[Mapping[str, str | None]] = {"can_still": "clean", "left": None}
