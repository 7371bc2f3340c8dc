"""Verbs with arguments that a slip of the hand, a paste or a script can bring."""

from pathlib import Path

import pytest

from bot.cli import build_parser
from bot.settings import Settings, load_settings


@pytest.fixture
def real(tmp_path: Path) -> Settings:
    """A deployment that is no demo; its adapters are never connected here."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase", "utf-8")
    return load_settings(
        None, data=tmp_path / "data", demo=False, bank="nowhere:bank", sms="nowhere:sms", ca_passphrase_file=passphrase
    )


async def test_customers_are_not_reminded_of_another_day_by_a_slip(
    real: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reminder cannot be taken back: every stage up to that day would be sent, with the wrong days left."""
    arguments = build_parser().parse_args(["remind", "run", "--now", "2027-10-20"])
    assert await arguments.run(arguments, real) == 2
    assert "--yes" in capsys.readouterr().err
    assert not real.data.exists()


@pytest.mark.parametrize("number", ["\udcff\udcfe", "1\nunlocked 2", "\x1b[31m1", "1" * 65, "", "홍길동"])
def test_what_is_no_customer_number_is_not_unlocked(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["customers", "unlock", number, "--yes"])
    assert "\x1b" not in capsys.readouterr().err
