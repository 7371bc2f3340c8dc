"""Secrets on the bench: for minutes, for few, and in no repr. And one list of rules for the page and the chat."""

from datetime import timedelta

import pytest

from bot.bench import LIFE, MOST, KeyBench, common_words
from bot.storage.pages import Documents
from handlers.office import Full
from handlers.password import broken
from tests.talking import House


@pytest.fixture
def bench(house: House) -> KeyBench:
    return KeyBench(Documents(house.service.database, timedelta(hours=1)), "CertTalk", house.clock)


async def test_a_password_is_forgotten_in_time(bench: KeyBench, house: House) -> None:
    bench.remember("link", "trombone&Quartz41")
    assert bench.remembers("link", "trombone&Quartz41") is True
    assert bench.remembers("link", "trombone&Quartz42") is False
    assert bench.remembers("other", "trombone&Quartz41") is None
    assert "Quartz" not in repr(bench.__dict__)
    house.clock.now += LIFE
    await bench.sweep()
    assert bench._pieces == {}


async def test_a_key_is_made_once_for_a_link(bench: KeyBench) -> None:
    bench.remember("link", "trombone&Quartz41")
    first = await bench.request("link")
    assert await bench.request("link") == first
    bench.forget("link")
    bench.remember("link", "trombone&Quartz41")
    assert await bench.request("link") != first


async def test_no_more_than_so_many_at_once(bench: KeyBench, house: House) -> None:
    for number in range(MOST):
        bench.remember(str(number), "x")
    bench.remember("0", "again")
    with pytest.raises(Full):
        bench.remember("one more", "x")
    house.clock.now += LIFE
    bench.remember("one more", "x")


PASSWORDS = {
    "trombone&Quartz41": [],
    "": ["length", "letter", "digit", "symbol", "characters", "no_run", "uncommon"],
    "short&1": ["length"],
    "x" * 9 + "&1": ["no_run"],
    "Tr0mb&n-e 41k": ["characters"],
    "trombone&Quartz": ["digit"],
    "trombone41Quartz": ["symbol"],
    "84726-19375!": ["letter"],
    "trombone\"Quartz41&": ["characters"],
    "trombone|Quartz41&": ["characters"],
    "tromb한글one41&": ["characters"],
    "abc-trombone&41": ["no_run"],
    "P@ssw0rd!25": ["uncommon"],
    "qlalfqjsgh!25": ["uncommon"],
    "!@welcome#47": ["uncommon"],
    "a" + "y7&K" * 8: ["length"],
}  # fmt: skip


@pytest.mark.parametrize(("password", "rules"), PASSWORDS.items())
def test_what_a_password_breaks(password: str, rules: list[str]) -> None:
    assert list(broken(password, common_words())) == rules


def test_the_words_are_the_pages_own() -> None:
    assert {"password", "qlalfqjsgh"} <= common_words()
    assert len(common_words()) > 500
    assert all(word.isascii() and word.isalpha() and word.islower() for word in common_words())
