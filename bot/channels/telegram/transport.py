"""Telegram in a running service: the bot, its sender and its receiver, by polling or by webhook.

Telegram being away at the start keeps nobody from the web chat: what has to be arranged with it is tried until it is.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from telegram import Bot, BotCommand
from telegram.error import BadRequest, EndPointNotFound, InvalidToken

from bot.channels.telegram.bot import QuietBot
from bot.channels.telegram.courtesy import Courtesy
from bot.channels.telegram.pacing import Pace
from bot.channels.telegram.polling import Polling
from bot.channels.telegram.reading import LISTED, WANTED
from bot.channels.telegram.receiving import Receiver
from bot.channels.telegram.request import ToldToWait, Wire
from bot.channels.telegram.sending import Sender
from bot.service import Service
from bot.settings import Settings
from handlers.texts import Texts

log = logging.getLogger(__name__)

WEBHOOK_PATH: Final = "/telegram/webhook"
CONNECTIONS: Final = 100
"""Updates Telegram may bring at once, as many as it ever does: each is a turn that may wait for the bank."""
_WORST: Final = 60.0
_A_MOMENT: Final = 3.0
"""Seconds polling waits at the start for a webhook to be taken away."""


def bot_for(settings: Settings) -> QuietBot:
    """The bot of these settings; nothing is asked of Telegram yet."""
    at = settings.telegram_api_url
    return QuietBot(
        settings.telegram_token.get_secret_value(), base_url=f"{at}/bot", base_file_url=f"{at}/file/bot",
        request=Wire(), get_updates_request=Wire(connections=2),
    )  # fmt: skip


def commands(texts: Texts) -> list[BotCommand]:
    """What the menu beside the field offers."""
    return [BotCommand(name, texts(f"telegram.command.{name}")) for name in LISTED]


def webhook_url(settings: Settings) -> str:
    return settings.public_url + WEBHOOK_PATH


async def set_webhook(bot: Bot, settings: Settings) -> None:
    await bot.set_webhook(
        webhook_url(settings), secret_token=settings.telegram_webhook_secret.get_secret_value(),
        allowed_updates=list(WANTED), max_connections=CONNECTIONS,
    )  # fmt: skip


async def set_commands(bot: Bot, texts: Mapping[str, Texts], default: str) -> None:
    """In every language by its code, and in the default one for everybody else."""
    await bot.set_my_commands(commands(texts[default]))
    for locale, words in texts.items():
        await bot.set_my_commands(commands(words), language_code=locale)


class Telegram:
    """The channel over a service. `receiver.take` is what the webhook gives its updates to."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service, self.settings = service, settings
        self.bot = bot_for(settings)
        self.pace = Pace(settings.telegram_per_second)
        self.sender = Sender(service, self.bot, self.pace)
        self.courtesy = Courtesy(self.bot, self.pace)
        self.receiver = Receiver(service, self.sender, self.courtesy)
        self.polling = Polling(self.bot, self.receiver.take, self.pace)
        self.arranged = asyncio.Event()
        """Token known to be good, webhook or polling agreed on, commands set."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        wires = self.bot.request, self.bot._request[0]  # noqa: SLF001 - PTB has no name for the other one
        for wire in wires:
            await wire.initialize()
        task = asyncio.create_task(self._work())
        task.add_done_callback(_ended)
        try:
            async with self.sender.running():
                try:
                    yield
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    await self.polling.close()
            await self.courtesy.close()
        finally:
            for wire in wires:
                await wire.shutdown()

    async def _work(self) -> None:
        """A menu that is not taken keeps no message waiting; nor does a leftover webhook, for longer than a moment."""
        await self._persist(self.bot.initialize)
        async with asyncio.TaskGroup() as together:
            way, menu = (together.create_task(self._persist(step)) for step in (self._way, self._commands))
            if self.settings.telegram_mode == "polling":
                await asyncio.wait([way], timeout=_A_MOMENT)
                together.create_task(self.polling.run())
            await asyncio.wait([way, menu])
            self.arranged.set()
            log.info("telegram is ready", extra={"bot": self.bot.username, "mode": self.settings.telegram_mode})

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Until Telegram has understood, or does not know of such a thing. A reason is told once."""
        pause, reason, name = 0.5, "", step.__name__.strip("_")
        while True:
            await asyncio.sleep(self.pace.told_all())
            try:
                await step()
            except EndPointNotFound:
                log.warning("the bot api server knows no such method", extra={"step": name})
            except Exception as error:  # noqa: BLE001 - nothing an answer holds may end the channel
                if isinstance(error, ToldToWait):
                    self.pace.wait_for_all(error.seconds)
                    continue
                pause = min(_WORST, pause * 2)
                if (said := _told(error)) != reason:
                    reason = said
                    log.warning("telegram is not ready", extra={"step": name, "error": reason, "again_in": pause})
                await asyncio.sleep(pause)
                continue
            return

    async def _way(self) -> None:
        if self.settings.telegram_mode == "webhook":
            await set_webhook(self.bot, self.settings)
        elif (await self.bot.call("getWebhookInfo")).get("url"):
            log.warning("telegram had a webhook: taken away, for CERTTALK_TELEGRAM_MODE=polling")
            await self.bot.delete_webhook()

    async def _commands(self) -> None:
        await set_commands(self.bot, self.service.texts, self.service.locale)


def _ended(work: asyncio.Task[None]) -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        log.critical("telegram has stopped: restart the service", exc_info=error)


def _told(error: Exception) -> str:
    """What helps the operator and names no token."""
    if isinstance(error, InvalidToken):
        return "certtalk telegram check"
    return error.message if isinstance(error, BadRequest) else type(error).__name__


@contextlib.asynccontextmanager
async def beside(service: Service) -> AsyncIterator[Telegram | None]:
    """Telegram for as long as the service runs, where a token is set."""
    if not service.settings.telegram_token.get_secret_value():
        yield None
        return
    telegram = Telegram(service)
    async with telegram.running():
        yield telegram
