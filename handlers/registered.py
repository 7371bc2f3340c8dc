"""등록한 타기관 인증서: the list, one of them asked about again, and taken off."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Protocol

from ca.elsewhere import NotACertificate, parse
from handlers.effects import Audit, ForgetElsewhere
from handlers.flow import Again, Ask, Done, Flow, Goto, Stop, Taken, Turn
from handlers.message import CustomerId
from handlers.register import Checking, Registered, Shelf, facts
from handlers.texts import Texts


class FullShelf(Shelf, Protocol):
    async def certificate(self, customer: CustomerId, registered_id: str) -> bytes | None:
        """The DER of one of this conversation's."""


class RegisteredOnes(Flow):
    name: ClassVar[str] = "registered"
    steps: ClassVar[tuple[str, ...]] = ("which", "what")

    def __init__(self, texts: Mapping[str, Texts], checking: Checking, shelf: FullShelf) -> None:
        self.texts, self.checking, self.shelf = texts, checking, shelf

    # -- the list -------------------------------------------------------------------------------------------------

    async def begin_which(self, turn: Turn) -> Any:
        if not await self.shelf.of(turn.customer):
            return Stop("none", choices=("start:register", "cmd:menu"))
        return None

    async def ask_which(self, turn: Turn) -> Ask:
        t, ones = self.texts[turn.locale], await self.shelf.of(turn.customer)
        labels = {one.id: t("registered.line", **self._facts(one, turn)) for one in ones}
        return Ask((*labels, "start:register"), {"count": len(ones)}, labels=labels)

    async def take_which(self, turn: Turn, answer: str) -> Taken:
        if not any(one.id == answer for one in await self.shelf.of(turn.customer)):
            return Again("not_offered")
        turn.data["which"] = answer
        return None

    # -- one of them ----------------------------------------------------------------------------------------------

    async def ask_what(self, turn: Turn) -> Ask:
        one = await self._chosen(turn)
        if one is None:
            return Ask(("back",), variant="gone")
        return Ask(("check", "remove", "back"), self._facts(one, turn), once=frozenset({"remove"}))

    async def take_what(self, turn: Turn, answer: str) -> Taken:
        one = await self._chosen(turn)
        if answer == "back" or one is None:
            return Goto("which")
        if answer == "check":
            await self._check(turn, one)
            return Goto("what")
        return None if answer == "remove" else Again("not_offered")

    async def _check(self, turn: Turn, one: Registered) -> None:
        """Ask its issuer once more; what is remembered stays what it was."""
        der = await self.shelf.certificate(turn.customer, one.id)
        try:
            verdict = await self.checking.check(parse(der or b""), (), turn.now)
        except NotACertificate:
            turn.say("checked_not")
            return
        said = facts(asdict(one) | asdict(verdict), self.texts[turn.locale], turn.now)
        turn.say("checked_bad" if verdict.failed else "checked", **said)

    async def finish(self, turn: Turn) -> Done | Stop:
        one = await self._chosen(turn)
        if one is None:
            return Stop("none", choices=("start:register", "cmd:menu"))
        turn.effect(ForgetElsewhere(one.id))
        turn.effect(Audit("certificate from elsewhere removed", turn.customer, {"fingerprint": one.fingerprint}))
        return Done(self._facts(one, turn), ("start:register", "cmd:menu"))

    async def _chosen(self, turn: Turn) -> Registered | None:
        ones = await self.shelf.of(turn.customer)
        return next((one for one in ones if one.id == turn.data["which"]), None)

    def _facts(self, one: Registered, turn: Turn) -> dict[str, Any]:
        return facts(asdict(one), self.texts[turn.locale], turn.now)
