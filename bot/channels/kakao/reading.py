"""What a skill call says, pure: the admin centre's JSON to `Heard`.

The caller has shown the secret by now, but what stands in the JSON was typed by anybody: whatever is not what KakaoTalk
puts there makes the call unreadable (`Unreadable`), never a fault. Of a person only the key of this bot is taken over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Wish = Literal["turn", "more", "done", "file", "check"]
"""A turn of the conversation; what was not shown yet; a file's link anew; `certtalk kakao check`."""
_KEY: Final = re.compile(r"[!-~]{1,70}")
"""botUserKey: at most 70 characters (kakaobusiness: SkillPayload)."""
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LOCALES: Final = {"ko": "ko", "kr": "ko", "en": "en"}
"""The documentation's samples say `kr` where others say `ko`."""
_WELCOME: Final = re.compile(r"\s*(웰컴|welcome)", re.IGNORECASE)
_NOTICES: Final = re.compile(r"\s*certtalk (알림|notices)", re.IGNORECASE)
"""The block of an event that makes KakaoTalk come for what was not shown yet (`bot/gateways/events.py`)."""
MOST_VALUE: Final = 200
MOST_ADDRESS: Final = 1000


class Unreadable(ValueError):
    """Nothing the admin centre would send; says which field."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One skill call. `text` and `choice` are as in `Incoming`; `nonce` names the answer whose button was pressed."""

    bot: str
    address: str
    wish: Wish = "turn"
    text: str = field(default="", repr=False)
    choice: str | None = field(default=None, repr=False)
    nonce: str | None = None
    file: str | None = None
    callback: str | None = field(default=None, repr=False)
    locale: str | None = None


def read(data: Mapping[str, Any]) -> Heard:
    """What a skill call says. Raises `Unreadable`."""
    asked = _object(data, "userRequest")
    bot, user = _object(data, "bot"), _object(asked, "user")
    text = _text(asked, "utterance") or ""
    address = _text(user, "id") or ""
    if not _KEY.fullmatch(address):
        raise Unreadable("user.id")
    locale = _LOCALES.get((_text(asked, "lang") or "")[:2].lower())
    callback = (_text(asked, "callbackUrl") or "")[: MOST_ADDRESS + 1] or None
    named = _text(bot, "id") or ""
    wish, choice, nonce, file = _pressed(data)
    if choice is None and wish == "turn":
        called = _called(data, asked)
        if _WELCOME.match(called):
            choice, text = "cmd:greeting", ""
        elif _NOTICES.match(called):
            wish, text = "more", ""
    return Heard(named, address, wish, text, choice, nonce, file, callback, locale)


def _pressed(data: Mapping[str, Any]) -> tuple[Wish, str | None, str | None, str | None]:
    """What our own button brings back, if one was pressed."""
    extra = _object(data, "action", needed=False).get("clientExtra")
    # What is typed carries nothing; older bots put the word "null" there.
    if not isinstance(extra, Mapping) or _trigger(data) == "TEXT_INPUT":
        return "turn", None, None, None
    choice, nonce, more, done, file = (_text(extra, name) for name in ("choice", "nonce", "more", "done", "file"))
    nonce = nonce if nonce and _ID.fullmatch(nonce) else None
    if extra.get("check") is not None:
        return "check", None, None, None
    if more:
        return "more", None, nonce, None
    if done:
        return "done", None, nonce, None
    if file and _ID.fullmatch(file):
        return "file", None, nonce, file
    return "turn", choice if choice and len(choice) <= MOST_VALUE else None, nonce, None


def _trigger(data: Mapping[str, Any]) -> str | None:
    flow = _object(data, "flow", needed=False)
    return _text(_object(flow, "trigger", needed=False), "type")


def _called(data: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The name of the block that calls: for somebody who has just come in, or for an event, no button or word."""
    block = _object(asked, "block", needed=False) or _object(data, "intent", needed=False)
    return _text(block, "name") or ""


def _object(data: Mapping[str, Any], name: str, *, needed: bool = True) -> Mapping[str, Any]:
    found = data.get(name)
    if found is None and not needed:
        return {}
    if not isinstance(found, Mapping):
        raise Unreadable(name)
    return found


def _text(data: Mapping[str, Any], name: str) -> str | None:
    found = data.get(name)
    if found is None or isinstance(found, str):
        return found
    raise Unreadable(name)
