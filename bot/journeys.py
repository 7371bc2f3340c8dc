"""The journeys of this counter, each with the ports it needs. A new one begins here: `docs/architecture.md`."""

import secrets
from datetime import timedelta

from bot.bench import KeyBench
from bot.gateways.adapters import hours_of
from bot.gateways.fetching import Fetcher
from bot.gateways.relying import RelyingParty, load_trust
from bot.ground import Ground
from bot.registry import Registry
from bot.service import new_id, new_reference
from bot.storage.certificates import Certificates
from bot.storage.elsewhere import Shelf
from bot.storage.handovers import HandoverQueue
from bot.storage.identity import IdentityRecords
from bot.storage.owners import OwnerRecords
from bot.storage.pages import Links
from bot.storage.reminders import Book
from handlers.bank import BankRegister
from handlers.device import Backup, ChangePassword, Cleanup, Copy
from handlers.enroll import Enroll
from handlers.flow import Flow
from handlers.identity import Identity, Limits
from handlers.office import Office, Rules
from handlers.person import Person
from handlers.register import Register
from handlers.registered import RegisteredOnes
from handlers.reissue import Reissue
from handlers.reminders import Reminders
from handlers.renew import Renew
from handlers.revoke import Revoke
from handlers.status import Status


def journeys(
    ground: Ground,
    bank: BankRegister,
    certificates: Certificates,
    registry: Registry,
    links: Links,
    bench: KeyBench,
    ways: tuple[str, ...],
    pages_at: str,
) -> tuple[Flow, ...]:
    """`ways` lead outside; `pages_at` is where this process's pages are opened."""
    settings, database, sealer, texts = ground.settings, ground.database, ground.sealer, ground.texts
    rules = Rules(
        timedelta(minutes=settings.link_minutes),
        timedelta(minutes=settings.proof_minutes),
        timedelta(days=settings.link_days),
        settings.business_fee,
    )
    limits = Limits(
        code_life=timedelta(seconds=settings.code_seconds), tries=settings.tries, codes_an_hour=settings.sms_per_hour
    )
    identity = Identity(
        IdentityRecords(database), bank, secrets.randbelow, lambda *parts: sealer.mac("code", *parts).hex(), limits
    )
    office = Office(
        texts=texts, rules=rules, bank=bank, identity=identity, owners=OwnerRecords(database, rules.link_lasts),
        registry=registry, ca_name=settings.ca_name, pages=links, bench=bench, new_id=new_id, reference=new_reference,
    )  # fmt: skip
    fetcher = Fetcher(frozenset(filter(None, settings.relying_hosts.split(","))))
    relying, shelf = RelyingParty(load_trust(settings), fetcher, certificates), Shelf(database, sealer)
    return (
        *(journey(office) for journey in (Enroll, Status, Renew, Reissue, Revoke)),
        Reminders(Book(database), ways, texts),
        *(journey(pages_at) for journey in (Copy, Backup, ChangePassword, Cleanup)),
        Person(new_reference, hours_of(settings), HandoverQueue(database)),
        Register(office, relying, shelf),
        RegisteredOnes(texts, relying, shelf),
    )
