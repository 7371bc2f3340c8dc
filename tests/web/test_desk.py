"""The demo desk: what a customer would hold in the hand, and nothing of it outside the demo."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.outside import Outside, Start


async def test_the_desk_shows_what_this_customer_holds(outside: Outside) -> None:
    kim, lee = await outside.browser("kim").desk(), await outside.browser("lee").desk()
    assert (kim["customer"]["id"], kim["otp"]) == ("kim", None)
    assert len(kim["card"]["cells"]) == 30
    assert kim["holder"] == "김데모"
    assert kim["accounts"] == ["000-21-1101-011", "000-24-1101-022"]
    assert kim["clock"] == "2026-11-23"
    assert kim["phone"] == {"number": "010-0000-0001", "messages": []}
    assert (lee["card"], len(lee["otp"]["code"]), 0 < lee["otp"]["seconds_left"] <= 30) == (None, 6, True)
    assert {one["id"] for one in kim["customers"]} >= {"kim", "lee", "park"}
    assert all(one["name"] and one["note"] for one in kim["customers"])


async def test_an_unknown_customer_is_the_first(outside: Outside) -> None:
    for who in ("nobody", "", "../kim", "x" * 3000):
        assert (await outside.browser(who).desk())["customer"]["id"] == "kim"


async def test_switching_is_another_conversation(outside: Outside) -> None:
    browser = outside.browser(None)
    await browser.said("인증서 발급")
    answer = await browser.post("/demo/switch", {"customer": "lee"})
    assert answer.json() == {"ok": True}
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert (await browser.desk())["customer"]["id"] == "lee"
    assert await outside.service.conversation.where("demo:lee") == (None, None)  # type: ignore[arg-type]
    for unknown in ("nobody", None, 7, ["kim"], "\ud800"):
        assert (await browser.post("/demo/switch", {"customer": unknown})).status_code == 400


async def test_a_customer_who_speaks_english_is_met_in_english(outside: Outside) -> None:
    smith, kim = outside.browser("smith"), outside.browser("kim")
    assert [(await one.open(path))["locale"] for one, path in ((smith, "/"), (smith, "/?lang=ko"), (kim, "/"))] == [
        "en", "ko", "ko",
    ]  # fmt: skip
    async with outside.stream(smith) as stream:
        hello = await stream.next()
    assert hello is not None
    assert hello["text"].startswith("Hello")


async def test_who_comes_from_an_english_page_is_greeted_in_english(outside: Outside) -> None:
    browser = outside.browser("kim")
    async with outside.stream(browser, "after=0&lang=en") as stream:
        hello = await stream.next()
    assert hello is not None
    assert hello["text"].startswith("Hello")
    assert (await browser.open("/?lang=ko"))["locale"] == "en"  # the conversation has its language by now


async def test_the_clock_moves_reminders_and_nothing_else(outside: Outside) -> None:
    browser = outside.browser()
    await browser.enrolled()
    asked = [await browser.post("/demo/clock", {"date": day}) for day in ("2027-10-23", "2027-10-23", "2027-10-24")]
    assert [one.json()["sent"] for one in asked] == [1, 0, 0]
    assert all(one.json()["text"].endswith("요.") for one in asked)
    await outside.service.telling.work()
    assert (await browser.desk())["clock"] == "2026-11-23"


@pytest.mark.parametrize("day", ["", "tomorrow", "2027-02-30", None, 7, "99999-01-01", "\ud800", "2027-10-20T00:00"])
async def test_what_is_no_day_is_refused(outside: Outside, day: Any) -> None:
    assert (await outside.browser().post("/demo/clock", {"date": day})).status_code == 400


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_ends_of_time_are_days(outside: Outside, day: str) -> None:
    assert (await outside.browser().post("/demo/clock", {"date": day})).json()["sent"] == 0


async def test_outside_the_demo_there_is_no_desk(start: Start, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    shutil.copy(tmp_path / "data/ca.passphrase", passphrase)
    adapters = dict.fromkeys(("bank", "sms"), "tests.outside:nobody")
    async with start(demo=False, ca_passphrase_file=passphrase, **adapters) as outside:
        browser = outside.browser("lee")  # the demo's cookie says nothing here
        assert (await browser.open())["demo"] is False
        assert (await browser.http.get("/demo/desk")).status_code == 404
        for path in ("/demo/switch", "/demo/clock"):
            assert (await browser.post(path, {})).status_code == 404
        other = outside.browser()
        await browser.said("안녕하세요")
        await other.said("안녕하세요")
        customers = {row["customer"] for row in await outside.rows("SELECT customer FROM conversations")}
        assert len(customers) == 2
        assert not any(one.startswith("demo:") for one in customers)
