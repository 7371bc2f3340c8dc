"""Conversations on both engines: one commit or nothing, and every message answered once."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.sealing import Sealer
from bot.storage.audit import AuditTrail
from bot.storage.conversations import Addresses, Conversations, known_as
from bot.storage.database import Database
from bot.storage.effects import EffectWriter
from bot.storage.left import LeftJourneys
from bot.storage.pages import Documents, Links
from handlers.bank import CustomerNumber
from handlers.effects import AcceptTerms, Audit, Feedback, Handover, KnowAs, OpenLink, Unanswered
from handlers.flow import FlowState
from handlers.message import Answered, Choice, CustomerId, Document, Link, Reply
from handlers.talk import Talk, TurnRecord
from tests.years import moved

NOW = moved(datetime(2026, 11, 23, 1, tzinfo=UTC))
ME = CustomerId("me")
SEALER = Sealer(bytes(32))
REPLY = Reply(
    "key", "말", (Choice("a", "가"),), Link("https://x/s/id.code", "열기", "id"), Document("d", "f", "m", 3), (1, 2)
)


def store(database: Database) -> Conversations:
    writer = EffectWriter(AuditTrail(bytes(32)), SEALER)
    return Conversations(database, SEALER, writer, lambda link_id: f"https://x/s/{link_id}.code")


def turn(message_id: str | None = "m1", revision: int = 0, **more: object) -> TurnRecord:
    answered = Answered((REPLY,), "enroll", "kind", "안녕", at=NOW)
    record = TurnRecord(ME, "web", "here", message_id, revision, {"n": revision}, "안녕", (REPLY,), (), answered, NOW)
    return replace(record, **more)  # type: ignore[arg-type]


async def test_a_turn_is_stored_and_the_same_message_answered_with_the_same_words(database: Database) -> None:
    conversations = store(database)
    assert await conversations.commit(turn()) == 1
    opened = await conversations.open(ME, "web", "m1")
    assert (opened.revision, opened.state) == (1, {"n": 0})
    assert opened.answered == Answered((REPLY,), "enroll", "kind", "안녕", 1, NOW)
    assert (await conversations.open(ME, "web", "m2")).answered is None
    assert (await conversations.open(ME, "console", "m1")).answered is None


async def test_of_two_turns_from_one_revision_one_is_written_whole_and_one_not_at_all(database: Database) -> None:
    conversations = store(database)
    await conversations.commit(turn())
    rivals = [turn(f"r{n}", 1, effects=(Unanswered(f"r{n}", ()),)) for n in range(8)]
    written = await asyncio.gather(*(conversations.commit(one) for one in rivals))
    assert sorted(one for one in written if one is not None) == [3]
    assert await database.read(lambda tx: len(tx.all("SELECT * FROM unanswered"))) == 1
    assert [one.seq for one in await conversations.history(ME, 0)] == [1, 2, 3, 4]


async def test_first_turns_race_too(database: Database) -> None:
    conversations = store(database)
    written = await asyncio.gather(*(conversations.commit(turn(f"r{n}")) for n in range(8)))
    assert len([one for one in written if one is not None]) == 1


async def test_history_is_read_from_where_one_stopped(database: Database) -> None:
    conversations = store(database)
    for number in range(3):
        await conversations.commit(turn(f"m{number}", number))
    assert [(one.seq, one.author) for one in await conversations.history(ME, 4)] == [(5, "customer"), (6, "bot")]
    assert [one.seq for one in await conversations.history(ME, 0, limit=2)] == [1, 2]
    assert await conversations.latest(ME, 2) == 4
    assert await conversations.latest(CustomerId("nobody"), 2) == 0


async def test_the_database_never_holds_the_address_of_a_page(database: Database) -> None:
    conversations = store(database)
    await conversations.commit(turn())
    bodies = await database.read(lambda tx: [row["body"] for row in tx.all("SELECT body FROM messages")])
    assert not any("code" in body for body in bodies)
    assert [one.reply for one in await conversations.history(ME, 0) if one.reply] == [REPLY]


async def test_effects_are_written_with_the_turn_and_once(database: Database) -> None:
    conversations = store(database)
    number = CustomerNumber("DEMO0001")
    effects = (
        OpenLink("link", "enroll", NOW + timedelta(minutes=10)),
        AcceptTerms(number, "2026-11", "ko", "ab"),
        KnowAs(number),
        Feedback("faq_fee", helpful=True),
        Unanswered("뭐", ("faq_fee",)),
        Handover("1-A", "도와주세요"),
        Audit("page opened", number, {"link": "link"}),
    )
    await conversations.commit(turn(effects=effects))
    await conversations.commit(turn("m2", 1, effects=effects))
    counts = await database.read(
        lambda tx: {
            table: len(tx.all(f"SELECT * FROM {table}"))
            for table in ("links", "agreements", "known_as", "feedback", "unanswered", "handovers")
        }
    )
    assert counts == {"links": 1, "agreements": 1, "known_as": 1, "feedback": 2, "unanswered": 2, "handovers": 1}
    found = await database.read(known_as, number)
    assert [(row["customer"], row["channel"], row["address"]) for row in found] == [(ME, "web", "here")]
    assert (await AuditTrail(bytes(32)).verify(database)).broken is None


async def test_a_submission_leaves_no_message(database: Database) -> None:
    conversations = store(database)
    await conversations.commit(turn())
    await conversations.commit(turn(None, 1, said=None, replies=(), answered=Answered()))
    assert (await conversations.open(ME, "web", None)).revision == 2
    assert len(await conversations.history(ME, 0)) == 2


async def test_an_address_is_one_customer_however_many_ask_at_once(database: Database) -> None:
    names = iter(range(100))
    addresses = Addresses(database, lambda: f"c{next(names)}")
    found = await asyncio.gather(*(addresses.customer_at("web", "there", NOW) for _ in range(8)))
    assert len(set(found)) == 1
    assert await addresses.customer_at("web", "elsewhere", NOW) not in found


async def test_a_link_opens_by_its_token_alone_and_is_finished_once(database: Database) -> None:
    await store(database).commit(turn(effects=(OpenLink("link", "enroll", NOW + timedelta(minutes=10)),)))
    links = Links(database, SEALER, lambda: "https://bank")
    token = links.token("link")
    assert links.url("link") == f"https://bank/s/{token}"
    found = await links.by_token(token)
    assert found is not None
    assert (found.customer, found.purpose, found.done_at) == (ME, "enroll", None)
    for forged in ("link", "link.", token + "x", token[:-1], "." + token, "other." + token.partition(".")[2], ""):
        assert await links.by_token(forged) is None
    finished = await asyncio.gather(*(links.finish("link", {"n": n}, NOW) for n in range(8)))
    assert sum(finished) == 1
    assert [one.id for one in await links.waiting()] == ["link"]
    await links.resumed("link", NOW)
    assert await links.waiting() == []


async def test_a_document_is_its_owners_and_only_for_a_while(database: Database) -> None:
    documents = Documents(database, timedelta(hours=24))
    kept = await documents.keep("d", ME, "f.p12", "application/x-pkcs12", b"\x00\xff", NOW)
    assert kept == Document("d", "f.p12", "application/x-pkcs12", 2)
    assert await documents.content("d", ME, NOW + timedelta(hours=23)) == (kept, b"\x00\xff")
    assert await documents.content("d", CustomerId("you"), NOW) is None
    assert await documents.content("d", ME, NOW + timedelta(hours=24)) is None
    assert await documents.keep("d", ME, "g.zip", "application/zip", b"other", NOW) == kept
    assert (await documents.content("d", ME, NOW) or (None, b""))[1] == b"\x00\xff"


async def test_a_login_challenge_is_used_once(database: Database) -> None:
    links = Links(database, SEALER, lambda: "")
    used = await asyncio.gather(*(links.use_login_challenge("one", NOW) for _ in range(16)))
    assert sum(used) == 1


async def test_what_somebody_answered_is_sealed(database: Database) -> None:
    await store(database).commit(turn(state={"account": "00021110101"}))
    row = await database.read(lambda tx: tx.one("SELECT state FROM conversations"))
    assert row is not None
    assert b"account" not in row["state"]
    assert json.loads(SEALER.open("conversation", row["state"], b"me")) == {"account": "00021110101"}


async def test_what_was_left_elsewhere_is_the_same_customers_and_lately(database: Database) -> None:
    """`handlers.moving.LeftBehind`: the latest first, none of a conversation that is nobody's or has nothing open."""
    conversations, left = store(database), LeftJourneys(database, SEALER, timedelta(days=90))
    state = FlowState("enroll", 1, "place", {"kind": "personal"}, answered=["kind"])
    people = {"me": ("7", 0, None), "web": ("7", 2, state), "old": ("7", 96, state), "idle": ("7", 1, None),
              "phone": ("7", 1, state), "other": ("8", 1, state), "nobody": ("", 1, state)}  # fmt: skip
    for who, (number, hours, flow) in people.items():
        at = NOW - timedelta(hours=hours)
        talk = Talk("ko", flow, last_at=at.isoformat())
        knows = (KnowAs(CustomerNumber(number)),) if number else ()
        one = turn(None, customer=CustomerId(who), state=talk.as_json(), effects=knows, at=at, channel=f"at {who}")
        assert await conversations.commit(one)
    found = await left.left(ME, None, NOW)
    assert [(one.customer, one.channel, one.number, one.state.step) for one in found] == [
        ("phone", "at phone", "7", "place"), ("web", "at web", "7", "place"),
    ]  # fmt: skip
    assert [one.customer for one in await left.left(CustomerId("nobody"), None, NOW)] == []
    assert [one.customer for one in await left.left(CustomerId("new"), CustomerNumber("8"), NOW)] == ["other"]
    assert await left.left(ME, None, NOW + timedelta(days=91)) == []
