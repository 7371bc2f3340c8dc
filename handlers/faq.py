"""Answers: each label's words, what is related, and the journey that solves it.

Words are `faq.SLUG.answer`; what leads where is `locales/faq_links.toml`, the same for every language.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from handlers.message import Reply
from handlers.texts import Texts
from handlers.wording import say

COMMANDS: Final[Mapping[str, str]] = {
    "int_human": "person",
    "int_cancel": "cancel",
    "int_back": "back",
    "int_language": "language",
    "int_help": "help",
    "int_greeting": "greeting",
    "int_thanks": "thanks",
}
FLOWS: Final[Mapping[str, str]] = {
    "int_issue": "enroll",
    "int_renew": "renew",
    "int_reissue": "reissue",
    "int_revoke": "revoke",
    "int_status": "status",
    "int_copy": "copy",
    "int_backup": "backup",
    "int_register_other": "register",
    "int_change_password": "change_password",
}
RELATED_SHOWN: Final = 2


@dataclass(frozen=True, slots=True)
class Links:
    """What follows an answer: other answers, and a button that starts what solves it (`start:enroll`, `cmd:person`)."""

    related: tuple[str, ...] = ()
    next: str | None = None


@cache
def load_links() -> Mapping[str, Links]:
    table: dict[str, dict[str, Any]] = tomllib.loads((files("locales") / "faq_links.toml").read_text("utf-8"))
    return {slug: Links(tuple(row.get("related", ())), row.get("next")) for slug, row in table.items()}


class Knowledge:
    def __init__(self, links: Mapping[str, Links]) -> None:
        self.links = links

    def knows(self, slug: str) -> bool:
        return slug in self.links or slug in COMMANDS or slug in FLOWS

    @staticmethod
    def command(slug: str) -> str | None:
        """The command a label means, if it means one."""
        return COMMANDS.get(slug)

    @staticmethod
    def flow(slug: str) -> str | None:
        """The journey a label starts, if it starts one."""
        return FLOWS.get(slug)

    def answer(self, slug: str, texts: Texts, *, in_flow: bool) -> Reply:
        """The answer as a bubble; inside a journey without buttons, which would lead away from it."""
        links = self.links[slug]
        choices: list[str] = []
        if not in_flow:
            choices.extend([links.next] if links.next else [])
            choices.extend(f"means:{other}" for other in links.related[:RELATED_SHOWN])
            choices.extend((f"rate:up:{slug}", f"rate:down:{slug}"))
        return say(texts, f"faq.{slug}.answer", choices)
