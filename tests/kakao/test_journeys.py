"""The whole way to a certificate at KakaoTalk: the transcripts' own walk, through its door and by the buttons shown."""

import pytest

from handlers.flow import Accepted
from tests.kakao.channel import at_kakao, settings  # noqa: F401
from tests.kakao.judging import buttons, said
from tests.talking import House, house  # noqa: F401
from tests.wires import AtKakao


@pytest.mark.parametrize("who", ["kim", "park", "smith", "lee"])
async def test_the_way_is_the_same_at_kakaotalk(house: House, who: str) -> None:  # noqa: F811
    talk = at_kakao(house, who)
    await talk.says("hello" if who == "smith" else "안녕하세요", "common.greeting")
    await talk.walk("page")
    page = talk.page()
    assert isinstance(await page.submit(), Accepted)
    await page.done("enroll.kept", "guide.install.this_pc.windows", "enroll.works.ask", document=True)
    # Nothing can be pushed: what the page has said is shown when they come back, file and all.
    await talk.says("고마워")
    assert talk.response is not None
    links = [one["webLinkUrl"] for one in buttons(talk.response) if one["action"] == "webLink"]
    assert any("/k/" in link for link in links), talk.response
    assert "100" not in said(talk.response)
    await talk.walk(None)
    assert len(await talk.certificates()) == 1
    assert "serial" in said(talk.response).lower() or "일련번호" in said(talk.response)


async def test_begun_at_kakaotalk_and_gone_on_with_in_the_web(house: House) -> None:  # noqa: F811
    """One conversation on two channels, as the demo has it."""
    talk = await at_kakao(house, "kim").walk("terms")
    elsewhere = house.talk("kim", "web", talk.customer)
    elsewhere.answered, elsewhere.replies = talk.answered, talk.replies
    await elsewhere.walk(None)
    assert len(await elsewhere.certificates()) == 1
    await talk.says("고마워")
    assert isinstance(talk, AtKakao)
    assert talk.response is not None
    assert "동의" not in said(talk.response)


async def test_begun_in_the_web_and_finished_at_kakaotalk(house: House) -> None:  # noqa: F811
    """Two conversations, joined by nothing but the customer's proof."""
    web = await house.talk("kim", "web", "browser").walk("place")
    talk = at_kakao(house, "kim")
    await talk.says("인증서 발급하고 싶어요", "enroll.prepare.ask")
    await talk.walk("code")
    await talk.says(await talk.code(), "common.left_elsewhere", "enroll.details.ask")
    assert talk.response is not None
    assert "웹에서 하시던 '인증서 발급', 여기서 이어서 할까요?" in said(talk.response)
    await talk.presses("이어서 하기", "common.moved_here", "enroll.details.ask")
    await talk.presses("네, 맞아요", "enroll.place.ask")
    await talk.walk(None)
    assert len(await talk.certificates()) == 1
    assert "카카오톡에서 이어서" in await web.hears("notice.linked", "common.moved_away", "notice.issued")
