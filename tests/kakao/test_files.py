"""Files from KakaoTalk: looking shows and spends nothing, the button fetches, and the address does not last."""

import re

import httpx2
import pytest

from bot.channels.kakao.answering import Kakao
from handlers.message import Document
from tests.kakao.calls import call
from tests.kakao.channel import Person, client, kakao, person, settings  # noqa: F401
from tests.kakao.judging import buttons
from tests.talking import House, house  # noqa: F401

CONTENT = b"PK" + bytes(range(200))
IN_KAKAOTALK = {
    "User-Agent": "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Mobile Safari/537.36 KAKAOTALK/25.1.0"
}


@pytest.fixture
async def document(house: House, person: Person) -> Document:  # noqa: F811
    await person.says("안녕")
    return await house.service.documents.keep(
        "d" * 22, await person.customer(), "CertTalk-김데모.p12", "application/x-pkcs12", CONTENT, house.clock()
    )


async def test_looking_shows_and_spends_nothing(
    client: httpx2.AsyncClient, kakao: Kakao, document: Document  # noqa: F811
) -> None:  # fmt: skip
    url = kakao.files.url(document)
    pages = {(await client.get(url)).text for _ in range(5)} | {(await client.get("/k/nobody.1.x")).text}
    assert len(pages) == 1
    assert "김데모" not in pages.pop()
    fetched = await client.post(url)
    assert fetched.content == CONTENT
    assert "attachment" in fetched.headers["content-disposition"]
    assert (await client.post(url)).content == CONTENT  # a download that broke off may be repeated


async def test_kakaotalks_own_browser_is_led_outside(
    client: httpx2.AsyncClient, kakao: Kakao, document: Document  # noqa: F811
) -> None:  # fmt: skip
    url = kakao.files.url(document)
    assert "kakaotalk://" not in (await client.get(url)).text
    page = await client.get(url, headers=IN_KAKAOTALK)
    assert re.search(r'href="kakaotalk://web/openExternal\?url=http%3A%2F%2F127.0.0.1%3A8710%2Fk%2F', page.text)


async def test_the_secure_page_leads_outside_too(house: House, client: httpx2.AsyncClient) -> None:  # noqa: F811
    talk = await house.talk().walk("page")
    link = next(reply.link for reply in talk.replies if reply.link is not None)
    assert "kakaotalk://" not in (await client.get(link.url)).text
    assert "kakaotalk://web/openExternal?url=" in (await client.get(link.url, headers=IN_KAKAOTALK)).text


async def test_an_address_does_not_last_and_cannot_be_made(
    client: httpx2.AsyncClient, kakao: Kakao, house: House, document: Document  # noqa: F811
) -> None:  # fmt: skip
    url = kakao.files.url(document)
    name, until, mac = url.rpartition("/")[2].split(".")
    for forged in (f"{name}.{int(until) + 600}.{mac}", f"{'e' * 22}.{until}.{mac}", f"{name}.{until}.{'A' * 22}", name):
        assert (await client.post(f"/k/{forged}")).status_code == 404
    assert (await client.post(url, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    house.clock.forward(minutes=61)
    assert (await client.post(url)).status_code == 404


async def test_a_link_is_renewed_from_its_card(person: Person, house: House, document: Document) -> None:  # noqa: F811
    await person.sends(call("새 링크 받기", extra={"file": document.id, "nonce": "7"}))
    assert any("/k/" in one.get("webLinkUrl", "") for one in buttons(person.response))
    other = Person(house, person.client, "somebody-else")
    await other.says("안녕")
    assert "지났어요" in await other.sends(call("새 링크 받기", extra={"file": document.id}, user="somebody-else"))
