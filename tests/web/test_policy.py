"""The practice statement: complete, in both languages, and true of the configuration it was made from."""

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.web.policy import OUTLINE, facts, statement, years
from ca import ceremony
from ca.signing import SoftwareKey
from handlers.texts import LOCALES, load_texts
from tests.ca.pki import NOW, subscriber_key
from tests.outside import Clock, Outside, Start

TEXTS = load_texts()


def rendered(known: dict[str, Any], locale: str = "en") -> str:
    return repr(statement(TEXTS[locale], known))


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_page_has_every_section_in_both_languages(outside: Outside, locale: str) -> None:
    page = (await outside.browser().http.get(f"/pki/cps?lang={locale}")).text
    numbers = re.findall(r'<h[23] id="s([0-9.]+)">', page)
    assert [n for n in numbers if "." not in n] == [str(n) for n in range(1, 10)], "RFC 3647 §6"
    assert len(numbers) == 9 + sum(map(len, OUTLINE.values()))
    assert f'<html lang="{locale}">' in page
    assert all(target in page for target in re.findall(r'href="#(\w+)"', page))
    assert "{{" not in page


async def test_it_is_where_the_certificates_say(outside: Outside) -> None:
    for profile in outside.service.registration.authority.profiles.values():
        assert profile.places.cps.endswith("/pki/cps")
        assert profile.policy in (await outside.browser().http.get("/pki/cps")).text


async def test_the_folder_of_the_lists_leads_to_it(outside: Outside) -> None:
    found = await outside.browser().http.get("/pki/")
    assert (found.status_code, found.headers["location"]) == (307, "/pki/cps")


async def test_figures_are_the_configurations(outside: Outside) -> None:
    known = facts(outside.service)
    settings = outside.service.settings
    text = rendered(known)
    for said in (f"({settings.code_seconds} seconds)", f"After {settings.tries} wrong", "365 days", "keyCompromise"):
        assert said in text
    assert "one 397" in text, "a renewed certificate has the days that were left"
    assert "certificateHold" in text
    assert "cACompromise" not in text, "nobody may give it as a reason here"
    assert known["issuing_key"] in text


@pytest.mark.parametrize(
    ("years", "ko", "en"),
    [
        (7, "감사 기록은 7년 동안", "for 7 years"),
        (1, "1년 동안", "for 1 year,"),
        (0, "상태는 기한 없이 보관", "without a limit"),
    ],
)
async def test_how_long_records_are_kept_is_the_settings(start: Start, years: int, ko: str, en: str) -> None:
    async with start(Clock(), audit_years=years) as outside:
        known = facts(outside.service)
        assert ko in rendered(known, "ko")
        assert en in rendered(known, "en")


@pytest.mark.parametrize("locale", LOCALES)
async def test_where_the_keys_are_is_said(outside: Outside, locale: str) -> None:
    here = rendered(facts(outside.service), locale)
    assert "PKCS #11" not in here
    assert "scrypt" in here
    vault = outside.service.vault
    vault.files.key_file("issuing-1").unlink()  # as where a token keeps it
    assert "PKCS #11" in rendered(facts(outside.service), locale)


@pytest.mark.parametrize("locale", LOCALES)
async def test_every_fact_is_said_and_changes_the_text(outside: Outside, locale: str) -> None:
    known = facts(outside.service)
    before = rendered(known, locale)
    for name, value in known.items():
        other = "token" if name == "key_place" else value + 1 if isinstance(value, int) else f"{value} or so"
        assert rendered(known | {name: other}, locale) != before, name


async def test_another_profile_is_another_text_and_edition(outside: Outside) -> None:
    authority = outside.service.registration.authority

    async def page() -> str:
        return (await outside.browser().http.get("/pki/cps?lang=en")).text

    before, kept = await page(), authority.profiles
    try:
        longer = {name: replace(one, days=730, keys=("p-256",)) for name, one in kept.items()}
        authority.profiles = longer
        after = await page()
    finally:
        authority.profiles = kept
    assert "730 days at most" in after
    assert "customers P-256;" in after
    editions = [re.search("configuration: ([0-9a-f]{12})", one) for one in (before, after)]
    assert len({one[1] for one in editions if one}) == 2
    assert await page() == before


@pytest.mark.parametrize("ordered", [1, 10, 25])
def test_years_are_those_of_the_certificate(ordered: int) -> None:
    key = SoftwareKey(subscriber_key("p-256"))
    assert years(ceremony.make_root(key, ceremony.name("Root", organization="Bank"), NOW, years=ordered)) == ordered
