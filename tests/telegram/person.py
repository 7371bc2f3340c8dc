"""One customer with a Telegram client: says, taps, sends, edits, blocks; sees the chat as a client draws it."""

import itertools
import re
from typing import Any

from tests.telegram.rules import MOST_TEXT, units
from tests.telegram.updates import Updates
from tests.telegram.world import Chat, Tap, User, World

Message = dict[str, Any]
_tap_ids = itertools.count(4_000_000_000_000_000_001)


class NothingToTap(Exception):
    """No button of that label is on the screen."""


class Person:
    def __init__(self, world: World, updates: Updates, user: User) -> None:
        self.world, self.updates, self.user = world, updates, user

    @property
    def chat(self) -> Chat:
        return self.world.chats[self.user.id]

    # -- sending ------------------------------------------------------------------------------------------------------

    def says(self, text: str, chat: Chat | None = None) -> Message:
        """Type and send; a client cuts what is too long itself."""
        while units(text) > MOST_TEXT:
            self.sends({"text": text[: MOST_TEXT // 2]}, chat)
            text = text[MOST_TEXT // 2 :]
        entities = [
            {"type": "bot_command", "offset": units(text[: found.start()]), "length": units(found[0])}
            for found in re.finditer(r"(?<!\S)/[A-Za-z0-9_]{1,64}(@\w+)?", text)
        ]
        return self.sends({"text": text} | ({"entities": entities} if entities else {}), chat)

    def sends(self, content: dict[str, Any], chat: Chat | None = None) -> Message:
        """Any message, as its content fields say."""
        if chat is None:
            self.user.started, self.user.blocked = True, False
        here = chat or self.chat
        message = self.world.put(here, self.user.shown(), content)
        self.updates.put("message", message, here.id)
        return message

    def sends_contact(self, *, own: bool = True, phone: str = "+821000000000") -> Message:
        contact = {"phone_number": phone, "first_name": self.user.first_name}
        return self.sends({"contact": contact | {"user_id": self.user.id if own else self.user.id + 1}})

    def sends_document(self, name: str, octets: bytes, mime: str = "application/octet-stream") -> Message:
        return self.sends({"document": self.world.keep(name, mime, octets).shown()})

    def sends_sticker(self) -> Message:
        file = self.world.keep("sticker.webp", "image/webp", b"RIFF")
        return self.sends({
            "sticker": {"file_id": file.id, "file_unique_id": file.unique, "type": "regular", "width": 512,
                        "height": 512, "is_animated": False, "is_video": False}
        })  # fmt: skip

    def sends_voice(self) -> Message:
        file = self.world.keep("voice.ogg", "audio/ogg", b"OggS")
        return self.sends({"voice": {"file_id": file.id, "file_unique_id": file.unique, "duration": 3}})

    def sends_photo(self) -> Message:
        file = self.world.keep("photo.jpg", "image/jpeg", b"\xff\xd8")
        return self.sends({"photo": [{"file_id": file.id, "file_unique_id": file.unique, "width": 90, "height": 90}]})

    def sends_location(self) -> Message:
        return self.sends({"location": {"latitude": 37.56, "longitude": 126.97}})

    def edits(self, message_id: int, text: str) -> None:
        message = self.chat.messages[message_id] | {"text": text, "edit_date": int(self.world.clock())}
        self.chat.messages[message_id] = message
        self.updates.put("edited_message", message, self.chat.id)

    def blocks(self) -> None:
        self.user.blocked = True
        self._member("member", "kicked")

    def unblocks(self) -> None:
        self.user.blocked = False
        self._member("kicked", "member")

    def _member(self, old: str, new: str) -> None:
        def member(status: str) -> dict[str, Any]:
            return {"user": self.world.bot(), "status": status} | ({"until_date": 0} if status == "kicked" else {})

        changed = {
            "chat": self.world.place(self.chat), "from": self.user.shown(), "date": int(self.world.clock()),
            "old_chat_member": member(old), "new_chat_member": member(new),
        }  # fmt: skip
        self.updates.put("my_chat_member", changed, self.chat.id)

    # -- tapping ------------------------------------------------------------------------------------------------------

    def buttons(self) -> list[tuple[Message, dict[str, Any]]]:
        """All buttons on the screen with their messages, newest message first."""
        return [
            (message, button)
            for message in reversed(self.shown())
            for row in message.get("reply_markup", {}).get("inline_keyboard", ())
            for button in row
        ]

    def button(self, label: str) -> tuple[Message, dict[str, Any]]:
        """The newest button whose label is or holds `label`."""
        for wanted in (lambda text: text == label, lambda text: label in text):
            for message, button in self.buttons():
                if wanted(button["text"]):
                    return message, button
        raise NothingToTap(f"no {label!r} among {[button['text'] for _, button in self.buttons()]}")

    def taps(self, label: str) -> Tap:
        message, button = self.button(label)
        return self.taps_data(button["callback_data"], message["message_id"])

    def taps_data(self, data: str, message_id: int) -> Tap:
        """A tap as a client sends it, on a button that may be long gone or never was."""
        tap = Tap(str(next(_tap_ids)), self.user.id, self.chat.id, message_id, self.world.clock())
        self.world.taps[tap.id] = tap
        message = self.chat.messages.get(message_id)
        gone = {"chat": self.world.place(self.chat), "message_id": message_id, "date": 0}
        query = {
            "id": tap.id, "from": self.user.shown(), "message": message or gone, "chat_instance": str(self.user.id),
            "data": data,
        }  # fmt: skip
        self.updates.put("callback_query", query, self.chat.id)
        return tap

    # -- seeing -------------------------------------------------------------------------------------------------------

    def shown(self) -> list[Message]:
        return [message for _, message in sorted(self.chat.messages.items())]

    def heard(self, after: int = 0) -> list[Message]:
        """What the bot said since message `after`."""
        return [one for one in self.shown() if one["from"]["is_bot"] and one["message_id"] > after]

    def octets(self, message: Message) -> bytes:
        return self.world.files[message["document"]["file_id"]].octets
