"""Word that goes out: the ways it may take, and the jobs that carry it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.gateways.adapters import by_kind, connect, mail_of, provider_of, templates_of
from bot.gateways.alimtalk import WAY as ALIMTALK
from bot.gateways.alimtalk import ByAlimtalk
from bot.gateways.events import ByEvent, EventApi
from bot.gateways.mail import WAY as EMAIL
from bot.gateways.notices import BySms, NoticeGateway
from bot.gateways.provider import Dispatch
from bot.gateways.sms import SmsGateway
from bot.gateways.sms_demo import DemoSms
from bot.gateways.sms_provider import ProviderSms
from bot.ground import Ground
from bot.jobs.announcing import KINDS, Announcing
from bot.jobs.delivering import Delivering
from bot.jobs.following import Following
from bot.jobs.reaching import Reaching
from bot.jobs.reminding import Reminding
from bot.jobs.runner import Job
from bot.jobs.telling import CHAT, Telling
from bot.storage import outbox
from bot.storage.certificates import Certificates
from bot.storage.demo import DemoPhones
from bot.storage.notices import ACTS, MOVED
from bot.storage.sendings import Sendings
from handlers.bank import BankRegister
from handlers.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Ways:
    """`gateways` by the names of their ways; `order` is that in which they are tried, the chat among them."""

    sms: SmsGateway
    gateways: Mapping[str, NoticeGateway]
    order: tuple[str, ...]
    sendings: Sendings
    dispatch: Dispatch | None


def ways_out(ground: Ground, phones: DemoPhones) -> Ways:
    """As the settings say. Raises `SettingsError`."""
    settings, clock, sendings = ground.settings, ground.clock, Sendings(ground.database)
    provider = provider_of(settings, clock)
    dispatch = Dispatch(provider, sendings, clock, settings.alimtalk_test_phone) if provider else None
    sms: SmsGateway
    if settings.demo:
        sms = DemoSms(phones, clock)
    else:
        sms = ProviderSms(dispatch) if dispatch and not settings.sms else connect(settings, "sms")
    gateways: dict[str, NoticeGateway] = {"sms": BySms(sms)}
    if dispatch:
        gateways[ALIMTALK] = ByAlimtalk(dispatch, templates_of(settings), ground.texts)
    if mail := mail_of(settings, ground.texts, clock, sendings):
        gateways[EMAIL] = mail
    order = tuple(way for way in settings.notice_order.split(",") if way == CHAT or way in gateways)
    return Ways(sms, gateways, order, sendings, dispatch)


@dataclass(frozen=True, slots=True)
class Notifying:
    delivering: Delivering
    reminding: Reminding
    telling: Telling
    following: Following | None

    def jobs(self) -> list[Job]:
        return [
            Job("deliver", self.delivering.promptly, 1.0),
            Job("reach", self.delivering.beside, 1.0),
            Job("remind", self.reminding.work, 60.0),
            Job("tell", self.telling.work, 1.0),
            *([Job("follow", self.following.work, 10.0)] if self.following else []),
        ]


def notifying(
    ground: Ground,
    ways: Ways,
    bank: BankRegister,
    certificates: Certificates,
    conversation: Conversation,
    pushed: frozenset[str],
    wake: Callable[[str], None],
) -> Notifying:
    """To the channels of `pushed` messages are carried; `wake` has the job of this name look now."""
    settings, clock, database, sealer, texts = (
        ground.settings, ground.clock, ground.database, ground.sealer, ground.texts,
    )  # fmt: skip
    rates = {way: settings.reminders_per_second if way == CHAT else settings.notices_per_second for way in ways.order}
    telling = Telling(
        database, bank, conversation, texts, ways.gateways, ways.order, rates, pushed, clock, settings.default_locale
    )
    telling.on_more = lambda: wake("tell")
    beside = tuple(way for way in ways.order if way != CHAT) or ("sms",)
    reaching = Reaching(database, sealer, bank, ways.gateways, beside, telling.turnstiles, clock)
    announcing = Announcing(
        database, sealer, certificates, bank, conversation, reaching, texts, clock, settings.default_locale
    )
    told = dict.fromkeys(KINDS, announcing.deliver) | dict.fromkeys(ACTS, announcing.deliver_act)
    told |= {MOVED: announcing.deliver_moved, outbox.REACH: reaching.deliver}

    async def lost(key: str, way: str) -> None:
        await telling.lost_later(key, way)
        wake("tell")

    # Nobody but the operator is written to in test mode.
    event_key = "" if settings.alimtalk_test_phone else settings.kakao_event_key.get_secret_value()
    events = EventApi(settings.kakao_bot, event_key, settings.kakao_event) if event_key else None
    if events:
        telling.nudges = {"kakao": ByEvent(Dispatch(events, ways.sendings, clock))}
    asked = by_kind(ways.dispatch.provider if ways.dispatch else None, events)
    return Notifying(
        Delivering(database, sealer, ways.sms, clock, told),
        Reminding(database, clock, ways.order, lambda: wake("tell"), on_more=lambda: wake("remind")),
        telling,
        Following(asked, ways.sendings, clock, lost) if asked else None,
    )
