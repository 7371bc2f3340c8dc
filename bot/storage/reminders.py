"""Whose certificate ends when, and what was said of it: one row a certificate, which knows only its next time.

Claiming moves the row on (`said` falls, `due_at` is the next stage) in the transaction that queues the message, so a
stage is said once whatever dies, and a clock set back finds nothing due again. After a pause only the latest stage
is claimed. Revoked and replaced certificates end; a held one waits until it is released.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from bot.storage import outbox
from bot.storage.database import Database, Row, Tx
from bot.storage.instants import instant, text_of
from handlers import stages
from handlers.message import CustomerId
from handlers.stages import LAST_YEAR, NEVER_SAID, Wishes

BATCH: Final = 500
AT_ONCE: Final = 50
"""Rows a statement: on PostgreSQL each is a way there and back, on SQLite every number of rows is kept prepared."""
SWITCH: Final = "reminders"
KEY: Final = re.compile(r"reminder:(.+?):(-?\d{1,2})(:\d{8})?")
"""A reminder's key: whose certificate's, which stage, and the day it was wished again for."""

_DUE: Final = """
    SELECT r.serial, r.kind, r.not_after, r.said, w.stages, w.hour, w.zone, w.way, w.stopped, c.status, c.in_place
    FROM reminders r
    LEFT JOIN reminder_wishes w ON w.owner = r.owner
    LEFT JOIN certificates c ON c.serial = r.serial
    WHERE r.state = 'on' AND r.due_at <= :at AND (c.status IS NULL OR c.status <> 'held')
    ORDER BY r.due_at, r.serial LIMIT :limit
"""

_MOVE: Final = """
    UPDATE reminders SET said = v.column2, due_at = v.column3, state = v.column4
    FROM (VALUES {values}) AS v WHERE reminders.serial = v.column1
"""


@dataclass(frozen=True, slots=True)
class Due:
    """One certificate to speak of now. Count the days left from `not_after`: `stage` may have waited."""

    serial: str
    stage: int
    not_after: datetime
    key: str
    """Names this reminder: the same stage again has the same, unless the customer wished to hear it again."""
    way: str = ""
    """The customer's own first way, if one was wished."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to know when a reminder is about to be said."""

    serial: str
    owner: str
    ours: bool
    kind: str
    not_after: datetime
    said: int
    wishes: Wishes
    wanted: bool
    """The certificate is still in its place, and nobody has stopped hearing of it."""


def follow(
    tx: Tx, serial: str, owner: str, kind: str, not_after: datetime, now: datetime, *, ours: bool = True
) -> None:
    """Remind `owner` before the certificate `serial` ends; stages already past are left out. Again changes nothing.

    `owner` is the bank's customer number. Of a certificate from elsewhere (`ours=False`) it is the conversation that
    asked for it, `serial` any name of its own, and `kind` who issued it.
    """
    wishes = wishes_of(tx, owner)
    due = None if not_after.year > LAST_YEAR else stages.next_due(not_after, NEVER_SAID, wishes, now)
    tx.execute(
        "INSERT INTO reminders (serial, owner, ours, kind, not_after, due_at)"
        " VALUES (:serial, :owner, :ours, :kind, :not_after, :due) ON CONFLICT (serial) DO NOTHING",
        serial=serial, owner=owner, ours=int(ours), kind=kind, not_after=text_of(not_after), due=_text(due),
    )  # fmt: skip


def forget(tx: Tx, serial: str) -> None:
    """Nothing is known of this certificate any more (one from elsewhere, taken out of the list)."""
    tx.execute("DELETE FROM reminders WHERE serial = :serial", serial=serial)


def claim_due(tx: Tx, now: datetime, limit: int = BATCH) -> tuple[list[Due], bool]:
    """Up to `limit` rows that are due: what is to be said of them now, and whether more may be waiting.

    Put the messages into the outbox in this very transaction. Where it is night nothing is said before the morning.
    """
    if switched_off(tx):
        return [], False
    rows = tx.all(_DUE, at=text_of(now), limit=limit)
    moved: list[tuple[str, int, datetime | None, str]] = []
    due: list[Due] = []
    for row in rows:
        serial, said, not_after, wishes = row["serial"], row["said"], instant(row["not_after"]), _wishes(row)
        if row["status"] == "revoked" or row["in_place"] == 0 or wishes.stopped:
            moved.append((serial, said, None, "on" if wishes.stopped else "over"))
            continue
        if not stages.awake(now, wishes):
            moved.append((serial, said, stages.next_morning(now, wishes), "on"))
            continue
        stage = stages.latest_due(not_after, said, wishes, now)
        again = said if stage is None and said != NEVER_SAID and now <= not_after else None
        if stage is not None:
            due.append(Due(serial, stage, not_after, f"reminder:{serial}:{stage}", wishes.way))
        elif again is not None:
            key = f"reminder:{serial}:{again}:{now.astimezone(stages.clock_of(wishes.zone)):%Y%m%d}"
            due.append(Due(serial, again, not_after, key, wishes.way))
        said = said if stage is None else stage
        coming = stages.next_due(not_after, said, wishes, now)
        moved.append((serial, said, coming, "on" if coming else "over"))
    _move(tx, moved)
    return sorted(due, key=lambda one: (one.not_after, one.serial)), len(rows) == limit


def _move(tx: Tx, moved: Sequence[tuple[str, int, datetime | None, str]]) -> None:
    if not moved:
        return
    _move(tx, moved[AT_ONCE:])
    moved = moved[:AT_ONCE]
    values = ", ".join(f"(:s{n}, {said}, :d{n}, '{state}')" for n, (_, said, _, state) in enumerate(moved))
    named = {f"s{n}": serial for n, (serial, *_) in enumerate(moved)}
    named |= {f"d{n}": _text(due) for n, (_, _, due, _) in enumerate(moved)}  # type: ignore[misc]
    tx.execute(_MOVE.format(values=values), **named)


def standing(tx: Tx, serial: str) -> Standing | None:
    row = tx.one(
        "SELECT r.serial, r.owner, r.ours, r.kind, r.not_after, r.said, r.state, w.stages, w.hour, w.zone, w.way,"
        " w.stopped, c.status, c.in_place FROM reminders r LEFT JOIN reminder_wishes w ON w.owner = r.owner"
        " LEFT JOIN certificates c ON c.serial = r.serial WHERE r.serial = :serial",
        serial=serial,
    )
    if row is None:
        return None
    wishes = _wishes(row)
    wanted = row["status"] in (None, "valid") and row["in_place"] != 0 and not wishes.stopped
    return Standing(
        row["serial"], row["owner"], bool(row["ours"]), row["kind"], instant(row["not_after"]), row["said"], wishes,
        wanted and row["state"] != "stopped",
    )  # fmt: skip


def give_up(tx: Tx, customer: str, seq: int, now: datetime) -> None:
    """A messenger will not deliver this message: when it is a reminder, the ways after the chats are tried."""
    row = tx.one(
        "SELECT message_id FROM messages WHERE customer = :customer AND seq = :seq", customer=customer, seq=seq
    )
    found = KEY.fullmatch((row["message_id"] or "") if row else "")
    if row is not None and found is not None:
        opened = {"serial": found[1], "stage": int(found[2]), "said_for": now.isoformat(), "tried": ["chat"]}
        # Under the key of its second way: where another one was tried already, that is enough.
        outbox.put_reminders(tx, [(f"{row['message_id']}~1", "chat", json.dumps(opened).encode())], now)


# -- what customers wish ------------------------------------------------------------------------------------------


def owners(tx: Tx, customer: str) -> list[str]:
    """For whom a conversation may decide: the bank's customer it has proven to be, and itself."""
    known = tx.column("SELECT number FROM known_as WHERE customer = :customer ORDER BY at DESC", customer=customer)
    return [*known, customer]


def has_any(tx: Tx, customer: str) -> bool:
    """Whether a conversation has a certificate to be reminded of, or is known to be somebody who may."""
    own = tx.one("SELECT 1 AS one FROM reminders WHERE owner = :owner LIMIT 1", owner=customer)
    return own is not None or len(owners(tx, customer)) > 1


def wishes_of(tx: Tx, owner: str) -> Wishes:
    return _wishes(
        tx.one("SELECT stages, hour, zone, way, stopped FROM reminder_wishes WHERE owner = :owner", owner=owner)
    )


class Book:
    """Implements `handlers.reminders.ReminderBook`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def wishes(self, customer: CustomerId) -> Wishes | None:
        def look(tx: Tx) -> Wishes | None:
            return wishes_of(tx, owners(tx, customer)[0]) if has_any(tx, customer) else None

        return await self.database.read(look)


def wish(tx: Tx, customer: str, wishes: Wishes, now: datetime) -> None:
    """From now on as the customer of this conversation wishes, for all of their certificates."""
    for owner in owners(tx, customer):
        tx.execute(
            "INSERT INTO reminder_wishes (owner, stages, hour, zone, way, stopped, at)"
            " VALUES (:owner, :stages, :hour, :zone, :way, :stopped, :at) ON CONFLICT (owner) DO UPDATE SET"
            " stages = excluded.stages, hour = excluded.hour, zone = excluded.zone, way = excluded.way,"
            " stopped = excluded.stopped, at = excluded.at",
            owner=owner, stages=stages.as_text(wishes.stages), hour=wishes.hour, zone=wishes.zone, way=wishes.way,
            stopped=int(wishes.stopped), at=text_of(now),
        )  # fmt: skip
        rows = tx.all("SELECT serial, not_after, said FROM reminders WHERE owner = :owner AND state <> 'stopped'",
                      owner=owner)  # fmt: skip
        moved = []
        for row in rows:
            since = stages.start_of_day(now)
            coming = stages.next_due(instant(row["not_after"]), row["said"], wishes, since)
            moved.append((row["serial"], row["said"], coming, "on" if coming or wishes.stopped else "over"))
        _move(tx, moved)


def snooze(tx: Tx, customer: str, serial: str, now: datetime) -> bool:
    """Say it again tomorrow, or what is due by then. False when it is not theirs, or is over."""
    known = standing(tx, serial)
    if known is None or known.owner not in owners(tx, customer) or not known.wanted:
        return False
    again = stages.tomorrow(now, known.wishes)
    if again > known.not_after:
        return False
    return bool(
        tx.execute(
            "UPDATE reminders SET state = 'on', due_at = CASE WHEN due_at < :due THEN due_at ELSE :due END"
            " WHERE serial = :serial AND state <> 'stopped' AND said <> :never",
            serial=serial, due=text_of(again), never=NEVER_SAID,
        )
    )  # fmt: skip


def stop(tx: Tx, customer: str, serial: str) -> bool:
    """Nothing more about this certificate. A serial number is no secret: False when it is not theirs."""
    known = standing(tx, serial)
    if known is None or known.owner not in owners(tx, customer):
        return False
    return bool(
        tx.execute("UPDATE reminders SET state = 'stopped', due_at = NULL WHERE serial = :serial", serial=serial)
    )


# -- what the operator has stopped --------------------------------------------------------------------------------


def switched_off(tx: Tx) -> datetime | None:
    """Since when no reminder is sent; None when they are."""
    row = tx.one("SELECT at FROM switched_off WHERE name = :name", name=SWITCH)
    return instant(row["at"]) if row else None


def switch(tx: Tx, to: Literal["on", "off"], now: datetime) -> bool:
    """False when it was so already."""
    if to == "on":
        return bool(tx.execute("DELETE FROM switched_off WHERE name = :name", name=SWITCH))
    return bool(
        tx.execute(
            "INSERT INTO switched_off (name, at) VALUES (:name, :at) ON CONFLICT DO NOTHING",
            name=SWITCH, at=text_of(now),
        )
    )  # fmt: skip


def numbers(tx: Tx, now: datetime) -> Mapping[str, int]:
    """How many certificates are followed, how many are due, and what of it waits to be sent, by way."""
    at = text_of(now)
    followed = tx.one("SELECT count(*) AS n FROM reminders WHERE state = 'on' AND due_at IS NOT NULL")
    due = tx.one("SELECT count(*) AS n FROM reminders WHERE state = 'on' AND due_at <= :at", at=at)
    waiting = tx.all(
        "SELECT channel, count(*) AS n FROM outbox WHERE state = 'queued' AND kind = 'reminder' GROUP BY channel"
    )
    return {
        "followed": followed["n"] if followed else 0,
        "due": due["n"] if due else 0,
        **{row["channel"]: row["n"] for row in waiting},
    }


def _wishes(row: Mapping[str, Any] | Row | None) -> Wishes:
    if row is None or row["stages"] is None:
        return Wishes()
    return Wishes(stages.from_text(row["stages"]), row["hour"], row["zone"], row["way"], bool(row["stopped"]))


def _text(at: datetime | None) -> str | None:
    return None if at is None else text_of(at)
