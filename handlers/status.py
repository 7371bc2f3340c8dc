"""내 인증서: what a customer has, until when, and what to do next; the public file and a calendar to take along.

Looking wants a linked conversation (`handlers/owning.py`), or account, name and a code, which link it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from handlers import masking
from handlers.calendar import calendar
from handlers.effects import Audit, KeepDocument, Unlink
from handlers.flow import Again, Ask, Done, Stop, Taken, Turn
from handlers.message import Document
from handlers.owned import Owned
from handlers.places import Registering, place_name
from handlers.texts import KOREA

FILES: Final = ("file", "calendar")
NEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "valid": ("start:reissue", "start:revoke"),
    "held": ("start:revoke:release", "start:reissue", "start:revoke:revoke"),
    "expired": ("start:enroll",),
}
"""What may sensibly be done, by what state a certificate is in."""
ALWAYS: Final = (
    "start:status:file", "start:status:calendar", "start:status:places", "start:reminders", "start:status:unlink",
)  # fmt: skip


class Status(Registering):
    name: ClassVar[str] = "status"
    steps: ClassVar[tuple[str, ...]] = ("account", "name", "code", "which", "places", "unlink")
    wishes: ClassVar[frozenset[str]] = frozenset({*FILES, "places", "unlink"})
    questions_first: ClassVar[frozenset[str]] = frozenset({"name", "places"})

    def plan(self, turn: Turn) -> tuple[str, ...]:
        wish = turn.data.get("wish")
        unused = {"places", "unlink"} - {wish} | ({"which"} if wish == "unlink" else set())
        return tuple(step for step in super().plan(turn) if step not in unused)

    def wants_code(self, turn: Turn) -> bool:
        return not turn.data.get("linked")

    def lapsed(self, turn: Turn, step: str) -> str | None:
        return None  # the code has linked the conversation, and looking asks for no more

    async def unprovable(self, *_: object) -> Taken:
        return None  # who has lost card and token may look all the same

    # -- this conversation and its owner ----------------------------------------------------------------------

    async def begin_account(self, turn: Turn) -> Any:
        begun = await super().begin_account(turn)
        if turn.data.get("wish") == "unlink" and not turn.data.get("linked"):
            return Stop("not_linked", choices=("start:status", "cmd:menu"))
        return begun

    async def ask_unlink(self, turn: Turn) -> Ask:
        customer = await self.bank_customer(turn)
        return Ask(("yes", "no"), {"name": masking.name(customer.name)}, once=frozenset({"yes"}))

    async def take_unlink(self, turn: Turn, answer: str) -> Taken:
        if answer not in {"yes", "no"}:
            return Again("not_offered")
        if answer == "no":
            return Stop("still_linked", choices=("start:status", "cmd:menu"))
        turn.effect(Unlink())
        turn.effect(Audit("unlinked", turn.data["number"], {"conversation": turn.customer}))
        return None

    # -- what there is ----------------------------------------------------------------------------------------

    async def nothing(self, turn: Turn) -> Stop:
        return Stop("none", await self._linked(turn), ("start:enroll", "start:status:unlink", "cmd:menu"))

    async def finish(self, turn: Turn) -> Done | Stop:
        wish = turn.data.get("wish")
        if wish == "unlink":
            return Done(variant="unlinked", choices=("start:status", "cmd:menu"))
        one = await self.chosen(turn)
        if one is None:
            return await self.nothing(turn)
        choices = self._next(one, turn)
        if wish in FILES:
            document, content = self._file(one, turn) if wish == "file" else self._calendar(one, turn)
            turn.effect(KeepDocument(document.id, document.filename, document.media_type, content))
            turn.say(f"handed_{wish}", document=document)
            return Done(variant="next", choices=("start:status", *choices[:3]))
        t = self.office.texts[turn.locale]
        known = await self.office.owners.places(one.serial)
        if wish == "places":
            return Done({"count": len(turn.data["ticked"])}, ("start:status", *choices[:2]), variant="places")
        left = one.days_left(turn.now)
        shown = {
            "kind": t(f"enroll.kind_name.{one.profile}"),
            "state": t(f"status.state.{one.state(turn.now)}"),
            "since": one.not_before,
            "until": one.not_after,
            "left": max(left, 0),
            "last_day": left == 0,
            "places": ", ".join(place_name(place, t) for place in known.ticked),
            "again": ", ".join(place_name(place, t) for place in known.before),
            "fingerprint": one.fingerprint,
        }
        return Done(shown | await self._linked(turn), (*choices, *ALWAYS))

    async def _linked(self, turn: Turn) -> dict[str, Any]:
        """Whose this conversation is, and until when; the code of a moment ago counts from now on."""
        customer = await self.bank_customer(turn)
        known = await self.office.owners.linked(turn.customer, turn.now)
        until = known[1] if known and known[0] == customer.number else turn.now + self.office.rules.link_lasts
        return {"name": masking.name(customer.name), "linked_until": until}

    def _next(self, one: Owned, turn: Turn) -> tuple[str, ...]:
        state = one.state(turn.now)
        renewable = state == "valid" and turn.now >= one.renewable_from()
        return (("start:renew",) if renewable else ()) + NEXT[state]

    # -- to take along ----------------------------------------------------------------------------------------

    def _file(self, one: Owned, turn: Turn) -> tuple[Document, bytes]:
        return self._document(one, turn, "cer", "application/pkix-cert", one.certificate)

    def _calendar(self, one: Owned, turn: Turn) -> tuple[Document, bytes]:
        content = calendar(one, self.office.texts[turn.locale], turn.now)
        return self._document(one, turn, "ics", "text/calendar", content)

    def _document(self, one: Owned, turn: Turn, suffix: str, kind: str, content: bytes) -> tuple[Document, bytes]:
        # No personal data in a name that other programs show.
        filename = f"CertTalk-{one.not_after.astimezone(KOREA):%Y%m%d}.{suffix}"
        return Document(self.office.new_id(), filename, kind, len(content)), content
