"""What Telegram refuses in a text, its entities and its keyboards, with Telegram's words.

Written from the Bot API's rules and from no client library, so that it may judge one. Where Telegram is lenient in a
way nobody should rely on (more than eight buttons in a row are drawn somehow) this is strict, and says so where it is.
"""

import json
import re
from html import unescape
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit

MOST_TEXT, MOST_CAPTION, MOST_ENTITIES = 4096, 1024, 100
MOST_DATA, MOST_BUTTONS, MOST_IN_A_ROW = 64, 100, 8
TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "span": "spoiler",
    "tg-spoiler": "spoiler", "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote",
}  # fmt: skip
MARKS = {
    "MarkdownV2": {
        "```": "pre", "`": "code", "||": "spoiler", "__": "underline", "*": "bold", "_": "italic",
        "~": "strikethrough",
    },
    "Markdown": {"```": "pre", "`": "code", "*": "bold", "_": "italic"},
}  # fmt: skip
RESERVED = set("_*[]()~`>#+-=|{}.!")
KINDS = {
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "spoiler", "custom_emoji",
    "expandable_blockquote", *TAGS.values(),
}  # fmt: skip
ACTIONS = {"callback_data", "url", "web_app", "login_url", "switch_inline_query", "copy_text", "pay"}


class Refused(Exception):
    """What Telegram answers instead of a result."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(description: str) -> Refused:
    return Refused(400, f"Bad Request: {description}")


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def cleaned(text: str) -> str:
    """Control characters are blanks to Telegram, and it trims."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad("strings must be encoded in UTF-8") from None
    return re.sub(r"[\x00-\x09\x0b-\x1f]", " ", text.replace("\r", "")).strip(" \n\u200b\u200c\u200e\u200f\u2060\u3164")


def formatted(text: str, mode: str | None, given: object, most: int, too_long: str) -> tuple[str, list[dict[str, Any]]]:
    """The plain text and its entities, within their limits. Length counts after entities are parsed."""
    if mode:
        text, entities = parsed(text, mode)
    else:
        entities = list(checked_entities(given, text))
        text = text if entities else cleaned(text)
    if units(text) > most:
        raise bad(too_long)
    return text, entities[:MOST_ENTITIES]


def checked_entities(given: object, text: str) -> list[dict[str, Any]]:
    entities = _json(given, "entities") or []
    if not isinstance(entities, list):
        raise bad("can't parse entities: expected an Array")
    cleaned(text)
    borders = {0, *accumulate(map(units, text))}
    for one in entities:
        if not isinstance(one, dict) or one.get("type") not in KINDS:
            raise bad("can't parse entities: Unsupported type of an entity")
        start, length = one.get("offset"), one.get("length")
        if not isinstance(start, int) or not isinstance(length, int) or start < 0 or length <= 0:
            raise bad("can't parse entities: Receive an entity with incorrect offset or length")
        if start not in borders or start + length not in borders:
            raise bad(f"can't parse entities: Entity begins or ends outside of a symbol at offset {start}")
        if one["type"] == "text_link":
            check_url(str(one.get("url")), "text link")
    return entities


def parsed(text: str, mode: str) -> tuple[str, list[dict[str, Any]]]:
    known = {"html": "HTML", "markdownv2": "MarkdownV2", "markdown": "Markdown"}.get(mode.lower())
    if known is None:
        raise bad("unsupported parse_mode")
    return _html(text) if known == "HTML" else _markdown(text, known)


def _html(text: str) -> tuple[str, list[dict[str, Any]]]:
    plain, entities, still_open = "", [], list[tuple[str, str, int]]()
    for part in re.finditer(r"<(/?)([^<>]*)>|<|[^<]+", text):
        at, tag = len(text[: part.start()].encode()), (part[2] or "").strip()
        if part[0] == "<":
            raise bad(f"can't parse entities: Can't find end tag corresponding to start tag at byte offset {at}")
        if not part[0].startswith("<"):
            plain += unescape(part[0])
            continue
        name = tag.split(maxsplit=1)[0].lower() if tag else ""
        if part[1]:
            if not still_open or (name and still_open[-1][0] != name):
                raise bad(f"can't parse entities: Unexpected end tag at byte offset {at}")
            opened, attributes, start = still_open.pop()
            if units(plain) > start:
                link = re.search(r"""href=["']?([^"'\s>]+)""", attributes)
                entities.append(
                    {"type": TAGS[opened], "offset": start, "length": units(plain) - start}
                    | ({"url": unescape(link[1])} if link else {})
                )
        elif name not in TAGS or (name == "span" and "tg-spoiler" not in tag):
            raise bad(f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {at}')
        else:
            still_open.append((name, tag, units(plain)))
    if still_open:
        raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{still_open[-1][0]}\"")
    return plain.strip(), entities


def _markdown(text: str, mode: str) -> tuple[str, list[dict[str, Any]]]:
    plain, entities, still_open, at = "", [], list[tuple[str, int, int]](), 0
    marks = MARKS[mode]
    while at < len(text):
        offset = len(text[:at].encode())
        if text[at] == "\\" and at + 1 < len(text) and ord(text[at + 1]) < 127:
            plain, at = plain + text[at + 1], at + 2
            continue
        inside_code = bool(still_open) and marks[still_open[-1][0]] in ("code", "pre")
        mark = next((one for one in marks if text.startswith(one, at)), None)
        if mark and (not inside_code or mark == still_open[-1][0]):
            if still_open and still_open[-1][0] == mark:
                _, start, _ = still_open.pop()
                entities.append({"type": marks[mark], "offset": start, "length": units(plain) - start})
            else:
                still_open.append((mark, units(plain), offset))
            at += len(mark)
            continue
        if text[at] == "[" and not inside_code:
            link = re.compile(r"\[([^\]]*)\]\(([^)]*)\)").match(text, at)
            if link is None:
                raise bad(f"can't parse entities: Can't find end of the entity starting at byte offset {offset}")
            entities.append({"type": "text_link", "offset": units(plain), "length": units(link[1]), "url": link[2]})
            plain, at = plain + link[1], link.end()
            continue
        if (
            mode == "MarkdownV2"
            and not inside_code
            and text[at] in RESERVED
            and not (text[at] == ">" and (at == 0 or text[at - 1] == "\n"))
        ):
            raise bad(
                f"can't parse entities: Character '{text[at]}' is reserved and must be escaped with the preceding '\\'"
            )
        plain, at = plain + text[at], at + 1
    if still_open:
        raise bad(f"can't parse entities: Can't find end of the entity starting at byte offset {still_open[-1][2]}")
    return plain.strip(), entities


# -- keyboards --------------------------------------------------------------------------------------------------------


def checked_markup(given: object, *, private: bool = True) -> dict[str, Any] | None:
    """The markup as it will be kept; None where there is none."""
    markup = _json(given, "reply keyboard markup JSON object")
    if markup in (None, "", {}):
        return None
    if not isinstance(markup, dict):
        raise bad("object expected as reply markup")
    if "inline_keyboard" in markup:
        rows = _rows(markup["inline_keyboard"], "InlineKeyboardButton")
        for row in rows:
            for button in row:
                _check_button(button, private=private)
        return {"inline_keyboard": rows} if rows else None
    if "keyboard" in markup:
        rows = _rows(markup["keyboard"], "KeyboardButton")
        for button in (button for row in rows for button in row):
            if isinstance(button, dict) and not private and {"request_contact", "web_app"} & set(button):
                raise bad("phone number can be requested in private chats only")
    return markup


def _rows(keyboard: object, kind: str) -> list[list[Any]]:
    if not isinstance(keyboard, list) or any(not isinstance(row, list) for row in keyboard):
        raise bad(f'field "inline_keyboard" of the InlineKeyboardMarkup should be an Array of Array of {kind}')
    rows = [row for row in keyboard if row]
    # Telegram draws a longer row in its own way; nobody should count on that.
    if sum(map(len, rows)) > MOST_BUTTONS or any(len(row) > MOST_IN_A_ROW for row in rows):
        raise bad("REPLY_MARKUP_TOO_LONG")
    return rows


def _check_button(button: object, *, private: bool) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad("can't parse inline keyboard button: Can't find field \"text\"")
    if not cleaned(button["text"]):
        raise bad("inline keyboard button text must be non-empty")
    does = ACTIONS & {name for name, value in button.items() if value is not None}
    if not does:
        raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(does) > 1:
        raise bad("can't parse inline keyboard button: Only one action is allowed")
    if "callback_data" in does:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= MOST_DATA:
            raise bad("BUTTON_DATA_INVALID")
    if "url" in does:
        check_url(button["url"], "inline keyboard button")
    if "web_app" in does:
        if not private:
            raise bad("BUTTON_TYPE_INVALID")
        url = str((button["web_app"] or {}).get("url", ""))
        check_url(url, "inline keyboard button Web App", https=True)
    if "copy_text" in does and not 1 <= len(str((button["copy_text"] or {}).get("text", ""))) <= 256:
        raise bad("BUTTON_COPY_TEXT_INVALID")


def check_url(url: object, what: str, *, https: bool = False) -> None:
    """A host without a dot (`localhost`) is refused; an address in figures passes."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise bad(f"{what} URL '{url}' is invalid: Wrong HTTP URL") from None
    if parts.scheme == "tg" and not https:
        return
    if https and parts.scheme != "https":
        raise bad(f"{what} URL '{url}' is invalid: Only HTTPS links are allowed")
    if parts.scheme not in ("http", "https") or ("." not in host and ":" not in host) or " " in str(url):
        raise bad(f"{what} URL '{url}' is invalid: Wrong HTTP URL")


def _json(given: object, what: str) -> Any:
    """A parameter that is JSON, whether it came as text or inside a JSON body."""
    if not isinstance(given, str):
        return given
    if not given.strip():
        return None
    try:
        return json.loads(given)
    except ValueError:
        raise bad(f"can't parse {what}") from None
