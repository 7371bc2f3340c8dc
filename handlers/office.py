"""What journeys to and about certificates are given, as one object: the bank, the registration authority, the words.

`bot/app.py` fills it once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from handlers.bank import BankRegister
from handlers.flow import Flow
from handlers.identity import Identity
from handlers.message import CustomerId, Document
from handlers.owned import Owners
from handlers.registry import Issued, Registry
from handlers.texts import Texts


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of journeys."""

    link_life: timedelta
    proof_life: timedelta
    link_lasts: timedelta
    """How long a conversation that has proven to be somebody may look at what they have."""
    business_fee: int


class Pages(Protocol):
    def url(self, link_id: str) -> str: ...


class Full(Exception):
    """Too many keys are being made just now."""


class Bench(Protocol):
    """Keeps passwords and keys for minutes, in memory; a restart forgets them."""

    def broken(self, password: str) -> Sequence[str]:
        """Names of the rules a password breaks."""

    def remember(self, link_id: str, password: str) -> None:
        """Raises `Full`."""

    def remembers(self, link_id: str, password: str) -> bool | None:
        """Whether this is the password of before; None when it was forgotten."""

    async def request(self, link_id: str) -> tuple[bytes, bytes]:
        """A new key's request and its R; the same ones for the same link."""

    async def files(
        self, link_id: str, customer: CustomerId, issued: Issued, now: datetime, *, folder: bool
    ) -> Sequence[Document]:
        """The encrypted files, kept for delivery: a `.p12`, and the NPKI folder as a ZIP where `folder` says so."""


@dataclass(frozen=True, slots=True)
class Office:
    """`new_id()` names links, challenges and files; `reference()` gives a short number that can be read out."""

    texts: Mapping[str, Texts]
    rules: Rules
    bank: BankRegister
    identity: Identity
    owners: Owners
    registry: Registry
    ca_name: str
    pages: Pages
    bench: Bench
    new_id: Callable[[], str]
    reference: Callable[[], str]


class Journey(Flow):
    """A flow that works at the office."""

    def __init__(self, office: Office) -> None:
        self.office = office
