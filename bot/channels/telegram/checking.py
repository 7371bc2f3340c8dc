"""`certtalk telegram check`: is what Telegram knows of us what the settings say? With `--yes` it is made so.

Only what can be put right from here is touched: the webhook, the commands and the menu button. Findings are the
doctor's own kind, each with a sentence and, where something is wrong, the remedy. Telegram is not asked for messages:
that would end the question a running service has open.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from telegram import Bot, MenuButtonCommands, User, WebhookInfo
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot.channels.telegram.transport import bot_for, commands, set_commands, set_webhook, webhook_url
from bot.doctor import Finding
from bot.settings import Settings
from handlers.texts import Texts

MANY: Final = 100
LATELY: Final = timedelta(hours=1)


async def check(settings: Settings, texts: Mapping[str, Texts], *, mend: bool, now: datetime) -> list[Finding]:
    """What was found, after mending when `mend`. Never raises what Telegram says."""
    if not settings.telegram_token.get_secret_value():
        return [Finding("telegram", "fault", "off")]
    bot = bot_for(settings)
    try:
        async with bot:
            if mend:
                await _mend(bot, settings, texts)
            return [one async for one in _look(bot, settings, texts, now)]
    except InvalidToken:
        return [Finding("telegram", "fault", "token")]
    except BadRequest as error:
        return [Finding("telegram", "fault", "refused", {"reason": error.message})]
    except TelegramError as error:
        where = {"server": settings.telegram_api_url, "reason": type(error).__name__}
        return [Finding("telegram", "fault", "unreachable", where)]


async def _mend(bot: Bot, settings: Settings, texts: Mapping[str, Texts]) -> None:
    if settings.telegram_mode == "webhook":
        await set_webhook(bot, settings)
    else:
        await bot.delete_webhook()
    await set_commands(bot, texts, settings.default_locale)
    await bot.set_chat_menu_button(menu_button=MenuButtonCommands())


async def _look(bot: Bot, settings: Settings, texts: Mapping[str, Texts], now: datetime) -> AsyncIterator[Finding]:
    me: User = await bot.get_me()
    yield Finding("telegram", "ok", "ok", {"name": me.username, "mode": settings.telegram_mode})
    if me.can_join_groups:
        yield Finding("telegram", "warning", "groups", {"name": me.username})
    info = await bot.get_webhook_info()
    yield _way(settings, info)
    if info.pending_update_count > MANY:
        yield Finding("telegram_way", "warning", "pending", {"count": info.pending_update_count})
    failed = info.last_error_date
    if failed is not None and now - failed.astimezone(UTC) < LATELY:
        yield Finding("telegram_way", "warning", "failed", {"reason": info.last_error_message or "", "at": failed})
    yield await _commands(bot, settings, texts)
    https = settings.public_url.startswith("https://")
    yield Finding(
        "telegram_pages", "ok" if https else "warning", "ok" if https else "http", {"url": settings.public_url}
    )


def _way(settings: Settings, info: WebhookInfo) -> Finding:
    """Whether messages come the way the settings say."""
    if settings.telegram_mode == "polling":
        return (
            Finding("telegram_way", "fault", "webhook_set", {"url": info.url})
            if info.url
            else Finding("telegram_way", "ok", "polling")
        )
    wanted = webhook_url(settings)
    if info.url != wanted:
        return Finding("telegram_way", "fault", "elsewhere" if info.url else "no_webhook", {"url": info.url or wanted})
    return Finding("telegram_way", "ok", "webhook", {"url": wanted})


async def _commands(bot: Bot, settings: Settings, texts: Mapping[str, Texts]) -> Finding:
    wanted = {None: commands(texts[settings.default_locale])} | {name: commands(t) for name, t in texts.items()}
    for locale, listed in wanted.items():
        if list(await bot.get_my_commands(language_code=locale)) != listed:
            return Finding("telegram_commands", "warning", "differ")
    return Finding("telegram_commands", "ok", params={"count": len(wanted[None])})
