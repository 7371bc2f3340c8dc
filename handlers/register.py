"""타기관 인증서 등록: a certificate of another institution is looked at, remembered, and its end announced.

Any conversation may register for itself: nothing is trusted because of it, and reminders come back to where it was
registered. The file comes from a page, from a messenger, or with a signature; only public files are read. What fails a
check is not registered, what could not be checked is, and says so.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, Protocol

from ca import elsewhere, paths, relying
from ca.elsewhere import Certificate, NotACertificate
from handlers import masking
from handlers.effects import Audit, RegisterElsewhere
from handlers.flow import (
    Accepted,
    Again,
    Ask,
    Done,
    Goto,
    OpenPage,
    PageDone,
    PageForm,
    Refused,
    SentFile,
    Stop,
    Taken,
    Turn,
)
from handlers.message import CustomerId
from handlers.office import Office
from handlers.page_step import PageStep
from handlers.stages import days_left
from handlers.texts import Texts

MOST_REGISTERED: Final = 20
"""How many one conversation may register."""
FAILED: Final = frozenset({"ours", "forged", "unknown", "weak", "unsupported", "revoked", "held"})
"""Verdicts with which a certificate is not registered."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a certificate leads to somebody trusted, and what its issuer says of it now."""

    path: paths.Verdict | Literal["ours"]
    status: relying.Status | Literal["unchecked"]

    @property
    def failed(self) -> str | None:
        return next((one for one in (self.path, self.status) if one in FAILED), None)


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered certificate, as it was when it was registered. `holder` is masked."""

    id: str
    fingerprint: str
    institution: str
    use: str
    holder: str
    not_after: datetime
    path: str
    status: str
    signed: bool


class Checking(Protocol):
    async def check(self, certificate: Certificate, others: Sequence[Certificate], now: datetime) -> Verdict:
        """Within seconds, whatever the issuer's servers do; never raises for what they say."""


class Shelf(Protocol):
    async def of(self, customer: CustomerId) -> Sequence[Registered]:
        """What this conversation has registered, the first to end first."""


def facts(one: Mapping[str, Any], texts: Texts, now: datetime) -> dict[str, Any]:
    """What is said of a certificate, as values for a sentence. `one` has the fields of `Registered`."""
    institution, use = f"elsewhere.institution.{one['institution']}", f"elsewhere.use.{one['use']}"
    until: datetime = one["not_after"]
    return {
        "holder": one["holder"],
        "institution": texts(institution) if institution in texts else one["institution"],
        "use": texts(use),
        "until": until,
        "left": days_left(until, now),
        "path": texts(f"elsewhere.path.{one['path']}"),
        "status": texts(f"elsewhere.status.{one['status']}"),
        "signed": one["signed"],
    }


class Register(PageStep):
    """`data` holds what was found in the file, the certificate included."""

    name: ClassVar[str] = "register"
    steps: ClassVar[tuple[str, ...]] = ("way", "file", "confirm")

    def __init__(self, office: Office, checking: Checking, shelf: Shelf) -> None:
        super().__init__(office)
        self.checking, self.shelf = checking, shelf

    def plan(self, turn: Turn) -> tuple[str, ...]:
        """Whoever has sent a file has said which way."""
        return self.steps[1:] if turn.data.get("sent") else self.steps

    # -- which way ------------------------------------------------------------------------------------------------

    async def ask_way(self, turn: Turn) -> Ask:
        """The same words are used for both: one from elsewhere here, ours elsewhere."""
        return Ask(("here", "there"))

    async def take_way(self, turn: Turn, answer: str) -> Taken:
        if answer == "there":
            return Stop("there", choices=("means:faq_other_institution", "means:faq_old_cert_after_reissue"))
        return None if answer == "here" else Again("not_offered")

    # -- the file -------------------------------------------------------------------------------------------------

    async def begin_file(self, turn: Turn) -> Any:
        if len(await self.shelf.of(turn.customer)) >= MOST_REGISTERED:
            return Stop("full", {"most": MOST_REGISTERED}, ("start:registered",))
        self.open_link(turn, "file", "register")
        return None

    async def ask_file(self, turn: Turn) -> Ask | OpenPage:
        return Ask((), variant="here") if turn.in_chat else self.page(turn)

    async def take_file(self, turn: Turn, answer: str | PageDone | SentFile) -> Taken:
        if isinstance(answer, SentFile):
            wrong = await self._look(turn, answer.name, answer.content, signed=False)
            advice = ("means:int_reissue",) if wrong == "private_key" else ()
            return Again(wrong, free=True, meant=True, choices=advice) if wrong else self._fit(turn)
        if isinstance(answer, PageDone):
            return self._fit(turn) if "found" in turn.data else Goto("file")
        return self.not_yet(turn, answer)

    async def submit_file(self, turn: Turn, form: PageForm) -> Accepted | Refused:
        """What the page sends: the public file, or the certificate a signature was made with."""
        wrong = await self._look(turn, form.fields["name"], form.fields["content"], signed=form.fields["signed"])
        return Refused(wrong) if wrong else Accepted({"findings": self._findings(turn)})

    async def _look(self, turn: Turn, name: str, content: bytes, *, signed: bool) -> str | None:
        """Why this file is of no use; else what was found in it is in `data`."""
        try:
            own, *others = elsewhere.read(content, name)
        except NotACertificate as error:
            if error.code == "private_key":
                turn.effect(Audit("private key refused", turn.customer))
            return error.code
        verdict = await self.checking.check(own, others, turn.now)
        known = own.known
        turn.data["found"] = {
            "fingerprint": own.fingerprint,
            # A name that only the certificate says is shown, but not taken for an institution we know.
            "institution": known.institution if known else own.issuer or "—",
            "use": known.use if known else "other",
            "holder": masking.name(own.holder) or "—",
            "not_before": own.not_before.isoformat(),
            "not_after": own.not_after.isoformat(),
            "path": verdict.path,
            "status": verdict.status,
            "signed": signed,
            "failed": verdict.failed or _by_date(own, turn.now),
            "der": base64.b64encode(own.der).decode(),
        }
        return None

    def _found(self, turn: Turn) -> dict[str, Any]:
        found = turn.data["found"]
        return facts(found | {"not_after": datetime.fromisoformat(found["not_after"])},
                     self.office.texts[turn.locale], turn.now)  # fmt: skip

    def _findings(self, turn: Turn) -> list[dict[str, str]]:
        """The same facts as rows for the page."""
        t, found = self.office.texts[turn.locale], self._found(turn)
        shown = {**found, "until": t("elsewhere.until", until=found["until"], left=found["left"])}
        rows = ("holder", "institution", "use", "until", "path", "status")
        return [{"label": t(f"elsewhere.label.{row}"), "value": str(shown[row])} for row in rows]

    def _fit(self, turn: Turn) -> Taken:
        failed = turn.data["found"]["failed"]
        if failed is None:
            return None
        choices = {
            "ours": ("means:int_status",), "revoked": ("start:register", "cmd:person"),
            "expired": ("start:enroll", "start:register"),
        }  # fmt: skip
        return Stop(failed, self._found(turn), choices.get(failed, ("start:register", "cmd:person")))

    # -- remember it? ---------------------------------------------------------------------------------------------

    async def begin_confirm(self, turn: Turn) -> Any:
        found = turn.data["found"]
        if any(one.fingerprint == found["fingerprint"] for one in await self.shelf.of(turn.customer)):
            return Stop("known", self._found(turn), ("start:registered",))
        return None

    async def ask_confirm(self, turn: Turn) -> Ask:
        early = datetime.fromisoformat(turn.data["found"]["not_before"]) > turn.now
        return Ask(("yes", "other", "no"), self._found(turn), variant="early" if early else None)

    async def take_confirm(self, turn: Turn, answer: str) -> Taken:
        if answer == "other":
            return Goto("file")
        if answer == "no":
            return Stop("declined", choices=("cmd:menu",))
        return None if answer == "yes" else Again("not_offered")

    async def finish(self, turn: Turn) -> Done | Stop:
        found = turn.data["found"]
        if (failed := self._fit(turn)) is not None:
            assert isinstance(failed, Stop)
            return failed
        turn.effect(
            RegisterElsewhere(
                self.office.new_id(), found["fingerprint"], found["institution"], found["use"], found["holder"],
                datetime.fromisoformat(found["not_after"]), found["path"], found["status"], found["signed"],
                base64.b64decode(found["der"]),
            )
        )  # fmt: skip
        turn.effect(Audit("certificate from elsewhere registered", turn.customer, {
            "fingerprint": found["fingerprint"], "path": found["path"], "status": found["status"],
        }))  # fmt: skip
        return Done(self._found(turn), ("start:registered", "cmd:menu"))


def _by_date(certificate: Certificate, now: datetime) -> str | None:
    # RFC 5280 §4.1.2.5: the last second belongs to it.
    return "expired" if now.replace(microsecond=0) > certificate.not_after else None
