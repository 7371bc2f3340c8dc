"""A real service under everything at once (`benchmarks.load`), at a small scale: nothing is lost and nothing doubled.

How long it takes is measured there, never asserted here.
"""

from pathlib import Path

from benchmarks.load import Loaded, Rates, stored, under_load
from benchmarks.measuring import in_fast_loop


def test_all_channels_pages_and_relying_parties_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    rates, seconds = Rates(telegram=20, kakao=20, issues=8, ocsp=60), 2.0

    async def loading() -> None:
        loaded = await under_load(tmp_path, rates, seconds, people=40)
        assert {name: done.faults for name, done in loaded.done.items() if done.faults} == {}
        assert [len(done.each) for done in loaded.done.values()] == [40, 40, 40, 16, 120, 40]
        results.append(loaded)

    results = list[Loaded]()
    in_fast_loop(loading())
    serials, (kept, turns, doubles) = results[0].serials, stored(tmp_path)
    assert len(set(serials)) == len(serials)
    assert kept == set(serials)
    assert {channel: turns[channel] for channel in results[0].said} == results[0].said
    assert doubles == 0
