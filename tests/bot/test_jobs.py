"""Jobs: what goes out goes out, what was not kept is withdrawn and told, what died half-way goes on; health says so."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.jobs.announcing import UNKEPT, put_notice
from bot.jobs.delivering import DEADLINE
from bot.jobs.runner import Job
from bot.storage import outbox
from bot.storage.database import Tx
from bot.storage.effects import SMS, sms_payload
from bot.storage.instants import instant
from bot.storage.outbox import MOST_ATTEMPTS
from ca.ports import Serial
from handlers.flow import PageDone
from handlers.message import CustomerId
from tests.outside import Browser, Clock, Key, Outside, Start
from tests.years import moved

KIM = CustomerId("demo:kim")


async def sms_of(outside: Outside, phone: str = "01000000001") -> list[str]:
    return [text for _, text in await outside.service.phones.messages(phone)]


async def state_of_outbox(outside: Outside) -> list[tuple[str, str, int]]:
    rows = await outside.rows("SELECT kind, state, attempts FROM outbox ORDER BY id")
    return [(row["kind"], row["state"], row["attempts"]) for row in rows]


class Sms:
    """A provider that fails as told, then takes everything."""

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.sent = list(faults), list[str]()

    async def send(self, phone: str, text: str, key: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(key)


async def ask_for_code(browser: Browser) -> None:
    await browser.said("인증서 발급")
    await browser.said("준비됐어요")
    await browser.said("개인용")
    await browser.said("000-21-1101-011")
    await browser.said("김데모")


async def test_a_message_is_tried_again_with_growing_pauses(outside: Outside) -> None:
    outside.service.delivering.sms = sms = Sms(SmsUnavailable(), OSError(), RuntimeError("nobody thought of this"))
    await ask_for_code(outside.browser())
    tries = []
    for second in range(40):
        tries += [second] * await outside.service.delivering.work()
        outside.clock.move(seconds=1)
    assert tries == [0, 2, 6, 14]
    assert len(sms.sent) == 1
    assert await state_of_outbox(outside) == [("sms", "sent", 4)]
    assert await outside.rows("SELECT payload FROM outbox") == [{"payload": None}]


async def test_a_slow_provider_holds_no_message_beyond_its_lease(outside: Outside) -> None:
    """Else another worker would take it over and send it a second time."""
    service = outside.service
    ends: list[bool] = []

    class Slow:
        async def send(self, phone: str, text: str, key: str) -> None:
            outside.clock.move(seconds=DEADLINE - 1)
            [row] = await outside.rows("SELECT lease_until FROM outbox WHERE key = :key", key=key)
            ends.append(instant(row["lease_until"]) > outside.clock())

    def queue(tx: Tx) -> None:
        for number in range(9):
            key = f"sms:{number}"
            payload = sms_payload(service.sealer, key, "01000000001", "text")
            outbox.put(tx, key=key, kind=SMS, channel="sms", address="", payload=payload, due_at=outside.clock())

    service.delivering.sms = Slow()
    await service.database.run(queue)
    assert await service.delivering.work() == 9
    assert ends == [True] * 9


async def test_what_never_works_becomes_a_dead_letter(outside: Outside) -> None:
    outside.service.delivering.sms = Sms(*(SmsUnavailable() for _ in range(20)))
    await ask_for_code(outside.browser())
    for _ in range(20):
        await outside.service.delivering.work()
        outside.clock.move(minutes=6)
    assert await state_of_outbox(outside) == [("sms", "dead", MOST_ATTEMPTS)]


async def test_what_is_refused_is_not_tried_again(outside: Outside) -> None:
    outside.service.delivering.sms = Sms(SmsRefused())
    await ask_for_code(outside.browser())
    assert await outside.service.delivering.work() == 1
    assert await state_of_outbox(outside) == [("sms", "dead", 1)]


async def test_a_notice_of_nothing_is_undeliverable_and_holds_up_nobody(outside: Outside) -> None:
    service = outside.service
    await service.database.run(put_notice, service.sealer, UNKEPT, "f" * 40, outside.clock())
    await ask_for_code(outside.browser())
    await service.delivering.work()
    assert sorted(await state_of_outbox(outside)) == [("sms", "sent", 1), ("unkept", "dead", 1)]


async def test_a_payload_of_another_key_is_undeliverable(outside: Outside) -> None:
    await ask_for_code(outside.browser())
    await outside.service.database.run(lambda tx: tx.execute("UPDATE outbox SET key = 'code:another'"))
    await outside.service.delivering.work()
    assert await state_of_outbox(outside) == [("sms", "dead", 1)]


async def test_what_nobody_delivers_is_given_up(outside: Outside) -> None:
    """A kind that a newer program has queued, before an older one was started again."""
    sealer, now = outside.service.sealer, outside.clock()
    await outside.service.database.run(
        lambda tx: outbox.put(tx, key="k", kind="pigeon", channel="", address="",
                              payload=sealer.seal("pigeon", b"{}", b"k"), due_at=now)
    )  # fmt: skip
    await outside.service.delivering.work()
    assert await state_of_outbox(outside) == [("pigeon", "dead", 1)]


async def test_a_certificate_nobody_kept_is_revoked_after_a_day_and_told_once(outside: Outside) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    serial = (await browser.issue(path, Key())).json()["serial"]
    await outside.service.delivering.work()
    before = len(await sms_of(outside))

    async def status() -> str:
        return str((await outside.service.registration.status(Serial(int(serial, 16)))).status)

    outside.clock.move(hours=24, minutes=10)
    await outside.service.cleaning.work()
    assert await status() == "valid"
    outside.clock.move(seconds=1)
    for _ in range(2):
        await outside.service.cleaning.work()
        await outside.service.delivering.work()
    assert await status() == "revoked"
    keys = [one.reply.key for one in await outside.service.conversations.history(KIM, 0) if one.reply]
    assert keys.count("notice.unkept") == 1
    assert len(await sms_of(outside)) == before + 1


async def test_that_nothing_was_kept_is_no_reason_to_wake_anybody(outside: Outside) -> None:
    browser = outside.browser()
    await browser.issue(await browser.to_page(), Key())
    await outside.service.delivering.work()
    before = len(await sms_of(outside))
    outside.clock.move(hours=37)  # 23:00
    await outside.service.cleaning.work()
    await outside.service.delivering.work()
    assert len(await sms_of(outside)) == before
    outside.clock.move(hours=10)
    await outside.service.delivering.work()
    assert len(await sms_of(outside)) == before + 1


async def test_killed_between_word_and_revocation_both_happen(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = outside.browser()
    await browser.issue(await browser.to_page(), Key())
    outside.clock.move(hours=25)

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(outside.service.registration, "revoke", die)
        with pytest.raises(asyncio.CancelledError):
            await outside.service.cleaning.work()
    await outside.service.cleaning.work()
    await outside.service.delivering.work()
    assert {row["status"] for row in await outside.rows("SELECT status FROM certificates")} == {"revoked"}
    keys = [one.reply.key for one in await outside.service.conversations.history(KIM, 0) if one.reply]
    assert keys.count("notice.unkept") == 1


async def test_a_kept_certificate_stays(outside: Outside) -> None:
    await outside.browser().enrolled()
    outside.clock.move(days=3)
    await outside.service.cleaning.work()
    assert [row["status"] for row in await outside.rows("SELECT status FROM certificates")] == ["valid"]


async def test_a_page_that_ended_while_the_process_died_goes_on_by_itself(start: Start) -> None:
    clock = Clock()
    async with start(clock) as outside:
        browser = outside.browser()
        path = await browser.to_page()
        issued = (await browser.issue(path, Key())).json()
        link = path.removeprefix("/s/").partition(".")[0]
        result = {"serial": issued["serial"], "until": issued["not_after"], "system": "windows", "document": None}
        await outside.service.links.finish(link, result, clock())
    async with start(clock) as outside:
        for _ in range(2):
            await outside.service.cleaning.take_on()
        assert await outside.service.conversation.where(KIM) == ("enroll", "works")
        assert not await outside.service.links.waiting()
        keys = [one.reply.key for one in await outside.service.conversations.history(KIM, 0) if one.reply]
        assert keys.count("enroll.works.ask") == 1


async def test_one_conversation_that_cannot_go_on_holds_up_nobody(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {}
    for who in ("kim", "lee"):
        browser = outside.browser(who)
        paths[who] = await browser.to_page()
        await browser.issue(paths[who], Key())
        monkeypatch.setattr(outside.service.cleaning, "resume", lambda _: asyncio.sleep(0))
        await browser.keep(paths[who])
        monkeypatch.undo()
    resume = outside.service.conversation.resume

    async def picky(channel: str, address: str, customer: Any, done: PageDone) -> object:
        if customer == "demo:kim":
            raise RuntimeError("broken")
        return await resume(channel, address, customer, done)

    monkeypatch.setattr(outside.service.conversation, "resume", picky)
    await outside.service.cleaning.take_on()
    assert [link.customer for link in await outside.service.links.waiting()] == ["demo:kim"]


async def test_a_finished_page_goes_on_at_once_however_many_others_are_stuck(outside: Outside) -> None:
    def stuck(tx: Tx) -> None:
        for number in range(100):
            tx.execute(
                "INSERT INTO links (id, customer, channel, address, purpose, opened_at, expires_at, done_at)"
                " VALUES (:id, 'gone', 'web', 'gone', 'enroll', :long_ago, :long_ago, :long_ago)",
                id=f"stuck-{number}",
                long_ago="2026-01-01T00:00:00.000000Z",
            )

    await outside.service.database.run(stuck)
    await outside.browser().enrolled()
    assert await outside.service.conversation.where(KIM) == ("enroll", "works")


async def test_rows_past_their_time_are_forgotten(outside: Outside) -> None:
    browser = outside.browser()
    await browser.enrolled()
    await browser.open("/login-check")
    await outside.service.delivering.work()
    outside.clock.move(days=46)
    await outside.service.cleaning.work()
    for table in ("inbox", "code_challenges", "lookups", "outbox", "documents", "login_challenges"):
        assert not await outside.rows(f"SELECT 1 FROM {table}"), table
    assert await outside.rows("SELECT 1 FROM messages")


async def test_reminders_go_out_by_day_once_and_to_every_place(outside: Outside) -> None:
    browser = outside.browser()
    await browser.enrolled()
    await outside.service.delivering.work()
    before = len(await sms_of(outside))
    day = moved(datetime(2027, 10, 24, tzinfo=UTC))
    reminding = outside.service.reminding
    for hour in (12, 15, 18, 22):  # 21:00 to 07:00 in Korea
        assert await reminding.remind(day + timedelta(hours=hour)) == []
    morning = day + timedelta(hours=24)
    assert len(await reminding.preview(morning)) == 1
    assert len(await reminding.remind(morning)) == 1
    assert await reminding.remind(morning) == []
    await outside.service.telling.work()
    last = (await outside.service.conversations.history(KIM, 0))[-1]
    assert last.reply is not None
    assert last.reply.key == "reminder.ahead"
    assert len(await sms_of(outside)) == before + 1


async def test_only_the_owner_stops_the_reminders_of_a_certificate(outside: Outside) -> None:
    kim, lee = outside.browser("kim"), outside.browser("lee")
    _, issued = await kim.enrolled()
    waiting = "SELECT due_at FROM reminders WHERE state = 'on'"
    stages = len(await outside.rows(waiting))
    await lee.said(choice=f"remind:stop:{issued['serial']}")
    assert len(await outside.rows(waiting)) == stages
    await kim.said(choice=f"remind:later:{issued['serial']}")
    assert len(await outside.rows(waiting)) == stages
    await kim.said(choice=f"remind:stop:{issued['serial']}")
    assert not await outside.rows(waiting)


async def test_who_comes_back_after_weeks_is_not_greeted_again(outside: Outside) -> None:
    """A second greeting would put the menu in the place of the open step's buttons."""
    talk = outside.service.conversation
    await talk.greet("web", "demo:kim", KIM)
    await outside.browser().said("인증서 발급")
    before = await outside.service.conversations.latest(KIM, 0)
    outside.clock.move(days=20)
    await outside.service.cleaning.work()
    await talk.greet("web", "demo:kim", KIM)
    assert await outside.service.conversations.latest(KIM, 0) == before


async def test_healthy_then_without_a_database(start: Start) -> None:
    async with start(jobs=True) as outside:
        browser = outside.browser()
        answer = await browser.http.get("/healthz")
        assert (answer.status_code, answer.json()["ok"]) == (200, True)
        await browser.open()
        await outside.service.runner.stop()
        await outside.service.database.close()
        answer = await browser.http.get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"] is False
        said = await browser.post("/chat/say", {"id": "message-a", "text": "수수료"})
        assert said.status_code == 503


async def test_a_job_that_keeps_failing_makes_the_service_unwell(start: Start) -> None:
    async def fail() -> None:
        raise RuntimeError("again and again")

    async with start() as outside:
        service = outside.service
        service.runner.jobs.append(Job("failing", fail, 0.001))
        service.runner.start()
        await asyncio.sleep(0.05)
        assert (await service.health())["ok"]
        outside.clock.move(seconds=61)
        for job in service.runner.jobs:
            job.wake()
        await asyncio.sleep(0.2)
        answer = await outside.browser().http.get("/healthz")
        assert answer.status_code == 503
        assert json.loads(answer.text)["jobs"]["failing"] is False
        assert json.loads(answer.text)["jobs"]["deliver"] is True
