"""Messages on their way out: written in the transaction of their cause, delivered afterwards, at least once.

A worker claims rows under a lease and reports what happened together with the number of attempts it was given: when
the lease ran out and somebody else took over, that report changes nothing. What cannot be delivered becomes a dead
letter. Payloads are sealed by the caller and forgotten once sent.
"""

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.storage.database import Tx, Value
from bot.storage.instants import instant, text_of

MOST_ATTEMPTS: Final = 8
LEASE: Final = timedelta(seconds=60)
BUBBLE: Final = "bubble"
"""The kind of what a messenger's own sender delivers (`bot/storage/bubbles.py`)."""
REMINDER: Final = "reminder"
"""The kind of what goes out at a pace of its own (`bot/jobs/reminding.py`)."""
REACH: Final = "reach"
"""The kind of word beside the chats, which may wait for a provider (`bot/jobs/reaching.py`)."""

NOT_WANTED: Final = "no longer wanted"
OUT_OF_REACH: Final = "out of reach"
"""Why a message was given up where nothing went wrong: its certificate has ended, its customer has blocked us."""
ROWS: Final = 50
"""In a statement that writes many."""

_order = itertools.count(time.time_ns())


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed message. `attempts` counts this one, and proves the claim."""

    id: str
    key: str
    kind: str
    channel: str
    address: str = field(repr=False)
    payload: bytes = field(repr=False)
    due_at: datetime
    attempts: int


_NEVER_REPORTED: Final = """
    UPDATE outbox SET state = 'dead', closed_at = :at, last_error = 'never reported'
    WHERE state = 'queued' AND due_at <= :at AND lease_until <= :at AND attempts >= :most AND {whose}
"""
_CLAIM: Final = """
    UPDATE outbox SET attempts = attempts + 1, lease_until = :until
    WHERE id IN (
        SELECT id FROM outbox WHERE state = 'queued' AND due_at <= :at AND lease_until <= :at AND {whose}
        ORDER BY due_at, id LIMIT :limit {skip_locked}
    )
    RETURNING id, key, kind, channel, address, payload, due_at, attempts
"""


def put(
    tx: Tx,
    *,
    key: str,
    kind: str,
    channel: str,
    address: str,
    payload: bytes,
    due_at: datetime,
    lease_until: datetime | None = None,
) -> bool:
    """Queue a message. The same `key` again changes nothing and says False.

    With `lease_until` it is claimed already (attempt 1) by whoever writes it.
    """
    return bool(
        tx.execute(
            "INSERT INTO outbox (id, key, kind, channel, address, payload, due_at, attempts, lease_until)"
            " VALUES (:id, :key, :kind, :channel, :address, :payload, :due_at, :attempts, :lease_until)"
            " ON CONFLICT (key) DO NOTHING",
            id=_new_id(),
            key=key,
            kind=kind,
            channel=channel,
            address=address,
            payload=payload,
            due_at=text_of(due_at),
            attempts=1 if lease_until else 0,
            lease_until=text_of(lease_until) if lease_until else "",
        )
    )


def put_reminders(tx: Tx, messages: Sequence[tuple[str, str, bytes]], due_at: datetime) -> None:
    """Queue many reminders (key, channel, payload), many in one statement; keys that are known change nothing."""
    if not messages:
        return
    put_reminders(tx, messages[ROWS:], due_at)
    messages = messages[:ROWS]
    values = ", ".join(f"(:i{n}, :k{n}, '{REMINDER}', :c{n}, '', :p{n}, :due_at)" for n in range(len(messages)))
    named: dict[str, Value] = {}
    for n, (key, channel, payload) in enumerate(messages):
        named |= {f"i{n}": _new_id(), f"k{n}": key, f"c{n}": channel, f"p{n}": payload}
    sql = f"INSERT INTO outbox (id, key, kind, channel, address, payload, due_at) VALUES {values}"  # noqa: S608
    tx.execute(f"{sql} ON CONFLICT (key) DO NOTHING", due_at=text_of(due_at), **named)


def claim(
    tx: Tx, now: datetime, limit: int = 50, lease: timedelta = LEASE, channel: str | None = None, kind: str = BUBBLE
) -> list[Item]:
    """Take up to `limit` due messages that nobody holds, first due first.

    A channel's bubbles (or reminders), or all that reaches beside them; else all the rest, which wait for nobody.
    """
    at = text_of(now)
    # As the indexes say it, so that they are used.
    if kind == REACH:
        whose = f"kind = '{REACH}'"
    elif channel is None:
        whose = f"kind <> '{BUBBLE}' AND kind <> '{REMINDER}' AND kind <> '{REACH}'"
    else:
        whose = f"kind = '{kind}' AND channel = :channel"
    named: dict[str, Value] = {} if channel is None else {"channel": channel}
    # Whoever died each time it was sending this never reported: it shall not take the next worker with it.
    tx.execute(_NEVER_REPORTED.format(whose=whose), at=at, most=MOST_ATTEMPTS, **named)
    rows = tx.all(
        _CLAIM.format(skip_locked=tx.skip_locked, whose=whose),
        at=at,
        until=text_of(now + lease),
        limit=limit,
        **named,
    )
    items = [Item(**{**row, "due_at": instant(row["due_at"])}) for row in rows]
    return sorted(items, key=lambda item: (item.due_at, item.id))


def done(tx: Tx, item_id: str, attempts: int, at: datetime) -> bool:
    """Delivered: the payload is forgotten. False when the claim was lost."""
    return bool(
        tx.execute(
            "UPDATE outbox SET state = 'sent', payload = NULL, closed_at = :at, last_error = NULL"
            " WHERE id = :id AND attempts = :attempts AND state = 'queued'",
            id=item_id,
            attempts=attempts,
            at=text_of(at),
        )
    )


def retry(tx: Tx, item_id: str, attempts: int, at: datetime, error: str = "") -> bool:
    """Not delivered: again at `at`, or a dead letter after `MOST_ATTEMPTS`. `error` is a word, never content."""
    if attempts >= MOST_ATTEMPTS:
        return bury(tx, item_id, attempts, at, error)
    return bool(
        tx.execute(
            "UPDATE outbox SET due_at = :at, lease_until = '', last_error = :error"
            " WHERE id = :id AND attempts = :attempts AND state = 'queued'",
            id=item_id,
            attempts=attempts,
            at=text_of(at),
            error=error[:200],
        )
    )


def postpone(tx: Tx, item_id: str, attempts: int, at: datetime) -> bool:
    """Not now, but at `at`; this was no attempt."""
    return bool(
        tx.execute(
            "UPDATE outbox SET due_at = :at, lease_until = '', attempts = attempts - 1"
            " WHERE id = :id AND attempts = :attempts AND state = 'queued'",
            id=item_id,
            attempts=attempts,
            at=text_of(at),
        )
    )


def bury(tx: Tx, item_id: str, attempts: int, at: datetime, error: str) -> bool:
    """It will never be delivered (the customer blocked the bot): a dead letter at once."""
    return bool(
        tx.execute(
            "UPDATE outbox SET state = 'dead', closed_at = :at, last_error = :error"
            " WHERE id = :id AND attempts = :attempts AND state = 'queued'",
            id=item_id,
            attempts=attempts,
            at=text_of(at),
            error=error[:200],
        )
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as an operator may see it; `at` is when it was given up, or is due."""

    key: str
    kind: str
    channel: str
    attempts: int
    error: str
    at: datetime


def standing(tx: Tx, state: Literal["dead", "queued"]) -> list[Entry]:
    """What was given up through some fault, or waits; the latest last."""
    rows = tx.all(
        "SELECT key, kind, channel, attempts, coalesce(last_error, '') AS error, coalesce(closed_at, due_at) AS at"
        " FROM outbox WHERE state = :state AND coalesce(last_error, '') NOT IN (:not_wanted, :out_of_reach)"
        " ORDER BY 6, id",
        state=state, not_wanted=NOT_WANTED, out_of_reach=OUT_OF_REACH,
    )  # fmt: skip
    return [Entry(**{**row, "at": instant(row["at"])}) for row in rows]


def revive(tx: Tx, key: str, at: datetime) -> bool:
    """An operator sends a dead letter on its way again, also one that a provider has refused or lost."""
    base = key.removeprefix("reach:").partition("~")[0]
    for handed in (key, f"alimtalk:{base}", f"sms:{base}", f"email:{base}"):
        tx.execute("DELETE FROM sendings WHERE key = :key AND state = 'lost'", key=handed)
    return bool(
        tx.execute(
            "UPDATE outbox SET state = 'queued', attempts = 0, lease_until = '', due_at = :at, closed_at = NULL"
            " WHERE key = :key AND state = 'dead'",
            key=key,
            at=text_of(at),
        )
    )


def purge(tx: Tx, before: datetime) -> int:
    """Forget what was sent or given up before `before`. Keep it as long as a key may come again."""
    return tx.execute("DELETE FROM outbox WHERE state <> 'queued' AND closed_at < :before", before=text_of(before))


def channels(tx: Tx, key: str) -> list[str]:
    """Where a reminder was sent so far; its later ways have a number after its key."""
    sql = "SELECT channel FROM outbox WHERE key = :key OR key LIKE :later ORDER BY id"
    return tx.column(sql, key=key, later=f"{key}~%")


def counts(tx: Tx) -> dict[str, int]:
    """How many messages stand where, for the metrics."""
    return {row["state"]: row["n"] for row in tx.all("SELECT state, count(*) AS n FROM outbox GROUP BY state")}


def _new_id() -> str:
    """Sorts in the order of this process's puts; unique among processes."""
    return f"{next(_order):016x}{os.urandom(4).hex()}"
