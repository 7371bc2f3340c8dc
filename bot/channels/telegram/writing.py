"""Bubbles as Bot API calls, pure.

No `parse_mode` and no entities: what a customer typed can break neither. Telegram counts text in UTF-16 code units
and a button's data in octets; both are kept here. Keyboards are Telegram's own JSON, not made into objects and back.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bot.channels.splitting import split, units
from handlers.message import Choice, Document, Link, Reply
from handlers.texts import Texts

MOST_TEXT: Final = 4096
MOST_CAPTION: Final = 1024
MOST_DATA: Final = 64
MOST_BUTTONS: Final = 100
NO_PREVIEW: Final = {"is_disabled": True}
REFERENCE: Final = "#"
"""Before the digest that stands for a value too long for a button."""
_BESIDE: Final = 17
"""Columns of a label (Hangul takes two) up to which another one may stand beside it."""


AppUrl = Callable[[str], str]
Rows = list[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the bot, without the chat it goes to. `document` is to be sent along."""

    method: Literal["sendMessage", "sendDocument"]
    arguments: dict[str, Any] = field(repr=False)
    document: Document | None = None


def calls(reply: Reply, texts: Texts, app_url: AppUrl, *, plain: bool = False) -> list[Call]:
    """What shows `reply`, in order. `app_url(link_id)` is a page as a Mini App. `plain` does
    without a button for the link, where Telegram refused it."""
    shown = reply.told
    rows = [] if reply.link is None or plain else link_row(reply.link, app_url)
    if reply.link is not None and not rows:
        shown += f"\n\n{reply.link.label}: {reply.link.url}"
    rows += keyboard_rows(reply.choices)
    markup = {"inline_keyboard": rows} if rows else None
    if reply.document is not None:
        return list(_with_document(reply.document, shown, markup, texts))
    *first, last = split(shown, MOST_TEXT)
    return [*(_message(part, None) for part in first), _message(last, markup)]


def _message(text: str, markup: dict[str, Rows] | None) -> Call:
    arguments = {"text": text, "link_preview_options": NO_PREVIEW}
    return Call("sendMessage", arguments if markup is None else arguments | {"reply_markup": markup})


def _with_document(document: Document, text: str, markup: dict[str, Rows] | None, texts: Texts) -> Iterator[Call]:
    *before, caption = split(text, MOST_TEXT)
    guide = texts("telegram.document.guide")
    if units(f"{caption}\n\n{guide}") > MOST_CAPTION:
        before, caption = [*before, caption], guide
    else:
        caption = f"{caption}\n\n{guide}"
    yield from (_message(part, None) for part in before)
    arguments = {"caption": caption, "filename": file_name(document, texts)}
    yield Call("sendDocument", arguments if markup is None else arguments | {"reply_markup": markup}, document)


def file_name(document: Document, texts: Texts) -> str:
    """A name in the customer's language, with the day and the ending of the kept file."""
    day = re.search(r"\d{8}", document.filename)
    _, dot, ending = document.filename.rpartition(".")
    return texts("telegram.document.name", day=day[0] if day else "", ending=f"{dot}{ending}")


def link_row(link: Link, app_url: AppUrl) -> Rows:
    """The link as a button: a Mini App for a page of this conversation, else an address. Telegram takes https only."""
    if not link.url.startswith("https://"):
        return []
    if link.id is None:
        return [[{"text": link.label, "url": link.url}]]
    return [[{"text": link.label, "web_app": {"url": app_url(link.id)}}]]


def keyboard_rows(choices: tuple[Choice, ...]) -> Rows:
    """Two short labels beside each other, a long one alone."""
    rows: Rows = []
    room = False
    for choice in choices[:MOST_BUTTONS]:
        button = {"text": choice.label, "callback_data": button_data(choice.value)}
        short = _columns(choice.label) <= _BESIDE
        if room and short:
            rows[-1].append(button)
            room = False
        else:
            rows.append([button])
            room = short
    return rows


def button_data(value: str) -> str:
    """The value itself, or where it is longer than Telegram takes a digest of it (`resolve` finds it again)."""
    if len(value.encode()) <= MOST_DATA and not value.startswith(REFERENCE):
        return value
    return REFERENCE + base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()[:24]).decode()


def resolve(data: str, shown: Callable[[], Iterator[str]]) -> str:
    """The value behind a button; `shown()` are the values this conversation was shown lately.

    The digest depends on the value alone: it means the same after a restart and in another process.
    """
    if not data.startswith(REFERENCE):
        return data
    return next((value for value in shown() if button_data(value) == data), data)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
