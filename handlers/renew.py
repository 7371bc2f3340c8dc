"""갱신: one more year on the old end, from 30 days before the day of that end until the day itself, in Korean time.

Whoever still has the old file signs with its key on the secure page, and is asked for nothing else; everybody else
proves who they are. A new key is made either way.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from handlers.bank import BankCustomer
from handlers.flow import SKIP, Again, Ask, PageForm, Refused, Stop, Taken, Turn
from handlers.in_chat import STEPS
from handlers.owned import Owned
from handlers.succeeding import Succeeding

PREFIX: Final = b"CertTalk renewal v1\n"


def challenge(link_id: str) -> bytes:
    """What is signed together with the new request: good for this one page only."""
    return PREFIX + link_id.encode() + b"\n"


class Renew(Succeeding):
    name: ClassVar[str] = "renew"
    extended: ClassVar[bool] = True
    steps: ClassVar[tuple[str, ...]] = (
        "account", "name", "how", "code", "current", "place", "review", "page", *STEPS, "works", "places",
    )  # fmt: skip
    carries: ClassVar[Mapping[str, tuple[str, ...]]] = {"place": ("place",)}
    unproven: ClassVar[frozenset[str]] = Succeeding.unproven | {"how"}

    def obstacle(self, one: Owned, turn: Turn) -> Stop | None:
        match one.state(turn.now):
            case "expired":
                return Stop("too_late", {"until": one.not_after}, ("start:enroll", "cmd:person"))
            case "held":
                return Stop("held", choices=("start:revoke:release", "start:reissue", "cmd:person"))
        if turn.now < one.renewable_from():
            opens, left = one.renewable_from(), one.days_left(turn.now)
            choices = ("start:status:calendar", "start:reissue", "start:status")
            return Stop("too_early", {"from": opens, "until": one.not_after, "left": left}, choices)
        return None

    # -- with the old key, or as oneself ----------------------------------------------------------------------

    async def begin_how(self, turn: Turn) -> Any:
        turn.data.pop("how", None)
        if turn.in_chat or not turn.data.get("linked"):
            # Who is not known yet shows a code before anything is said of their certificate.
            turn.data["how"] = "identity"
            return SKIP
        found = await self.current(turn)
        return found if isinstance(found, Stop) else None

    async def ask_how(self, turn: Turn) -> Ask:
        return Ask(("sign", "identity"))

    async def take_how(self, turn: Turn, answer: str) -> Taken:
        if answer not in {"sign", "identity"}:
            return Again("not_offered")
        turn.data["how"] = answer
        return None

    async def unprovable(self, found: BankCustomer, turn: Turn) -> Taken:
        # With the old key neither card nor token is needed; who turns out to want one is told on the page.
        return None if turn.data.get("linked") else await super().unprovable(found, turn)

    def too_new_a_phone(self, found: BankCustomer, turn: Turn) -> Stop | None:
        return None if turn.data.get("linked") else super().too_new_a_phone(found, turn)

    def wants_code(self, turn: Turn) -> bool:
        return turn.data.get("how") != "sign"

    async def begin_code(self, turn: Turn) -> Any:
        if self.wants_code(turn) and (stop := await super().unprovable(await self.bank_customer(turn), turn)):
            return stop
        return await super().begin_code(turn)

    # -- the page ---------------------------------------------------------------------------------------------

    def may_submit(self, turn: Turn) -> bool:
        return not self.wants_code(turn) or self.proven(turn)

    async def prove_on_page(
        self, turn: Turn, customer: BankCustomer, form: PageForm, csr: bytes
    ) -> tuple[Refused | None, str]:
        if self.wants_code(turn):
            return await super().prove_on_page(turn, customer, form, csr)
        try:
            old: Mapping[str, str] = form.fields["old"]
            certificate = base64.b64decode(old["certificate"], validate=True)
            signature = base64.b64decode(old["signature"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            return Refused("bad_request"), ""
        if not await self.replaceable(turn):
            return Refused("not_replaceable", final=True), ""  # and not that these were the wrong files
        message = challenge(form.link_id) + csr
        if not await self.office.registry.signed(turn.data["serial"], certificate, signature, message, turn.now):
            return Refused("old_wrong", fields=("old-files",)), ""
        return None, "old key"

    async def show_page(self, turn: Turn) -> Mapping[str, Any]:
        shown = dict(await super().show_page(turn))
        if not self.wants_code(turn):
            shown |= {"factor": None, "old": {"challenge": base64.b64encode(challenge(turn.data["link"])).decode()}}
        return shown

    async def begin_places(self, turn: Turn) -> Any:
        await super().begin_places(turn)
        # Some places find a renewed one by themselves; who has told us of none has nothing to go through.
        return None if turn.data["again"] else SKIP
