"""What is wrong with the configuration, said to an operator: every setting's name, the reason, the remedy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from handlers.texts import LOCALES, load_texts

PREFIX: Final = "CERTTALK_"


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting: its full name and `operator.settings.error.REASON` with its parameters."""

    name: str
    reason: str
    params: Mapping[str, Any] = field(default_factory=dict)


class SettingsError(Exception):
    """Something in the configuration is wrong; `str()` is the block an operator is shown."""

    def __init__(self, problems: list[Problem], locale: str) -> None:
        super().__init__(problems, locale)
        self.problems = problems
        self.locale = locale

    def __str__(self) -> str:
        texts = load_texts()[self.locale]
        lines = [f"  {p.name}: {texts(f'operator.settings.error.{p.reason}', **p.params)}" for p in self.problems]
        return "\n".join([texts("operator.settings.wrong"), *lines, texts("operator.settings.remedy")])


def operator_locale(environ: Mapping[str, str]) -> str:
    """The language for operators: what they set for customers, else their terminal's, else Korean."""
    names = (f"{PREFIX}DEFAULT_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG")
    wishes = (environ.get(name, "")[:2].lower() for name in names)
    return next((wish for wish in wishes if wish in LOCALES), LOCALES[0])
