"""The tables of `locales/*/understanding.toml`: commands, language names, initials."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from handlers.understanding.reading import Lang


@cache
def spoken(lang: Lang) -> dict[str, Any]:
    return tomllib.loads((files("locales") / lang / "understanding.toml").read_text("utf-8"))
