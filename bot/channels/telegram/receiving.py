"""From an update to a committed turn. `take` returns when it need not come again and raises when it must.

Seen before is seen by the update's id, in the turn's own commit; a tap that comes again under a new id finds its
button's nonce spent. What is no matter of the conversation (a sticker, a contact, a file) is answered aside, like a
notice.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from bot.channels.telegram.courtesy import Courtesy
from bot.channels.telegram.ordering import PerChat
from bot.channels.telegram.reading import Heard, Unreadable, read
from bot.channels.telegram.sending import AGAIN, CHANNEL, Sender
from bot.channels.telegram.typed import TypedLately
from bot.channels.telegram.writing import resolve
from bot.service import Service
from bot.storage.bubbles import unreachable
from bot.web.guard import Pace
from ca import elsewhere
from handlers import masking
from handlers.draft import Draft
from handlers.flow import SentFile
from handlers.message import CustomerId, Incoming
from handlers.texts import Texts
from handlers.wording import say

log = logging.getLogger(__name__)

QUICK: Final = 0.4
"""Seconds a tap may wait for its turn before it is answered without."""
SLOW: Final = 1.0
TYPING_LASTS: Final = 4.5
MOST_WAITING: Final = 60
"""Answers a chat may have on their way: whoever writes faster than they go out shall not take everybody's room."""
_REMEMBERED: Final = 4096
_LOOKED_BACK: Final = 100
"""Messages of a history that are searched for a long button's value."""


class Receiver:
    def __init__(self, service: Service, sender: Sender, courtesy: Courtesy) -> None:
        self.service, self.sender, self.courtesy = service, sender, courtesy
        self.chats = PerChat()
        per_minute = service.settings.messages_per_minute
        self.inbound = Pace(per_minute, burst=per_minute)
        self._committed: OrderedDict[int, None] = OrderedDict()
        self._groups: OrderedDict[int, None] = OrderedDict()
        self.typed = TypedLately()

    async def take(self, data: Mapping[str, Any]) -> None:
        """One update's JSON. Raises what kept its turn from being committed."""
        try:
            heard = read(data, self._opening)
        except Unreadable as error:
            log.warning("unreadable update", extra={"error": str(error)})
            return
        if heard is None or heard.update_id in self._committed:
            return
        await self.chats.in_order(heard.chat, self._heard(heard))

    def _opening(self, payload: str) -> str | None:
        """The button behind t.me/BOT?start=payload: the beginning of a journey, or an answer."""
        reception = self.service.conversation.reception
        if payload in reception.flows:
            return f"start:{payload}"
        return f"means:{payload}" if reception.knowledge.knows(payload) else None

    async def _heard(self, heard: Heard) -> None:
        if heard.update_id in self._committed:
            return
        await self._answer(heard)
        _remember(self._committed, heard.update_id)

    async def _answer(self, heard: Heard) -> None:
        service, now = self.service, self.service.clock()
        match heard.kind:
            case "group":
                await self._refuse_group(heard)
                return
            case "gone":
                await unreachable(service.database, CHANNEL, heard.address, now)
                return
            case "back":
                await unreachable(service.database, CHANNEL, heard.address, None)
                return
        customer = await service.addresses.customer_at(CHANNEL, heard.address, now)
        if not self.inbound.allows(heard.address) or self.sender.waiting(heard.address) >= MOST_WAITING:
            await self._too_much(heard, customer)
            return
        match heard.kind:
            case "edit":
                await self._edited(heard, customer)
            case "contact":
                await self._tell(heard, customer, "telegram.contact.own" if heard.own else "telegram.contact.other")
            case "other" if await self._is_secret(heard, customer):
                await self._delete(heard, customer, "picture")  # of a security card, as likely as not
            case "other":
                await self._tell(heard, customer, "telegram.other")
            case "file":
                await self._look_at_file(heard, customer)
            case "tap" if heard.choice is not None and heard.choice.startswith(AGAIN):
                await self._send_again(heard, customer)
            case _:
                await self._turn(heard, customer)

    # -- a turn -----------------------------------------------------------------------------------------------

    async def _turn(self, heard: Heard, customer: CustomerId) -> None:
        choice = await self._value(heard, customer)
        said = Incoming(
            CHANNEL, heard.address, customer, _message_id(heard), heard.text, choice, _known(heard, self.service)
        )
        gone = None
        if await self._is_secret(heard, customer):
            gone = self._delete_soon(heard)
            self.typed.remember(heard.chat, heard.text, self.service.clock())
        elif heard.message_id is not None and self.typed.knows(heard.chat, heard.text, self.service.clock()):
            if not await self._delete_soon(heard):
                await self._tell(heard, customer, "telegram.typed.kept")
            return
        async with self._meanwhile(heard) as answer:
            answered = await self.service.conversation.handle(said)
            old = any(reply.key == "common.old_button" for reply in answered.replies[:1])
            answer(self._texts(heard)("telegram.old_button") if old else None)
        tap = heard.tap
        # A menu may be used again and again; a step's question is answered once.
        if tap is not None and tap.has_buttons and "=" in (choice or "").partition(":")[0]:
            if old:
                self.courtesy.spent(heard.chat, tap.message_id)
            else:
                self.courtesy.chosen(heard.chat, tap.message_id, tap.message_text, heard.text)
        if gone is None and answered.said == masking.SECRET and heard.message_id is not None:
            gone = self._delete_soon(heard)  # a crash came between the turn and its deletion
        if gone is not None:
            if not await gone:
                await self._tell(heard, customer, "telegram.typed.kept")
        else:
            await self._look_for_secrets(heard, customer)

    async def _look_for_secrets(self, heard: Heard, customer: CustomerId) -> bool:
        """Whether there was one in a message that asked for nothing; then it is deleted, and that is told."""
        if heard.choice is not None or heard.message_id is None or not masking.gives_away(heard.text):
            return False
        await self._delete(heard, customer, "secret")
        return True

    async def _edited(self, heard: Heard, customer: CustomerId) -> None:
        """An edit changes nothing that was said; but no secret stays in the chat by it."""
        if await self._is_secret(heard, customer):
            await self._delete(heard, customer, "unread")
        else:
            await self._look_for_secrets(heard, customer)

    async def _is_secret(self, heard: Heard, customer: CustomerId) -> bool:
        """Whether the open step takes a secret: known before the turn, which may take seconds."""
        conversation = self.service.conversation
        if CHANNEL not in conversation.reception.in_chat or heard.choice is not None or heard.message_id is None:
            return False
        flow, step = await conversation.where(customer)
        return conversation.reception.takes_secret(flow or "", step or "")

    def _delete_soon(self, heard: Heard) -> asyncio.Task[bool]:
        assert heard.message_id is not None
        return asyncio.create_task(self.courtesy.delete(heard.chat, heard.message_id))

    @contextlib.asynccontextmanager
    async def _meanwhile(self, heard: Heard) -> AsyncIterator[Any]:
        """Answer the tap, soon in any case, and say that we are typing while it takes long."""
        waiting = heard.tap

        def answer(text: str | None = None) -> None:
            nonlocal waiting
            if waiting is not None:
                self.courtesy.answer(heard.chat, waiting.callback_id, text)
                waiting = None

        async def keep_company() -> None:
            await asyncio.sleep(QUICK)
            answer()
            await asyncio.sleep(SLOW - QUICK)
            while True:
                self.courtesy.typing(heard.chat)
                await asyncio.sleep(TYPING_LASTS)

        company = asyncio.create_task(keep_company())
        try:
            yield answer
        finally:
            company.cancel()
            answer()

    async def _value(self, heard: Heard, customer: CustomerId) -> str | None:
        if heard.choice is None or not heard.choice.startswith("#"):
            return heard.choice
        conversations = self.service.conversations
        after = await conversations.latest(customer, _LOOKED_BACK)
        lately = await conversations.history(customer, after, _LOOKED_BACK)

        def shown() -> Iterator[str]:
            for message in reversed(lately):
                yield from (choice.value for choice in (message.reply.choices if message.reply else ()))

        return resolve(heard.choice, shown)

    def _texts(self, heard: Heard) -> Texts:
        return self.service.texts[_known(heard, self.service) or self.service.locale]

    # -- aside ------------------------------------------------------------------------------------------------

    async def _tell(
        self, heard: Heard, customer: CustomerId, key: str, *values: str, once: str = "", **params: object
    ) -> None:
        """Say something that leaves an open journey as it is, once for each update."""

        def word(draft: Draft) -> Any:
            return say(draft.texts, key, values or ("cmd:continue",) * (draft.talk.flow is not None), **params)

        await self.service.conversation.notify(
            CHANNEL, heard.address, customer, once or f"{_message_id(heard)}:aside", word, _known(heard, self.service)
        )

    async def _too_much(self, heard: Heard, customer: CustomerId) -> None:
        """More than a person writes: told once a minute, and left out."""
        if heard.tap is not None:
            self.courtesy.answer(heard.chat, heard.tap.callback_id, self._texts(heard)("common.too_busy"))
        if await self._is_secret(heard, customer) or masking.gives_away(heard.text):
            await self.courtesy.delete(heard.chat, heard.message_id or 0)
        minute = int(self.service.clock().timestamp()) // 60
        await self._tell(heard, customer, "common.too_busy", once=f"busy:{minute}")

    async def _delete(self, heard: Heard, customer: CustomerId, what: str, *values: str) -> None:
        """Take a secret out of the chat, and say so; or say that it could not be done. `values` are buttons."""
        assert heard.message_id is not None
        deleted = await self.courtesy.delete(heard.chat, heard.message_id)
        await self._tell(heard, customer, f"telegram.{what}.{'deleted' if deleted else 'kept'}", *values)

    async def _look_at_file(self, heard: Heard, customer: CustomerId) -> None:
        file = heard.file
        assert file is not None
        if elsewhere.is_private(file.name):
            await self._delete(heard, customer, "key_file", "means:int_reissue")
            return
        public = elsewhere.is_public(file.name, file.size)
        if (heard.text or not public) and await self._is_secret(heard, customer):
            await self._delete(heard, customer, "unread" if heard.text else "picture")
            return
        if await self._look_for_secrets(heard, customer):
            return
        if not public:
            await self._tell(heard, customer, "telegram.file.other")
            return
        content = await self.courtesy.fetch(heard.chat, file.file_id)
        if content is None:
            await self._tell(heard, customer, "telegram.file.unreachable")
            return
        if elsewhere.is_private(file.name, content):
            await self._delete(heard, customer, "key_file", "means:int_reissue")
            return
        said = Incoming(CHANNEL, heard.address, customer, _message_id(heard), locale=_known(heard, self.service))
        async with self._meanwhile(heard):
            await self.service.conversation.take_file(said, SentFile(file.name, content))

    async def _send_again(self, heard: Heard, customer: CustomerId) -> None:
        assert heard.choice is not None
        assert heard.tap is not None
        seq = heard.choice.removeprefix(AGAIN)
        if seq.isdecimal() and len(seq) < 16:
            await self.sender.bubbles.again(customer, heard.address, int(seq), _message_id(heard))
            self.sender.look_soon()
        self.courtesy.answer(heard.chat, heard.tap.callback_id, self._texts(heard)("telegram.again.sent"))

    async def _refuse_group(self, heard: Heard) -> None:
        """Personal matters are nothing for a group: said once, and we leave."""
        if heard.chat in self._groups:
            return
        _remember(self._groups, heard.chat)
        await self.courtesy.leave(heard.chat, self._texts(heard)("telegram.group"))


def _message_id(heard: Heard) -> str:
    return f"telegram:{heard.update_id}"


def _known(heard: Heard, service: Service) -> str | None:
    """The language of the client, if we speak it."""
    return heard.locale if heard.locale in service.texts else None


def _remember(among: OrderedDict[int, None], one: int) -> None:
    among[one] = None
    if len(among) > _REMEMBERED:
        among.popitem(last=False)
