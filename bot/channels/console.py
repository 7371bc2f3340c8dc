"""The console: a conversation on standard input and output, for people and, with `--json`, for programs.

With `--json` each line in is one utterance or `{"choice": value}`, each line out one turn. What was said meanwhile (a
page has finished, a reminder has come) stands first in the next turn; an empty line just asks for that.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from handlers.message import Answered, CustomerId, Incoming, Reply


class BadLine(ValueError):
    """A line of JSON that is neither a string nor an object with a choice or a text."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits at the console."""

    customer: CustomerId
    address: str


def incoming(line: str, seat: Seat, message_id: str) -> Incoming | None:
    """A line as a message; None for an empty one. Raises `BadLine`."""
    text = line.strip()
    if not text:
        return None
    choice = None
    if text.startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadLine(str(error)) from error
        choice, text = said.get("choice"), said.get("text", "")
        if not said.keys() & {"choice", "text"} or not isinstance(text, str) or not isinstance(choice, str | None):
            raise BadLine("an object with a choice (or a text), both strings")
    return Incoming("console", seat.address, seat.customer, message_id, text, choice)


def turn_object(replies: Iterable[Reply], answered: Answered, sms: Iterable[str] = ()) -> dict[str, Any]:
    """One turn for a program. `sms` (the demo's phone) is there only when something came."""
    shown: dict[str, Any] = {
        "replies": [_reply_object(reply) for reply in replies],
        "flow": answered.flow,
        "step": answered.step,
    }
    if messages := list(sms):
        shown["sms"] = messages
    return shown


def _reply_object(reply: Reply) -> dict[str, Any]:
    body = reply.as_json()
    return {
        "key": body["key"],
        "text": body["text"],
        "choices": body["choices"],
        "link": body["link"]["url"] if body["link"] else None,
        "document": body["document"],
        "progress": body["progress"],
    }


def turn_text(replies: Iterable[Reply]) -> str:
    """One turn for a person: numbered choices, which may be answered by their number."""
    lines: list[str] = []
    number = 0
    for reply in replies:
        lines.append(f"\n{reply.told}")
        if reply.link:
            lines.append(f"  → {reply.link.label}: {reply.link.url}")
        if reply.document:
            lines.append(f"  [{reply.document.filename}, {reply.document.size:,} B]")
        for choice in reply.choices:
            number += 1
            lines.append(f"  {number}. {choice.label}")
    return "\n".join(lines)
