"""A running service, as rooms, channels, jobs and verbs meet it; `bot.app` puts it together."""

import asyncio
import base64
import contextlib
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.desk import EmbeddedCounter
from bot.gateways.bank_demo import DemoBank
from bot.gateways.provider import Dispatch
from bot.jobs.answering import Answering
from bot.jobs.cleaning import Cleaning
from bot.jobs.delivering import Delivering
from bot.jobs.following import Following
from bot.jobs.listing import Listing
from bot.jobs.reminding import Reminding
from bot.jobs.runner import Runner
from bot.jobs.telling import Telling
from bot.registry import Registry
from bot.sealing import Sealer
from bot.settings import Settings
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.conversations import Addresses, Conversations
from bot.storage.database import Database
from bot.storage.demo import DemoPhones
from bot.storage.pages import Documents, Links
from bot.vault import Vault
from bot.vault.condition import conditions
from ca.registration import RegistrationAuthority
from handlers.bank import BankRegister
from handlers.conversation import Conversation
from handlers.message import CustomerId
from handlers.texts import Texts

log = logging.getLogger(__name__)

HISTORY_SHOWN = 200


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    """128 random bits, URL-safe and without a dot."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()


def new_reference() -> str:
    """Short enough to read out on the telephone."""
    return f"{secrets.randbelow(10**5):05d}-{secrets.token_hex(2).upper()}"


class Bells:
    """Wakes whoever waits for a customer's next message in this process."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def ring(self, customer: str) -> None:
        for event in self._waiting.get(customer, ()):
            event.set()

    def waiting(self, customer: str) -> int:
        return len(self._waiting.get(customer, ()))

    def ring_all(self) -> None:
        for customer in list(self._waiting):
            self.ring(customer)

    @contextlib.contextmanager
    def listen(self, customer: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting[customer].add(event)
        try:
            yield event
        finally:
            self._waiting[customer].discard(event)
            if not self._waiting[customer]:
                del self._waiting[customer]


def demo_customer(who: str) -> CustomerId:
    """The conversation of a demo customer: the same on every channel, so that it can be continued elsewhere."""
    return CustomerId(f"demo:{who}")


@dataclass
class Service:
    """Everything that runs, for the web application, the console and the verbs."""

    settings: Settings
    pages_at: str
    """The address under which this process's pages are opened, an origin."""
    clock: Callable[[], datetime]
    database: Database
    sealer: Sealer
    texts: Mapping[str, Texts]
    audit: AuditTrail
    certificates: Certificates
    registration: RegistrationAuthority
    registry: Registry
    conversations: Conversations
    addresses: Addresses
    conversation: Conversation
    links: Links
    documents: Documents
    bank: BankRegister
    demo_bank: DemoBank
    """Fictional customers and what they hold in the hand; answers nobody outside the demo."""
    phones: DemoPhones
    listing: Listing
    answering: Answering
    reminding: Reminding
    telling: Telling
    cleaning: Cleaning
    delivering: Delivering
    dispatch: Dispatch | None
    """To the provider of 알림톡 and text messages, when there is one; `following` asks what became of them."""
    following: Following | None
    counter: EmbeddedCounter
    vault: Vault
    runner: Runner
    bells: Bells

    @staticmethod
    def new_id() -> str:
        return new_id()

    @property
    def locale(self) -> str:
        return self.settings.default_locale

    def deliver_soon(self) -> None:
        """Something was put into the outbox: send it now rather than at the next turn of the job."""
        self.runner.wake("deliver")
        self.runner.wake("tell")

    async def health(self) -> dict[str, object]:
        """Whether database, OCSP signers and jobs are well; what ends soon is a warning. Never raises."""
        checks: dict[str, bool] = {}
        try:
            await self.database.read(lambda tx: tx.one("SELECT 1 AS one"), deadline=2.0)
            checks["database"] = True
        except Exception:
            log.exception("health: the database does not answer")
            checks["database"] = False
        now, authority = self.clock(), self.registration.authority
        in_force = [one for one in authority.issuers.values() if one.certificate.not_valid_after_utc > now]
        signers = [issuer.ocsp for issuer in (*in_force, authority.current)]
        checks["signer"] = all(one is not None and one.certificate.not_valid_after_utc > now for one in signers)
        jobs = self.runner.report()
        checks["jobs"] = all(jobs.values())
        soon = [one.word for one in await asyncio.to_thread(conditions, self.vault, now)]
        return {"ok": all(checks.values()), "checks": checks, "jobs": jobs, "warnings": soon}
