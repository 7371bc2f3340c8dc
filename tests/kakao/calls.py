"""Skill calls as the admin centre makes them, and a customer who presses what was shown."""

import itertools
from typing import Any

BOT = "bot-for-tests"
SECRET = "a-secret-for-tests-only"
HEADER = "X-CertTalk-Secret"
KAKAO = {"kakao_secret": SECRET, "kakao_bot": BOT}
"""Settings that turn the channel on."""
_numbers = itertools.count(1)


def call(
    text: str = "", *, user: str = "user-1", extra: dict[str, Any] | None = None, callback: str | None = None,
    block: str = "폴백 블록", lang: str = "ko", trigger: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One skill call; `extra` is what a button brings back."""
    block_of = {"id": "block-1", "name": block}
    asked: dict[str, Any] = {
        "block": block_of, "utterance": text, "lang": lang, "timezone": "Asia/Seoul", "params": {},
        "user": {"id": user, "type": "botUserKey", "properties": {"botUserKey": user, "plusfriendUserKey": "p"}},
    }  # fmt: skip
    if callback is not None:
        asked["callbackUrl"] = callback
    kind = trigger or ("TEXT_INPUT" if extra is None else "QUICKREPLY_BUTTON_BLOCK")
    return {
        "bot": {"id": BOT, "name": "인증서 도우미"}, "intent": block_of, "userRequest": asked, "contexts": [],
        "action": {"id": "skill-1", "name": "cert", "params": {}, "detailParams": {}, "clientExtra": extra},
        "flow": {"trigger": {"type": kind}, "lastBlock": block_of},
    }  # fmt: skip


def pressed(button: dict[str, Any], **how: Any) -> dict[str, Any]:
    """The call that a button of a response makes."""
    return call(button["messageText"], extra=button["extra"], **how)


def headers(request: str | None = None) -> dict[str, str]:
    return {HEADER: SECRET, "X-Request-Id": request or f"request-{next(_numbers)}"}
