"""What lists are made of: every entry once, as long as it has to be there; and the list in force only ever goes on."""

from datetime import datetime, timedelta

import pytest

from bot.storage import lists
from bot.storage.audit import AuditTrail
from bot.storage.certificates import Certificates
from bot.storage.database import Database
from bot.storage.lists import Kept, Lists
from bot.storage.statuses import changes_after
from ca import crl, der
from tests.storage.plans import AT, YEAR, plan
from tests.storage.plans import der as certificate


async def revoked(database: Database, count: int) -> list[int]:
    """Serial numbers, in order, of so many that are in the list."""
    store = Certificates(database, AuditTrail(bytes(32)), export_key=bytes(32), now=lambda: AT)
    serials = []
    for number in range(count):
        wanted = plan(subscriber=f"customer {number}")
        await store.plan(wanted)
        await store.complete(wanted.serial, certificate(wanted), AT)
        await store.revoke(wanted.serial, AT, "superseded")
        serials.append(int(wanted.serial))
    return serials


async def listed(database: Database, since: datetime) -> list[int]:
    pieces = await Lists(database).entries("issuing-1", since, None, None)
    return [int(crl.serial_in(one.raw)) for one in der.read(der.sequence(*pieces)).children()]


async def test_many_entries_come_in_pieces_and_all(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE", 3)
    for count in (1, 2, 4):  # 1, 3 and 7 in all: less than a piece, a whole one, two and a rest
        await revoked(database, count)
        known = await database.read(lambda tx: tx.column("SELECT serial FROM crl_entries ORDER BY serial"))
        assert await listed(database, AT) == [int(serial, 16) for serial in known]


async def test_entries_stay_until_their_certificates_end(database: Database) -> None:
    serials = await revoked(database, 2)
    assert await listed(database, AT + YEAR) == serials
    assert await listed(database, AT + YEAR + timedelta(seconds=1)) == []


async def test_rows_of_before_entries_were_kept_are_encoded_for_the_list(database: Database) -> None:
    serials = await revoked(database, 3)
    before = await Lists(database).entries("issuing-1", AT, None, None)
    await database.run(
        lambda tx: tx.execute("UPDATE crl_entries SET entry = NULL WHERE serial = :serial", serial=f"{serials[1]:040x}")
    )
    assert await Lists(database).entries("issuing-1", AT, None, None) == before


async def test_an_older_list_does_not_come_back(database: Database) -> None:
    shelf = Lists(database)
    newer, older = (Kept("issuing-1", number, number, AT, AT + YEAR, "", b"%d" % number) for number in (8, 7))
    await shelf.keep(newer)
    await shelf.keep(older)  # by a worker that took its time
    assert await shelf.get("issuing-1") == newer
    assert await shelf.get("issuing-1", unless=8) is None


async def test_a_worker_that_has_seen_more_than_there_is_forgets_all(database: Database) -> None:
    """An older copy of the database was put under it."""
    [serial] = await revoked(database, 1)
    newest, changed = await database.read(changes_after, 0)
    assert await database.read(changes_after, newest) == (newest, frozenset())
    assert await database.read(changes_after, newest + 5) == (newest, None)
    assert (changed, serial > 0) == (None, True), "nor is it known what was before the first that is kept"


async def test_a_number_is_never_below_the_second_of_its_making(database: Database) -> None:
    """So that a restored backup gives out none that was given out before (RFC 5280 §5.2.3)."""
    shelf, second = Lists(database), int(AT.timestamp())
    assert [await shelf.next_number("issuing-1", AT) for _ in range(3)] == [second, second + 1, second + 2]
    assert await shelf.next_number("issuing-1", AT + YEAR) == second + int(YEAR.total_seconds())
    assert await shelf.next_number("issuing-1", AT) == second + int(YEAR.total_seconds()) + 1
