"""`certtalk telegram check`: is what Telegram knows of us what the settings say? With `--yes` it is made so.

Only what can be put right from here is touched: the webhook, the commands and the menu button. Findings are the
doctor's own kind, each with a sentence and, where something is wrong, the remedy. Telegram is not asked for messages:
that would end the question a running service has open.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from telegram import MenuButtonCommands
from telegram.error import InvalidToken, TelegramError, TimedOut

from bot.channels.telegram.bot import QuietBot
from bot.channels.telegram.request import Interrupted, NotConnected, ToldToWait
from bot.channels.telegram.transport import bot_for, commands, set_commands, set_webhook, webhook_url
from bot.doctor import Finding
from bot.settings import Settings
from handlers.texts import Texts

MANY: Final = 100
LATELY: Final = timedelta(hours=1)
_NOBODY: Final = (InvalidToken, NotConnected, TimedOut, ToldToWait)
"""After these no other question is answered either."""


async def check(settings: Settings, texts: Mapping[str, Texts], *, mend: bool, now: datetime) -> list[Finding]:
    """What was found, after mending when `mend`. Never raises what Telegram says."""
    if not settings.telegram_token.get_secret_value():
        return [Finding("telegram", "fault", "off")]
    bot = bot_for(settings)
    try:
        async with bot:
            mended = [one async for one in _mend(bot, settings, texts)] if mend else []
            return [*mended, *[one async for one in _look(bot, settings, texts, now)]]
    except InvalidToken:
        return [Finding("telegram", "fault", "token")]
    except ToldToWait as error:
        return [Finding("telegram", "fault", "wait", {"seconds": round(error.seconds)})]
    except TelegramError as error:
        word = "unreachable" if isinstance(error, NotConnected | TimedOut | Interrupted) else "failing"
        return [Finding("telegram", "fault", word, {"server": settings.telegram_api_url, "reason": error.message})]


async def _mend(bot: QuietBot, settings: Settings, texts: Mapping[str, Texts]) -> AsyncIterator[Finding]:
    """Each thing by itself: what Telegram refuses is told and keeps nothing else from being put right."""
    steps: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: set_webhook(bot, settings) if settings.telegram_mode == "webhook" else bot.delete_webhook(),
        lambda: set_commands(bot, texts, settings.default_locale),
        lambda: bot.set_chat_menu_button(menu_button=MenuButtonCommands()),
    )
    for step in steps:
        try:
            await step()
        except _NOBODY:
            raise
        except TelegramError as error:
            yield Finding("telegram", "fault", "refused", {"reason": _reason(error)})


async def _look(bot: QuietBot, settings: Settings, texts: Mapping[str, Texts], now: datetime) -> AsyncIterator[Finding]:
    me = await bot.get_me()
    yield Finding("telegram", "ok", "ok", {"name": me.username or me.id, "mode": settings.telegram_mode})
    if me.can_join_groups:
        yield Finding("telegram", "warning", "groups", {"name": me.username or me.id})
    looks: tuple[tuple[str, Awaitable[list[Finding]]], ...] = (
        ("telegram_way", _way(bot, settings, now)),
        ("telegram_commands", _commands(bot, settings, texts)),
    )
    for subject, look in looks:
        try:
            for one in await look:
                yield one
        except _NOBODY:
            raise
        except Exception as error:  # noqa: BLE001 - a server of another make may answer anything
            yield Finding(subject, "warning", "unknown", {"reason": _reason(error)})
    https = settings.public_url.startswith("https://")
    yield Finding(
        "telegram_pages", "ok" if https else "warning", "ok" if https else "http", {"url": settings.public_url}
    )


async def _way(bot: QuietBot, settings: Settings, now: datetime) -> list[Finding]:
    """Whether messages come the way the settings say, and whether they arrive."""
    info = await bot.call("getWebhookInfo")
    found = [_set(settings, str(info.get("url") or ""))]
    if (waiting := int(info.get("pending_update_count") or 0)) > MANY:
        found.append(Finding("telegram_way", "warning", "pending", {"count": waiting}))
    failed = datetime.fromtimestamp(int(info.get("last_error_date") or 0), UTC)
    if now - failed < LATELY:
        reason = str(info.get("last_error_message") or "")
        # Our own word for a secret that is not the one of the settings, which Telegram tells nobody.
        word = "secret" if "403" in reason else "failed"
        found.append(Finding("telegram_way", "warning", word, {"reason": reason, "at": failed}))
    return found


def _set(settings: Settings, url: str) -> Finding:
    if settings.telegram_mode == "polling":
        return (
            Finding("telegram_way", "fault", "webhook_set", {"url": url})
            if url
            else Finding("telegram_way", "ok", "polling")
        )
    wanted = webhook_url(settings)
    if url != wanted:
        return Finding("telegram_way", "fault", "elsewhere" if url else "no_webhook", {"url": url or wanted})
    return Finding("telegram_way", "ok", "webhook", {"url": wanted})


async def _commands(bot: QuietBot, settings: Settings, texts: Mapping[str, Texts]) -> list[Finding]:
    wanted = {None: commands(texts[settings.default_locale])} | {name: commands(t) for name, t in texts.items()}
    for locale, listed in wanted.items():
        if list(await bot.get_my_commands(language_code=locale)) != listed:
            return [Finding("telegram_commands", "warning", "differ")]
    return [Finding("telegram_commands", "ok", params={"count": len(wanted[None])})]


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, TelegramError) else type(error).__name__
