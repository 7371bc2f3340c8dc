"""발급 as customers walk it: the straight ways, for both kinds, in both languages, on any channel, over any restart."""

import pytest

from bot.gateways.bank_demo import demo_customers
from handlers.flow import Accepted, Refused
from tests.talking import House, Talk


@pytest.mark.everywhere
async def test_a_personal_certificate_from_hello_to_the_end(talk: Talk) -> None:
    await talk.says("안녕하세요", "common.greeting")
    await talk.presses("인증서 발급", "enroll.prepare.ask", at="enroll.prepare", progress=(1, 11))
    await talk.presses("준비됐어요", "enroll.kind.ask", progress=(2, 11))
    await talk.presses("개인용 (무료)", "identity.account.ask", progress=(3, 11))
    await talk.says("000-21-1101-011", "identity.name.ask", progress=(4, 11))
    asked = await talk.says("김데모예요", "identity.code.ask", progress=(5, 11))
    assert "010-****-0001" in asked
    assert "개인용" in (await talk.sms())[0]
    shown = await talk.says(await talk.code(), "enroll.details.ask", progress=(6, 11))
    assert "김*모 (K** D***)" in shown
    await talk.says("네", "enroll.terms.ask", progress=(7, 11))
    await talk.presses("동의해요", "enroll.place.ask", progress=(8, 11))
    await talk.presses("이 PC", "enroll.review.ask", progress=(9, 11))
    await talk.presses("발급하기", "enroll.page.ask", at="enroll.page", progress=(10, 11))
    page = talk.page()
    assert (await page.shown() or {})["factor"]["kind"] == "card"
    assert isinstance(await page.submit(), Accepted)
    [record] = await talk.certificates()
    guide = "guide.install.this_pc.windows"
    await page.done("enroll.kept", guide, "enroll.works.ask", document=True, at="enroll.works")
    assert talk.replies[0].document is not None
    assert talk.replies[-1].progress == (11, 11)
    words = await talk.page().done("guide.after", "enroll.done_checked")
    assert f"{record.plan.serial:040x}" in words
    assert "2027년 11월 22일" in words
    assert talk.at is None


async def test_how_long_a_code_lives_is_said_as_it_is_set(house: House) -> None:
    house.settings["code_seconds"] = 90
    await house.restart()
    talk = await house.talk().walk("code")
    assert "1분 30초 안에" in talk.replies[-1].text
    assert "1분 30초 안에" in (await talk.sms())[0]


async def test_a_business_certificate_is_paid_once(house: House) -> None:
    talk = house.talk("park")
    await talk.walk("kind")
    fee = await talk.presses("사업자용 (유료)", "enroll.fee.ask", progress=(3, 12))
    assert "55,000원" in fee
    await talk.presses("네, 진행할게요", "identity.account.ask", progress=(4, 12))
    await talk.walk("review")
    assert "사업자용(수수료 55,000원)" in talk.replies[-1].text
    await talk.walk("page")
    page = talk.page()
    assert (await page.shown() or {})["factor"] == {"kind": "otp"}
    right = await page.factor()
    assert isinstance(await page.submit(right), Accepted)
    assert isinstance(await page.submit(right), Accepted)  # its answer was lost; it asks again
    await page.done("enroll.kept_there", "guide.install.this_pc.windows", "enroll.works.ask")
    await talk.presses("나중에 할게요", "guide.after", "enroll.done")
    assert await house.rows("SELECT number, won FROM demo_fees") == [
        {"number": "DEMO0003", "won": house.service.settings.business_fee}
    ]


async def test_a_certificate_that_was_never_kept_is_paid_once_with_the_one_that_is(house: House) -> None:
    talk = await house.talk("park").walk("page")
    assert isinstance(await talk.page().submit(key=1), Accepted)
    await talk.says("취소", "common.cancelled")
    house.clock.forward(hours=1)
    await talk.walk("page")
    page = talk.page()
    assert isinstance(await page.submit(key=2), Accepted)
    await page.done()
    assert len(await house.rows("SELECT * FROM demo_fees")) == 1


async def test_the_next_years_certificate_is_paid_too(house: House) -> None:
    talk = await house.talk("park").walk(None)
    house.clock.forward(days=370)
    await talk.walk("page")
    assert isinstance(await talk.page().submit(key=2), Accepted)
    assert len(await house.rows("SELECT * FROM demo_fees")) == 2


async def test_who_does_not_want_the_fee_pays_none(house: House) -> None:
    talk = await house.talk("park").walk("fee")
    await talk.presses("아니요", "enroll.stop.fee_declined")
    assert talk.at is None
    assert await house.rows("SELECT * FROM demo_fees") == []


async def test_an_account_without_money_gets_no_certificate(house: House) -> None:
    talk = await house.talk("noh").walk("page")
    assert await talk.page().submit() == Refused("fee_unpaid", final=True)
    assert await talk.certificates() == []


@pytest.mark.parametrize("way", ["steady", "restarted before every message", "from channel to channel"])
@pytest.mark.parametrize("who", ["kim", "park", "smith", "lee"])
async def test_the_way_is_the_same(house: House, who: str, way: str) -> None:
    talk = house.talk(who)
    house.restarts, talk.switches = way.startswith("restarted"), way.startswith("from channel")
    await talk.walk(None)
    assert talk.replies[-1].key == "enroll.done"
    assert len(await talk.certificates()) == 1


@pytest.mark.everywhere
async def test_in_english_every_bubble_is_english(house: House) -> None:
    talk = house.talk("smith")
    heard = [await talk.says("hello", "common.greeting")]
    while talk.answered.step != "works":
        await talk.walk("prepare") if talk.at is None else await talk.step()
        heard += [reply.text for reply in talk.replies] + talk.labels + [r.link.label for r in talk.replies if r.link]
    await talk.page().done("guide.after", "enroll.done_checked")
    heard += [*(reply.text for reply in talk.replies), *talk.labels, (await talk.sms())[-1]]
    hangul = [one for one in heard if any("가" <= c <= "힣" for c in one.replace("언어", ""))]
    assert hangul == []


@pytest.mark.parametrize("who", [c.id for c in demo_customers() if c.id not in {"choi", "jung", "han", "yoon", "noh"}])
async def test_everybody_who_may_have_one_gets_one_by_their_own_name(house: House, who: str) -> None:
    talk = house.talk(who)
    if who == "seo":  # a locked card, but a token
        await talk.walk("page")
        assert (await talk.page().shown() or {})["factor"] == {"kind": "otp"}
    await talk.walk(None)
    assert len(await talk.certificates()) == 1


@pytest.mark.parametrize("place", ["this_pc", "usb", "phone", "folder"])
@pytest.mark.parametrize("system", ["windows", "android", "other", ""])
async def test_the_guide_is_for_the_place_and_the_system(talk: Talk, place: str, system: str) -> None:
    await talk.walk("page", place=place)
    page = talk.page()
    assert isinstance(await page.submit(), Accepted)
    await page.done(system=system)
    guide = talk.replies[1].key
    wanted = f"guide.install.{place}.{system}"
    assert guide == (wanted if wanted in talk.service.texts["ko"] else f"guide.install.{place}.other")


@pytest.mark.parametrize(
    ("button", "said"), [("PC에서 직접 하는 법", "guide.pc_steps"), ("앱에서 직접 하는 법", "guide.app_steps")]
)
async def test_how_to_do_it_without_the_bot(talk: Talk, button: str, said: str) -> None:
    await talk.walk("prepare")
    await talk.presses(button, said, "enroll.prepare.ask", at="enroll.prepare")


async def test_the_check_can_wait_and_a_word_there_is_no_mistake(talk: Talk) -> None:
    await talk.walk("works")
    for _ in range(4):
        await talk.says("으음", "enroll.works.error.waiting", "enroll.works.ask")
    await talk.says("뒤로", "common.first_step", "enroll.works.ask")
    await talk.says("나중에 할게요", "guide.after", "enroll.done")


async def test_who_has_one_is_told_until_when(talk: Talk) -> None:
    await talk.walk(None)
    await talk.walk("code")
    words = await talk.says(await talk.code(), "enroll.stop.has_one")
    assert "2027년 11월 22일" in words
    assert talk.at is None


async def test_who_has_one_elsewhere_is_told_where(house: House) -> None:
    talk = await house.talk("yoon").walk("code")
    assert "예시은행이" in await talk.says(await talk.code(), "enroll.stop.other_institution")
    assert await talk.certificates() == []
