"""What a messenger's cloud knows: people, chats with their messages, files, taps that wait for an answer.

Times come from `Clock`, which stands still where a test says so and can be moved. Nothing here knows of HTTP.
"""

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.telegram.rules import Refused, bad

DELETABLE_FOR = 48 * 3600
"""Seconds after which a message stays where it is."""
ANSWERABLE_FOR = 60
"""Seconds in which a tap may be answered; Telegram names no figure, clients stop turning their spinner earlier."""


class Clock:
    """The wall's time, or the one it was given; `forward` moves either."""

    def __init__(self, now: float | None = None) -> None:
        self._stands, self._ahead = now, 0.0

    def __call__(self) -> float:
        return (time.time() if self._stands is None else self._stands) + self._ahead

    def forward(self, seconds: float) -> None:
        self._ahead += seconds


@dataclass
class User:
    """A person, as `from` shows one. `started` once they wrote to the bot: before, it may not write to them."""

    id: int
    first_name: str
    language_code: str | None = "ko"
    started: bool = False
    blocked: bool = False

    def shown(self) -> dict[str, Any]:
        told = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        return told | ({"language_code": self.language_code} if self.language_code else {})


@dataclass
class Chat:
    """A private chat has its person's id; a group has a negative one."""

    id: int
    title: str = ""
    members: set[int] = field(default_factory=set)
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    """As a client would draw them now: after edits, without what was deleted."""
    deleted: list[dict[str, Any]] = field(default_factory=list)
    keyboard: dict[str, Any] | None = None
    """The reply keyboard below the field, if the bot put one there."""
    actions: list[tuple[float, str]] = field(default_factory=list)

    @property
    def private(self) -> bool:
        return self.id > 0


@dataclass
class Tap:
    """A callback query. `answers` are what the client was told."""

    id: str
    user: int
    chat: int
    message: int
    at: float
    answers: list[dict[str, Any]] = field(default_factory=list)
    answered_at: float | None = None


@dataclass
class File:
    id: str
    unique: str
    path: str
    name: str
    mime: str
    octets: bytes = field(repr=False)

    def shown(self) -> dict[str, Any]:
        return {
            "file_id": self.id, "file_unique_id": self.unique, "file_name": self.name, "mime_type": self.mime,
            "file_size": len(self.octets),
        }  # fmt: skip


class World:
    """One bot among people."""

    def __init__(self, clock: Clock, bot_id: int, username: str = "certtalk_bot") -> None:
        self.clock, self.bot_id, self.username = clock, bot_id, username
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.taps: dict[str, Tap] = {}
        self.files: dict[str, File] = {}
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.about: dict[tuple[str, str], str] = {}
        self.menu_buttons: dict[int | None, dict[str, Any]] = {}
        self.on_said: Callable[[int], None] | None = None
        """Told of the chat whenever the bot says something."""
        self._messages = itertools.count(1)
        self._users = itertools.count(700_000_001)

    def person(self, first_name: str = "김데모", language_code: str | None = "ko", user_id: int | None = None) -> User:
        user = User(user_id or next(self._users), first_name, language_code)
        self.users[user.id], self.chats[user.id] = user, Chat(user.id, members={user.id})
        return user

    def group(self, title: str, *members: User) -> Chat:
        chat = Chat(-1_000_000_000_000 - next(self._users), title, {one.id for one in members})
        self.chats[chat.id] = chat
        return chat

    def bot(self) -> dict[str, Any]:
        return {"id": self.bot_id, "is_bot": True, "first_name": self.about.get(("name", ""), "CertTalk"),
                "username": self.username}  # fmt: skip

    # -- messages -----------------------------------------------------------------------------------------------------

    def place(self, chat: Chat) -> dict[str, Any]:
        """A chat as a message shows it."""
        if not chat.private:
            return {"id": chat.id, "type": "supergroup", "title": chat.title}
        return {"id": chat.id, "type": "private", "first_name": self.users[chat.id].first_name}

    def put(self, chat: Chat, sender: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        message = {"message_id": next(self._messages), "from": sender, "chat": self.place(chat),
                   "date": int(self.clock()), **content}  # fmt: skip
        chat.messages[message["message_id"]] = message
        if self.on_said is not None and sender["is_bot"]:
            self.on_said(chat.id)
        return message

    def delete(self, chat: Chat, message_id: int) -> None:
        message = chat.messages.get(message_id)
        if message is None:
            raise bad("message to delete not found")
        ours = message["from"]["id"] == self.bot_id
        if self.clock() - message["date"] > DELETABLE_FOR or not (ours or chat.private):
            raise bad("message can't be deleted for everyone")
        chat.deleted.append(chat.messages.pop(message_id))

    def reachable(self, chat_id: object) -> Chat:
        """The chat that the bot may write to. Refuses as Telegram does."""
        try:
            chat = self.chats.get(int(chat_id))  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise bad("chat_id is empty" if chat_id in (None, "") else "chat not found") from None
        if chat is None:
            raise bad("chat not found")
        if chat.private:
            user = self.users[chat.id]
            if user.blocked:
                raise Refused(403, "Forbidden: bot was blocked by the user")
            if not user.started:
                raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
        elif self.bot_id not in chat.members:
            raise Refused(403, "Forbidden: bot is not a member of the supergroup chat")
        return chat

    # -- files and taps -----------------------------------------------------------------------------------------------

    def keep(self, name: str, mime: str, octets: bytes) -> File:
        file = File(
            secrets.token_urlsafe(30),
            secrets.token_urlsafe(10),
            f"documents/file_{len(self.files)}",
            name,
            mime,
            octets,
        )
        self.files[file.id] = file
        return file

    def answer(self, tap_id: object, told: dict[str, Any]) -> None:
        """Stops the spinner of a tap: once, and in time."""
        tap = self.taps.get(str(tap_id))
        if tap is None or tap.answered_at is not None or self.clock() - tap.at > ANSWERABLE_FOR:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        tap.answered_at = self.clock()
        tap.answers.append(told)
