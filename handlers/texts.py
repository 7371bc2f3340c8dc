"""The catalogues of `locales/`, as sentences: `texts("issue.done", name=name)`.

A key's value is a Jinja2 template written by us; what a customer typed only ever enters as a parameter, so it
is data and never runs. A missing key, or a missing placeholder, is an error and never an empty sentence.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from handlers.josa import josa

LOCALES: Final = ("ko", "en")
KOREA: Final = timezone(timedelta(hours=9), "KST")
"""Certificates and customers live in one zone without summer time; no zone database is needed."""
GLOBALS: Final = frozenset({"bank"})
"""Names every template may use: `bank.name`, `bank.phone` … from the `[bank]` table."""


class MissingText(LookupError):
    """A key the catalogue has not, or a placeholder the caller did not give. Names key and locale."""


class Texts:
    """One language's sentences. Calling it renders a key; `key in texts` asks whether it is there."""

    def __init__(self, locale: str, catalogue: Mapping[str, str]) -> None:
        self.locale = locale
        self._catalogue = {key: value.strip() for key, value in catalogue.items()}
        self._templates: dict[str, Template] = {}
        self._constant: dict[str, str] = {}
        """Sentences without placeholders, rendered: the labels of buttons, mostly."""
        self._placeholders: dict[str, frozenset[str]] = {}
        self._sections: dict[str, dict[str, str]] = {}
        self._environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._environment.globals["bank"] = self._raw("bank")
        self._environment.filters |= {
            "josa": josa,
            "date": lambda value: self("format.date", date=_in_korea(value)),
            "time": lambda value: self("format.time", time=_in_korea(value)),
            "moment": lambda value: self("format.moment", moment=value),
            "won": lambda value: self("format.won", won=value),
            "lasts": lambda seconds: self("format.lasts", lasts=int(seconds)),
            "days": lambda value: self("format.days", days=value),
        }

    def __call__(self, key: str, /, **params: object) -> str:
        """Render `key`. Raises `MissingText` when the key or one of its placeholders is missing."""
        if key in self._constant:
            return self._constant[key]
        template = self._template(key)
        wanted = self.placeholders(key)
        if missing := wanted - params.keys():
            raise MissingText(f"{key} [{self.locale}]: not given: {', '.join(sorted(missing))}")
        try:
            rendered = template.render(params)
        except UndefinedError as error:
            raise MissingText(f"{key} [{self.locale}]: {error.message}") from error
        if not wanted:
            self._constant[key] = rendered
        return rendered

    def __contains__(self, key: object) -> bool:
        return key in self._catalogue

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogue)

    def items(self) -> Iterable[tuple[str, str]]:
        """Keys with their templates as written, for checks over the whole catalogue."""
        return self._catalogue.items()

    def section(self, prefix: str) -> dict[str, str]:
        """Every sentence below `prefix`, keys relative to it, for a page's own script.

        A sentence with placeholders comes as it is written, so that the script can fill them in.
        """
        if prefix not in self._sections:
            self._sections[prefix] = {
                key: value if self.placeholders(f"{prefix}.{key}") else self(f"{prefix}.{key}")
                for key, value in self._raw(prefix).items()
            }
        return dict(self._sections[prefix])

    def placeholders(self, key: str) -> frozenset[str]:
        """What `key` wants from its caller."""
        if key not in self._placeholders:
            tree = self._environment.parse(self._catalogue[key])
            self._placeholders[key] = frozenset(meta.find_undeclared_variables(tree)) - GLOBALS
        return self._placeholders[key]

    def _raw(self, prefix: str) -> dict[str, str]:
        return {k.removeprefix(f"{prefix}."): v for k, v in self._catalogue.items() if k.startswith(f"{prefix}.")}

    def _template(self, key: str) -> Template:
        if key not in self._templates:
            if key not in self._catalogue:
                raise MissingText(f"{key} [{self.locale}]: no such text")
            try:
                self._templates[key] = self._environment.from_string(self._catalogue[key])
            except TemplateSyntaxError as error:
                raise MissingText(f"{key} [{self.locale}]: {error.message}") from error
        return self._templates[key]


def load_texts(own: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Texts]:
    """Every language's `Texts`, by locale.

    `own` is what an operator wants said differently, by locale, in the shape of parsed TOML:
    `{"ko": {"bank": {"name": "우리 은행"}}}`.
    """
    return {locale: Texts(locale, _shipped(locale) | flatten((own or {}).get(locale, {}))) for locale in LOCALES}


@cache
def _shipped(locale: str) -> dict[str, str]:
    catalogue: dict[str, str] = {}
    for file in sorted((files("locales") / locale).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            for key, value in flatten(tomllib.loads(file.read_text("utf-8"))).items():
                if catalogue.setdefault(key, value) is not value:
                    raise ValueError(f"{key} is written twice in locales/{locale}, the second time in {file.name}")
    return catalogue


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """TOML tables as dotted keys. Lists are data (examples, links), not sentences: they are left out."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            flat[prefix + name] = str(value)
    return flat


def _in_korea(value: date) -> date:
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    return value.astimezone(KOREA)
