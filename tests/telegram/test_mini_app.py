"""The secure page as a Mini App, as its server sees it: Telegram's word opens it, for its own account only."""

from base64 import b64decode
from datetime import timedelta
from urllib.parse import urlsplit

from tests.outside import Browser, Key, Outside, Start, b64
from tests.telegram.test_init_data import TOKEN, fields, signed

P12 = {"filename": "whatever.p12", "bytes": b64(b"0\x82 encrypted")}


async def arrives(outside: Outside, account: int = 77) -> None:
    """김데모's conversation is also this Telegram account's."""
    await outside.service.database.run(
        lambda tx: tx.execute(
            "INSERT INTO addresses (channel, address, customer, first_at) "
            "VALUES ('telegram', :address, 'demo:kim', '')",
            address=str(account),
        )
    )


async def opened(outside: Outside) -> tuple[Browser, str, str]:
    """A browser, the secure page's own path and the one behind the Mini App's button."""
    browser = outside.browser()
    path = await browser.to_page()
    link = path.removeprefix("/s/").partition(".")[0]
    return browser, path, urlsplit(outside.service.links.app_url(link)).path


async def test_its_own_account_is_led_to_the_page(start: Start) -> None:
    async with start(telegram_token=TOKEN) as outside:
        await arrives(outside)
        browser, path, app = await opened(outside)
        await browser.open(path)  # draws the card's cells
        before = await outside.everything()
        shell = await browser.http.get(app)
        assert shell.status_code == 200
        assert "frame-ancestors https://web.telegram.org" in shell.headers["content-security-policy"]
        assert "set-cookie" not in shell.headers
        answer = await browser.post(app, {"init_data": signed(fields(at=outside.clock()))})
        assert answer.json() == {"url": f"{outside.service.pages_at}{path}"}
        assert "frame-ancestors 'none'" in (await browser.http.get(path)).headers["content-security-policy"]
        assert await outside.everything() == before


async def test_nobody_else_is(start: Start) -> None:
    async with start(telegram_token=TOKEN) as outside:
        await arrives(outside)
        await outside.service.addresses.customer_at("telegram", "78", outside.clock())
        browser, path, app = await opened(outside)
        now = outside.clock()
        right = signed(fields(at=now))
        refused = {
            signed(fields(user=78, at=now)): "other_account",
            signed(fields(user=79, at=now)): "other_account",
            signed(fields(at=now), token="1:another-bots-token"): "not_telegram",
            signed(fields(at=now - timedelta(minutes=11))): "not_telegram",
            right.replace("77", "78"): "not_telegram",
            "": "not_telegram",
            "x" * 100_000: "not_telegram",
        }
        for given, code in refused.items():
            answer = await browser.post(app, {"init_data": given})
            assert (answer.status_code, answer.json()["error"]) == (403, code)
            assert path not in answer.text
        assert (await browser.post(app, b"[1]")).status_code == 403
        foreign = await browser.post(app, {"init_data": right}, Origin="https://elsewhere.example")
        assert foreign.status_code == 403
        # Neither address does for the other.
        token = path.removeprefix("/s/")
        assert (await browser.post(f"/app/{token}", {"init_data": right})).status_code == 404
        assert (await browser.http.get(f"/s/{app.removeprefix('/app/')}")).status_code == 404


async def test_without_telegram_there_is_no_such_page(outside: Outside) -> None:
    browser, _, app = await opened(outside)
    assert (await browser.http.get(app)).status_code == 404


async def test_the_file_is_fetched_from_an_address_of_its_own(start: Start) -> None:
    async with start(telegram_token=TOKEN) as outside:
        browser, path, _ = await opened(outside)
        early = await browser.post(f"{path}/download", P12)
        assert (early.status_code, early.json()["error"]) == (409, "not_ready")
        assert (await browser.issue(path, Key())).status_code == 200
        offered = (await browser.post(f"{path}/download", P12)).json()
        at = urlsplit(offered["url"]).path
        stranger = outside.browser(None)
        for _ in range(2):  # an app may ask twice
            got = await stranger.http.get(at)
            assert got.content == b64decode(P12["bytes"])
            assert got.headers["content-disposition"] == f'attachment; filename="{offered["filename"]}"'
            assert got.headers["access-control-allow-origin"] == "https://web.telegram.org"
            assert got.headers["content-type"] == "application/x-pkcs12"
            assert got.headers["cache-control"] == "no-store"
        for wrong in (at[:-1], at + "A", at.replace("-p12.", "-zip."), "/files/x", "/files/%00", "/files/" + "A" * 500):
            assert (await stranger.http.get(wrong)).status_code == 404
        for bad in ({"filename": "x.exe", "bytes": P12["bytes"]}, {"filename": "x.p12"}, {}):
            assert (await browser.post(f"{path}/download", bad)).status_code == 400
        outside.clock.move(minutes=11)
        assert (await stranger.http.get(at)).status_code == 404
