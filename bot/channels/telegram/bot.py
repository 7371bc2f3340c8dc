"""python-telegram-bot's bot, which keeps its token to itself and leaves JSON as JSON where nobody needs more."""

from collections.abc import Mapping
from typing import Any

from telegram import Bot, User
from telegram.error import EndPointNotFound, InvalidToken

from bot.channels.telegram.reading import WANTED


class QuietBot(Bot):
    """Says its token nowhere: PTB's own shows it in its repr and in an error."""

    def __repr__(self) -> str:
        return "Bot(…)"

    async def initialize(self) -> None:
        try:
            await super().initialize()
        except (InvalidToken, EndPointNotFound):
            raise InvalidToken("refused") from None

    @property
    def recognised(self) -> bool:
        """Whether Telegram has told who we are. Before, a 404 is its word for a token of a wrong form."""
        return self._bot_user is not None

    async def get_me(self, **given: Any) -> User:
        """Who the bot is. PTB's own fails where a server leaves a field out."""
        told: Any = await self._post("getMe", **given)
        known = {"id": 0, "is_bot": True, "first_name": ""} | (told if isinstance(told, dict) else {})
        self._bot_user = User.de_json(known, self)
        return self._bot_user

    async def raw_updates(self, offset: int, limit: int, seconds: int) -> list[Mapping[str, Any]]:
        """Updates as JSON. PTB's `get_updates` parses them together: a broken one would cost the whole batch."""
        asked = {"offset": offset, "limit": limit, "timeout": seconds, "allowed_updates": list(WANTED)}
        answer: Any = await self._post("getUpdates", asked, read_timeout=seconds + 10.0)
        return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Telegram's answer as JSON. PTB would make a `Message` of it, a third of a turn's work."""
        given = {name: value for name, value in arguments.items() if value is not None}
        answer: Any = await self._post(method, given)
        return answer if isinstance(answer, dict) else {}
