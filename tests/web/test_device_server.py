"""The drop between two devices: what a stranger, a guesser, a retry and the clock meet there."""

from typing import Any

import pytest

from bot.storage.transfers import LIFE, MOST_WAITING, TRIES
from bot.web.device import MOST, TOOLS, page_texts
from handlers.texts import load_texts
from tests.outside import Browser, Outside, b64

TICKET = "12345678"
PROOF = bytes(range(32))
SEALED = b"\x07" * 900


def form(**changed: Any) -> dict[str, Any]:
    return {"ticket": TICKET, "proof": b64(PROOF), "content": b64(SEALED)} | changed


@pytest.fixture
async def pc(outside: Outside) -> Browser:
    browser = outside.browser()
    await browser.open("/device/send")
    return browser


@pytest.fixture
async def phone(outside: Outside) -> Browser:
    browser = outside.browser(None)
    await browser.open("/device/receive")
    return browser


async def post(browser: Browser, act: str, **changed: Any) -> tuple[int, dict[str, Any]]:
    answer = await browser.post(f"/device/transfer{act}", form(**changed))
    return answer.status_code, dict(answer.json())


async def state(browser: Browser) -> str:
    return str((await post(browser, "/state"))[1]["state"])


@pytest.mark.parametrize("tool", [*TOOLS, "receive", "menu"])
async def test_only_the_pages_that_send_may_speak(outside: Outside, tool: str) -> None:
    answer = await outside.browser().http.get(f"/device/{tool}?lang=en")
    policy = answer.headers["content-security-policy"]
    assert ("connect-src 'none'" in policy) is (tool not in {"send", "receive"})
    assert "script-src 'self';" in policy
    assert 'lang="en"' in answer.text


@pytest.mark.parametrize("path", ["/device", "/device/copy", "/device/clean", "/login-check"])
async def test_a_page_of_no_conversation_leads_to_its_other_language(outside: Outside, path: str) -> None:
    browser = outside.browser()
    page = (await browser.http.get(path)).text
    assert f'<a href="{path}?lang=en" lang="en" hreflang="en">English</a>' in page
    page = (await browser.http.get(f"{path}?lang=en")).text
    assert f'<a href="{path}?lang=ko" lang="ko" hreflang="ko">한국어</a>' in page


async def test_where_the_address_carries_a_number_nothing_leads_away(outside: Outside) -> None:
    assert "?lang=en" not in (await outside.browser().http.get("/device/receive")).text


async def test_taken_once_then_gone_from_the_database(pc: Browser, phone: Browser, outside: Outside) -> None:
    assert await state(pc) == "gone"
    assert (await post(pc, ""))[0] == 200
    assert (await post(pc, ""))[0] == 200  # the answer was lost: the same again
    assert await state(pc) == "waiting"
    assert await post(phone, "/take") == (200, {"content": b64(SEALED)})
    assert await state(pc) == "taken"
    status, answer = await post(phone, "/take")
    assert (status, answer["error"], answer["final"]) == (410, "transfer_taken", True)
    [row] = await outside.rows("SELECT * FROM transfers")
    assert (row["content"], b64(PROOF) in str(row)) == (b"", False)
    outside.clock.move(seconds=LIFE.total_seconds())
    await outside.service.cleaning.work()
    assert await outside.rows("SELECT * FROM transfers") == []


async def test_ten_minutes(pc: Browser, phone: Browser, outside: Outside) -> None:
    await post(pc, "")
    outside.clock.move(seconds=LIFE.total_seconds() - 1)
    assert await state(pc) == "waiting"
    outside.clock.move(seconds=1)
    assert await state(pc) == "gone"
    status, answer = await post(phone, "/take")
    assert (status, answer["error"]) == (410, "transfer_gone")
    assert (await post(pc, "", proof=b64(bytes(32))))[0] == 200  # the ticket is free again


async def test_a_stranger_with_the_ticket_neither_takes_nor_learns(pc: Browser, phone: Browser) -> None:
    await post(pc, "")
    wrong = b64(bytes(32))
    assert (await post(phone, "/state", proof=wrong))[1] == {"state": "gone"}
    assert (await post(phone, "", proof=wrong))[1]["error"] == "transfer_in_use"
    for left in range(TRIES - 1, 0, -1):
        status, answer = await post(phone, "/take", proof=wrong)
        assert (status, answer["error"], answer["left"]) == (409, "transfer_wrong", left)
        assert str(left) in answer["text"]
    assert (await post(phone, "/take", proof=wrong))[1]["error"] == "transfer_gone"
    assert await state(pc) == "gone"


@pytest.mark.parametrize(
    "changed",
    [
        {"ticket": "1234567"}, {"ticket": "١٢٣٤٥٦٧٨"}, {"ticket": 12345678}, {"ticket": None}, {"ticket": "1234567\n"},
        {"proof": b64(bytes(31))}, {"proof": "!"}, {"proof": None}, {"content": ""}, {"content": 7},
        {"content": b64(bytes(MOST + 1))},
    ],
)  # fmt: skip
async def test_what_no_page_of_ours_would_leave_is_refused(pc: Browser, changed: dict[str, Any]) -> None:
    assert (await post(pc, "", **changed))[1]["error"] == "bad_request"


async def test_forged_and_hurried_requests(pc: Browser, outside: Outside) -> None:
    answer = await pc.post("/device/transfer", form(), **{"X-CSRF-Token": "x"})
    assert (answer.status_code, answer.json()["error"]) == (403, "csrf")
    assert (await pc.post("/device/transfer", form(), Origin="https://elsewhere.example")).status_code == 403
    answers = [(await post(pc, "/state"))[0] for _ in range(15)]
    assert (answers[0], answers[-1]) == (200, 429)


async def test_strangers_cannot_fill_the_disk(pc: Browser, outside: Outside) -> None:
    def fill(tx: Any) -> None:
        for number in range(MOST_WAITING):
            tx.execute("INSERT INTO transfers (ticket, proof, content, wrong, expires_at) VALUES (:t, '', :c, 0, '9')",
                       t=f"{number:08}", c=b"")  # fmt: skip

    await outside.service.database.run(fill)
    assert (await post(pc, "", ticket="99999999"))[1]["error"] == "busy"


def test_the_tools_words_do_not_hide_the_pages_own() -> None:
    for texts in load_texts().values():
        assert set(texts.section("page")) & set(texts.section("tools")) == set()
        assert len(page_texts(texts)) == len(texts.section("page")) + len(texts.section("tools"))
