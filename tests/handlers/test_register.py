"""Certificates from elsewhere, by transcript: handed in on a page or as a file, looked at, remembered, reminded of."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ReasonFlags
from cryptography.x509.ocsp import OCSPCertStatus

from bot.gateways.relying import RelyingParty, TrustStore
from handlers.flow import Accepted, PageForm, Refused, SentFile
from handlers.message import Choice, Incoming
from handlers.register import MOST_REGISTERED
from tests.elsewhere import CRL, HOST, OCSP, Institution, der, key, pem
from tests.outside import NOW
from tests.talking import House, Talk

YESSIGN = Institution()


class Answers:
    """A `Fetcher` whose internet is a table."""

    def __init__(self, **at: bytes) -> None:
        self.at: dict[str, bytes] = {}
        self.asked: list[str] = []

    async def get(self, url: str, most: int) -> bytes | None:
        self.asked.append(url)
        return self.at.get(url)

    async def post(self, url: str, body: bytes, media_type: str, most: int) -> bytes | None:
        return await self.get(url, most)


@pytest.fixture
def answers(house: House) -> Answers:
    """The operator trusts the root; what its servers say is put into `at`."""
    answers = Answers()
    register, registered = (house.service.conversation.reception.flows[name] for name in ("register", "registered"))
    trust = TrustStore([YESSIGN.root], [])
    party = RelyingParty(trust, answers, house.service.certificates)  # type: ignore[arg-type]
    register.checking = registered.checking = party  # type: ignore[attr-defined]
    return answers


def chain(**changed: Any) -> bytes:
    """A subscriber's certificate with its issuer below, as PEM."""
    return pem(YESSIGN.subscriber(**changed)) + pem(YESSIGN.ca)


async def hands_in(talk: Talk, content: bytes, *keys: str, name: str = "signCert.der", signed: bool = False) -> str:
    """Upload on the page whose link is on the screen, as its script does."""
    link = talk.page().link_id
    form = PageForm(link, {"name": name, "content": content, "signed": signed})
    service = talk.service
    result, _ = await service.conversation.submit(talk.channel, talk.demo.id, talk.customer, form)
    assert isinstance(result, Accepted), result
    await service.links.finish(link, {}, service.clock())
    await service.cleaning.take_on()
    return await talk.hears(*keys)


async def sends(talk: Talk, content: bytes, *keys: str, name: str = "signCert.der", at: str | None = None) -> str:
    """Send a file into the chat, as a messenger does."""
    talk.house.clock.forward(seconds=1)
    talk._count += 1
    said = Incoming(talk.channel, talk.demo.id, talk.customer, f"file:{talk._count}", locale=talk.demo.locale or "ko")
    talk.answered = await talk.service.conversation.take_file(said, SentFile(name, content))
    talk.replies = talk.answered.replies
    talk.read = await talk.service.conversations.latest(talk.customer, 0)
    return talk._compare(keys, at, None)


async def registers(talk: Talk, content: bytes) -> str:
    await sends(talk, content, "register.confirm.ask", at="register.confirm")
    return await talk.presses("등록하기", "register.done")


# -- the whole way ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["web", "console", "telegram"])
async def test_from_the_wish_to_the_reminder(house: House, answers: Answers, channel: str) -> None:
    own = YESSIGN.subscriber()
    answers.at[OCSP] = YESSIGN.answer(own)
    talk = house.talk(channel=channel)
    await talk.says("타행 인증서 등록하고 싶어요", "register.way.ask", at="register.way", progress=(1, 3))
    await talk.presses("다른 곳 인증서를 여기에", "register.file.ask", at="register.file")
    words = await hands_in(talk, pem(own) + pem(YESSIGN.ca), "register.confirm.ask")
    for said in (
        "홍*동",
        "금융결제원(yessign)",
        "은행·보험용(개인)",
        "2027년 1월 27일",
        "65일",
        "폐지되지 않았어요",
        "서명이 맞아요",
    ):
        assert said in words
    await talk.presses("등록하기", "register.done", at=None)
    [kept] = await house.rows("SELECT * FROM elsewhere")
    assert (kept["holder"], kept["institution"], kept["path"], kept["status"]) == (
        "홍*동",
        "yessign",
        "trusted",
        "good",
    )
    assert der(own) not in kept["der"]
    shelf = talk.service.conversation.reception.flows["registered"].shelf  # type: ignore[attr-defined]
    assert await shelf.certificate(talk.customer, kept["id"]) == der(own)
    house.clock.now = own.not_valid_after_utc - timedelta(days=30)
    assert len(await house.service.reminding.remind(house.clock.now.replace(hour=1))) == 1
    await house.service.delivering.work()
    await house.service.telling.work()
    assert "금융결제원(yessign) 인증서가 30일 뒤" in await talk.hears("reminder.elsewhere")
    assert not any("yessign" in sms for sms in await talk.sms())


async def test_ours_at_another_place_is_told_how(talk: Talk) -> None:
    await talk.says("국민은행 인증서를 신한은행에 등록하고 싶습니다", "register.way.ask")
    await talk.presses("여기 인증서를 다른 곳에", "register.stop.there", at=None)


async def test_the_page_knows_the_facts_and_one_page_has_one_certificate(talk: Talk, answers: Answers) -> None:
    await to_page(talk)
    form = PageForm(talk.page().link_id, {"name": "a.pem", "content": chain(), "signed": True})
    result, _ = await talk.service.conversation.submit("web", talk.demo.id, talk.customer, form)
    assert isinstance(result, Accepted)
    assert [row["value"] for row in result.data["findings"]][:3] == [
        "홍*동",
        "금융결제원(yessign)",
        "은행·보험용(개인)",
    ]
    await talk.service.links.finish(talk.page().link_id, {}, talk.service.clock())
    await talk.service.cleaning.take_on()
    assert "서명으로 확인" in await talk.hears("register.confirm.ask")


async def to_page(talk: Talk) -> None:
    await talk.presses(Choice("start:register", ""), "register.way.ask")
    await talk.presses("다른 곳 인증서를 여기에", "register.file.ask")


async def test_words_are_no_file_and_a_page_can_be_opened_again(talk: Talk) -> None:
    await to_page(talk)
    await talk.says("MIIFdzCCBF+gAwIBAgIEMY", "register.file.error.waiting", "register.file.ask")
    first = talk.page().link_id
    await talk.presses("페이지 새로 열기", "enroll.page.replaced", "register.file.ask")
    assert talk.page().link_id != first
    talk.house.clock.forward(minutes=11)
    await talk.says("올렸어요", "enroll.page.renewed", "register.file.ask", at="register.file")


# -- a file in the chat -----------------------------------------------------------------------------------------------


async def test_a_file_begins_the_journey_by_itself(talk: Talk, answers: Answers) -> None:
    words = await sends(talk, der(YESSIGN.subscriber()), "register.stop.unknown", at=None)
    assert "함께 받은 파일" in words  # its issuer is not in the file, and nobody may be asked for it
    await sends(talk, chain(), "register.confirm.ask", at="register.confirm")
    history = await talk.service.conversations.history(talk.customer, 0)
    assert {one.text for one in history if one.author == "customer"} == {"파일을 보냈어요."}


async def test_the_same_message_again_is_answered_and_not_done_again(talk: Talk, answers: Answers) -> None:
    await registers(talk, chain())
    said = Incoming("web", talk.demo.id, talk.customer, "file:1")
    again = await talk.service.conversation.take_file(said, SentFile("a.pem", chain()))
    assert [reply.key for reply in again.replies] == ["register.confirm.ask"]
    assert len(await talk.house.rows("SELECT id FROM elsewhere")) == 1


async def test_another_journey_waits_and_goes_on(talk: Talk, answers: Answers) -> None:
    await talk.walk("account")
    await sends(talk, chain(), "register.confirm.ask", at="register.confirm")
    await talk.presses("등록하기", "register.done", "identity.account.ask", at="enroll.account")
    await sends(talk, b"nothing", "register.file.error.none", "identity.account.ask", at="enroll.account")


async def test_with_two_journeys_open_a_file_waits(talk: Talk, answers: Answers) -> None:
    await talk.walk("account")
    await talk.says("상담원", "person.wish.ask")
    await sends(talk, chain(), "common.file_later", "person.wish.ask", at="person.wish")


async def test_a_second_file_takes_the_place_of_the_first(talk: Talk, answers: Answers) -> None:
    await sends(talk, chain(), "register.confirm.ask")
    await sends(talk, chain(common="김데모()0088", real_name="김데모"), "register.confirm.ask")
    await talk.presses("등록하기", "register.done")
    [kept] = await talk.house.rows("SELECT holder FROM elsewhere")
    assert kept["holder"] == "김*모"


# -- keys sent by mistake ---------------------------------------------------------------------------------------------


async def test_a_key_in_the_chat_is_refused_with_what_to_do(talk: Talk) -> None:
    words = await sends(talk, b"\x30\x82\x01\x00\x02\x01\x00" + bytes(100), "register.file.error.private_key", at=None)
    assert "재발급" in words
    assert [choice.value for choice in talk.choices] == ["means:int_reissue"]
    assert await talk.house.rows("SELECT act FROM audit WHERE act = 'private key refused'")


async def test_a_key_on_the_page_is_refused(talk: Talk) -> None:
    await to_page(talk)
    form = PageForm(talk.page().link_id, {"name": "signPri.key", "content": b"sealed", "signed": False})
    result, _ = await talk.service.conversation.submit("web", talk.demo.id, talk.customer, form)
    assert result == Refused("private_key")
    assert "found" not in (await talk.state())["flow"]["data"]


# -- what is not registered -------------------------------------------------------------------------------------------

REFUSED: Mapping[str, Mapping[str, Any]] = {
    "expired": {"ends": NOW - timedelta(days=1)},
    "forged": {"signed_by": key("somebody else")},
}


@pytest.mark.parametrize("why", REFUSED)
async def test_what_fails_is_not_registered(talk: Talk, answers: Answers, why: str) -> None:
    await sends(talk, chain(**REFUSED[why]), f"register.stop.{why}", at=None)
    assert await talk.house.rows("SELECT id FROM elsewhere") == []


@pytest.mark.parametrize(("reason", "why"), [(None, "revoked"), (ReasonFlags.certificate_hold, "held")])
async def test_what_is_revoked_is_not_registered(
    talk: Talk, answers: Answers, reason: ReasonFlags | None, why: str
) -> None:
    answers.at[OCSP] = YESSIGN.answer(YESSIGN.subscriber(), OCSPCertStatus.REVOKED, reason=reason)
    await sends(talk, chain(), f"register.stop.{why}")
    answers.at = {CRL: YESSIGN.crl(123_456_789, reason=reason)}
    await sends(talk, chain(), f"register.stop.{why}")


async def test_one_of_ours_is_not_from_elsewhere(talk: Talk, answers: Answers) -> None:
    await talk.walk("works")
    await talk.step()
    [record] = await talk.certificates()
    assert record.der is not None
    await sends(talk, record.der, "register.stop.ours")


async def test_what_nobody_could_say_is_said(talk: Talk, answers: Answers) -> None:
    assert "지금 확인하지 못했어요" in await sends(talk, chain(), "register.confirm.ask")
    assert [url.partition(HOST)[2] for url in answers.asked] == ["/ocsp", "/crl"]


async def test_without_a_trust_store_that_is_said(talk: Talk) -> None:
    words = await sends(talk, chain(), "register.confirm.ask")
    assert "서명은 확인하지 못했어요" in words


async def test_one_that_has_not_begun_says_so(talk: Talk, answers: Answers) -> None:
    await sends(talk, chain(begins=NOW + timedelta(days=2)), "register.confirm.ask_early")


async def test_no_is_no(talk: Talk, answers: Answers) -> None:
    await sends(talk, chain(), "register.confirm.ask")
    await talk.presses("등록하지 않기", "register.stop.declined")
    assert await talk.house.rows("SELECT id FROM elsewhere") == []


async def test_once_is_enough_and_twenty_are(talk: Talk, answers: Answers) -> None:
    await registers(talk, chain())
    await sends(talk, chain(), "register.stop.known")
    for serial in range(1, MOST_REGISTERED):
        await registers(talk, chain(serial=serial))
    await sends(talk, chain(serial=4711), "register.stop.full")


# -- those registered -------------------------------------------------------------------------------------------------


@pytest.mark.everywhere
async def test_the_list_its_check_and_taking_one_off(talk: Talk, answers: Answers) -> None:
    await talk.presses(Choice("start:registered", ""), "registered.stop.none")
    await registers(talk, chain())
    await talk.presses("등록한 타기관 인증서", "registered.which.ask", at="registered.which")
    label = next(choice.label for choice in talk.choices if "yessign" in choice.label)
    await talk.presses(label, "registered.what.ask", at="registered.what")
    answers.at[OCSP] = YESSIGN.answer(YESSIGN.subscriber(), OCSPCertStatus.REVOKED)
    await talk.presses("지금 상태 확인", "registered.checked_bad", "registered.what.ask")
    await talk.presses("목록에서 빼기", "registered.done", at=None)
    assert await talk.house.rows("SELECT id FROM elsewhere") == []
    assert await talk.house.rows("SELECT serial FROM reminders") == []


async def test_only_whoever_registered_it_stops_its_reminders(talk: Talk, answers: Answers) -> None:
    await registers(talk, chain())
    [kept] = await talk.house.rows("SELECT id FROM elsewhere")
    stop = Choice(f"remind:stop:elsewhere:{kept['id']}", "")
    state = "SELECT state FROM reminders"
    await talk.house.talk("lee").presses(stop)
    assert await talk.house.rows(state) == [{"state": "on"}]
    await talk.presses(stop)
    assert await talk.house.rows(state) == [{"state": "stopped"}]


async def test_it_survives_a_restart(talk: Talk, answers: Answers, tmp_path: Path) -> None:
    await registers(talk, chain())
    await talk.house.restart()
    await talk.presses(Choice("start:registered", ""), "registered.which.ask")
