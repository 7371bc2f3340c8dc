"""Who opened a Mini App: Telegram's word for it, signed with the bot's own token.

The page sends the string as Telegram gave it. Nothing in it is believed before the signature over all of it holds, and
it is good for a few minutes only: it proves that this account has just opened a page of this bot.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

LIFE: Final = timedelta(minutes=10)
"""How long after it was opened a Mini App may show who opened it."""
AHEAD: Final = timedelta(minutes=1)
"""How far Telegram's clock may be ahead of ours."""
MOST: Final = 4096
"""Characters; real ones have a few hundred."""


class BadInitData(Exception):
    """Not signed with this bot's token, too old, or about nobody."""


def opened_by(init_data: str, token: str, now: datetime) -> int:
    """The id of the Telegram account that opened the Mini App. Raises `BadInitData`, whose text holds nothing of it."""
    if len(init_data) > MOST:
        raise BadInitData("too long")
    try:
        init_data.encode()  # half a character can be written in JSON, and signed by nobody
        fields = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True, max_num_fields=32, errors="strict")
    except ValueError as error:
        raise BadInitData("unreadable") from error
    named = dict(fields)
    if len(named) != len(fields):
        raise BadInitData("a field twice")
    claimed = named.pop("hash", "")
    # The key is made with the fixed word as key and the token as message, and what is signed are the sorted lines.
    key = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    lines = "\n".join(f"{name}={value}" for name, value in sorted(named.items()))
    if not hmac.compare_digest(hmac.digest(key, lines.encode(), hashlib.sha256).hex().encode(), claimed.encode()):
        raise BadInitData("not signed with this bot's token")
    try:
        opened = datetime.fromtimestamp(int(named["auth_date"]), UTC)
        user = json.loads(named["user"])["id"]
    except (KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError) as error:
        raise BadInitData("no time or no user in it") from error
    if not -AHEAD <= now - opened <= LIFE:
        raise BadInitData("too old")
    if not isinstance(user, int) or isinstance(user, bool):
        raise BadInitData("no user in it")
    return user
