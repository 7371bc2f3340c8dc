"""An id out of an address is whatever somebody typed: not made here is not found, on either engine."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.storage.database import Database
from bot.storage.pages import Documents
from bot.storage.upgrade import upgrade_schema
from handlers.message import CustomerId

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ME = CustomerId("me")


@pytest.mark.parametrize("document_id", ["\0", "a\0b", "\ud800", "", "../x", "가"])
async def test_a_document_id_that_is_none(database: Database, document_id: str) -> None:
    await upgrade_schema(database)
    documents = Documents(database, timedelta(days=1))
    await documents.keep("AZaz09_-AZaz09_-AZaz09", ME, "a.p12", "application/x-pkcs12", b"0", NOW)
    assert await documents.content(document_id, ME, NOW) is None
    assert await documents.content("AZaz09_-AZaz09_-AZaz09", ME, NOW) is not None
