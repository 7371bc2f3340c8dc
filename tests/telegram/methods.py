"""The Bot API's methods that a counter needs, over a `World`: parameters as they came in, a JSON result or a refusal.

A method that is not here is answered as one that does not exist.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.telegram import rules
from tests.telegram.parameters import Parameters, Upload
from tests.telegram.presenting import Presenting
from tests.telegram.rules import bad
from tests.telegram.updates import Updates
from tests.telegram.world import Chat, World

UPLOAD, DOWNLOAD = 50 * 2**20, 20 * 2**20
ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)


Method = Callable[[Parameters], Awaitable[Any]]


class Methods(Presenting):
    def __init__(self, world: World, updates: Updates) -> None:
        super().__init__(world)
        self.updates = updates
        names = (name for name in dir(self) if not name.startswith("_") and callable(getattr(self, name)))
        self._known: dict[str, Method] = {name.lower(): getattr(self, name) for name in names}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._known

    async def __call__(self, name: str, given: Parameters) -> Any:
        return await self._known[name.lower()](given)

    # -- updates ------------------------------------------------------------------------------------------------------

    async def getMe(self, given: Parameters) -> Any:
        return self.world.bot() | {
            "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False,
        }  # fmt: skip

    async def getUpdates(self, given: Parameters) -> Any:
        if "allowed_updates" in given:
            self.updates.allowed = list(given.data("allowed_updates", []))
        limit = min(100, max(1, given.number("limit", 100)))
        return await self.updates.poll(given.number("offset"), limit, min(50, given.number("timeout")))

    async def setWebhook(self, given: Parameters) -> Any:
        connections = given.number("max_connections", 40)
        if not 1 <= connections <= 100:
            raise bad("max_connections must be between 1 and 100")
        if "allowed_updates" in given:
            self.updates.allowed = list(given.data("allowed_updates", []))
        if given.yes("drop_pending_updates"):
            self.updates.queue.clear()
        self.updates.set_webhook(given.text("url"), given.text("secret_token"), connections)
        return True

    async def deleteWebhook(self, given: Parameters) -> Any:
        if given.yes("drop_pending_updates"):
            self.updates.queue.clear()
        self.updates.drop_webhook()
        return True

    async def getWebhookInfo(self, given: Parameters) -> Any:
        hook = self.updates.webhook
        told: dict[str, Any] = {
            "url": hook.url if hook else "", "has_custom_certificate": False,
            "pending_update_count": len(self.updates.queue),
        }  # fmt: skip
        if hook:
            told |= {"max_connections": hook.connections, "ip_address": "127.0.0.1"}
            if hook.last_error:
                told |= {"last_error_date": hook.last_error[0], "last_error_message": hook.last_error[1]}
        return told | ({"allowed_updates": self.updates.allowed} if self.updates.allowed else {})

    # -- messages -----------------------------------------------------------------------------------------------------

    async def sendMessage(self, given: Parameters) -> Any:
        chat = self.world.reachable(given.get("chat_id"))
        content = _text(given)
        return self._put(chat, content, given)

    async def sendDocument(self, given: Parameters) -> Any:
        chat = self.world.reachable(given.get("chat_id"))
        document = given.get("document")
        if isinstance(document, str) and document.startswith("attach://"):
            document = given.get(document.removeprefix("attach://"))
        if isinstance(document, Upload):
            if not document.octets:
                raise bad("file must be non-empty")
            if len(document.octets) > UPLOAD:
                raise rules.Refused(413, "Request Entity Too Large")
            file = self.world.keep(document.name, document.mime, document.octets)
        elif isinstance(document, str) and document:
            if document not in self.world.files:
                raise bad("wrong file identifier/HTTP URL specified")
            file = self.world.files[document]
        else:
            raise bad("there is no document in the request")
        return self._put(chat, {"document": file.shown()} | _caption(given), given)

    def _put(self, chat: Chat, content: dict[str, Any], given: Parameters) -> dict[str, Any]:
        markup = rules.checked_markup(given.get("reply_markup"), private=chat.private) or {}
        reply = given.data("reply_parameters") or {}
        answered = given.number("reply_to_message_id") or int(reply.get("message_id", 0))
        lenient = given.yes("allow_sending_without_reply") or reply.get("allow_sending_without_reply")
        if answered and answered not in chat.messages and not lenient:
            raise bad("message to be replied not found")
        if "inline_keyboard" in markup:
            content |= {"reply_markup": markup}
        elif "keyboard" in markup:
            chat.keyboard = markup
        elif markup.get("remove_keyboard"):
            chat.keyboard = None
        return self.world.put(chat, self.world.bot(), content)

    async def editMessageText(self, given: Parameters) -> Any:
        return self._edit(given, "text", _text)

    async def editMessageCaption(self, given: Parameters) -> Any:
        return self._edit(given, "caption", _caption)

    async def editMessageReplyMarkup(self, given: Parameters) -> Any:
        return self._edit(given, "", lambda _: {})

    def _edit(self, given: Parameters, part: str, content: Callable[[Parameters], dict[str, Any]]) -> Any:
        chat = self.world.reachable(given.get("chat_id"))
        message = chat.messages.get(given.number("message_id"))
        if message is None:
            raise bad("message to edit not found")
        if message["from"]["id"] != self.world.bot_id:
            raise bad("message can't be edited")
        if part == "text" and "text" not in message:
            raise bad("there is no text in the message to edit")
        if part == "caption" and "document" not in message:
            raise bad("there is no caption in the message to edit")
        markup = rules.checked_markup(given.get("reply_markup"), private=chat.private)
        kept = {name: value for name, value in message.items() if name not in ("reply_markup", "edit_date")}
        if part:
            kept = {name: value for name, value in kept.items() if name not in (part, "entities", "caption_entities")}
        edited = kept | content(given) | ({"reply_markup": markup} if markup else {})
        if edited == {name: value for name, value in message.items() if name != "edit_date"}:
            raise bad(NOT_MODIFIED)
        edited["edit_date"] = int(self.world.clock())
        chat.messages[message["message_id"]] = edited
        return edited

    async def deleteMessage(self, given: Parameters) -> Any:
        self.world.delete(self.world.reachable(given.get("chat_id")), given.number("message_id"))
        return True

    async def deleteMessages(self, given: Parameters) -> Any:
        chat, ids = self.world.reachable(given.get("chat_id")), given.data("message_ids", [])
        if not isinstance(ids, list) or not 1 <= len(ids) <= 100:
            raise bad("message identifiers are not specified")
        for one in ids:
            if int(one) in chat.messages:  # what is not there is skipped
                self.world.delete(chat, int(one))
        return True

    async def answerCallbackQuery(self, given: Parameters) -> Any:
        if len(given.text("text")) > 200:
            raise bad("MESSAGE_TOO_LONG")
        told = {"text": given.text("text"), "show_alert": given.yes("show_alert")}
        self.world.answer(given.get("callback_query_id"), told)
        return True

    async def sendChatAction(self, given: Parameters) -> Any:
        chat = self.world.reachable(given.get("chat_id"))
        if given.text("action") not in ACTIONS:
            raise bad("wrong parameter action in request")
        chat.actions.append((self.world.clock(), given.text("action")))
        return True

    # -- files and chats ----------------------------------------------------------------------------------------------

    async def getFile(self, given: Parameters) -> Any:
        file = self.world.files.get(given.text("file_id"))
        if file is None:
            raise bad("invalid file_id")
        if len(file.octets) > DOWNLOAD:
            raise bad("file is too big")
        return {"file_id": file.id, "file_unique_id": file.unique, "file_size": len(file.octets),
                "file_path": file.path}  # fmt: skip

    async def getChat(self, given: Parameters) -> Any:
        chat = self.world.reachable(given.get("chat_id"))
        return self.world.place(chat) | {"accent_color_id": 0, "max_reaction_count": 11,
                                         "accepted_gift_types": _NO_GIFTS}  # fmt: skip

    async def leaveChat(self, given: Parameters) -> Any:
        chat = self.world.reachable(given.get("chat_id"))
        if chat.private:
            raise bad("chat member status can't be changed in private chats")
        chat.members.discard(self.world.bot_id)
        return True


_NO_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)


def _text(given: Parameters) -> dict[str, Any]:
    text, entities = rules.formatted(
        given.text("text"), given.get("parse_mode"), given.get("entities"), rules.MOST_TEXT, "message is too long"
    )
    if not rules.cleaned(text):
        raise bad("message text is empty")
    return {"text": text} | ({"entities": entities} if entities else {})


def _caption(given: Parameters) -> dict[str, Any]:
    caption, entities = rules.formatted(
        given.text("caption"), given.get("parse_mode"), given.get("caption_entities"), rules.MOST_CAPTION,
        "message caption is too long",
    )  # fmt: skip
    return ({"caption": caption} if caption else {}) | ({"caption_entities": entities} if entities else {})
