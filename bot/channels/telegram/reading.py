"""What an update says, pure: its JSON to `Heard`.

Whatever stands in a field that is not what Telegram puts there makes the update unreadable (`Unreadable`), never a
fault: a webhook is an open door. Nothing of a person but what is needed is taken over: no name, no phone number.

python-telegram-bot's `Update` is passed by on purpose: it makes an object with ninety fields of every message, a fifth
of a turn's work, for the few that are read here, and looks at the kind of none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["words", "edit", "tap", "file", "contact", "other", "group", "gone", "back"]
Json = Mapping[str, Any]
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
WANTED: Final = ("message", "edited_message", "callback_query", "my_chat_member")
"""The kinds of updates we ask for; others are not even sent."""
_COMMAND: Final = re.compile(r"/([A-Za-z_]{1,32})(?:@\w{1,64})?(?:\s+(\S{1,64}))?\s*")
_CHAT_MEMBERS_GONE: Final = frozenset({"kicked", "left"})
_64_BITS: Final = 2**63
_SERVICE: Final = frozenset({
    "pinned_message", "message_auto_delete_timer_changed", "write_access_allowed", "chat_background_set",
    "connected_website",
})  # fmt: skip
"""What Telegram itself writes into a chat."""


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
    """One update. `text` (a caption as well) and `choice` are as in `Incoming`; `own`: a contact is the sender's."""

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


def read(update: Json, opening: Callable[[str], str | None]) -> Heard | None:
    """What it says; None for what is nobody's business here (channels, other bots).

    `opening(payload)` is the button behind a deep link, for those that may be opened so. Raises `Unreadable`.
    """
    number = _number(update.get("update_id"))
    if (query := _object(update, "callback_query")) is not None:
        return _tapped(number, query)
    if (change := _object(update, "my_chat_member")) is not None:
        return _membership(number, change)
    if (message := _object(update, "message")) is not None:
        return _message(number, message, opening)
    if (edited := _object(update, "edited_message")) is not None:
        return _edited(number, edited)
    return None


def _message(number: int, message: Json, opening: Callable[[str], str | None]) -> Heard | None:
    if (found := _private(number, message)) is None or found.kind == "group":
        return found
    place, locale, message_id = found.chat, found.locale, found.message_id
    if (text := _text(message, "text")) is not None:
        command = _COMMAND.fullmatch(text)
        choice = None if command is None else _commanded(command[1].lower(), command[2], opening)
        return Heard(number, "words", place, locale, message_id, text, choice)
    caption = _text(message, "caption") or ""
    if (contact := _object(message, "contact")) is not None:
        sender = _object(message, "from")
        own = sender is not None and contact.get("user_id") == _number(sender.get("id"))
        return Heard(number, "contact", place, locale, message_id, own=own)
    if (sent := _object(message, "document")) is not None:
        file_id, size = _text(sent, "file_id"), sent.get("file_size")
        if file_id is None:
            raise Unreadable("file_id")
        file = File(file_id, _text(sent, "file_name") or "", size if isinstance(size, int) else None)
        return Heard(number, "file", place, locale, message_id, caption, file=file)
    # A picture or film may come with words, which are meant for us all the same.
    if caption:
        return Heard(number, "words", place, locale, message_id, caption)
    if any(message.get(name) is not None for name in _SERVICE):
        return None
    return Heard(number, "other", place, locale, message_id)


def _edited(number: int, message: Json) -> Heard | None:
    found = _private(number, message)
    if found is None or found.kind == "group":
        return None
    text = _text(message, "text") or _text(message, "caption") or ""
    return Heard(number, "edit", found.chat, found.locale, found.message_id, text)


def _private(number: int, message: Json) -> Heard | None:
    """A customer's message as far as where it stands; a group; or None."""
    chat, sender = _needed(message, "chat"), _object(message, "from")
    kind = _text(chat, "type")
    if kind is None:
        raise Unreadable("chat")
    if kind == "channel" or (sender is not None and sender.get("is_bot") is True):
        return None
    place = _number(chat.get("id"))
    if kind != "private":
        return Heard(number, "group", place)
    return Heard(number, "other", place, _locale(sender), _number(message.get("message_id")))


def _commanded(name: str, argument: str | None, opening: Callable[[str], str | None]) -> str | None:
    if name in ("lang", "language") and argument in ("ko", "en"):
        return f"lang:{argument}"
    if name == "start" and argument and (opened := opening(argument)):
        return opened
    return COMMANDS.get(name)


def _tapped(number: int, query: Json) -> Heard | None:
    callback_id, data, under = _text(query, "id"), _text(query, "data"), _object(query, "message")
    if callback_id is None:
        raise Unreadable("callback id")
    if under is None or data is None:
        return None  # a button of an inline message or a game: none of ours
    chat = _needed(under, "chat")
    place = _number(chat.get("id"))
    if _text(chat, "type") != "private":
        return Heard(number, "group", place)
    # What is too old for Telegram to show comes with date 0, and nobody knows whether it still has buttons.
    markup, message_id = _object(under, "reply_markup"), under.get("message_id")
    has_buttons = message_id is not None and (markup is not None or not under.get("date"))
    tap = Tap(callback_id, _number(message_id or 0), _text(under, "text"), has_buttons)
    return Heard(number, "tap", place, _locale(_object(query, "from")), None, _label(markup, data), data, tap)


def _label(markup: Json | None, data: str) -> str:
    """What stands on the button, for the history."""
    rows = markup.get("inline_keyboard") if markup is not None else None
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if isinstance(button, dict) and button.get("callback_data") == data:
                return _text(button, "text") or ""
    return ""


def _membership(number: int, change: Json) -> Heard:
    chat = _needed(change, "chat")
    place = _number(chat.get("id"))
    gone = _text(_needed(change, "new_chat_member"), "status") in _CHAT_MEMBERS_GONE
    if _text(chat, "type") != "private":
        return Heard(number, "gone" if gone else "group", place)
    return Heard(number, "gone" if gone else "back", place)


def _locale(user: Json | None) -> str | None:
    """Two letters of the language the client is set to, if it says so."""
    code = user.get("language_code") if user is not None else None
    return code[:2].lower() if isinstance(code, str) and code else None


def _object(among: Json, name: str) -> Json | None:
    value = among.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise Unreadable(name)


def _needed(among: Json, name: str) -> Json:
    value = _object(among, name)
    if value is None:
        raise Unreadable(name)
    return value


def _text(among: Json, name: str) -> str | None:
    value = among.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Unreadable(name)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _64_BITS:
        raise Unreadable("no number")
    return value
