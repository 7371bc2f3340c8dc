"""Where concrete classes meet: settings in, a running service out."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta

from bot import profiles
from bot.bench import KeyBench
from bot.desk import EmbeddedCounter
from bot.gateways.adapters import connect
from bot.gateways.bank_demo import DemoBank
from bot.gateways.patience import PatientBank
from bot.ground import Ground
from bot.jobs.anchoring import ANCHORS, Anchoring
from bot.jobs.announcing import ISSUED, put_notice
from bot.jobs.answering import Answering
from bot.jobs.cleaning import Cleaning
from bot.jobs.listing import EVERY, Listing
from bot.jobs.runner import Job, Runner
from bot.journeys import journeys
from bot.learning.keeping import OperatorsModel
from bot.notifying import notifying, ways_out
from bot.registry import Registry
from bot.sealing import KeyFileRefused, Sealer, load_or_make_key
from bot.service import Bells, Service, new_id, utc_now
from bot.settings import Settings
from bot.storage.audit import AuditTrail, newest
from bot.storage.certificate_rows import hex_of, serial_of
from bot.storage.certificates import Certificates
from bot.storage.conversations import Addresses, Conversations
from bot.storage.database import Database, Tx, open_database
from bot.storage.demo import DemoLedger, DemoPhones
from bot.storage.effects import EffectWriter
from bot.storage.left import LeftJourneys
from bot.storage.lists import Lists
from bot.storage.notices import put_change
from bot.storage.pages import Documents, Links
from bot.vault import Vault
from bot.vault.members import record
from bot.vault.passphrases import Ask
from ca.ports import Record, Serial
from ca.recorded import Recorded
from ca.registration import RegistrationAuthority
from ca.revocation import By
from handlers.bank import BankRegister
from handlers.conversation import Conversation
from handlers.effects import ChangeStatus, Effect, HandedOver, KnowAs, MoveJourney, StartChallenge
from handlers.faq import Knowledge, load_links
from handlers.message import CustomerId
from handlers.reception import Reception
from handlers.texts import load_texts
from handlers.understanding import Understanding

log = logging.getLogger(__name__)

DOCUMENT_LIFE = timedelta(hours=24)
LEFT_UNFINISHED = timedelta(minutes=2)
"""An older plan is nobody's at this moment: its signer was away, or the process that made it has died."""


@contextlib.asynccontextmanager
async def running(
    settings: Settings, clock: Callable[[], datetime] | None = None, *, jobs: bool = True, pages_at: str = "",
    keys: bool = True, ask: Ask | None = None,
) -> AsyncIterator[Service]:  # fmt: skip
    """A service from its settings; reconciled before anything is served, its outbox kept when it stops.

    `pages_at` is where this process serves its pages when that is not the public address (the console's own port);
    certificates carry the public address all the same. Without `keys` it only looks: the CA's keys stay where they
    are, nothing is signed, and what is unfinished stays so. `ask` reaches a person for a passphrase.
    """
    clock = clock or utc_now
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = await open_database(settings.database_url.get_secret_value())
    try:
        service = await _build(settings, clock, database, pages_at or settings.public_url, keys=keys, ask=ask)
        if keys:
            await note_certificates(service.vault, database, service.audit, clock())
            await reconcile(service.registration, clock())
        if jobs:
            service.runner.start()
        try:
            yield service
        finally:
            await service.runner.stop()
    finally:
        await database.close()


async def reconcile(registration: RegistrationAuthority, now: datetime, left_for: timedelta = timedelta(0)) -> None:
    if withdrawn := await registration.withdraw(now):
        log.warning("revoked below a revoked issuing CA", extra={"certificates": withdrawn})
    reconciled = await registration.reconcile(now, left_for)
    if reconciled.finished or reconciled.failed:
        log.warning(
            "unfinished certificates settled",
            extra={"finished": len(reconciled.finished), "failed": len(reconciled.failed)},
        )


async def note_certificates(vault: Vault, database: Database, audit: AuditTrail, now: datetime) -> None:
    """Have the audit trail know every certificate of the authority itself, and the profiles in force."""
    found = await asyncio.to_thread(vault.members)

    def note(tx: Tx) -> None:
        record(tx, audit, found, now, By.AUTHORITY.value)
        profiles.record(tx, audit, vault.settings, now, By.AUTHORITY.value)

    await database.run(note)


async def _build(
    settings: Settings, clock: Callable[[], datetime], database: Database, pages_at: str, *, keys: bool, ask: Ask | None
) -> Service:
    texts = load_texts()
    used = await database.read(_is_used)
    key_file = settings.data / "service.key"
    if used and not key_file.exists():
        raise KeyFileRefused("lost", key_file, "this database was written with it: restore it from the backup")
    sealer = Sealer(load_or_make_key(key_file))
    ground = Ground(settings, clock, database, sealer, texts)
    recorded = Recorded()
    audit = AuditTrail(sealer.mac("audit", "key"), recorded)
    if last := await database.read(newest):
        recorded.note(last)
    vault = Vault(settings, may_make=not used, ask=ask, recorded=recorded, plan_key=sealer.mac("plan", "key"))
    authority = await vault.open(clock()) if keys else vault.look()

    def announce(tx: Tx, record: Record, at: datetime) -> None:
        put_notice(tx, sealer, ISSUED, hex_of(record.plan.serial), at)

    def tell(tx: Tx, before: Record, after: Record, at: datetime, by: str) -> None:
        put_change(tx, sealer, before, after, at, by)

    certificates = Certificates(database, audit, sealer.mac("export", "key"), clock, announce, tell)
    registration = RegistrationAuthority(authority, certificates)
    links = Links(database, sealer, lambda: pages_at)
    registry = Registry(registration, certificates, links, settings.certificates_per_day)

    phones = DemoPhones(database, sealer)
    demo_bank = DemoBank(sealer.mac("demo bank", "key"), clock, DemoLedger(database, clock))
    register: BankRegister = demo_bank if settings.demo else connect(settings, "bank")
    bank = PatientBank(register)
    ways = ways_out(ground, phones)
    documents = Documents(database, DOCUMENT_LIFE)
    bench = KeyBench(documents, settings.ca_name, clock)
    flows = journeys(ground, bank, certificates, registry, links, bench, ways.order, pages_at)
    understanding = Understanding()
    own_model = OperatorsModel(settings.data, understanding)
    await own_model.refresh()
    unreachable = not settings.public_url.startswith("https://")
    in_chat = frozenset({"telegram"} if settings.in_chat_secrets and unreachable else ())
    answering_at_once = frozenset({"kakao"})
    left = LeftJourneys(database, sealer, timedelta(days=settings.link_days))
    reception = Reception(
        {flow.name: flow for flow in flows}, texts, understanding, Knowledge(load_links()),
        lambda: secrets.token_urlsafe(9), left, in_chat, answering_at_once,
    )  # fmt: skip
    pushed = frozenset({"telegram"} if settings.telegram_token.get_secret_value() else ())
    conversations = Conversations(database, sealer, EffectWriter(audit, sealer), links.url, pushed, answering_at_once)
    conversation = Conversation(reception, conversations, clock, settings.default_locale)
    runner = Runner([], clock)
    notices = notifying(ground, ways, bank, certificates, conversation, pushed, runner.wake)
    cleaning = Cleaning(database, sealer, links, registration, conversation, clock, registry.settle)
    listing = Listing(registration, Lists(database), clock)
    anchoring = Anchoring(
        database, audit, settings.data / ANCHORS, settings.audit_years, clock, authority.current.root,
        lambda now: vault.records(recorded.after(now)),
    )  # fmt: skip
    answering = Answering(registration, certificates, clock)

    async def renew_responder() -> None:
        if vault.is_due(registration.authority, clock()):
            registration.authority = await vault.open(clock())
            await note_certificates(vault, database, audit, clock())

    runner.jobs += [
        *notices.jobs(),
        Job("crl", listing.work, EVERY.total_seconds()),
        Job("answers", answering.work, 1.0),
        Job("resume", cleaning.take_on, 10.0),
        Job("learn", own_model.refresh, 5.0),
        Job("bench", bench.sweep, 60.0),
        Job("clean", cleaning.work, 600.0),
        Job("anchor", anchoring.work, 3600.0),
        Job("responder", renew_responder, 60.0),
        Job("finish", lambda: reconcile(registration, clock(), LEFT_UNFINISHED), 60.0),
    ]
    bells = Bells()

    def said(customer: CustomerId, effects: Sequence[Effect]) -> None:
        bells.ring(customer)
        for effect in effects:
            match effect:
                case HandedOver():
                    bench.forget(effect.link_id)
                case ChangeStatus():
                    certificates.on_change(serial_of(effect.serial))
        if any(isinstance(effect, StartChallenge | ChangeStatus | KnowAs | MoveJourney) for effect in effects):
            runner.wake("deliver")  # a code is queued, or word of what was done: somebody looks at their phone

    def changed(serial: Serial) -> None:
        answering.forget(serial)
        runner.wake("crl")

    conversation.on_said = said
    certificates.on_change = changed
    return Service(
        settings=settings, pages_at=pages_at, clock=clock, database=database, sealer=sealer, texts=texts, audit=audit,
        certificates=certificates, registration=registration, registry=registry, conversations=conversations,
        addresses=Addresses(database, new_id), conversation=conversation, links=links,
        documents=documents, bank=bank, demo_bank=demo_bank, phones=phones, listing=listing,
        answering=answering,
        reminding=notices.reminding, telling=notices.telling, cleaning=cleaning, delivering=notices.delivering,
        dispatch=ways.dispatch, following=notices.following,
        counter=EmbeddedCounter(database, conversations, conversation, audit, clock), vault=vault, runner=runner,
        bells=bells,
    )  # fmt: skip


def _is_used(tx: Tx) -> bool:
    """Whether anything was written under this folder's keys: what somebody said is sealed, too."""
    tables = ("audit", "conversations")
    return any(tx.one(f"SELECT 1 AS one FROM {table} LIMIT 1") for table in tables)  # noqa: S608 - names of our own


async def is_used(settings: Settings) -> bool:
    """Whether this data folder's database has been written to; nothing is made by asking."""
    if not (settings.data / "service.key").is_file():
        return False
    database = await open_database(settings.database_url.get_secret_value())
    try:
        return await database.read(_is_used)
    finally:
        await database.close()
