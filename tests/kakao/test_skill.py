"""The skill server: who may call, what is done once, what is shown when, and that an answer is always in time."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from bot.channels.kakao import answering
from bot.channels.kakao.answering import IN_TIME, Kakao
from bot.channels.kakao.centre import PATH
from bot.storage.database import DatabaseUnavailable
from bot.web.application import Application
from bot.web.kakao import BODY_IN_TIME, MOST_BODY, caller, networks, within
from handlers.message import Reply
from handlers.reminders import word
from tests.kakao.calls import BOT, HEADER, SECRET, call, headers, pressed
from tests.kakao.channel import Person, at_kakao, client, kakao, person, settings  # noqa: F401
from tests.kakao.judging import buttons, judged, said
from tests.kakao.test_attacks import HOSTILE
from tests.talking import House, house  # noqa: F401


async def turns(house: House) -> int:  # noqa: F811
    return len(await house.rows("SELECT 1 AS one FROM inbox WHERE channel = 'kakao'"))


# -- who may call ---------------------------------------------------------------------------------------------------


FORGED = [
    "", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), " " + SECRET, SECRET[::-1], "null",
    "Bearer " + SECRET, "\x80",
]  # fmt: skip


@pytest.mark.parametrize("secret", FORGED)
async def test_without_the_secret_nothing_is_read(kakao: Kakao, house: House, secret: str) -> None:  # noqa: F811
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(part: dict[str, Any]) -> None:
        sent.append(part)

    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (HEADER.lower().encode(), secret.encode("latin-1"))],
        "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip
    await Application(house.service, None, kakao).asgi(scope, receive, send)
    assert sent[0]["status"] == 403
    assert await turns(house) == 0


@pytest.mark.parametrize("bot", ["", "another", BOT + "x", BOT.upper(), None, 5])
async def test_another_bots_call_is_refused(client: httpx2.AsyncClient, house: House, bot: object) -> None:  # noqa: F811
    payload = call("안녕")
    payload["bot"]["id"] = bot
    assert (await client.post(PATH, json=payload, headers=headers())).status_code in (400, 403)
    assert await turns(house) == 0


async def test_the_secret_in_a_header_of_another_name_is_none(client: httpx2.AsyncClient) -> None:  # noqa: F811
    for name in ("Authorization", "X-Secret", "Cookie"):
        assert (await client.post(PATH, json=call("안녕"), headers={name: SECRET})).status_code == 403


def test_a_caller_is_where_our_own_proxies_say() -> None:
    proxies = networks("10.0.0.0/8 127.0.0.1")
    kakaos = networks("219.249.231.40/30")
    assert caller("219.249.231.41", [], proxies) == "219.249.231.41"
    assert caller("10.0.0.1", ["1.2.3.4, 219.249.231.42"], proxies) == "219.249.231.42"
    assert caller("10.0.0.1", ["219.249.231.42", "1.2.3.4"], proxies) == "1.2.3.4"
    assert caller("1.2.3.4", ["219.249.231.42"], proxies) == "1.2.3.4"
    assert caller("10.0.0.1", ["219.249.231.42, 10.0.0.7"], proxies) == "219.249.231.42"
    assert caller("10.0.0.1", [], proxies) == "10.0.0.1"
    assert within("219.249.231.42", kakaos)
    assert not within("219.249.231.44", kakaos)
    assert not within("nobody", kakaos)


class TestFromElsewhere:
    @pytest.fixture
    def settings(self, settings: dict[str, object]) -> dict[str, object]:  # noqa: F811
        return settings | {"kakao_addresses": "219.249.231.40/30", "kakao_proxies": "127.0.0.1"}

    @pytest.mark.parametrize(
        ("forwarded", "status"),
        [("219.249.231.41", 200), ("1.2.3.4", 403), ("219.249.231.41, 1.2.3.4", 403), ("", 403), ("junk", 403)],
    )
    async def test_only_kakaotalks_addresses_are_answered(
        self, client: httpx2.AsyncClient, forwarded: str, status: int  # noqa: F811
    ) -> None:  # fmt: skip
        more = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert (await client.post(PATH, json=call("안녕"), headers=headers() | more)).status_code == status


# -- what is no call ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 40 + b"1" + b"}" * 40,
     b'{"userRequest": 5, "bot": {"id": "x"}}', b'{"userRequest": {"user": {"id": "\\ud800"}}, "bot": {}}'],
)  # fmt: skip
async def test_garbage_is_no_fault_of_ours(client: httpx2.AsyncClient, body: bytes) -> None:  # noqa: F811
    assert (await client.post(PATH, content=body, headers=headers())).status_code == 400


async def test_too_much_is_refused(client: httpx2.AsyncClient) -> None:  # noqa: F811
    answer = await client.post(PATH, content=b"x" * (MOST_BODY + 1), headers=headers())
    assert answer.status_code == 413
    assert (await client.get(PATH, headers=headers())).status_code == 405


@pytest.mark.parametrize("text", ["\x00\ud800 \u202e", "😀" * 3000, " ", "가" * 5000, "{{ 7*7 }}"])
async def test_odd_words_are_answered(person: Person, text: str) -> None:  # noqa: F811
    payload = json.dumps(call(text))
    answer = await person.client.post(PATH, content=payload.encode(), headers=headers())
    assert answer.status_code == 200
    assert "49" not in said(judged(answer.json()))


# -- what is shown --------------------------------------------------------------------------------------------------


async def test_hello(person: Person) -> None:  # noqa: F811
    assert "인증서 창구" in await person.says("안녕하세요")
    assert await person.presses("인증서 발급")
    assert "준비되셨나요" in said(person.response)


async def test_who_comes_in_is_welcomed(person: Person) -> None:  # noqa: F811
    assert "인증서 창구" in await person.says("웰컴 블록", block="웰컴 블록", trigger="EVENT")


async def test_the_language_of_the_phone(house: House, client: httpx2.AsyncClient) -> None:  # noqa: F811
    guest = Person(house, client, "guest", "en")
    assert "certificate" in await guest.says("hello")


async def test_a_label_typed_presses_the_button(person: Person) -> None:  # noqa: F811
    await person.says("안녕")
    await person.presses("인증서 발급")
    assert "어떤 인증서" in await person.says("준비됐어요")


async def test_what_was_said_meanwhile_is_shown_with_the_next_turn(person: Person, house: House) -> None:  # noqa: F811
    await person.says("안녕")
    await house.service.conversation.notify(
        "kakao", person.user, await person.customer(), "reminder:1", lambda draft: Reply("k", "곧 만료돼요.")
    )
    assert "곧 만료돼요." in await person.says("수수료 얼마예요?")
    assert "곧 만료돼요." not in await person.says("수수료 얼마예요?")


async def test_what_was_said_on_another_channel_is_not_repeated(person: Person, house: House) -> None:  # noqa: F811
    await person.says("안녕")
    talk = house.talk(channel="web", customer=await person.customer())
    elsewhere = await talk.says("보안카드가 뭐예요?")
    assert elsewhere not in await person.says("고마워")


async def test_more_than_fits_is_read_on(person: Person, house: House) -> None:  # noqa: F811
    await person.says("안녕")
    customer = await person.customer()
    for number in range(12):
        await house.service.conversation.notify(
            "kakao", person.user, customer, f"n{number}", lambda draft, n=number: Reply("k", f"소식 {n}. " + "가" * 600)
        )  # fmt: skip
    heard = await person.says("고마워")
    for _ in range(12):
        if not any(one["messageText"] == "이어서 보기" for one in buttons(person.response) if "messageText" in one):
            break
        heard += await person.presses("이어서 보기")
    assert [f"소식 {n}." in heard for n in range(12)] == [True] * 12
    assert "도움이 되었다니" in heard


async def test_of_several_reminders_only_the_last_is_shown(person: Person, house: House) -> None:  # noqa: F811
    await person.says("안녕")
    customer, texts = await person.customer(), house.service.texts["ko"]
    for days, serial in ((30, "a"), (7, "a"), (30, "b"), (3, "a")):
        until = house.clock() + timedelta(days=days)
        await house.service.conversation.notify(
            "kakao", person.user, customer, f"reminder:{serial}:{days}",
            lambda draft, u=until, s=serial: word(texts, "personal", s, u, house.clock()),
        )  # fmt: skip
    heard = await person.says("고마워")
    assert [f"{days}일 뒤" in heard for days in (30, 7, 3)] == [True, False, True]
    assert heard.count("일 뒤") == 2
    assert "일 뒤" not in await person.says("고마워")


async def test_back_from_a_page_what_it_left_is_asked_for(house: House, client: httpx2.AsyncClient) -> None:  # noqa: F811
    talk = at_kakao(house, "kim")
    await talk.walk("page")
    assert talk.response is not None
    back = next(one for one in buttons(talk.response) if one["label"] == "다 했어요")
    guest = Person(house, client, talk.user)
    assert "아직 보안 페이지가 끝나지 않았어요" in await guest.sends(pressed(back, user=talk.user))
    await talk.hears()
    page = talk.page()
    await page.submit()
    await page.done("enroll.kept", "guide.install.this_pc.windows", "enroll.works.ask", document=True)
    heard = await guest.sends(pressed(back, user=talk.user))
    assert "인증서가 만들어졌어요" in heard
    assert "확인해 볼까요" in heard


async def test_reading_on_where_nothing_waits_asks_the_step_again(person: Person) -> None:  # noqa: F811
    await person.says("발급")
    heard = await person.sends(call("이어서 보기", extra={"more": "1"}))
    assert "준비되셨나요" in heard


async def test_a_secret_typed_is_pointed_out(person: Person) -> None:  # noqa: F811
    assert "길게 눌러" in await person.says("비밀번호: hunter2!A")


# -- once -----------------------------------------------------------------------------------------------------------


async def test_the_same_delivery_is_one_turn(person: Person, house: House) -> None:  # noqa: F811
    first = await person.sends(call("발급"), "delivery-1")
    count = await turns(house)
    assert await person.sends(call("발급"), "delivery-1") == first
    assert await turns(house) == count


async def test_a_double_tap_is_one_turn(person: Person, house: House) -> None:  # noqa: F811
    await person.says("발급")
    button = person.button("준비됐어요")
    first = await person.sends(pressed(button))
    count = await turns(house)
    assert await person.sends(pressed(button)) == first
    assert await turns(house) == count


async def test_an_old_button_pressed_later_says_so(person: Person, house: House) -> None:  # noqa: F811
    await person.says("발급")
    button = person.button("준비됐어요")
    await person.sends(pressed(button))
    house.clock.forward(minutes=5)
    assert "이미 지난 단계" in await person.sends(pressed(button))


async def test_sixteen_deliveries_at_once_are_one_turn(
    person: Person, house: House, client: httpx2.AsyncClient  # noqa: F811
) -> None:  # fmt: skip
    await person.says("안녕")
    count = await turns(house)
    answers = await asyncio.gather(
        *(client.post(PATH, json=call("발급"), headers=headers("one")) for _ in range(16))
    )  # fmt: skip
    assert len({answer.text for answer in answers}) == 1
    assert await turns(house) == count + 1


# -- in time --------------------------------------------------------------------------------------------------------


class Slow:
    """A bank that answers when it is let."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
        self.gate, self.entered = asyncio.Event(), asyncio.Event()
        handle = house.service.conversation.handle

        async def slow(said: Any) -> Any:
            self.entered.set()
            await self.gate.wait()
            return await handle(said)

        monkeypatch.setattr(house.service.conversation, "handle", slow)
        monkeypatch.setattr(answering, "IN_TIME", 0.05)


async def test_a_slow_turn_is_read_on(person: Person, house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    await person.says("안녕")
    with monkeypatch.context() as patch:
        slow = Slow(house, patch)
        assert "이어서 보기" in await person.says("발급")
        late = person.response
        assert "이어서 보기" in await person.sends(pressed(person.button("이어서 보기")))
        slow.gate.set()
    person.response = late
    assert "준비되셨나요" in await person.presses("이어서 보기")


async def test_a_slow_turn_is_shown_with_the_next_one(
    person: Person, house: House, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    await person.says("안녕")
    with monkeypatch.context() as patch:
        slow = Slow(house, patch)
        await person.says("수수료 얼마예요?")
        slow.gate.set()
    assert "무료" in await person.says("고마워")


async def test_a_callback_brings_the_answer_once(
    person: Person, house: House, kakao: Kakao, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    sent: list[tuple[str, dict[str, Any]]] = []
    done = asyncio.Event()

    async def send(url: str, answer: dict[str, Any]) -> bool:
        sent.append((url, judged(answer)))
        done.set()
        return True

    monkeypatch.setattr(kakao.callbacks, "send", send)
    url = "https://bot-api.kakao.com/callback/one-use"
    await person.says("안녕")
    with monkeypatch.context() as patch:
        slow = Slow(house, patch)
        await person.says("발급", callback=url)
        assert person.response["useCallback"] is True
        slow.gate.set()
        await asyncio.wait_for(done.wait(), 10)
    assert [one[0] for one in sent] == [url]
    assert "준비되셨나요" in said(sent[0][1])
    assert (await person.says("수수료 얼마예요?")).count("준비되셨나요") == 1
    assert len(sent) == 1


async def test_a_hostile_callback_is_never_called(
    person: Person, house: House, kakao: Kakao, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    called: list[str] = []

    async def send(url: str, answer: dict[str, Any]) -> bool:
        called.append(url)
        return True

    monkeypatch.setattr(kakao.callbacks, "send", send)
    await person.says("안녕")
    with monkeypatch.context() as patch:
        slow = Slow(house, patch)
        for url in HOSTILE:
            assert "이어서 보기" in await person.says("수수료 얼마예요?", callback=url)
            assert "useCallback" not in person.response
        slow.gate.set()
        await asyncio.wait(kakao._tasks)
    assert len(HOSTILE) == 17
    assert called == []


def test_there_is_time_for_the_way_back() -> None:
    assert IN_TIME <= 4.5 - 0.3
    assert BODY_IN_TIME < IN_TIME


async def test_an_answer_in_time_uses_no_callback(person: Person, kakao: Kakao) -> None:  # noqa: F811
    await person.says("안녕", callback="https://bot-api.kakao.com/callback/one-use")
    assert "template" in person.response
    assert kakao.callbacks._used == {}


async def test_our_own_trouble_is_told(person: Person, house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(house.service.conversations, "commit", away)
        assert "붐비고" in await person.says("안녕")
    assert "인증서 창구" in await person.says("안녕")


async def test_check_is_answered_without_a_turn(person: Person, house: House) -> None:  # noqa: F811
    assert "스킬 서버" in await person.sends(call(extra={"check": "1"}))
    assert await turns(house) == 0
