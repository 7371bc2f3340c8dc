"""알림톡 templates: a text with variables, registered with KakaoTalk word for word, and its values.

KakaoTalk shows a message only when it equals the registered text with the variables filled in. So the words are in one
file (`locales/kakao_templates.toml`), which the operator registers, copies, and completes with the ids given to it.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

MOST: Final = 1000
"""Characters, its variables filled in."""
MOST_BUTTONS: Final = 5
MOST_LABEL: Final = 14
MOST_VALUE: Final = 60
"""Characters of one value: what is longer was never meant as one."""
VARIABLE: Final = re.compile(r"#\{([^{}#]+)\}")
SAMPLES: Final = {"bank": "CertTalk", "kind": "CertTalk", "left": "7", "until": "2027-10-20"}
MEANINGS: Final = frozenset(SAMPLES)


class TemplatesWrong(Exception):
    """The file cannot be used; says which template and why."""


@dataclass(frozen=True, slots=True)
class Button:
    """A web link; it opens the counter and holds no secret, because previews fetch links."""

    name: str
    link: str


@dataclass(frozen=True, slots=True)
class Filled:
    """One message: `values` by the variable's name as registered, without `#{}`."""

    code: str
    values: Mapping[str, str]
    text: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """`variables` says what each variable of `content` stands for (`MEANINGS`)."""

    locale: str
    name: str
    code: str
    content: str
    buttons: tuple[Button, ...]
    variables: Mapping[str, str]

    def fill(self, meant: Mapping[str, str]) -> Filled | None:
        """With what each variable stands for; None when one has no value, or none that may be sent."""
        values = {variable: meant.get(meaning, "") for variable, meaning in self.variables.items()}
        if any(not value or len(value) > MOST_VALUE or "#{" in value or "\n" in value for value in values.values()):
            return None
        text = VARIABLE.sub(lambda found: values[found[1]], self.content)
        return Filled(self.code, values, text, self.buttons) if len(text) <= MOST else None


Templates = Mapping[tuple[str, str], Template]
"""By language and the name of the text, such as `("ko", "reminder.ahead")`."""


def load_templates(file: Path | None, origin: str) -> Templates:
    """From the operator's file, or as shipped. Raises `TemplatesWrong`."""
    try:
        text = file.read_text("utf-8") if file else files("locales").joinpath("kakao_templates.toml").read_text("utf-8")
        told = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise TemplatesWrong(str(error)) from error
    meanings = told.pop("variables", {})
    if not isinstance(meanings, dict) or not set(meanings.values()) <= MEANINGS:
        raise TemplatesWrong("[variables]")
    found: dict[tuple[str, str], Template] = {}
    for locale, named in told.items():
        for name, one in named.items() if isinstance(named, dict) else ():
            try:
                found[locale, name] = _template(locale, name, one, meanings, origin)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise TemplatesWrong(f"[{locale}.{name}] {error}") from error
    return found


def _template(locale: str, name: str, told: dict[str, Any], meanings: Mapping[str, str], origin: str) -> Template:
    content = told["content"].strip()
    buttons = tuple(Button(one["name"], one["link"].replace("{origin}", origin)) for one in told.get("buttons", ()))
    if not 0 < len(content) <= MOST:
        raise ValueError(f"content: {len(content)} > {MOST}")
    if len(buttons) > MOST_BUTTONS or any(not 0 < len(one.name) <= MOST_LABEL for one in buttons):
        raise ValueError("buttons")
    if any(not re.fullmatch(r"https?://[^\s#]+", one.link) for one in buttons):
        raise ValueError("link")
    variables = {variable: meanings[variable] for variable in VARIABLE.findall(content)}
    if "#{" in VARIABLE.sub("", content):
        raise ValueError("#{")
    return Template(locale, name, told.get("code", ""), content, buttons, variables)
