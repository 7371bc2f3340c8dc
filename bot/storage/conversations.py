"""Conversations on disk: one commit writes all that a turn decided, or nothing.

The address of a one-time page is not stored: a message keeps the link's id, and its token is derived again when
the message is read. The state holds what somebody answered so far (an account number) and is sealed. Whoever gets a
copy of the database alone can open neither.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bot.sealing import SealBroken, Sealer
from bot.storage import bubbles
from bot.storage.bubbles import Bubble, Pusher
from bot.storage.database import Database, Row, Tx
from bot.storage.effects import EffectWriter
from bot.storage.instants import instant, text_of
from handlers.message import Answered, CustomerId, Reply
from handlers.talk import Opened, TurnRecord

log = logging.getLogger(__name__)

STATE: Final = "conversation"


@dataclass(frozen=True, slots=True)
class Message:
    """One bubble of the history; `author` is `customer` or `bot`, `seq` counts from 1 in its conversation."""

    seq: int
    author: str
    at: str
    message_id: str | None
    text: str
    reply: Reply | None


class Conversations:
    """Implements `handlers.talk.ConversationStore`. `page_url(link_id)` gives the address of a one-time page.

    What is said on a channel of `pushed` also goes into the outbox: nobody comes to fetch it there. One of `answering`
    shows bubbles only in the answer to a message of its own (whose id begins with its name): `bot.storage.shown`.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        write_effect: EffectWriter,
        page_url: Callable[[str], str],
        pushed: frozenset[str] = frozenset(),
        answering: frozenset[str] = frozenset(),
    ) -> None:
        self.database, self.sealer, self.write_effect, self.page_url = database, sealer, write_effect, page_url
        self.pushed, self.answering = pushed, answering
        self.pushers: dict[str, Pusher] = {}
        """Who sends a channel's bubbles in this process, while it does."""

    async def open(self, customer: CustomerId, channel: str, message_id: str | None) -> Opened:
        return await self.database.read(self._open, customer, channel, message_id)

    async def commit(self, turn: TurnRecord) -> int | None:
        committed = await self.database.run(self._commit, turn)
        if committed is None:
            return None
        first_seq, held = committed
        if held:
            self.pushers[turn.channel].take(held)
        return first_seq

    async def history(self, customer: CustomerId, after: int, limit: int = 200) -> list[Message]:
        """Messages with a `seq` above `after`, oldest first."""
        return await self.database.read(self._history, customer, after, limit)

    async def latest(self, customer: CustomerId, count: int) -> int:
        """The `seq` before the last `count` messages: where a new window begins to read."""

        def last(tx: Tx) -> int:
            row = tx.one("SELECT last_seq FROM conversations WHERE customer = :customer", customer=customer)
            return max(0, row["last_seq"] - count) if row else 0

        return await self.database.read(last)

    # -- inside a transaction ---------------------------------------------------------------------------------

    def _open(self, tx: Tx, customer: CustomerId, channel: str, message_id: str | None) -> Opened:
        row = tx.one("SELECT revision, state FROM conversations WHERE customer = :customer", customer=customer)
        if row is None:
            return Opened(0, None)
        answered = None
        if message_id is not None:
            seen = tx.one(
                "SELECT first_seq, last_seq, flow, step, at FROM inbox "
                "WHERE customer = :customer AND channel = :channel AND message_id = :message_id",
                customer=customer, channel=channel, message_id=message_id,
            )  # fmt: skip
            if seen is not None:
                messages = self._history(tx, customer, seen["first_seq"] - 1, seen["last_seq"] - seen["first_seq"] + 1)
                replies = tuple(m.reply for m in messages if m.reply is not None)
                said = next((m.text for m in messages if m.author == "customer"), None)
                at = instant(seen["at"])
                answered = Answered(replies, seen["flow"], seen["step"], said, seen["first_seq"], at)
        return Opened(row["revision"], state_in(self.sealer, row["state"], customer), answered)

    def _commit(self, tx: Tx, turn: TurnRecord) -> tuple[int, list[Bubble]] | None:
        at = text_of(turn.at)
        plain = json.dumps(turn.state, ensure_ascii=False, separators=(",", ":")).encode()
        state = self.sealer.seal(STATE, plain, turn.customer.encode())
        said = 1 if turn.said else 0
        count = said + len(turn.replies)
        if turn.revision == 0:
            known = tx.one(
                "INSERT INTO conversations (customer, revision, last_seq, state, channel, address, changed_at) "
                "VALUES (:customer, 1, :count, :state, :channel, :address, :at) "
                "ON CONFLICT (customer) DO NOTHING RETURNING last_seq",
                customer=turn.customer, count=count, state=state, channel=turn.channel, address=turn.address, at=at,
            )  # fmt: skip
        else:
            known = tx.one(
                "UPDATE conversations SET revision = revision + 1, last_seq = last_seq + :count, state = :state, "
                "channel = :channel, address = :address, changed_at = :at "
                "WHERE customer = :customer AND revision = :revision RETURNING last_seq",
                customer=turn.customer, revision=turn.revision, count=count, state=state, channel=turn.channel,
                address=turn.address, at=at,
            )  # fmt: skip
        if known is None:
            return None
        last_seq: int = known["last_seq"]
        first_seq = last_seq - count + 1
        if turn.message_id is not None and not tx.execute(
            "INSERT INTO inbox (customer, channel, message_id, first_seq, last_seq, flow, step, at) "
            "VALUES (:customer, :channel, :message_id, :first_seq, :last_seq, :flow, :step, :at) "
            "ON CONFLICT (customer, channel, message_id) DO NOTHING",
            customer=turn.customer, channel=turn.channel, message_id=turn.message_id, first_seq=first_seq,
            last_seq=last_seq, flow=turn.answered.flow, step=turn.answered.step, at=at,
        ):  # fmt: skip
            # Cannot happen under the revision check; if it does, undo the whole turn rather than answer twice.
            raise MessageTakenTwiceError(turn.message_id)
        self._write_messages(tx, turn, first_seq, at)
        for effect in turn.effects:
            self.write_effect(tx, effect, turn, last_seq)
        if turn.channel in self.answering and (turn.message_id or "").startswith(f"{turn.channel}:"):
            tx.execute(
                "UPDATE addresses SET shown_seq = :seq WHERE channel = :channel AND address = :address",
                seq=last_seq, channel=turn.channel, address=turn.address,
            )  # fmt: skip
        return first_seq, self._push(tx, turn, first_seq + said)

    def _push(self, tx: Tx, turn: TurnRecord, seq: int) -> list[Bubble]:
        """Queue what is said on a channel that must be pushed to; what this process may send at once."""
        if turn.channel not in self.pushed:
            return []
        return bubbles.put(tx, turn, seq, self.pushers.get(turn.channel))

    def _write_messages(self, tx: Tx, turn: TurnRecord, seq: int, at: str) -> None:
        bodies: list[tuple[str, str]] = []
        if turn.said:
            bodies.append(("customer", json.dumps({"text": turn.said}, ensure_ascii=False)))
        bodies.extend(("bot", json.dumps(_without_address(reply), ensure_ascii=False)) for reply in turn.replies)
        for offset, (author, body) in enumerate(bodies):
            tx.execute(
                "INSERT INTO messages (customer, seq, author, message_id, body, at) "
                "VALUES (:customer, :seq, :author, :message_id, :body, :at)",
                customer=turn.customer, seq=seq + offset, author=author, message_id=turn.message_id, body=body, at=at,
            )  # fmt: skip

    def _history(self, tx: Tx, customer: CustomerId, after: int, limit: int) -> list[Message]:
        rows = tx.all(
            "SELECT seq, author, message_id, body, at FROM messages "
            "WHERE customer = :customer AND seq > :after ORDER BY seq LIMIT :limit",
            customer=customer, after=after, limit=limit,
        )  # fmt: skip
        return [self._message(row) for row in rows]

    def _message(self, row: Row) -> Message:
        body: dict[str, Any] = json.loads(row["body"])
        if row["author"] == "customer":
            return Message(row["seq"], "customer", row["at"], row["message_id"], body["text"], None)
        if body["link"] and body["link"]["id"]:
            body["link"]["url"] = self.page_url(body["link"]["id"])
        reply = Reply.from_json(body)
        return Message(row["seq"], "bot", row["at"], row["message_id"], reply.text, reply)


def state_in(sealer: Sealer, sealed: bytes, customer: str) -> dict[str, Any] | None:
    """Where a conversation stands. None for what was not sealed here for it: whoever wrote it, it begins anew."""
    try:
        state: dict[str, Any] = json.loads(sealer.open(STATE, sealed, customer.encode()))
    except SealBroken:
        log.error("a conversation's state was changed in the database", extra={"customer": customer})  # noqa: TRY400
        return None
    return state


class MessageTakenTwiceError(Exception):
    """Two turns for one message: the later one is undone."""


def _without_address(reply: Reply) -> dict[str, Any]:
    body = reply.as_json()
    if body["link"] and body["link"]["id"]:
        body["link"]["url"] = ""
    return body


class Addresses:
    """Who writes from where. A new address is a new customer until identity says otherwise."""

    def __init__(self, database: Database, new_id: Callable[[], str]) -> None:
        self.database, self.new_id = database, new_id

    async def known(self, channel: str, address: str) -> CustomerId | None:
        """The customer of an address that has written before."""
        found = await self.database.read(_customer_at, channel, address)
        return CustomerId(found) if found else None

    async def customer_at(self, channel: str, address: str, now: datetime) -> CustomerId:
        """The customer of an address that writes now: somebody new when it has never written, and within reach."""

        def make(tx: Tx) -> str:
            tx.execute(
                "INSERT INTO addresses (channel, address, customer, first_at) "
                "VALUES (:channel, :address, :customer, :at) "
                "ON CONFLICT (channel, address) DO UPDATE SET unreachable_at = NULL",
                channel=channel, address=address, customer=self.new_id(), at=text_of(now),
            )  # fmt: skip
            return _customer_at(tx, channel, address)

        found = await self.database.read(lambda tx: _customer_at(tx, channel, address, reachable=True))
        return CustomerId(found or await self.database.run(make))


def _customer_at(tx: Tx, channel: str, address: str, *, reachable: bool = False) -> str:
    row = tx.one(
        "SELECT customer, unreachable_at FROM addresses WHERE channel = :channel AND address = :address",
        channel=channel, address=address,
    )  # fmt: skip
    return row["customer"] if row and not (reachable and row["unreachable_at"]) else ""


def known_as(tx: Tx, number: str) -> Sequence[Row]:
    """The conversations that have proven to be the bank's customer `number`, with where to reach them.

    `unreachable_at` says since when nobody is reached there, if so.
    """
    return tx.all(
        "SELECT c.customer, c.channel, c.address, a.unreachable_at FROM known_as k "
        "JOIN conversations c ON c.customer = k.customer "
        "LEFT JOIN addresses a ON a.channel = c.channel AND a.address = c.address "
        "WHERE k.number = :number ORDER BY c.customer",
        number=number,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation, and where its customer last wrote from."""

    customer: CustomerId
    channel: str
    address: str = field(repr=False)
    unreachable: bool


def places(tx: Tx, owner: str, *, ours: bool) -> list[Place]:
    """Where the owner of a certificate is told of it: all conversations of the bank's customer, or the one."""
    if not ours:
        here = place_of(tx, owner)
        return [here] if here else []
    return [_place(row) for row in known_as(tx, owner)]


def place_of(tx: Tx, customer: str) -> Place | None:
    """Where the customer of a conversation last wrote from."""
    row = tx.one(
        "SELECT c.customer, c.channel, c.address, a.unreachable_at FROM conversations c "
        "LEFT JOIN addresses a ON a.channel = c.channel AND a.address = c.address WHERE c.customer = :customer",
        customer=customer,
    )
    return _place(row) if row else None


def _place(row: Row) -> Place:
    return Place(CustomerId(row["customer"]), row["channel"], row["address"], row["unreachable_at"] is not None)
