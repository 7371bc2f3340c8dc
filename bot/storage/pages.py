"""One-time pages and the encrypted files they hand back.

A link is looked up by the token in its address: the id, then a code derived from the id by a key outside the
database. Looking spends nothing. `done_at` is the page's end, `resumed_at` the conversation's: between the two
stands a job that takes the conversation on when the process died.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot.sealing import Sealer
from bot.storage.certificate_rows import serial_of
from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, instant_or_none, text_of
from ca.ports import Serial
from handlers.message import CustomerId, Document

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    id: str
    customer: CustomerId
    channel: str
    address: str
    purpose: str
    expires_at: datetime
    done_at: datetime | None
    result: dict[str, Any] | None
    resumed_at: datetime | None


class Links:
    """`base()` is the public address of this service, without a slash at its end."""

    def __init__(self, database: Database, sealer: Sealer, base: Callable[[], str]) -> None:
        self.database, self.sealer, self.base = database, sealer, base

    def url(self, link_id: str) -> str:
        return f"{self.base()}/s/{self.token(link_id)}"

    def token(self, link_id: str, kind: str = "link") -> str:
        return f"{link_id}.{self.sealer.token(kind, link_id)}"

    def app_url(self, link_id: str) -> str:
        """The page as a Mini App: this address opens nothing before Telegram has said who holds it."""
        return f"{self.base()}/app/{self.token(link_id, 'mini app')}"

    async def by_token(self, token: str, kind: str = "link") -> OneTimeLink | None:
        """None for whatever was not made here; compared in constant time before the database is asked."""
        link_id, _, _ = token.partition(".")
        if not self.sealer.same(token, self.token(link_id, kind)):
            return None
        return await self.by_id(link_id)

    async def by_id(self, link_id: str) -> OneTimeLink | None:
        return await self.database.read(_by_id, link_id)

    async def finish(self, link_id: str, result: dict[str, Any], at: datetime) -> bool:
        """The page has done its work; the first time says True. What was stopped meanwhile is not kept any more."""

        def write(tx: Tx) -> bool:
            changed = tx.execute(
                "UPDATE links SET done_at = :at, result = :result WHERE id = :id AND done_at IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM certificates WHERE request_id = :id AND status <> 'valid')",
                id=link_id, at=text_of(at), result=json.dumps(result, ensure_ascii=False),
            )  # fmt: skip
            return changed > 0

        return await self.database.run(write)

    async def resumed(self, link_id: str, at: datetime) -> None:
        def write(tx: Tx) -> None:
            tx.execute("UPDATE links SET resumed_at = :at WHERE id = :id", id=link_id, at=text_of(at))

        await self.database.run(write)

    async def unresumed(self, link_id: str) -> OneTimeLink | None:
        """This page, if it is done while its conversation has not gone on."""
        link = await self.by_id(link_id)
        return link if link and link.done_at is not None and link.resumed_at is None else None

    async def waiting(self) -> Sequence[OneTimeLink]:
        """Pages that are done while their conversations have not gone on."""

        def look(tx: Tx) -> list[OneTimeLink]:
            rows = tx.all(
                "SELECT * FROM links WHERE done_at IS NOT NULL AND resumed_at IS NULL ORDER BY done_at LIMIT 100"
            )
            return [_link(row) for row in rows]

        return await self.database.read(look)

    async def unkept(self, number: str, profile: str, customer: CustomerId, now: datetime) -> list[Serial]:
        """Serials that were issued on a page of this conversation, or on one that has expired, and never kept."""

        def look(tx: Tx) -> list[Serial]:
            rows = tx.all(
                "SELECT c.serial FROM certificates c JOIN links l ON l.id = c.request_id "
                "WHERE c.subscriber = :number AND c.profile = :profile AND c.status = 'valid' "
                "AND l.done_at IS NULL AND (l.customer = :customer OR l.expires_at < :now)",
                number=number, profile=profile, customer=customer, now=text_of(now),
            )  # fmt: skip
            return [serial_of(row["serial"]) for row in rows]

        return await self.database.read(look)

    async def being_replaced(self, serial: str, customer: CustomerId, now: datetime) -> bool:
        """Whether a page of another conversation, still open, has issued what is to replace this certificate."""

        def look(tx: Tx) -> bool:
            waiting = tx.one(
                "SELECT 1 AS one FROM certificates c JOIN links l ON l.id = c.request_id WHERE c.replaces = :serial "
                "AND c.status IN ('planned', 'valid') AND l.done_at IS NULL AND l.customer <> :customer "
                "AND l.expires_at >= :now",
                serial=serial, customer=customer, now=text_of(now),
            )  # fmt: skip
            return waiting is not None

        return await self.database.read(look)

    async def unkept_since(self, before: datetime) -> list[Serial]:
        """Serials of everything issued on a page that ended before `before` with nothing kept."""

        def look(tx: Tx) -> list[Serial]:
            rows = tx.all(
                "SELECT c.serial FROM certificates c JOIN links l ON l.id = c.request_id "
                "WHERE c.status = 'valid' AND l.done_at IS NULL AND l.expires_at < :before LIMIT 100",
                before=text_of(before),
            )
            return [serial_of(row["serial"]) for row in rows]

        return await self.database.read(look)

    async def kept(self, number: str, profile: str) -> int:
        """How many certificates of a profile a customer has ever kept."""

        def count(tx: Tx) -> int:
            row = tx.one(
                "SELECT count(*) AS n FROM certificates c JOIN links l ON l.id = c.request_id "
                "WHERE c.subscriber = :number AND c.profile = :profile AND l.done_at IS NOT NULL",
                number=number, profile=profile,
            )  # fmt: skip
            return int(row["n"]) if row else 0

        return await self.database.read(count)

    async def issued_today(self, number: str, since: datetime) -> int:
        """How many certificates a customer was issued since then."""

        def count(tx: Tx) -> int:
            row = tx.one(
                "SELECT count(*) AS n FROM certificates WHERE subscriber = :number AND issued_at > :since",
                number=number, since=text_of(since),
            )  # fmt: skip
            return int(row["n"]) if row else 0

        return await self.database.read(count)

    async def use_login_challenge(self, challenge_id: str, at: datetime) -> bool:
        """True the first time."""

        def use(tx: Tx) -> bool:
            changed = tx.execute(
                "INSERT INTO login_challenges (id, used_at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING",
                id=challenge_id, at=text_of(at),
            )  # fmt: skip
            return changed > 0

        return await self.database.run(use)


def _by_id(tx: Tx, link_id: str) -> OneTimeLink | None:
    row = tx.one("SELECT * FROM links WHERE id = :id", id=link_id)
    return None if row is None else _link(row)


def _link(row: Row) -> OneTimeLink:
    return OneTimeLink(
        row["id"], CustomerId(row["customer"]), row["channel"], row["address"], row["purpose"],
        instant(row["expires_at"]), instant_or_none(row["done_at"]),
        json.loads(row["result"]) if row["result"] else None, instant_or_none(row["resumed_at"]),
    )  # fmt: skip


class Documents:
    """Files of at most a few kilobytes, encrypted by the customer's browser; kept for `life`, then gone."""

    def __init__(self, database: Database, life: timedelta) -> None:
        self.database, self.life = database, life

    async def keep(
        self, document_id: str, customer: CustomerId, filename: str, media_type: str, content: bytes, now: datetime
    ) -> Document:
        def write(tx: Tx) -> Document:
            tx.execute(
                "INSERT INTO documents (id, customer, filename, media_type, content, kept_at, expires_at) "
                "VALUES (:id, :customer, :filename, :media_type, :content, :at, :until) ON CONFLICT (id) DO NOTHING",
                id=document_id, customer=customer, filename=filename, media_type=media_type, content=content,
                at=text_of(now), until=text_of(now + self.life),
            )  # fmt: skip
            # What was kept first stays: whoever asks again gets the identical file.
            row = tx.one(
                "SELECT filename, media_type, length(content) AS size FROM documents WHERE id = :id", id=document_id
            )
            assert row is not None
            return Document(document_id, row["filename"], row["media_type"], row["size"])

        return await self.database.run(write)

    async def holder(self, document_id: str) -> CustomerId | None:
        """Whose file it is."""

        def look(tx: Tx) -> CustomerId | None:
            row = tx.one("SELECT customer FROM documents WHERE id = :id", id=document_id)
            return CustomerId(row["customer"]) if row else None

        return await self.database.read(look)

    async def content(self, document_id: str, customer: CustomerId, now: datetime) -> tuple[Document, bytes] | None:
        """Only for the customer it belongs to, and only as long as it is kept."""
        if not _ID.fullmatch(document_id):
            return None  # not one of ours; PostgreSQL would not even take every text

        def look(tx: Tx) -> tuple[Document, bytes] | None:
            row = tx.one(
                "SELECT filename, media_type, content FROM documents "
                "WHERE id = :id AND customer = :customer AND expires_at > :now",
                id=document_id, customer=customer, now=text_of(now),
            )  # fmt: skip
            if row is None:
                return None
            return Document(document_id, row["filename"], row["media_type"], len(row["content"])), row["content"]

        return await self.database.read(look)
