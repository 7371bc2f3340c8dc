"""What only the demo keeps: text messages to impossible numbers and fees taken from nobody."""

from collections.abc import Callable
from datetime import datetime

from bot.sealing import Sealer
from bot.storage.database import Database, Tx
from bot.storage.instants import text_of
from handlers.bank import CustomerNumber

PURPOSE = "demo phone"


class DemoPhones:
    """Implements `bot.gateways.sms_demo.Inbox`. Texts are sealed: a real code would not lie in clear either."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self.database, self.sealer = database, sealer

    async def put(self, phone: str, text: str, key: str, at: datetime) -> None:
        sealed = self.sealer.seal(PURPOSE, text.encode(), key.encode())

        def write(tx: Tx) -> None:
            tx.execute(
                "INSERT INTO demo_messages (message_key, phone, sealed, at) VALUES (:key, :phone, :sealed, :at) "
                "ON CONFLICT (message_key) DO NOTHING",
                key=key, phone=phone, sealed=sealed, at=text_of(at),
            )  # fmt: skip

        await self.database.run(write)

    async def messages(self, phone: str, limit: int = 20) -> list[tuple[str, str]]:
        """(time, text) of a phone, newest first."""

        def look(tx: Tx) -> list[tuple[str, str]]:
            rows = tx.all(
                "SELECT message_key, sealed, at FROM demo_messages WHERE phone = :phone "
                "ORDER BY at DESC, message_key LIMIT :limit",
                phone=phone, limit=limit,
            )  # fmt: skip
            return [
                (row["at"], self.sealer.open(PURPOSE, row["sealed"], row["message_key"].encode()).decode())
                for row in rows
            ]

        return await self.database.read(look)


class DemoLedger:
    """Implements `bot.gateways.bank_demo.Ledger`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self.database, self.now = database, now

    async def charge(self, number: CustomerNumber, won: int, request_id: str) -> bool:
        def write(tx: Tx) -> bool:
            tx.execute(
                "INSERT INTO demo_fees (request_id, number, won, at) VALUES (:id, :number, :won, :at) "
                "ON CONFLICT (request_id) DO NOTHING",
                id=request_id, number=number, won=won, at=text_of(self.now()),
            )  # fmt: skip
            row = tx.one("SELECT number, won FROM demo_fees WHERE request_id = :id", id=request_id)
            return row is not None and (row["number"], row["won"]) == (number, won)

        return await self.database.run(write)
