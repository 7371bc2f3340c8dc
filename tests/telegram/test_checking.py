"""`certtalk telegram check`: what it sees, what it mends."""

from typing import Any

import pytest

from bot.channels.telegram.checking import check
from bot.doctor import report
from bot.settings import load_settings
from handlers.texts import load_texts
from tests.talking import MONDAY
from tests.telegram.channel import api  # noqa: F401
from tests.telegram.server import TOKEN, BotApi

TEXTS = load_texts()


async def found(api: BotApi, *, mend: bool = False, **given: Any) -> dict[str, set[str]]:  # noqa: F811
    settings = load_settings(None, **({"telegram_token": TOKEN, "telegram_api_url": api.url} | given))
    findings = await check(settings, TEXTS, mend=mend, now=MONDAY)
    for texts in TEXTS.values():
        assert TOKEN not in report(findings, texts)
    seen: dict[str, set[str]] = {}
    for one in findings:
        seen.setdefault(one.check, set()).add(one.word)
    return seen


async def test_a_new_bot_lacks_its_commands_until_they_are_mended(api: BotApi) -> None:  # noqa: F811
    assert (await found(api))["telegram_commands"] == {"differ"}
    assert api.called("setMyCommands") == []
    mended = await found(api, mend=True)
    assert mended["telegram_commands"] == {"ok"}
    assert "polling" in mended["telegram_way"]


async def test_what_telegram_does_not_take_is_told_with_its_reason(api: BotApi) -> None:  # noqa: F811
    hook = {"telegram_mode": "webhook", "telegram_webhook_secret": "s", "public_url": "https://bank.example:9000"}
    mended = await found(api, mend=True, **hook)
    assert mended["telegram"] >= {"refused", "ok"}
    assert mended["telegram_commands"] == {"ok"}


async def test_another_secret_than_telegram_knows_is_seen(api: BotApi) -> None:  # noqa: F811
    hook = {"telegram_mode": "webhook", "telegram_webhook_secret": "s"}
    await found(api, mend=True, **hook)
    assert api.updates.webhook is not None
    api.updates.webhook.last_error = (int(MONDAY.timestamp()), "Wrong response from the webhook: 403 Forbidden")
    assert (await found(api, **hook))["telegram_way"] == {"webhook", "secret"}
    api.updates.webhook.last_error = (int(MONDAY.timestamp()), "Connection refused")
    assert (await found(api, **hook))["telegram_way"] == {"webhook", "failed"}


async def test_a_forgotten_webhook_is_seen_and_taken_away(api: BotApi) -> None:  # noqa: F811
    hook = {"telegram_mode": "webhook", "telegram_webhook_secret": "s"}
    assert "no_webhook" in (await found(api, **hook))["telegram_way"]
    assert "webhook" in (await found(api, mend=True, **hook))["telegram_way"]
    assert "elsewhere" in (await found(api, port=9999, **hook))["telegram_way"]
    assert "webhook_set" in (await found(api))["telegram_way"]
    assert "polling" in (await found(api, mend=True))["telegram_way"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"telegram_token": ""}, "off"),
        ({"telegram_token": "1:not-the-token-of-this"}, "token"),
        ({"telegram_api_url": "http://127.0.0.1:9"}, "unreachable"),
    ],
)
async def test_what_cannot_be_asked_is_told_with_the_remedy(
    api: BotApi, given: dict[str, str], word: str  # noqa: F811
) -> None:  # fmt: skip
    assert await found(api, **given) == {"telegram": {word}}


async def test_a_server_that_fails_was_reached(api: BotApi) -> None:  # noqa: F811
    api.faults.add("error", "*", times=None, code=502)
    settings = load_settings(None, telegram_token=TOKEN, telegram_api_url=api.url)
    [finding] = await check(settings, TEXTS, mend=False, now=MONDAY)
    assert (finding.word, finding.params["reason"]) == ("failing", "Bad Gateway")
    assert "Bad Gateway" in report([finding], TEXTS["ko"])


async def test_a_page_without_https_is_warned_of(api: BotApi) -> None:  # noqa: F811
    assert (await found(api))["telegram_pages"] == {"http"}
    assert (await found(api, public_url="https://bank.example"))["telegram_pages"] == {"ok"}
