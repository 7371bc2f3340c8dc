"""The one place where concrete classes meet: settings in, a running service out."""

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta

from bot.bench import KeyBench
from bot.desk import EmbeddedCounter
from bot.gateways.adapters import by_kind, connect, hours_of, mail_of, provider_of, templates_of
from bot.gateways.alimtalk import WAY as ALIMTALK
from bot.gateways.alimtalk import ByAlimtalk
from bot.gateways.bank_demo import DemoBank
from bot.gateways.events import ByEvent, EventApi
from bot.gateways.fetching import Fetcher
from bot.gateways.mail import WAY as EMAIL
from bot.gateways.notices import BySms, NoticeGateway
from bot.gateways.patience import PatientBank
from bot.gateways.provider import Dispatch
from bot.gateways.relying import RelyingParty, load_trust
from bot.gateways.sms import SmsGateway
from bot.gateways.sms_demo import DemoSms
from bot.gateways.sms_provider import ProviderSms
from bot.jobs.anchoring import ANCHORS, Anchoring
from bot.jobs.announcing import ISSUED, KINDS, Announcing, put_notice
from bot.jobs.answering import Answering
from bot.jobs.cleaning import Cleaning
from bot.jobs.delivering import Delivering
from bot.jobs.following import Following
from bot.jobs.listing import EVERY, Listing
from bot.jobs.reaching import Reaching
from bot.jobs.reminding import Reminding
from bot.jobs.runner import Job, Runner
from bot.jobs.telling import CHAT, Telling
from bot.learning.keeping import OperatorsModel
from bot.registry import Registry
from bot.sealing import KeyFileRefused, Sealer, load_or_make_key
from bot.service import Bells, Service, new_id, new_reference, utc_now
from bot.settings import Settings
from bot.storage import outbox
from bot.storage.audit import AuditTrail, newest
from bot.storage.certificate_rows import hex_of, serial_of
from bot.storage.certificates import Certificates
from bot.storage.conversations import Addresses, Conversations
from bot.storage.database import Database, Tx, open_database
from bot.storage.demo import DemoLedger, DemoPhones
from bot.storage.effects import EffectWriter
from bot.storage.elsewhere import Shelf
from bot.storage.handovers import HandoverQueue
from bot.storage.identity import IdentityRecords
from bot.storage.left import LeftJourneys
from bot.storage.lists import Lists
from bot.storage.notices import ACTS, MOVED, put_change
from bot.storage.owners import OwnerRecords
from bot.storage.pages import Documents, Links
from bot.storage.reminders import Book
from bot.storage.sendings import Sendings
from bot.vault import Vault
from bot.vault.passphrases import Ask
from ca.ports import Record, Serial
from ca.recorded import Recorded
from ca.registration import RegistrationAuthority
from handlers.bank import BankRegister
from handlers.conversation import Conversation
from handlers.device import Backup, ChangePassword, Cleanup, Copy
from handlers.effects import ChangeStatus, Effect, HandedOver, KnowAs, MoveJourney, StartChallenge
from handlers.enroll import Enroll
from handlers.faq import Knowledge, load_links
from handlers.identity import Identity, Limits
from handlers.message import CustomerId
from handlers.office import Office, Rules
from handlers.person import Person
from handlers.reception import Reception
from handlers.register import Register
from handlers.registered import RegisteredOnes
from handlers.reissue import Reissue
from handlers.reminders import Reminders
from handlers.renew import Renew
from handlers.revoke import Revoke
from handlers.status import Status
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
    reconciled = await registration.reconcile(now, left_for)
    if reconciled.finished or reconciled.failed:
        log.warning(
            "unfinished certificates settled",
            extra={"finished": len(reconciled.finished), "failed": len(reconciled.failed)},
        )


async def _build(
    settings: Settings, clock: Callable[[], datetime], database: Database, pages_at: str, *, keys: bool, ask: Ask | None
) -> Service:
    texts = load_texts()
    used = await database.read(_is_used)
    key_file = settings.data / "service.key"
    if used and not key_file.exists():
        raise KeyFileRefused("lost", key_file, "this database was written with it: restore it from the backup")
    sealer = Sealer(load_or_make_key(key_file))
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
    provider, sendings = provider_of(settings, clock), Sendings(database)
    dispatch = Dispatch(provider, sendings, clock, settings.alimtalk_test_phone) if provider else None
    sms: SmsGateway
    if settings.demo:
        sms = DemoSms(phones, clock)
    else:
        sms = ProviderSms(dispatch) if dispatch and not settings.sms else connect(settings, "sms")
    bank = PatientBank(register)
    records = IdentityRecords(database)
    identity = Identity(
        records, bank, secrets.randbelow, lambda *parts: sealer.mac("code", *parts).hex(),
        Limits(
            code_life=timedelta(seconds=settings.code_seconds), tries=settings.tries,
            codes_an_hour=settings.sms_per_hour,
        ),
    )  # fmt: skip
    rules = Rules(
        timedelta(minutes=settings.link_minutes),
        timedelta(minutes=settings.proof_minutes),
        timedelta(days=settings.link_days),
        settings.business_fee,
    )
    documents = Documents(database, DOCUMENT_LIFE)
    gateways: dict[str, NoticeGateway] = {"sms": BySms(sms)}
    if dispatch:
        gateways[ALIMTALK] = ByAlimtalk(dispatch, templates_of(settings), texts)
    if mail := mail_of(settings, texts, clock, sendings):
        gateways[EMAIL] = mail
    ways = tuple(way for way in settings.notice_order.split(",") if way == CHAT or way in gateways)
    bench = KeyBench(documents, settings.ca_name, clock)
    fetcher = Fetcher(frozenset(filter(None, settings.relying_hosts.split(","))))
    relying = RelyingParty(load_trust(settings), fetcher, certificates)
    shelf = Shelf(database, sealer)
    office = Office(
        texts=texts, rules=rules, bank=bank, identity=identity, owners=OwnerRecords(database, rules.link_lasts),
        registry=registry, ca_name=settings.ca_name, pages=links, bench=bench, new_id=new_id, reference=new_reference,
    )  # fmt: skip
    flows = (
        *(journey(office) for journey in (Enroll, Status, Renew, Reissue, Revoke)),
        Reminders(Book(database), ways, texts),
        *(journey(pages_at) for journey in (Copy, Backup, ChangePassword, Cleanup)),
        Person(new_reference, hours_of(settings), HandoverQueue(database)),
        Register(office, relying, shelf),
        RegisteredOnes(texts, relying, shelf),
    )
    understanding = Understanding()
    own_model = OperatorsModel(settings.data, understanding)
    await own_model.refresh()
    unreachable = not settings.public_url.startswith("https://")
    in_chat = frozenset({"telegram"} if settings.in_chat_secrets and unreachable else ())
    answering_at_once = frozenset({"kakao"})
    reception = Reception(
        {flow.name: flow for flow in flows}, texts, understanding, Knowledge(load_links()),
        lambda: secrets.token_urlsafe(9), LeftJourneys(database, sealer, rules.link_lasts), in_chat, answering_at_once,
    )  # fmt: skip
    pushed = frozenset({"telegram"} if settings.telegram_token.get_secret_value() else ())
    conversations = Conversations(database, sealer, EffectWriter(audit, sealer), links.url, pushed, answering_at_once)
    conversation = Conversation(reception, conversations, clock, settings.default_locale)
    rates = {way: settings.reminders_per_second if way == CHAT else settings.notices_per_second for way in ways}
    telling = Telling(
        database, bank, conversation, texts, gateways, ways, rates, pushed, clock, settings.default_locale
    )  # fmt: skip
    beside = tuple(way for way in ways if way != CHAT) or ("sms",)
    reaching = Reaching(database, sealer, bank, gateways, beside, telling.turnstiles, clock)
    announcing = Announcing(
        database, sealer, certificates, bank, conversation, reaching, texts, clock, settings.default_locale
    )  # fmt: skip
    told = dict.fromkeys(KINDS, announcing.deliver) | dict.fromkeys(ACTS, announcing.deliver_act)
    told |= {MOVED: announcing.deliver_moved, outbox.REACH: reaching.deliver}
    delivering = Delivering(database, sealer, sms, clock, told)
    reminding = Reminding(database, clock, ways, lambda: runner.wake("tell"), on_more=lambda: runner.wake("remind"))
    telling.on_more = lambda: runner.wake("tell")

    # Nobody but the operator is written to in test mode.
    event_key = "" if settings.alimtalk_test_phone else settings.kakao_event_key.get_secret_value()

    async def lost(key: str, way: str) -> None:
        await telling.lost_later(key, way)
        runner.wake("tell")

    events = EventApi(settings.kakao_bot, event_key, settings.kakao_event) if event_key else None
    if events:
        telling.nudges = {"kakao": ByEvent(Dispatch(events, sendings, clock))}
    following = Following(by_kind(provider, events), sendings, clock, lost) if provider or events else None
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

    runner = Runner(
        [
            Job("deliver", delivering.promptly, 1.0),
            Job("reach", delivering.beside, 1.0),
            Job("remind", reminding.work, 60.0),
            Job("tell", telling.work, 1.0),
            Job("crl", listing.work, EVERY.total_seconds()),
            Job("answers", answering.work, 1.0),
            Job("resume", cleaning.take_on, 10.0),
            Job("learn", own_model.refresh, 5.0),
            Job("bench", bench.sweep, 60.0),
            Job("clean", cleaning.work, 600.0),
            Job("anchor", anchoring.work, 3600.0),
            Job("responder", renew_responder, 60.0),
            Job("finish", lambda: reconcile(registration, clock(), LEFT_UNFINISHED), 60.0),
            *([Job("follow", following.work, 10.0)] if following else []),
        ],
        clock,
    )
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
        reminding=reminding, telling=telling, cleaning=cleaning, delivering=delivering,
        dispatch=dispatch, following=following,
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
