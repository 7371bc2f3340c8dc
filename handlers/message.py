"""The one vocabulary between channel and core: what came in, what goes out.

A channel turns its payload into `Incoming` and a `Reply` into its payload; nothing else passes. Choices
carry a value for the machine and a label for the person: a button sends its value, the label is paint.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType, Self

CustomerId = NewType("CustomerId", str)
"""The person in a conversation, opaque; not the bank's customer number (`handlers.bank.CustomerNumber`)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of a customer. `message_id` is the channel's own and makes the turn happen once."""

    channel: str
    address: str
    customer: CustomerId
    message_id: str
    text: str = ""
    choice: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Link:
    """A page that only this conversation may open; `id` names the one-time link, whose address is never stored."""

    url: str
    label: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file kept by the service for a while; `size` in octets."""

    id: str
    filename: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One bubble. `key` names the sentence in `locales/`; `progress` is (step, of how many)."""

    key: str
    text: str
    choices: tuple[Choice, ...] = ()
    link: Link | None = None
    document: Document | None = None
    progress: tuple[int, int] | None = None

    @property
    def told(self) -> str:
        """The text with its progress behind it, for a messenger that has no other place for that; one step is none."""
        step, steps = self.progress or (1, 1)
        return self.text if steps == 1 else f"{self.text} ({step}/{steps})"

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "text": self.text,
            "choices": [{"value": c.value, "label": c.label} for c in self.choices],
            "link": None if self.link is None else {"url": self.link.url, "label": self.link.label, "id": self.link.id},
            "document": None
            if self.document is None
            else {
                "id": self.document.id,
                "filename": self.document.filename,
                "media_type": self.document.media_type,
                "size": self.document.size,
            },
            "progress": None if self.progress is None else list(self.progress),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        return cls(
            key=stored["key"],
            text=stored["text"],
            choices=tuple(Choice(**c) for c in stored["choices"]),
            link=Link(**stored["link"]) if stored["link"] else None,
            document=Document(**stored["document"]) if stored["document"] else None,
            progress=(stored["progress"][0], stored["progress"][1]) if stored["progress"] else None,
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """What one turn said, and where the conversation stands after it.

    `said` is the customer's message as the history keeps it; `first_seq` numbers the turn's first bubble, which is
    the customer's when there is one. `locale` is the language spoken.
    """

    replies: tuple[Reply, ...] = ()
    flow: str | None = None
    step: str | None = None
    said: str | None = None
    first_seq: int = 0
    at: datetime | None = None
    locale: str | None = None
