"""Bugs that would matter to a customer, each planted for a moment to see that a test finds it (`bugs.toml`)."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LIST: Final = Path(__file__).with_name("bugs.toml")


@dataclass(frozen=True, slots=True)
class Bug:
    """`before` stands once in `file` and becomes `after`; each of `found_by` (pytest node ids) then fails."""

    name: str
    file: str
    before: str
    after: str
    harm: str
    found_by: tuple[str, ...]

    def planted_in(self, text: str) -> str:
        """Raises `ValueError` where `before` is not there exactly once."""
        if text.count(self.before) != 1:
            raise ValueError(f"{self.name}: `before` is {text.count(self.before)} times in {self.file}")
        return text.replace(self.before, self.after)


def bugs() -> list[Bug]:
    """The whole list, in its order."""
    listed = tomllib.loads(LIST.read_text("utf-8"))["bug"]
    return [Bug(**{**one, "found_by": tuple(one["found_by"])}) for one in listed]
