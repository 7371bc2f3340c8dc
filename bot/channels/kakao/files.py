"""A file's address for a chat that takes no files: signed, short-lived, and of no use without the file's password.

A link cannot be bound to a browser here, since nobody has met it before; it is bound to the file, which belongs to one
conversation, and to an hour.
"""

import re
from datetime import datetime, timedelta
from typing import Final

from bot.service import Service
from handlers.message import Document

LIFE: Final = timedelta(hours=1)
PATH: Final = "/k/"
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})")


class FileLinks:
    def __init__(self, service: Service) -> None:
        self.service = service

    def url(self, document: Document) -> str:
        """The page from which `document` can be fetched."""
        until = int((self.service.clock() + LIFE).timestamp())
        # The same address for a while, so that the same bubble shown twice is the same.
        name = f"{document.id}.{until - until % 600}"
        return f"{self.service.pages_at}{PATH}{name}.{self.service.sealer.token('kakao file', name)}"

    async def content(self, token: str, now: datetime) -> tuple[Document, bytes] | None:
        """The file behind an address; None when it was not made here, or is past."""
        known = _TOKEN.fullmatch(token)
        sealer = self.service.sealer
        if known is None or not sealer.same(known[3], sealer.token("kakao file", f"{known[1]}.{known[2]}")):
            return None
        if now.timestamp() > int(known[2]):
            return None
        customer = await self.service.documents.holder(known[1])
        return await self.service.documents.content(known[1], customer, now) if customer else None
