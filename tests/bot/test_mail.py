"""E-mail as a way of notices: what is in it, what a server's answer means, TLS insisted on, to whom, its settings."""

import argparse
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot import notice_verbs
from bot.gateways.adapters import mail_of
from bot.gateways.mail import ByMail, MailServer
from bot.gateways.notices import Notice
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.settings import SettingsError, load_settings
from bot.storage.sendings import Sendings, costs
from handlers.bank import BankCustomer, CustomerNumber
from handlers.message import Choice
from handlers.texts import load_texts
from tests.bot.test_doctor import found, settings_for
from tests.bot.test_telling import due, outbox
from tests.mailbox import PASSWORD, USER, Mailbox, tls_for
from tests.talking import Clock, House

OPERATOR, CUSTOMER = "operator@bank.example", "kim@customers.example"
SENDER = "notice@bank.example"
MAIL = {"email_server": "smtp://127.0.0.1:1", "email_from": SENDER, "email_test_address": OPERATOR}
NOTICE = Notice("held:1", "notice.held", "ko", "[우리은행] 개인용 인증서가 멈췄어요.")
KIM = BankCustomer(
    CustomerNumber("1"), "personal", "김데모", None, "000211101011", "01000000001", True, email=CUSTOMER
)  # fmt: skip


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    opened = Mailbox()
    async with opened.serving():
        yield opened


@pytest.fixture
def settings(mailbox: Mailbox) -> dict[str, object]:
    return MAIL | {"email_server": f"smtp://127.0.0.1:{mailbox.port}", "notice_order": "chat,email"}


def by_mail(server: MailServer, only_to: str = "") -> ByMail:
    return ByMail(server, SENDER, load_texts(), "https://cert.example.com", Clock(), only_to)


def clear(mailbox: Mailbox) -> ByMail:
    return by_mail(MailServer("127.0.0.1", mailbox.port, at_once=False, in_clear=True))


# -- what arrives ---------------------------------------------------------------------------------------------------


async def test_a_reminder_where_no_messenger_reached_anybody(house: House, mailbox: Mailbox) -> None:
    talk = house.talk("kim", "web")
    await due(talk)
    [record] = await talk.certificates()
    mailbox.taken.clear()
    await house.service.telling.work()
    assert await outbox(house) == [("chat", "sent"), ("email", "sent")]
    [(recipients, message)] = mailbox.taken
    assert recipients == [OPERATOR]  # the demo writes to nobody else
    assert (message["From"], message["To"]) == (SENDER, OPERATOR)
    assert message["Subject"] == "[국민은행] 인증서 안내"
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_content()
    assert "[국민은행] 개인용 인증서가" in body
    assert house.service.settings.public_url in body
    told = body + message.as_string()
    secrets = (talk.demo.name, talk.demo.phone_digits[-4:], f"{record.plan.serial:040x}", talk.demo.number, "/s/")
    assert not [one for one in secrets if one in told]


async def test_what_was_done_is_mailed_where_that_is_the_way(house: House, mailbox: Mailbox) -> None:
    talk = await house.talk("smith").walk(None)
    mailbox.taken.clear()
    await talk.presses(Choice("start:revoke:hold", ""))
    while talk.answered.flow is not None:
        await talk.step()
    [(_, message)] = mailbox.taken
    assert message["Subject"].endswith("Your certificate")
    assert "was suspended" in message.get_content()


async def test_it_is_counted_and_what_the_server_took_is_not_sent_again(house: House, mailbox: Mailbox) -> None:
    kept = Sendings(house.service.database)
    mail = mail_of(house.service.settings, load_texts(), house.clock, kept)
    assert mail is not None
    mailbox.answers = ["DATA 451 try later"]
    with pytest.raises(SmsUnavailable):
        await mail.send(KIM, NOTICE)
    for _ in range(2):
        assert await mail.send(KIM, NOTICE)
    assert len(mailbox.taken) == 1
    mailbox.answers = ["RCPT 550 no such user"]
    for _ in range(2):
        with pytest.raises(SmsRefused):
            await mail.send(KIM, replace(NOTICE, key="held:2"))
    assert await kept.open(house.clock() + timedelta(days=1)) == []  # there is nobody to ask what became of it
    found = await house.service.database.read(costs, house.clock() - timedelta(days=1))
    assert [(one.kind, one.taken, one.lost) for one in found] == [("email", 1, 1)]


async def test_the_same_notice_has_the_same_name(mailbox: Mailbox) -> None:
    for _ in range(2):
        await clear(mailbox).send(KIM, NOTICE)
    names = {message["Message-ID"] for _, message in mailbox.taken}
    assert len(mailbox.taken) == 2
    assert len(names) == 1
    assert [recipients for recipients, _ in mailbox.taken] == [[CUSTOMER]] * 2


# -- what an answer means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("RCPT 550 no such user", SmsRefused), ("RCPT 452 mailbox full", SmsUnavailable),
        ("DATA 554 looks like spam", SmsRefused), ("DATA 451 try later", SmsUnavailable),
    ],
)  # fmt: skip
async def test_a_servers_answer(
    mailbox: Mailbox, caplog: pytest.LogCaptureFixture, answer: str, meant: type[Exception]
) -> None:
    mailbox.answers = [answer]
    with caplog.at_level(logging.DEBUG), pytest.raises(meant) as caught:
        await clear(mailbox).send(KIM, NOTICE)
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]  # the server's own
    assert not [one for one in (repr(caught.value), *ours) if CUSTOMER in one]
    assert caught.value.__cause__ is None
    assert mailbox.taken == []


async def test_a_server_that_is_away(unused_tcp_port: int) -> None:
    with pytest.raises(SmsUnavailable):
        await by_mail(MailServer("127.0.0.1", unused_tcp_port, at_once=False, in_clear=True)).send(KIM, NOTICE)


@pytest.mark.parametrize("address", [None, "", "kim", "a@b@c", "kim@example.com\nBcc: x@y.z", "김@은행.kr", "a b@c.d"])
async def test_who_has_no_address_that_can_be_written_to(mailbox: Mailbox, address: str | None) -> None:
    nobody = BankCustomer(CustomerNumber("1"), "personal", "김데모", None, "1", "2", True, email=address)
    with pytest.raises(SmsRefused):
        await clear(mailbox).send(nobody, NOTICE)
    assert mailbox.taken == []


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
async def test_over_tls_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    context, trusted = tls_for(tmp_path)
    mailbox = Mailbox()
    async with mailbox.serving(context, at_once=at_once):
        server = MailServer("127.0.0.1", mailbox.port, at_once, in_clear=False, user=USER, password=PASSWORD)
        with pytest.raises(SmsUnavailable):  # nobody vouches for it
            await by_mail(server).send(KIM, NOTICE)
        assert mailbox.logins == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await by_mail(server).send(KIM, NOTICE)
        wrong = MailServer("127.0.0.1", mailbox.port, at_once, in_clear=False, user=USER, password="wrong")
        with pytest.raises(SmsUnavailable):
            await by_mail(wrong).send(KIM, NOTICE)
    assert len(mailbox.taken) == 1
    assert PASSWORD not in repr(server)


async def test_without_tls_nothing_is_sent_off_this_machine(mailbox: Mailbox) -> None:
    with pytest.raises(SmsUnavailable):
        await by_mail(MailServer("127.0.0.1", mailbox.port, at_once=False, in_clear=False)).send(KIM, NOTICE)
    assert mailbox.taken == []


# -- what an operator sets, and tries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "name", "reason"),
    [
        ({"email_server": "mail.example.com"}, "SERVER", "email_server"),
        ({"email_server": "https://mail.example.com"}, "SERVER", "email_server"),
        ({"email_server": "smtp://u:hunter2@mail.example.com"}, "SERVER", "email_server"),
        ({"email_server": "smtp://mail.example.com/x"}, "SERVER", "email_server"),
        ({"email_server": "smtp://mail.example.com:99999"}, "SERVER", "email_server"),
        ({"email_from": ""}, "FROM", "mail_address"),
        ({"email_from": "Bank <notice@bank.example>"}, "FROM", "mail_address"),
        ({"email_test_address": ""}, "TEST_ADDRESS", "test_address_needed"),
    ],
)
def test_wrong_settings(tmp_path: Path, more: dict[str, object], name: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, data=tmp_path, **MAIL | more)
    assert [(p.name, p.reason) for p in caught.value.problems] == [(f"CERTTALK_EMAIL_{name}", reason)]
    assert "hunter2" not in str(caught.value)


async def test_one_to_the_operator(
    tmp_path: Path, mailbox: Mailbox, settings: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(email=True, template=None)
    assert await notice_verbs.test_one(arguments, load_settings(None, data=tmp_path, **settings)) == 0
    assert [recipients for recipients, _ in mailbox.taken] == [[OPERATOR]]
    mailbox.answers = ["RCPT 550 no"]
    assert await notice_verbs.test_one(arguments, load_settings(None, data=tmp_path, **settings)) == 1
    assert await notice_verbs.test_one(arguments, load_settings(None, data=tmp_path)) == 2
    told = capsys.readouterr()
    assert "CERTTALK_EMAIL_SERVER" in told.err
    assert OPERATOR not in told.out + told.err


@pytest.mark.parametrize(
    ("more", "state", "word"),
    [
        ({}, "ok", "test"),
        ({"demo": False, "bank": "a:b", "sms": "a:b"}, "warning", "test"),
        ({"demo": False, "bank": "a:b", "sms": "a:b", "email_test_address": ""}, "ok", "on"),
        ({"demo": False, "bank": "a:b", "sms": "a:b", "email_test_address": "", "notice_order": "chat,sms"},
         "warning", "not_listed"),
    ],
)  # fmt: skip
def test_the_doctors_line(tmp_path: Path, more: dict[str, object], state: str, word: str) -> None:
    finding = found(settings_for(tmp_path, **MAIL | more))["email"]
    assert (finding.state, finding.word) == (state, word)
