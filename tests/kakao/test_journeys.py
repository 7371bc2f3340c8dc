"""The whole way to a certificate at KakaoTalk: the transcripts' own walk, over the wire and by the buttons shown."""

from typing import Any

import httpx2
import pytest

from handlers.flow import Accepted
from handlers.message import Answered, CustomerId
from tests.kakao.calls import call
from tests.kakao.channel import Person, client, kakao, settings  # noqa: F401
from tests.kakao.judging import buttons, said
from tests.talking import House, Talk, house  # noqa: F401


class AtKakao(Talk):
    """Says and presses what it is told at KakaoTalk; what was answered is read from the conversation."""

    def __init__(self, house: House, client: httpx2.AsyncClient, who: str) -> None:  # noqa: F811
        demo = house.service.demo_bank.customer(who)
        assert demo is not None
        super().__init__(house, demo, "kakao", CustomerId(""))
        self.person = Person(house, client, f"user-{who}", demo.locale or "ko")

    async def send(self, message_id: str, text: str = "", choice: str | None = None) -> Answered:
        if choice is None:
            await self.person.says(text)
        else:
            shown = [one for one in buttons(self.person.response) if one.get("extra", {}).get("choice") == choice]
            press = call(text, extra={"choice": choice, "nonce": "0"}, user=self.person.user)
            await self.person.sends(self.pressed(shown[0]) if shown else press)
        self.customer = await self.person.customer()
        await self.hears()
        return self.answered

    def pressed(self, button: dict[str, Any]) -> dict[str, Any]:
        return call(button["messageText"], extra=button["extra"], user=self.person.user, lang=self.person.lang)


@pytest.mark.parametrize("who", ["kim", "park", "smith", "lee"])
async def test_the_way_is_the_same_at_kakaotalk(house: House, client: httpx2.AsyncClient, who: str) -> None:  # noqa: F811
    talk = AtKakao(house, client, who)
    await talk.says("hello" if who == "smith" else "안녕하세요", "common.greeting")
    await talk.walk("page")
    page = talk.page()
    assert isinstance(await page.submit(), Accepted)
    await page.done("enroll.kept", "guide.install.this_pc.windows", "enroll.works.ask", document=True)
    # Nothing can be pushed: what the page has said is shown when they come back, file and all.
    shown = await talk.person.says("고마워")
    links = [one["webLinkUrl"] for one in buttons(talk.person.response) if one["action"] == "webLink"]
    assert any("/k/" in link for link in links), talk.person.response
    assert "100" not in shown
    await talk.hears()
    await talk.walk(None)
    assert len(await talk.certificates()) == 1
    assert "serial" in said(talk.person.response).lower() or "일련번호" in said(talk.person.response)


async def test_begun_at_kakaotalk_and_finished_in_the_web(house: House, client: httpx2.AsyncClient) -> None:  # noqa: F811
    talk = AtKakao(house, client, "kim")
    await talk.walk("terms")
    elsewhere = house.talk("kim", "web", talk.customer)
    elsewhere.answered, elsewhere.replies = talk.answered, talk.replies
    await elsewhere.walk(None)
    assert len(await elsewhere.certificates()) == 1
    assert "동의" not in await talk.person.says("고마워")


async def test_begun_in_the_web_and_finished_at_kakaotalk(house: House, client: httpx2.AsyncClient) -> None:  # noqa: F811
    """Two conversations, joined by nothing but the customer's proof."""
    web = await house.talk("kim", "web", "browser").walk("place")
    talk = AtKakao(house, client, "kim")
    await talk.says("인증서 발급하고 싶어요", "enroll.prepare.ask")
    await talk.walk("code")
    await talk.says(await talk.code(), "common.left_elsewhere", "enroll.details.ask")
    assert "웹에서 하시던 '인증서 발급', 여기서 이어서 할까요?" in said(talk.person.response)
    await talk.presses("이어서 하기", "common.moved_here", "enroll.details.ask")
    await talk.presses("네, 맞아요", "enroll.place.ask")
    await talk.walk(None)
    assert len(await talk.certificates()) == 1
    assert "카카오톡에서 이어서" in await web.hears("notice.linked", "common.moved_away", "notice.issued")
