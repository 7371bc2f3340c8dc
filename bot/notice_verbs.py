"""`certtalk notices …`: are the templates registered as they are sent, does one arrive, what does it all cost."""

import argparse
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.settings import Settings
from handlers.texts import Texts, load_texts

if TYPE_CHECKING:
    from bot.gateways.provider import Message

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    text = (
        "The ways beside the chats (알림톡, text messages, e-mail): whether they are set up right, and what went out."
    )
    notices = verbs.add_parser("notices", help="알림톡 and text messages", description=text).add_subparsers(
        dest="what", required=True
    )
    listed = add("templates", templates, "the texts to register, with their buttons", notices)
    compared = add("check", check, "compare them with what the provider has; exit code 1 when they differ", notices)
    for one in (listed, compared):
        one.set_defaults(without_folder=True)
    test = add("test", test_one, "send one message to CERTTALK_ALIMTALK_TEST_PHONE", notices)
    test.add_argument("--email", action="store_true", help="an e-mail to CERTTALK_EMAIL_TEST_ADDRESS instead")
    test.add_argument("--template", metavar="NAME", help="an 알림톡 of this name (reminder.ahead) instead of an SMS")
    add("costs", costs, "messages by month and kind, and what they cost", notices)


def _texts(settings: Settings) -> Texts:
    return load_texts()[settings.default_locale]


async def templates(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.gateways.adapters import templates_of

    for (locale, name), one in sorted(templates_of(settings).items()):
        print(f"== {locale} {name}  {one.code or '-'}\n{one.content}")
        for button in one.buttons:
            print(f"[{button.name}] {button.link}")
        print()
    return 0


async def check(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.gateways.adapters import provider_of, templates_of
    from bot.gateways.sms import SmsFailure
    from bot.service import utc_now

    t, provider, wrong = _texts(settings), provider_of(settings, utc_now), False
    if provider is None:
        print(t("operator.notices.off"), file=sys.stderr)
        return 2
    for (locale, name), one in sorted(templates_of(settings).items()):
        word, reason = "no_code", ""
        if one.code:
            try:
                told = await provider.registered(one.code)
            except SmsFailure as error:
                word, reason = "not_told", str(error)
            else:
                same = told is None or _plain(told["content"]) == _plain(one.content)
                word = "unknown" if told is None else "differs" if not same else "same"
                if told is not None and same and not told["approved"]:
                    word = "not_approved"
        wrong = wrong or word in ("differs", "not_approved", "not_told")
        print(f"{locale} {name}: {t(f'operator.notices.check.{word}')}{f' ({reason})' if reason else ''}")
    return 1 if wrong else 0


def _plain(text: object) -> str:
    # How lines end is not part of what KakaoTalk compares; everything else is.
    return str(text).replace("\r\n", "\n").strip()


async def test_one(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.gateways.adapters import provider_of
    from bot.gateways.provider import Dispatch
    from bot.gateways.sms import SmsFailure
    from bot.service import new_id, utc_now
    from bot.storage.database import open_database
    from bot.storage.sendings import Sendings

    if arguments.email:
        return await _test_mail(settings)
    t, provider, phone = _texts(settings), provider_of(settings, utc_now), settings.alimtalk_test_phone
    if provider is None or not phone:
        print(t("operator.notices.off" if provider is None else "operator.notices.no_test_phone"), file=sys.stderr)
        return 2
    if (message := _sample(f"test:{new_id()}", phone, arguments.template, settings)) is None:
        print(t("operator.notices.no_template", name=arguments.template), file=sys.stderr)
        return 2
    database = await open_database(settings.database_url.get_secret_value())
    try:
        await Dispatch(provider, Sendings(database), utc_now, phone).hand(message)
    except SmsFailure as error:
        print(t("operator.notices.refused", reason=str(error)), file=sys.stderr)
        return 1
    finally:
        await database.close()
    print(t("operator.notices.taken"))
    return 0


async def _test_mail(settings: Settings) -> int:
    from bot.gateways.adapters import mail_of
    from bot.gateways.notices import Notice
    from bot.gateways.sms import SmsFailure
    from bot.service import new_id, utc_now

    t, mail = _texts(settings), mail_of(settings, load_texts(), utc_now)
    if mail is None or not mail.only_to:
        print(t("operator.notices.mail_off"), file=sys.stderr)
        return 2
    try:
        notice = Notice(f"test:{new_id()}", "", t.locale, t("operator.notices.test"))
        await mail.hand(mail.only_to, notice)
    except SmsFailure as error:
        print(t("operator.notices.mail_refused", reason=str(error)), file=sys.stderr)
        return 1
    print(t("operator.notices.mail_taken"))
    return 0


def _sample(key: str, phone: str, template: str | None, settings: Settings) -> "Message | None":
    """A message to try with; None when there is no registered template of this name."""
    from bot.gateways.adapters import templates_of
    from bot.gateways.alimtalk_templates import SAMPLES
    from bot.gateways.provider import Message

    if template is None:
        return Message(key, "sms", phone, _texts(settings)("operator.notices.test"))
    one = templates_of(settings).get((settings.default_locale, template))
    filled = one.fill(SAMPLES) if one is not None and one.code else None
    return Message(key, "alimtalk", phone, filled.text, filled) if filled is not None else None


async def costs(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.service import utc_now
    from bot.storage.database import open_database
    from bot.storage.sendings import KEPT
    from bot.storage.sendings import costs as count

    t = _texts(settings)
    prices = dict(one.split("=") for one in settings.alimtalk_prices.split(",") if one)
    database = await open_database(settings.database_url.get_secret_value())
    try:
        found = await database.read(count, utc_now() - KEPT + timedelta(days=1))
    finally:
        await database.close()
    for one in found:
        price = prices.get(one.kind)
        won = "-" if price is None else t("operator.notices.won", won=round(float(price) * one.taken))
        print(t("operator.notices.cost", month=one.month, kind=one.kind, taken=one.taken, lost=one.lost, won=won))
    if not found:
        print(t("operator.notices.nothing"))
    return 0
