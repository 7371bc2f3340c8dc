"""When to say that a certificate ends: 30, 14, 7, 3 and 1 days before, on the day, and the day after.

A stage is due at 09:00 in Korea and never handed out between 21:00 and 08:00. After a pause only the latest stage
that is due is handed out; the older ones were missed. The row makes a stage happen once; the notice itself goes
through the outbox, in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, Literal

from bot.storage.database import Tx
from bot.storage.instants import instant, text_of
from handlers.texts import KOREA

STAGES: Final = (30, 14, 7, 3, 1, 0, -1)
"""Days before the end; -1 is the day after."""
HOUR: Final = time(9)
QUIET_FROM: Final = time(21)
QUIET_UNTIL: Final = time(8)


@dataclass(frozen=True, slots=True)
class Due:
    """One certificate to speak of now. Count the days left from `not_after`: `stage` may have waited."""

    serial: str
    stage: int
    not_after: datetime


def due_at(not_after: datetime, stage: int) -> datetime:
    day = not_after.astimezone(KOREA).date() - timedelta(days=stage)
    return datetime.combine(day, HOUR, KOREA)


def schedule(tx: Tx, serial: str, not_after: datetime, now: datetime) -> None:
    """Write the stages of a certificate that are still to come at `now`. Doing it again changes nothing."""
    last = due_at(not_after, 0)
    coming = {stage: due for stage in STAGES if (due := last - timedelta(days=stage)) > now}
    if not coming:
        return
    # One statement for all: on PostgreSQL each is a way there and back.
    values = ", ".join(f"(:serial, {stage}, :due_{index}, :not_after)" for index, stage in enumerate(coming))
    tx.execute(
        f"INSERT INTO reminders (serial, stage, due_at, not_after) VALUES {values} ON CONFLICT DO NOTHING",  # noqa: S608
        serial=serial,
        not_after=text_of(not_after),
        **{f"due_{index}": text_of(due) for index, due in enumerate(coming.values())},
    )


def claim_due(tx: Tx, now: datetime, limit: int = 500) -> list[Due]:
    """Take what is to be said at `now`: at most one stage of a certificate, the oldest due first.

    Put the notices into the outbox in this very transaction. Revoked certificates and those that a newer one has
    replaced are dropped, held ones wait; certificates from elsewhere (not in our table) count as valid.
    """
    hour = now.astimezone(KOREA).time()
    if hour >= QUIET_FROM or hour < QUIET_UNTIL:
        return []
    at = text_of(now)
    _drop_pointless(tx, at)
    rows = tx.all(
        "UPDATE reminders SET state = 'claimed' WHERE state = 'waiting' AND (serial, stage) IN ("
        " SELECT r.serial, min(r.stage) FROM reminders r LEFT JOIN certificates c ON c.serial = r.serial"
        "  WHERE r.state = 'waiting' AND r.due_at <= :at AND (c.serial IS NULL OR c.status = 'valid')"
        "  GROUP BY r.serial ORDER BY min(r.due_at), r.serial LIMIT :limit"
        ") RETURNING serial, stage, not_after",
        at=at,
        limit=limit,
    )
    for row in rows:
        tx.execute(
            "UPDATE reminders SET state = 'missed' WHERE serial = :serial AND state = 'waiting' AND stage > :stage",
            serial=row["serial"],
            stage=row["stage"],
        )
    return sorted((Due(row["serial"], row["stage"], instant(row["not_after"])) for row in rows), key=_urgency)


def _drop_pointless(tx: Tx, at: str) -> None:
    tx.execute(
        "UPDATE reminders SET state = 'stopped' WHERE state = 'waiting' AND due_at <= :at AND serial IN ("
        " SELECT serial FROM certificates WHERE status = 'revoked' OR in_place = 0)",
        at=at,
    )


def _urgency(due: Due) -> tuple[datetime, str]:
    return due.not_after, due.serial


def mark(tx: Tx, serial: str, stage: int, state: Literal["sent", "missed"]) -> bool:
    """What became of a claimed stage; False when it was not claimed."""
    return bool(
        tx.execute(
            "UPDATE reminders SET state = :state WHERE serial = :serial AND stage = :stage AND state = 'claimed'",
            state=state,
            serial=serial,
            stage=stage,
        )
    )


def stop(tx: Tx, serial: str) -> int:
    """Nothing more about this certificate; the number of stages dropped."""
    return tx.execute(
        "UPDATE reminders SET state = 'stopped' WHERE serial = :serial AND state = 'waiting'", serial=serial
    )
