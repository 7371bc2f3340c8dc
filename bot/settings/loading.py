"""The settings in force: all groups put together, read from the environment and `.env`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.settings.authority import Authority
from bot.settings.counter import Counter
from bot.settings.messengers import Messengers
from bot.settings.place import Place
from bot.settings.problems import PREFIX, Problem, SettingsError, operator_locale
from bot.settings.ways import Ways
from handlers.texts import load_texts

ENV_FILE: Final = Path(".env")
ENCODING: Final = "utf-8"
TESTS_ONLY: Final = ("CERTTALK_TEST_", "CERTTALK_CHECKS")
"""Names that belong to the tests: read there, unknown to the service, and no reason to warn."""


class Settings(Authority, Messengers, Counter, Ways, Place, BaseSettings):
    """The validated configuration. Relative paths are relative to the working directory.

    The groups are read from the right to the left: a check may look at what an earlier one has found to be right.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file_encoding=ENCODING,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )


def load_settings(env_file: Path | None = ENV_FILE, **given: object) -> Settings:
    """The settings in force; `given` (from the command line) wins, None there means not given.

    Raises `SettingsError` naming everything that is wrong.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(_env_file=env_file, **chosen)  # type: ignore[call-arg, arg-type]  # pydantic-settings reads it
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors(include_url=False, include_input=False)]
    except (OSError, UnicodeDecodeError):
        problems = [Problem(str(env_file), "unreadable")]
    raise SettingsError(problems, operator_locale(os.environ))


def _problem(detail: ErrorDetails) -> Problem:
    name = str(detail["loc"][0])
    default = Settings.model_fields[name].default
    params = {**detail.get("ctx", {}), "example": str(default).lower() if isinstance(default, bool) else default}
    reason = detail["type"] if f"operator.settings.error.{detail['type']}" in load_texts()["ko"] else "other"
    return Problem(PREFIX + name.upper(), reason, params)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A `CERTTALK_*` name nothing reads, and the known one it looks like."""

    name: str
    closest: str | None


def unknown_settings(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> list[Unknown]:
    """Names that were surely meant for us but say nothing: in the environment and in `.env`."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    found = {name.upper() for name in (*environ, *_names(env_file)) if name.upper().startswith(PREFIX)}
    strangers = sorted(name for name in found - set(known) if not name.startswith(TESTS_ONLY))
    return [Unknown(name, _closest(name, known)) for name in strangers]


def _closest(name: str, known: list[str]) -> str | None:
    # Without the prefix, which would make every short name look like every other.
    bare = {one.removeprefix(PREFIX): one for one in known}
    found = get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.7)
    return bare[found[0]] if found else None


def _names(env_file: Path | None) -> Iterator[str]:
    if env_file is not None and env_file.is_file():
        yield from dotenv_values(env_file, encoding=ENCODING)
