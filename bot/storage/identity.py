"""Counters and challenges of `handlers.identity`: each call one commit, so a try is on disk before it is compared."""

import json
from datetime import UTC, datetime, timedelta

from bot.storage.database import Database, Tx
from bot.storage.instants import instant, text_of
from handlers.bank import CellChallenge, CustomerNumber
from handlers.identity import CODE_REST, CodeTry

NEVER = timedelta(days=36_500)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAIL = (
    "INSERT INTO factor_failures (number, factor, failures, last_at) VALUES (:number, :factor, 1, :at) "
    "ON CONFLICT (number, factor) DO UPDATE SET failures = CASE WHEN factor_failures.last_at > :forgotten "
    "THEN factor_failures.failures + 1 ELSE 1 END, last_at = :at RETURNING failures"
)


class IdentityRecords:
    """Implements `handlers.identity.IdentityStore`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def codes_since(self, number: CustomerNumber, since: datetime) -> int:
        def count(tx: Tx) -> int:
            row = tx.one(
                "SELECT count(*) AS sent FROM code_challenges WHERE number = :number AND sent_at > :since",
                number=number, since=text_of(since),
            )  # fmt: skip
            return int(row["sent"]) if row else 0

        return await self.database.read(count)

    async def try_code(self, challenge_id: str, now: datetime) -> CodeTry | None:
        def count(tx: Tx) -> CodeTry | None:
            row = tx.one(
                "UPDATE code_challenges SET tries = tries + 1 WHERE id = :id "
                "RETURNING number, code_hash, bound_to, expires_at, used_at, tries",
                id=challenge_id,
            )
            if row is None:
                return None
            failed = tx.one(_FAIL, number=row["number"], factor="code", **_times(now, CODE_REST))
            assert failed is not None
            return CodeTry(
                row["code_hash"], row["bound_to"], instant(row["expires_at"]), row["used_at"] is not None,
                row["tries"], failed["failures"],
            )  # fmt: skip

        return await self.database.run(count)

    async def try_factor(
        self, number: CustomerNumber, factor: str, now: datetime, rest: timedelta | None = None
    ) -> int:
        def count(tx: Tx) -> int:
            row = tx.one(_FAIL, number=number, factor=factor, **_times(now, rest or NEVER))
            assert row is not None
            return int(row["failures"])

        return await self.database.run(count)

    async def give_back(self, number: CustomerNumber, factor: str) -> None:
        def take_back(tx: Tx) -> None:
            tx.execute(
                "UPDATE factor_failures SET failures = failures - 1 "
                "WHERE number = :number AND factor = :factor AND failures > 0",
                number=number, factor=factor,
            )  # fmt: skip

        await self.database.run(take_back)

    async def forgive(self, number: CustomerNumber, factor: str) -> None:
        def clear(tx: Tx) -> None:
            tx.execute(
                "DELETE FROM factor_failures WHERE number = :number AND factor = :factor", number=number, factor=factor
            )

        await self.database.run(clear)

    async def failures(self, number: CustomerNumber, factor: str, since: datetime | None = None) -> int:
        def look(tx: Tx) -> int:
            row = tx.one(
                "SELECT failures FROM factor_failures WHERE number = :number AND factor = :factor AND last_at > :since",
                number=number, factor=factor, since=text_of(since) if since else "",
            )  # fmt: skip
            return int(row["failures"]) if row else 0

        return await self.database.read(look)

    async def open_cells(self, number: CustomerNumber, drawn: CellChallenge, now: datetime) -> CellChallenge:
        def keep(tx: Tx) -> CellChallenge:
            tx.execute(
                "INSERT INTO cell_challenges (number, positions, opened_at) VALUES (:number, :positions, :at) "
                "ON CONFLICT (number) DO NOTHING",
                number=number, positions=json.dumps(drawn.positions), at=text_of(now),
            )  # fmt: skip
            row = tx.one("SELECT positions FROM cell_challenges WHERE number = :number", number=number)
            assert row is not None
            first, second = json.loads(row["positions"])
            return CellChallenge(((first[0], first[1]), (second[0], second[1])))

        return await self.database.run(keep)

    async def use_otp_step(self, number: CustomerNumber, step: int) -> bool:
        def use(tx: Tx) -> bool:
            changed = tx.execute(
                "INSERT INTO otp_steps (number, step) VALUES (:number, :step) "
                "ON CONFLICT (number) DO UPDATE SET step = excluded.step WHERE otp_steps.step < excluded.step",
                number=number, step=step,
            )  # fmt: skip
            return changed > 0

        return await self.database.run(use)

    async def count_lookup(self, asker: str, now: datetime, window: timedelta) -> int:
        def count(tx: Tx) -> int:
            row = tx.one(
                "INSERT INTO lookups (asker, window_from, asked) VALUES (:asker, :now, 1) "
                "ON CONFLICT (asker) DO UPDATE SET "
                "asked = CASE WHEN lookups.window_from > :since THEN lookups.asked + 1 ELSE 1 END, "
                "window_from = CASE WHEN lookups.window_from > :since THEN lookups.window_from ELSE :now END "
                "RETURNING asked",
                asker=asker, now=text_of(now), since=text_of(now - window),
            )  # fmt: skip
            assert row is not None
            return int(row["asked"])

        return await self.database.run(count)


def unlock(tx: Tx, number: str) -> int:
    """Clear every factor of a customer, in the transaction that notes who did it; the number of counters."""
    tx.execute("DELETE FROM cell_challenges WHERE number = :number", number=number)
    return tx.execute("DELETE FROM factor_failures WHERE number = :number", number=number)


def _times(now: datetime, rest: timedelta) -> dict[str, str]:
    """When this failure is, and before when earlier ones no longer count."""
    return {"at": text_of(now), "forgotten": text_of(max(now - rest, EPOCH))}
