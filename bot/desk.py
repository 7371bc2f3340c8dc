"""The counter's desk inside this service: `handlers.counter.Counter` over the same database and conversations.

Each act is two commits, the row of the hand-over and the customer's turn, in an order that can be repeated: a clerk who
does not know whether it worked does it again, and the customer hears it once.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bot.storage import handovers
from bot.storage.audit import AuditTrail
from bot.storage.conversations import Conversations, Place, places
from bot.storage.database import Database, Tx
from bot.storage.handovers import HandoverQueue
from handlers.conversation import Conversation
from handlers.counter import LONGEST, Handed, NoSuchHandover, Said, TakenBySomebodyElse
from handlers.draft import Draft
from handlers.message import CustomerId
from handlers.wording import MENU

Decide = Callable[[Draft], Awaitable[None]]


class EmbeddedCounter(HandoverQueue):
    """Implements `handlers.counter.Counter`."""

    def __init__(
        self,
        database: Database,
        conversations: Conversations,
        conversation: Conversation,
        audit: AuditTrail,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(database)
        self.conversations, self.conversation, self.audit, self.clock = conversations, conversation, audit, clock

    async def list(self) -> Sequence[Handed]:
        return await self.database.read(handovers.all_open)

    async def show(self, reference: str, limit: int = 50) -> tuple[Handed, Sequence[Said]]:
        handed = await self.database.read(handovers.by_reference, reference)
        after = await self.conversations.latest(handed.customer, limit)
        history = await self.conversations.history(handed.customer, after, limit)
        return handed, [Said(one.author, one.reply.key if one.reply else "", one.text, one.at) for one in history]

    async def take_over(self, reference: str, clerk: str) -> None:
        def act(tx: Tx) -> Handed:
            handed, fresh = handovers.take(tx, reference, clerk, self.clock())
            if fresh:
                self.audit.append(tx, self.clock(), clerk, "conversation taken", handed.customer, _about(reference))
            return handed

        handed = await self.database.run(act)

        async def decide(draft: Draft) -> None:
            draft.talk.clerk = reference
            draft.say("person.taken", "cmd:cancel")

        await self._arrange(handed.customer, f"desk:{reference}:taken", decide)

    async def say(self, reference: str, clerk: str, text: str, key: str) -> None:
        await self.take_over(reference, clerk)
        handed = await self.database.read(handovers.by_reference, reference)
        words = text.strip()[:LONGEST]

        async def decide(draft: Draft) -> None:
            draft.say("person.said", text=words)

        await self._arrange(handed.customer, f"desk:{reference}:said:{key}", decide)

    async def give_back(self, reference: str, clerk: str) -> None:
        handed = await self.database.read(handovers.by_reference, reference)
        if handed.state == "taken" and handed.clerk != clerk:
            raise TakenBySomebodyElse(handed.clerk)

        async def decide(draft: Draft) -> None:
            if draft.talk.clerk == reference:
                draft.talk.clerk = ""
                draft.say("person.closed", *(() if draft.talk.flow else MENU))
                await self.conversation.reception.journeys.ask_again(draft)

        await self._arrange(handed.customer, f"desk:{reference}:closed", decide)

        def act(tx: Tx) -> None:
            if handovers.close(tx, reference, self.clock(), handed.customer):
                self.audit.append(
                    tx, self.clock(), clerk, "conversation given back", handed.customer, _about(reference)
                )

        await self.database.run(act)

    async def _arrange(self, customer: CustomerId, message_id: str, decide: Decide) -> None:
        place = await self.database.read(_place, customer)
        if place is None:
            raise NoSuchHandover(message_id)
        await self.conversation.arrange(place.channel, place.address, customer, message_id, decide)


def _about(reference: str) -> dict[str, str]:
    return {"reference": reference}


def _place(tx: Tx, customer: CustomerId) -> Place | None:
    """Where the customer last wrote from."""
    return next(iter(places(tx, customer, ours=False)), None)
