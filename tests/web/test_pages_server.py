"""The secure page as its server sees it: looking spends nothing, a key gets one certificate, an end is an end."""

import asyncio
from base64 import b64decode

import pytest
from cryptography import x509

from tests.outside import Browser, Key, Outside, Start, b64, page_of

ZIP = {"filename": "../../etc/passwd.zip", "bytes": b64(b"PK\x03\x04 encrypted")}


async def state_of(browser: Browser, path: str) -> tuple[int, str]:
    shown = await browser.open(path)
    return shown["status"], shown["state"]


async def talk(browser: Browser) -> list[str]:
    """The keys of everything the bot has said."""
    messages = await browser.outside.service.conversations.history(
        (await browser.outside.rows("SELECT customer FROM conversations"))[0]["customer"], 0
    )
    return [one.reply.key for one in messages if one.reply]


@pytest.mark.parametrize(("lang", "says"), [("ko", "없는 페이지예요"), ("en", "There is no such page")])
async def test_where_nothing_is_a_person_is_led_back_to_the_chat(outside: Outside, lang: str, says: str) -> None:
    http = outside.browser().http
    shown = await http.get(f"/nowhere?lang={lang}", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (shown.status_code, "set-cookie" in shown.headers) == (404, False)
    assert f"<h1>{says}</h1>" in shown.text
    assert '<a class="primary" href="/">' in shown.text
    told = await http.get("/nowhere")
    assert (told.status_code, told.text) == (404, "Not Found"), "a program is told in a word"


async def test_unknown_and_tampered_links_get_a_page_with_words(outside: Outside) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    link, _, code = path.removeprefix("/s/").partition(".")
    elsewhere = outside.service.links.token("A" * 22)
    forged = [
        "x", link, f"{link}.", f"{link}.{'A' * 22}", f"{link}.{code[:-1]}", f"{link}.{code}A", f"{code}.{link}",
        elsewhere, f"{link}.{elsewhere.partition('.')[2]}", "%00", "%ED%A0%80", "x" * 5000,
    ]  # fmt: skip
    for token in forged:
        answer = await browser.http.get(f"/s/{token}")
        assert answer.status_code == 404, token
        shown = page_of(answer.text)
        assert (shown["state"], shown["summary"], shown["factor"]) == ("gone", [], None)
        assert shown["texts"]["gone.lead"].endswith("요.")
        for end in ("issue", "done"):
            refused = await browser.post(f"/s/{token}/{end}", {})
            assert (refused.status_code, refused.json()["final"]) == (404, True)
            assert refused.json()["text"].endswith("요.")


async def test_looking_twice_spends_nothing(outside: Outside) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    first = await browser.open(path)
    before = await outside.everything()
    for other in (browser, outside.browser("lee"), outside.browser()):  # a messenger's preview has no cookie of ours
        assert {**await other.open(path), "csrf": ""} == {**first, "csrf": ""}
    assert await outside.everything() == before
    assert first["state"] == "open"
    assert len(first["factor"]["cells"]) == 2
    assert "김데모" not in str(first["summary"])
    assert (await browser.issue(path, Key())).status_code == 200


async def test_a_certificate_is_issued_kept_and_the_conversation_goes_on(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    answer = await browser.issue(path, key)
    body = answer.json()
    made = x509.load_der_x509_certificate(b64decode(body["certificate"]))
    assert made.public_key() == key.private.public_key()
    assert f"{made.serial_number:040x}" == body["serial"]
    assert body["folder"]["ca"] == "CertTalk"
    assert body["folder"]["dn"].startswith("cn=")
    assert len(body["chain"]) == 2
    assert "enroll.works.ask" not in await talk(browser)
    assert (await browser.keep(path)).json() == {"ok": True}
    said = await talk(browser)
    assert said.count("enroll.works.ask") == 1
    assert "enroll.kept_there" in said
    assert await state_of(browser, path) == (200, "done")
    again = await browser.issue_again(path, key)
    assert (again.status_code, again.json()["error"]) == (410, "link_gone")
    assert (await browser.keep(path)).json() == {"ok": True}
    assert await talk(browser) == said
    assert not await outside.rows("SELECT 1 FROM links WHERE purpose = 'enroll' AND resumed_at IS NULL")


async def test_a_page_that_was_left_takes_up_where_it_was(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    first = await browser.issue(path, key)
    assert await state_of(browser, path) == (200, "issued")
    for _ in range(2):  # the answer was lost; card digits would be others by now and are not asked again
        again = await browser.issue_again(path, key)
        assert again.json() == first.json()
    other = await browser.issue_again(path, Key())
    assert (other.status_code, other.json()["error"]) == (409, "request_conflict")
    assert len(await outside.rows("SELECT 1 FROM certificates")) == 1


async def test_sixteen_at_once_are_one(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    form = {"factor": await browser.factor(await browser.open(path)), **key.form}
    answers = await asyncio.gather(*(browser.post(f"{path}/issue", form) for _ in range(16)))
    assert {one.text for one in answers if one.status_code == 200} == {answers[0].text}
    assert {one.status_code for one in answers} == {200}
    done = await asyncio.gather(*(browser.keep(path) for _ in range(8)))
    assert {one.text for one in done} == {'{"ok":true}'}
    assert (await talk(browser)).count("enroll.works.ask") == 1


async def test_wrong_cells_are_counted_and_lock(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    shown = await browser.open(path)
    right = await browser.factor(shown)
    cells = {cell: f"{(int(digits) + 1) % 100:02}" for cell, digits in right["cells"].items()}
    answers = [await browser.post(f"{path}/issue", {"factor": {"cells": cells}, **key.form}) for _ in range(3)]
    assert [one.json()["error"] for one in answers] == ["card_wrong", "card_wrong", "card_locked"]
    assert [one.json().get("left") for one in answers] == [2, 1, None]
    assert [one.status_code for one in answers] == [409, 409, 410]
    assert (await browser.open(path))["factor"]["kind"] is None
    assert set(answers[0].json()["fields"]) == {f"cell_{cell}" for cell in cells}
    late = await browser.post(f"{path}/issue", {"factor": right, **key.form})
    assert (late.status_code, late.json()["error"]) == (410, "factor_locked")
    assert not await outside.rows("SELECT 1 FROM certificates")


async def test_the_same_cells_are_asked_until_they_are_answered(outside: Outside) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    first = (await browser.open(path))["factor"]
    wrong = {"cells": dict.fromkeys((str(one["cell"]) for one in first["cells"]), "xx")}
    await browser.post(f"{path}/issue", {"factor": wrong, **Key().form})
    assert (await browser.open(path))["factor"] == first


async def test_a_token_code_works_once(outside: Outside) -> None:
    browser = outside.browser("lee")
    path = await browser.to_page()
    code = (await browser.desk())["otp"]["code"]
    assert (await browser.post(f"{path}/issue", {"factor": {"otp": code}, **Key().form})).status_code == 200
    assert (await browser.keep(path)).status_code == 200
    await outside.service.registration.revoke(
        int((await outside.rows("SELECT serial FROM certificates"))[0]["serial"], 16), "superseded", outside.clock()
    )
    await browser.said(choice="works=later")
    outside.clock.move(seconds=1)  # a later SMS, the same OTP
    path = await browser.to_page()
    assert (await browser.desk())["otp"]["code"] == code
    answer = await browser.post(f"{path}/issue", {"factor": {"otp": code}, **Key().form})
    assert (answer.status_code, answer.json()["error"]) == (409, "otp_wrong")


async def test_an_expired_link_is_gone(outside: Outside) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    await browser.open(path)
    outside.clock.move(minutes=10)
    assert await state_of(browser, path) == (404, "gone")
    answer = await browser.post(f"{path}/issue", Key().form)
    assert (answer.status_code, answer.json()["error"]) == (410, "link_gone")
    keep = await browser.keep(path)
    assert (keep.status_code, keep.json()["error"]) == (409, "not_ready")


async def test_what_was_issued_can_be_finished_after_the_links_time(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    await browser.issue(path, key)
    outside.clock.move(hours=2)
    assert await state_of(browser, path) == (200, "issued")
    assert (await browser.keep(path)).json() == {"ok": True}


async def test_the_link_before_a_new_one_is_gone_and_its_certificate_withdrawn(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    old = await browser.to_page()
    serial = (await browser.issue(old, key)).json()["serial"]
    now = await browser.said(choice="page=new_link")
    new = now[-1]["link"]["url"].removeprefix("http://127.0.0.1:8710")
    assert new != old
    assert await state_of(browser, old) == (404, "gone")
    assert (await browser.issue(new, Key())).status_code == 200
    [row] = await outside.rows("SELECT status, reason FROM certificates WHERE serial = :serial", serial=serial)
    assert row == {"status": "revoked", "reason": "superseded"}
    keep = await browser.keep(old, ZIP)
    assert (keep.status_code, keep.json()["error"]) == (410, "link_gone")
    assert not await outside.rows("SELECT 1 FROM documents")
    assert (await browser.keep(new)).json() == {"ok": True}


async def test_the_encrypted_file_is_for_its_owner_and_for_a_day(outside: Outside) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    await browser.issue(path, key)
    assert (await browser.keep(path, ZIP)).json() == {"ok": True}
    [document] = await outside.rows("SELECT * FROM documents")
    url = f"/chat/documents/{document['id']}"
    answer = await browser.http.get(url)
    assert (answer.status_code, answer.content) == (200, b"PK\x03\x04 encrypted")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''CertTalk-20261123.zip"
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    other = await outside.browser("lee").http.get(url)
    assert other.status_code == 404
    assert other.text.endswith("요.")
    outside.clock.move(hours=24)
    assert (await browser.http.get(url)).status_code == 404
    await outside.service.cleaning.work()
    assert not await outside.rows("SELECT 1 FROM documents")


@pytest.mark.parametrize(
    "document",
    [
        "x", [], {}, {"filename": "a.p12"}, {"filename": "a.exe", "bytes": "MAA="}, {"filename": "a.p12", "bytes": "!"},
        {"filename": "a.p12", "bytes": b64(b"<html>")}, {"filename": "a.p12", "bytes": b64(b"0" * 65537)},
        {"filename": 1, "bytes": "MAA="}, {"filename": "a.p12", "bytes": 1},
    ],
)  # fmt: skip
async def test_nothing_else_is_kept(outside: Outside, document: object) -> None:
    browser, key = outside.browser(), Key()
    path = await browser.to_page()
    await browser.issue(path, key)
    answer = await browser.post(f"{path}/done", {"document": document})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert await state_of(browser, path) == (200, "issued")


@pytest.mark.parametrize("csr", [b"", b"0", b"\x30\x80", Key().csr[:-1], Key().csr + b"\x00", b"0" * 9000])
async def test_a_request_that_is_none_is_refused_in_words(outside: Outside, csr: bytes) -> None:
    browser = outside.browser()
    path = await browser.to_page()
    factor = await browser.factor(await browser.open(path))
    answer = await browser.post(f"{path}/issue", {"factor": factor, "csr": b64(csr), "r": b64(bytes(20))})
    assert (answer.status_code, answer.json()["error"]) == (409, "bad_request")
    assert answer.json()["text"].endswith("요.")
    retry = await browser.post(f"{path}/issue", {"factor": factor, "csr": Key().form["csr"], "r": b64(bytes(19))})
    assert retry.status_code == 409


async def test_a_fee_that_cannot_be_paid_ends_the_page(outside: Outside) -> None:
    browser = outside.browser("noh")
    path = await browser.to_page()
    answer = await browser.issue(path, Key())
    assert (answer.status_code, answer.json()["error"]) == (410, "fee_unpaid")
    assert not await outside.rows("SELECT 1 FROM certificates")


async def test_so_many_certificates_a_day(start: Start) -> None:
    async with start(certificates_per_day=1) as outside:
        browser = outside.browser()
        path = await browser.to_page()
        await browser.issue(path, Key())
        now = await browser.said(choice="page=new_link")
        new = now[-1]["link"]["url"].removeprefix("http://127.0.0.1:8710")
        answer = await browser.issue(new, Key())
        assert (answer.status_code, answer.json()["error"]) == (410, "too_many_today")


async def test_posting_in_a_hurry_is_told_to_wait(start: Start) -> None:
    async with start(messages_per_minute=60) as outside:
        browser = outside.browser()
        path = await browser.to_page()
        answers = [await browser.post(f"{path}/done", {}) for _ in range(25)]
        assert answers[0].status_code == 409
        assert answers[-1].status_code == 429
        assert answers[-1].json()["text"].endswith("요.")


async def test_the_page_speaks_the_conversations_language(outside: Outside) -> None:
    browser = outside.browser("kim")
    path = await browser.to_page()
    await browser.said("English")
    shown = await browser.open(path)
    assert shown["locale"] == "en"
    assert shown["texts"]["files.title"] == "Your certificate is ready"
