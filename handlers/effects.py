"""What a turn wants done, as data: committed in the same transaction as the turn's state and words.

Every effect is idempotent by its own key, so a turn that is run again after a lost race changes nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from handlers.bank import CustomerNumber
from handlers.message import CustomerId
from handlers.stages import Wishes


@dataclass(frozen=True, slots=True)
class StartChallenge:
    """A one-time code was drawn: keep its keyed hash and queue the SMS that carries it.

    `bound_to` is a digest of what the customer was shown; the code is good for nothing else.
    """

    challenge_id: str
    number: CustomerNumber
    bound_to: str
    code_hash: str
    expires_at: datetime
    phone: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UseChallenge:
    """The code was right: it may not be used again, and failures of the factor are forgiven."""

    challenge_id: str


@dataclass(frozen=True, slots=True)
class CloseCells:
    """The card's two cells were right: others are asked next time. Not before the turn is stored that knows it."""

    number: CustomerNumber


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A one-time page for this conversation's current step."""

    link_id: str
    purpose: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The files of the certificate behind this link are in the conversation: it is kept."""

    link_id: str


@dataclass(frozen=True, slots=True)
class AcceptTerms:
    """`sha256` is over the text that was shown, in the language it was shown in."""

    number: CustomerNumber
    version: str
    locale: str
    sha256: str


@dataclass(frozen=True, slots=True)
class KnowAs:
    """This conversation has proven to be the bank's customer `number`: notices about them come here too."""

    number: CustomerNumber


@dataclass(frozen=True, slots=True)
class Unlink:
    """This conversation is nobody's any more: it may not look, and hears no notices."""


@dataclass(frozen=True, slots=True)
class MoveJourney:
    """The journey `flow` of the conversation `left` goes on in this one: that one is told, and leaves it."""

    left: CustomerId
    flow: str


@dataclass(frozen=True, slots=True)
class StopPages:
    """`number` stops something: what was proven before is a proof no longer, and what open pages have issued ends.

    `kinds` are the profiles this is about; None: all there are.
    """

    number: CustomerNumber
    wish: str
    reference: str
    kinds: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Suspend, release or end a certificate of `number`'s on their word, and tell every channel they are known on.

    `reason` is RFC 5280 §5.3.1's name, for `revoke` only; `reference` is what the customer was given to quote.
    """

    number: CustomerNumber
    serial: str
    act: Literal["hold", "release", "revoke"]
    reference: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TickPlace:
    """Where a certificate is registered now, or not any more. `place` is a word of `places.*` or the customer's own."""

    serial: str
    place: str
    registered: bool


@dataclass(frozen=True, slots=True)
class KeepDocument:
    """A public file made for this conversation, kept for a day under its id."""

    document_id: str
    filename: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Feedback:
    slug: str
    helpful: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question for a person to look at; `text` is already masked."""

    text: str
    candidates: tuple[str, ...]
    """Labels it may have meant, the likeliest first."""
    why: Literal["unknown", "unsure", "chosen", "none of these", "disliked"] = "unknown"
    """`chosen`: it was asked back, and the customer meant the first candidate."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A person is wanted. The transcript is what `messages` holds; `wish` is already masked."""

    reference: str
    wish: str


@dataclass(frozen=True, slots=True)
class EndHandover:
    """The customer no longer needs a person."""

    reference: str


@dataclass(frozen=True, slots=True)
class ReminderChoice:
    """`tomorrow` says it again then, `later` keeps the next stages, `stop` drops them for this certificate.

    Serial numbers are no secret: whether it is this customer's is looked up where it is written.
    """

    serial: str
    choice: Literal["tomorrow", "later", "stop"]


@dataclass(frozen=True, slots=True)
class WishReminders:
    """From now on this customer is reminded like this, of all certificates."""

    wishes: Wishes


@dataclass(frozen=True, slots=True)
class Audit:
    """`detail` holds no secret and no full personal data."""

    act: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegisterElsewhere:
    """A certificate of another institution is to be remembered for this conversation, once per fingerprint."""

    id: str
    fingerprint: str
    """SHA-256 in hex."""
    institution: str
    """A word of `ca.institutions`, or the issuer as the certificate names it."""
    use: str
    holder: str
    """Masked."""
    not_after: datetime
    path: str
    status: str
    signed: bool
    """Whether somebody has shown to hold its private key."""
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetElsewhere:
    """A registered certificate is taken off the list, with its reminders."""

    id: str


Effect = (
    StartChallenge
    | UseChallenge
    | CloseCells
    | OpenLink
    | HandedOver
    | AcceptTerms
    | KnowAs
    | Unlink
    | MoveJourney
    | StopPages
    | ChangeStatus
    | TickPlace
    | KeepDocument
    | Feedback
    | Unanswered
    | Handover
    | EndHandover
    | ReminderChoice
    | WishReminders
    | RegisterElsewhere
    | ForgetElsewhere
    | Audit
)
