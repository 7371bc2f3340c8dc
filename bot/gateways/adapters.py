"""What the settings name outside of this house: the bank's register, providers of messages, the operator's files.

`CERTTALK_BANK=mybank.register:connect` calls `mybank.register.connect(settings)` once, at start; what it returns
implements `handlers.bank.BankRegister`. `CERTTALK_SMS` likewise gives a `bot.gateways.sms.SmsGateway`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from bot.gateways.alimtalk_templates import Templates, TemplatesWrong, load_templates
from bot.gateways.mail import ByMail, MailServer
from bot.gateways.provider import Provider
from bot.gateways.signed_post import SignedPost
from bot.gateways.solapi import ORIGIN as SOLAPI
from bot.gateways.solapi import Solapi
from bot.settings import Problem, Settings, SettingsError, is_loopback
from bot.storage.sendings import Kind, Sendings
from handlers.hours import Hours
from handlers.texts import Texts


def named(settings: Settings) -> list[str]:
    """Of `bank` and `sms` those for which the settings name a function; the demo uses none."""
    return [name for name in ("bank", "sms") if not settings.demo and getattr(settings, name)]


def adapter(settings: Settings, name: str) -> Callable[[Settings], Any]:
    """The function named by the setting `name` (`bank` or `sms`). Raises `SettingsError`."""
    module, _, function = getattr(settings, name).partition(":")
    try:
        maker: Callable[[Settings], Any] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        problem = Problem(f"CERTTALK_{name.upper()}", "adapter_broken", {"reason": str(error)})
        raise SettingsError([problem], settings.default_locale) from error
    return maker


def connect(settings: Settings, name: str) -> Any:
    """What that function returns: a bank's register, or a gateway for text messages."""
    return adapter(settings, name)(settings)


def provider_of(settings: Settings, clock: Callable[[], datetime]) -> Provider | None:
    """Who takes 알림톡 and text messages, as the settings say."""
    secret = settings.alimtalk_secret.get_secret_value()
    if settings.alimtalk_provider == "solapi":
        return Solapi(
            settings.alimtalk_key, secret, settings.alimtalk_channel, settings.alimtalk_sender, clock,
            settings.alimtalk_url or SOLAPI,
        )  # fmt: skip
    return SignedPost(settings.alimtalk_url, secret, clock) if settings.alimtalk_provider == "webhook" else None


def mail_of(
    settings: Settings, texts: Mapping[str, Texts], clock: Callable[[], datetime], sendings: Sendings | None = None
) -> ByMail | None:
    """E-mail over the server the settings name; in clear on this machine only."""
    if not settings.email_server:
        return None
    parts = urlsplit(settings.email_server)
    at_once, host = parts.scheme == "smtps", parts.hostname or ""
    password = settings.email_password.get_secret_value()
    server = MailServer(
        host, parts.port or (465 if at_once else 587), at_once, is_loopback(host), settings.email_user, password
    )
    return ByMail(server, settings.email_from, texts, settings.public_url, clock, settings.email_test_address, sendings)


def by_kind(provider: Provider | None, events: Provider | None) -> dict[Kind, Provider]:
    """Who is asked what became of a message of each kind."""
    kinds: tuple[Kind, ...] = ("alimtalk", "sms", "lms")
    return (dict.fromkeys(kinds, provider) if provider else {}) | ({"event": events} if events else {})


def templates_of(settings: Settings) -> Templates:
    """Raises `SettingsError` when the operator's templates cannot be used."""
    try:
        return load_templates(settings.alimtalk_templates, settings.public_url)
    except TemplatesWrong as error:
        problem = Problem("CERTTALK_ALIMTALK_TEMPLATES", "templates", {"reason": str(error)})
        raise SettingsError([problem], settings.default_locale) from error


def hours_of(settings: Settings) -> Hours:
    """Raises `SettingsError` when the operator's holidays cannot be read."""
    try:
        text = None if settings.holidays is None else settings.holidays.read_text("utf-8")
        return Hours.of(settings.desk_opens, settings.desk_closes, text)
    except (OSError, ValueError) as error:
        problem = Problem("CERTTALK_HOLIDAYS", "holidays", {"reason": str(error)})
        raise SettingsError([problem], settings.default_locale) from error
