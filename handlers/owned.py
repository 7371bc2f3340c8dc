"""What somebody has: certificates in their subscriber's hands, and the port to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from handlers.bank import CustomerNumber
from handlers.message import CustomerId
from handlers.stages import days_left
from handlers.texts import KOREA

RENEWAL: Final = timedelta(days=30)
"""How long before the day of its end a certificate may be renewed."""

STOPPED: Final = "stopped"
"""In the audit, of a customer: what was proven before ends with it."""

State = Literal["valid", "held", "expired"]


@dataclass(frozen=True, slots=True)
class Owned:
    """A certificate in its subscriber's hands. `serial` is 40 hexadecimal digits; `fingerprint` SHA-256, in pairs."""

    serial: str
    profile: str
    held: bool
    not_before: datetime
    not_after: datetime
    held_at: datetime | None
    fingerprint: str
    certificate: bytes = field(repr=False)

    def state(self, now: datetime) -> State:
        if now > self.not_after:
            return "expired"
        return "held" if self.held else "valid"

    def days_left(self, now: datetime) -> int:
        """Whole Korean days from today to the day of its end, negative afterwards."""
        return days_left(self.not_after, now)

    def renewable_from(self) -> datetime:
        """The first moment of the Korean day on which renewal opens."""
        opens = self.not_after.astimezone(KOREA) - RENEWAL
        return opens.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a certificate was registered, as its owner ticked it off; `before` is where only its predecessors were."""

    ticked: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unkept:
    """A certificate nobody has kept yet; it may not even be signed."""

    serial: str
    profile: str


class Owners(Protocol):
    """Who a conversation belongs to, and what they have."""

    async def linked(self, customer: CustomerId, now: datetime) -> tuple[CustomerNumber, datetime] | None:
        """The bank's customer this conversation has proven to be, and until when that lets it look."""

    async def owned(self, number: CustomerNumber) -> Sequence[Owned]:
        """Kept and in their place, newest first; one that has ended stays until the next is issued."""

    async def unkept(self, number: CustomerNumber) -> Sequence[Unkept]:
        """Issued, or about to be, on a page that is still open: perhaps somebody else's doing."""

    async def stopped_at(self, number: CustomerNumber) -> datetime | None:
        """When the customer last said, proven, that a certificate is to be stopped or ended (`STOPPED`)."""

    async def places(self, serial: str) -> Places: ...
