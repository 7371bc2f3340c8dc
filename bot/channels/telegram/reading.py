"""What an update says, pure: python-telegram-bot's `Update` to `Heard`.

Whatever stands in a field that is not what Telegram puts there makes the update unreadable (`Unreadable`), never a
fault: a webhook is an open door. Nothing of a person but what is needed is taken over: no name, no phone number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, Update

Kind = Literal["words", "tap", "file", "contact", "other", "group", "gone", "back"]
COMMANDS: Final[Mapping[str, str]] = {
    "start": "cmd:greeting",
    "issue": "start:enroll",
    "menu": "cmd:menu",
    "help": "cmd:help",
    "back": "cmd:back",
    "restart": "cmd:restart",
    "cancel": "cmd:cancel",
    "person": "cmd:person",
    "language": "cmd:language",
    "lang": "cmd:language",
}
"""What `/name` presses."""
LISTED: Final = ("issue", "menu", "back", "cancel", "restart", "person", "language", "help")
"""The commands Telegram offers beside the field, in this order."""
WANTED: Final = ("message", "callback_query", "my_chat_member")
"""The kinds of updates we ask for; others are not even sent."""
_COMMAND: Final = re.compile(r"/([A-Za-z_]{1,32})(?:@\w{1,64})?(?:\s+(\S{1,64}))?\s*")
_CHAT_MEMBERS_GONE: Final = frozenset({"kicked", "left"})
_64_BITS: Final = 2**63


class Unreadable(ValueError):
    """Nothing Telegram would send."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A button that was pressed, and the message it was under as far as Telegram still knows it."""

    callback_id: str
    message_id: int
    message_text: str | None = field(repr=False)
    has_buttons: bool = True


@dataclass(frozen=True, slots=True)
class File:
    file_id: str = field(repr=False)
    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Heard:
    """One update. `text` and `choice` are as in `Incoming`; `own` says that a contact is the sender's."""

    update_id: int
    kind: Kind
    chat: int
    locale: str | None = None
    message_id: int | None = None
    text: str = field(default="", repr=False)
    choice: str | None = field(default=None, repr=False)
    tap: Tap | None = None
    file: File | None = None
    own: bool = False

    @property
    def address(self) -> str:
        return str(self.chat)


_MALFORMED: Final = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError,
)  # fmt: skip
"""What comes of fields that are missing or of another kind: PTB looks at none of them."""


def parse(data: Mapping[str, Any]) -> Update:
    """An update's JSON. Raises `Unreadable`."""
    try:
        return Update.de_json(_lean(data), None)
    except _MALFORMED as error:
        raise Unreadable(type(error).__name__) from None


def _lean(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without what nobody reads: of the message under a button PTB would make an object for every button it has."""
    query = data.get("callback_query")
    if not isinstance(query, dict) or not isinstance(under := query.get("message"), dict):
        return dict(data)
    kept = {name: under[name] for name in ("message_id", "date", "chat", "text") if name in under}
    if "reply_markup" in under:
        rows = under["reply_markup"]["inline_keyboard"]
        pressed = [button for row in rows for button in row if button.get("callback_data") == query.get("data")]
        kept["reply_markup"] = {"inline_keyboard": [pressed[:1]] if pressed else []}
    return {**data, "callback_query": {**query, "message": kept}}


def read(update: Update, opening: Callable[[str], str | None]) -> Heard | None:
    """What it says; None for what is nobody's business here (edits, channels, other bots).

    `opening(payload)` is the button behind a deep link, for those that may be opened so. Raises `Unreadable`.
    """
    try:
        return _read(update, opening)
    except Unreadable:
        raise
    except _MALFORMED as error:
        raise Unreadable(type(error).__name__) from None


def _read(update: Update, opening: Callable[[str], str | None]) -> Heard | None:
    number = _number(update.update_id)
    if update.callback_query is not None:
        return _tapped(number, update.callback_query)
    if update.my_chat_member is not None:
        return _membership(number, update.my_chat_member)
    if update.message is not None:
        return _message(number, update.message, opening)
    return None


def _message(number: int, message: Message, opening: Callable[[str], str | None]) -> Heard | None:
    chat, sender = message.chat, message.from_user
    if chat.type == Chat.CHANNEL or (sender is not None and sender.is_bot is True):
        return None
    place = _number(chat.id)
    if chat.type != Chat.PRIVATE:
        return Heard(number, "group", place)
    locale, message_id = _locale(sender), _number(message.message_id)
    if (text := _text(message.text)) is not None:
        command = _COMMAND.fullmatch(text)
        choice = None if command is None else _commanded(command[1].lower(), command[2], opening)
        return Heard(number, "words", place, locale, message_id, text, choice)
    if message.contact is not None:
        own = sender is not None and message.contact.user_id == _number(sender.id)
        return Heard(number, "contact", place, locale, message_id, own=own)
    if message.document is not None:
        sent = message.document
        name, file_id = _text(sent.file_name) or "", _text(sent.file_id)
        if file_id is None:
            raise Unreadable("file_id")
        size = sent.file_size if isinstance(sent.file_size, int) else None
        return Heard(number, "file", place, locale, message_id, file=File(file_id, name, size))
    # A picture or film may come with words, which are meant for us all the same.
    caption = _text(message.caption)
    if caption:
        return Heard(number, "words", place, locale, message_id, caption)
    return None if _service(message) else Heard(number, "other", place, locale, message_id)


def _commanded(name: str, argument: str | None, opening: Callable[[str], str | None]) -> str | None:
    if name in ("lang", "language") and argument in ("ko", "en"):
        return f"lang:{argument}"
    if name == "start" and argument and (opened := opening(argument)):
        return opened
    return COMMANDS.get(name)


def _service(message: Message) -> bool:
    """What Telegram itself writes into a chat."""
    return bool(
        message.pinned_message or message.message_auto_delete_timer_changed or message.write_access_allowed
        or message.chat_background_set or message.connected_website
    )  # fmt: skip


def _tapped(number: int, query: CallbackQuery) -> Heard | None:
    callback_id, data = _text(query.id), _text(query.data)
    under = query.message
    if callback_id is None:
        raise Unreadable("callback id")
    if under is None or data is None:
        return None  # a button of an inline message or a game: none of ours
    place = _number(under.chat.id)
    if under.chat.type != Chat.PRIVATE:
        return Heard(number, "group", place)
    text = _text(under.text) if isinstance(under, Message) else None
    buttons = not isinstance(under, Message) or under.reply_markup is not None
    tap = Tap(callback_id, _number(under.message_id), text, buttons)
    return Heard(number, "tap", place, _locale(query.from_user), None, _label(under, data), data, tap)


def _label(under: object, data: str) -> str:
    """What stands on the button, for the history."""
    markup = under.reply_markup if isinstance(under, Message) else None
    rows = markup.inline_keyboard if markup is not None else ()
    found = (button.text for row in rows for button in row if button.callback_data == data)
    return _text(next(found, "")) or ""


def _membership(number: int, change: ChatMemberUpdated) -> Heard:
    place = _number(change.chat.id)
    gone = change.new_chat_member.status in _CHAT_MEMBERS_GONE
    if change.chat.type != Chat.PRIVATE:
        return Heard(number, "gone" if gone else "group", place)
    return Heard(number, "gone" if gone else "back", place)


def _locale(user: object) -> str | None:
    """Two letters of the language the client is set to, if it says so."""
    code = getattr(user, "language_code", None)
    return code[:2].lower() if isinstance(code, str) and code else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise Unreadable("no text")


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _64_BITS:
        raise Unreadable("no number")
    return value
