"""What must not stay: certificates nobody kept, conversations stuck behind a finished page, rows past their time."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.jobs.announcing import UNKEPT, put_notice
from bot.sealing import Sealer
from bot.storage import outbox, sendings, transfers
from bot.storage.certificate_rows import hex_of
from bot.storage.database import Database, Tx
from bot.storage.instants import text_of
from bot.storage.pages import Links, OneTimeLink
from bot.storage.statuses import forget_changes
from ca.registration import RegistrationAuthority
from handlers.conversation import Conversation
from handlers.flow import PageDone

log = logging.getLogger(__name__)

UNKEPT_FOR: Final = timedelta(hours=24)
GREETED_KEPT: Final = timedelta(days=30)
INBOX_KEPT: Final = timedelta(days=7)
"""Longer than any channel sends a message again."""
OUTBOX_KEPT: Final = timedelta(days=45)
"""Longer than between two stages of a reminder, so that its key still stands."""


class Cleaning:
    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        links: Links,
        registration: RegistrationAuthority,
        conversation: Conversation,
        clock: Callable[[], datetime],
        settle: Callable[[str, datetime], Awaitable[None]],
    ) -> None:
        """`settle(link_id, now)` has what was issued on a page take the place of what it replaces."""
        self.database, self.sealer, self.links, self.registration = database, sealer, links, registration
        self.conversation, self.clock, self.settle = conversation, clock, settle

    async def take_on(self) -> None:
        """Conversations whose page has finished while the process died."""
        for link in await self.links.waiting():
            try:
                await self.resume(link)
            except Exception:
                # One that cannot go on must not keep the others waiting.
                log.exception("a conversation could not go on", extra={"link": link.id})

    async def resume(self, link: OneTimeLink) -> None:
        """The page has finished: its certificate takes its place, and the conversation goes on, once."""
        await self.settle(link.id, self.clock())
        await self.conversation.resume(link.channel, link.address, link.customer, PageDone(link.id, link.result or {}))
        await self.links.resumed(link.id, self.clock())

    async def work(self) -> None:
        now = self.clock()
        for serial in await self.links.unkept_since(now - UNKEPT_FOR):
            # The word first: killed in between, the next look finds the certificate again and says nothing twice.
            try:
                await self.database.run(put_notice, self.sealer, UNKEPT, hex_of(serial), now)
                await self.registration.revoke(serial, "superseded", now)
            except Exception:  # one that cannot be settled must not keep the others and the purge waiting
                log.exception("not settled", extra={"serial": hex_of(serial)})
            else:
                log.info("revoked what nobody kept", extra={"serial": hex_of(serial)})
        for serial in await self.registration.lapse(now):
            log.info("revoked after half a year on hold", extra={"serial": hex_of(serial)})
        await self.database.run(self._purge, now)

    def _purge(self, tx: Tx, now: datetime) -> None:
        # Who was greeted once is not greeted again: its buttons would take the place of an open step's.
        tx.execute(
            "DELETE FROM inbox WHERE at < :before AND message_id <> 'greeting'", before=text_of(now - INBOX_KEPT)
        )
        tx.execute("DELETE FROM documents WHERE expires_at <= :now", now=text_of(now))
        transfers.purge(tx, now)
        tx.execute("DELETE FROM code_challenges WHERE expires_at < :before", before=text_of(now - timedelta(days=1)))
        tx.execute("DELETE FROM login_challenges WHERE used_at < :before", before=text_of(now - timedelta(days=1)))
        tx.execute("DELETE FROM lookups WHERE window_from < :before", before=text_of(now - timedelta(days=1)))
        tx.execute("DELETE FROM demo_messages WHERE at < :before", before=text_of(now - GREETED_KEPT))
        forget_changes(tx, now - timedelta(days=1))
        outbox.purge(tx, now - OUTBOX_KEPT)
        sendings.purge(tx, now)
        # Whoever was only greeted left nothing worth keeping. Their rows go together.
        silent = "(SELECT customer FROM conversations WHERE revision = 1 AND changed_at < :before)"
        for table in ("messages", "inbox", "addresses", "conversations"):
            sql = f"DELETE FROM {table} WHERE customer IN {silent}"  # noqa: S608 - names of our own
            tx.execute(sql, before=text_of(now - GREETED_KEPT))
