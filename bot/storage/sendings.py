"""What was handed to a provider or mail server: once a key, whatever dies in between; what came of it, what it costs.

A row is written before the provider is asked. One that is still `asked` when its message comes again means: the
provider may have it, so it is asked first (`bot/gateways/provider.py`). No number and no word is kept here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.storage.database import Database, Tx
from bot.storage.instants import instant, text_of
from handlers.texts import KOREA

Kind = Literal["alimtalk", "sms", "lms", "event", "email"]
State = Literal["asked", "taken", "arrived", "lost"]

FIRST_LOOK: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_LOOKS: Final = 20
"""Ten seconds, twenty … then hourly: after about half a day nobody asks any more."""
KEPT: Final = timedelta(days=400)
"""For the costs of the year before."""
AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Sending:
    key: str
    kind: Kind
    state: State
    provider_id: str | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of message in one month of Korea (`2026-11`): how many the provider took, how many were lost."""

    month: str
    kind: Kind
    taken: int
    lost: int


class Sendings:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def ask(self, key: str, kind: Kind, now: datetime) -> Sending | None:
        """Note that the provider is about to be asked. None: go on; else what is known of the same key."""

        def put(tx: Tx) -> Sending | None:
            if tx.execute(
                "INSERT INTO sendings (key, kind, asked_at) VALUES (:key, :kind, :at) ON CONFLICT (key) DO NOTHING",
                key=key, kind=kind, at=text_of(now),
            ):  # fmt: skip
                return None
            row = tx.one("SELECT key, kind, state, provider_id, asked_at FROM sendings WHERE key = :key", key=key)
            return Sending(**{**row, "asked_at": instant(row["asked_at"])}) if row else None

        return await self.database.run(put)

    async def taken(self, key: str, provider_id: str, now: datetime) -> None:
        """The provider has it; what becomes of it is asked from `FIRST_LOOK` on."""
        await self.database.run(
            lambda tx: tx.execute(
                "UPDATE sendings SET state = 'taken', provider_id = :id, look_at = :look WHERE key = :key"
                " AND state = 'asked'",
                key=key, id=provider_id, look=text_of(now + FIRST_LOOK),
            )
        )  # fmt: skip

    async def open(self, now: datetime) -> list[Sending]:
        """Those whose fate is to be asked now; each is asked again later, after ever longer pauses."""

        def claim(tx: Tx) -> list[Sending]:
            rows = tx.all(
                "SELECT key, kind, state, provider_id, asked_at, looks FROM sendings WHERE look_at <= :now"
                " ORDER BY look_at LIMIT :most",
                now=text_of(now), most=AT_ONCE,
            )  # fmt: skip
            for row in rows:
                pause = min(FIRST_LOOK * 2 ** (looks := int(row.pop("looks")) + 1), LONGEST_PAUSE)
                tx.execute(
                    "UPDATE sendings SET looks = :looks, look_at = :look WHERE key = :key",
                    key=row["key"], looks=looks, look=text_of(now + pause) if looks < MOST_LOOKS else None,
                )  # fmt: skip
            return [Sending(**{**row, "asked_at": instant(row["asked_at"])}) for row in rows]

        return await self.database.run(claim)

    async def close(self, key: str, state: Literal["arrived", "lost"], now: datetime) -> None:
        await self.database.run(close, key, state, now)


def close(tx: Tx, key: str, state: Literal["arrived", "lost"], now: datetime) -> bool:
    """What became of it. False when that was known."""
    return bool(
        tx.execute(
            "UPDATE sendings SET state = :state, closed_at = :at, look_at = NULL WHERE key = :key"
            " AND state IN ('asked', 'taken')",
            key=key, state=state, at=text_of(now),
        )
    )  # fmt: skip


def costs(tx: Tx, since: datetime) -> list[Cost]:
    """By month of Korea and kind, the latest month first."""
    counted: dict[tuple[str, Kind], list[int]] = {}
    rows = tx.all(
        "SELECT substr(asked_at, 1, 13) AS hour, kind, state, count(*) AS n FROM sendings"
        " WHERE asked_at >= :since GROUP BY substr(asked_at, 1, 13), kind, state",
        since=text_of(since),
    )
    for row in rows:
        month = f"{datetime.fromisoformat(row['hour'] + ':00+00:00').astimezone(KOREA):%Y-%m}"
        taken = counted.setdefault((month, row["kind"]), [0, 0])
        # What is lost is not charged; what nobody knows of may have been.
        taken[row["state"] == "lost"] += row["n"]
    found = (Cost(month, kind, *numbers) for (month, kind), numbers in counted.items())
    return sorted(found, key=lambda one: (one.month, one.kind), reverse=True)


def purge(tx: Tx, now: datetime) -> int:
    return tx.execute("DELETE FROM sendings WHERE asked_at < :before", before=text_of(now - KEPT))
