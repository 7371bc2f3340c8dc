"""Secrets typed into a chat lately, to know one that is typed again because its answer seemed slow.

By then the step has moved on and would take it for plain words. Kept are digests under a key of this process alone.
"""

import hashlib
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

LATELY: Final = timedelta(minutes=10)
MOST: Final = 1000


class TypedLately:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._typed: OrderedDict[bytes, datetime] = OrderedDict()

    def remember(self, chat: int, text: str, now: datetime) -> None:
        self._typed[self._digest(chat, text)] = now
        if len(self._typed) > MOST:
            self._typed.popitem(last=False)

    def knows(self, chat: int, text: str, now: datetime) -> bool:
        typed = self._typed.get(self._digest(chat, text)) if self._typed else None
        return typed is not None and now - typed < LATELY

    def _digest(self, chat: int, text: str) -> bytes:
        return hashlib.blake2b(f"{chat} {text}".encode(errors="replace"), key=self._key).digest()
