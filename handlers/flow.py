"""Multi-step conversations as tables of named steps.

A flow is a class with `name`, `version` and `steps`. For each step NAME it defines

    begin_NAME(turn)          -> None | SKIP | Stop     optional; runs once, on arrival
    ask_NAME(turn)            -> Ask | OpenPage         no effects; may run any number of times
    take_NAME(turn, answer)   -> None | Again | Goto | Stop
    submit_NAME(turn, form)   -> Accepted | Refused     only for steps that open a page

and one `finish(turn)` that re-checks everything. A flow object holds no state: what must survive until the
next message is `turn.data`, which is JSON. Results are data; `handlers.conversation` turns them into words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from handlers.effects import Effect
from handlers.message import CustomerId, Document

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """Put the step's question. `choices` are values; their labels are texts (`FLOW.STEP.choice.VALUE`) or `labels`.

    Values in `once` are irreversible: their buttons carry a one-use nonce.
    """

    choices: Sequence[str] = ()
    params: Params = field(default_factory=dict)
    once: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    variant: str | None = None
    """Ask with `FLOW.STEP.ask.VARIANT` instead of `FLOW.STEP.ask`."""


@dataclass(frozen=True, slots=True)
class OpenPage:
    """Leave the chat for a page only the customer's browser sees."""

    url: str
    link_id: str
    choices: Sequence[str] = ()
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageForm:
    """What a page sends to its step. No channel can produce one, so nobody can type it."""

    link_id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PageDone:
    """A page has finished. No channel can produce one."""

    link_id: str
    result: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file a customer sent into the chat. No typed text can be one."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The page's submission did its work; `data` goes back to the page."""

    data: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The page's submission was refused: `page.error.ERROR` says why; the page stays open unless `final`."""

    error: str
    params: Params = field(default_factory=dict)
    final: bool = False
    fields: Sequence[str] = field(default=(), compare=False)
    """Ids of the page's inputs to look at again: a help for the eye, no part of the verdict."""


@dataclass(frozen=True, slots=True)
class Again:
    """The answer was not understood or not right: `FLOW.STEP.error.ERROR`. `free` ones are not counted as failures.

    `meant`: it had the shape of an answer, so it is not heard as a question instead.
    """

    error: str
    params: Params = field(default_factory=dict)
    free: bool = False
    meant: bool = False
    choices: Sequence[str] = ()
    """Buttons from above the flows, for what helps beside trying again."""


@dataclass(frozen=True, slots=True)
class Goto:
    step: str
    say: str | None = None
    """A text key under the flow that is said before the step asks."""


@dataclass(frozen=True, slots=True)
class Change:
    """Ask `step` again and come back to the step that said so, redoing only what the change made stale."""

    step: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the flow with `FLOW.stop.REASON`."""

    reason: str
    params: Params = field(default_factory=dict)
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """End the flow with `FLOW.done`."""

    params: Params = field(default_factory=dict)
    choices: Sequence[str] = ()
    variant: str | None = None
    page: str | None = None
    """The address of a page that anybody may open; its button is `FLOW.link`."""


class _Skip:
    pass


SKIP: Final = _Skip()
Question = Ask | OpenPage
Taken = Again | Goto | Change | Stop | None


@dataclass
class Say:
    """A bubble said on the way, before the next question: text key under the flow."""

    key: str
    params: Params = field(default_factory=dict)
    document: Document | None = None


@dataclass
class Turn:
    """One turn of one customer, as a flow sees it."""

    customer: CustomerId
    id: str
    now: datetime
    locale: str
    data: dict[str, Any]
    effects: list[Effect] = field(default_factory=list)
    said: list[Say] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    in_chat: bool = False
    """No page of ours can be reached from where the customer is: secrets may be typed here."""
    no_way_back: bool = False
    """What was done at this step cannot be undone by going back."""

    def effect(self, effect: Effect) -> None:
        """Have `effect` committed together with this turn."""
        self.effects.append(effect)

    def say(self, key: str, *, document: Document | None = None, **params: object) -> None:
        self.said.append(Say(key, params, document))

    def forget(self, *steps: str) -> None:
        """What was answered at `steps` no longer holds: they will be asked again."""
        self.forgotten.update(steps)


@dataclass
class FlowState:
    """Where a customer stands in a flow. Stored as JSON under flow name, version and step name."""

    flow: str
    version: int
    step: str
    data: dict[str, Any]
    trail: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    tries: int = 0
    return_to: str | None = None
    nonce: str = ""
    below: Self | None = None
    """While this one waits: the one that waited already when it was set aside."""

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "below": self.below.as_json()} if self.below is not None else dict(vars(self))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        below = stored.get("below")
        return cls(**{**stored, "below": cls.from_json(below)} if below else stored)


class Flow:
    """See the module's docstring. Subclasses are given their ports by constructor."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    steps: ClassVar[tuple[str, ...]]
    wishes: ClassVar[frozenset[str]] = frozenset()
    """What a button may begin it with (`start:FLOW:WISH`, labelled `FLOW.wish.WISH`): `data["wish"]`."""
    urgent: ClassVar[bool] = False
    """It may begin in the middle of another journey, which waits for it."""
    proofs: ClassVar[frozenset[str]] = frozenset()
    """Steps that prove something: passed once, going back leaps over them."""
    unasked: ClassVar[frozenset[str]] = frozenset()
    """Steps that look something up and ask nothing: progress does not count them."""
    veiled: ClassVar[frozenset[str]] = frozenset()
    """Steps whose answers are personal: the history keeps them masked like a name."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Steps at which a secret is typed: nothing of the answer is kept, understood or shown."""
    carries: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Steps whose answers may go on in another conversation of the same customer, with the keys of `data` they left.

    Never a proof, a code, a link (`handlers/moving.py`)."""
    questions_first: ClassVar[frozenset[str]] = frozenset()
    """Steps that would take almost any words: a sure question is heard as a question there."""

    def plan(self, turn: Turn) -> tuple[str, ...]:
        """The steps that apply, given what is known. Progress `n/m` counts these."""
        return self.steps

    def lapsed(self, turn: Turn, step: str) -> str | None:
        """The earlier step to redo because a proof has expired since, if any."""
        return None

    async def cancel(self, turn: Turn) -> Done | Stop | None:
        """What giving up means here; None when nothing has happened yet."""
        return None

    async def finish(self, turn: Turn) -> Done | Stop:
        raise NotImplementedError
