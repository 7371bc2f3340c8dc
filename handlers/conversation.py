"""One turn of conversation: a message in, replies out, everything it decided in one commit.

Turns of one customer run one after another: a lock in the process, a revision in the row for many processes.
A message that was seen before is answered with what was answered then.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from weakref import WeakValueDictionary

from handlers.bank import BankUnavailable, CustomerGone
from handlers.draft import Draft
from handlers.effects import Effect
from handlers.flow import Accepted, FlowState, PageDone, PageForm, Refused, SentFile, Turn
from handlers.message import Answered, CustomerId, Incoming, Reply
from handlers.reception import Reception
from handlers.talk import ConversationStore, Opened, Talk, TurnRecord
from handlers.walking import Walker
from handlers.wording import say

ATTEMPTS: Final = 24
PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.1
"""Seconds to stand aside after being overtaken, longer each time: a burst in another process ends in between."""
LONGEST_TEXT: Final = 2000


class TooBusy(Exception):
    """Turns of one customer kept overtaking each other; nothing of this one was written."""


class Conversation:
    """`clock` gives aware UTC; `default_locale` is for people who have not chosen."""

    def __init__(
        self, reception: Reception, store: ConversationStore, clock: Callable[[], datetime], default_locale: str
    ) -> None:
        self.reception, self.store, self.clock, self.default_locale = reception, store, clock, default_locale
        self.on_said: Callable[[CustomerId, Sequence[Effect]], None] = _nobody_waits
        """Called after every committed turn: somebody may wait for its words, or for what it queued."""
        self._turns: WeakValueDictionary[CustomerId, asyncio.Lock] = WeakValueDictionary()

    async def handle(self, said: Incoming) -> Answered:
        """Answer one message of a customer; the same `message_id` again gives the same answer."""
        said = _clean(said)

        async def decide(draft: Draft) -> None:
            await self.reception.hear(draft, said)

        return await self._turn(said, said.message_id, decide)

    async def greet(self, channel: str, address: str, customer: CustomerId, locale: str | None = None) -> Answered:
        """Say hello once, to somebody who has just come in."""
        return await self._turn(
            Incoming(channel, address, customer, "greeting", locale=locale), "greeting", self.reception.greet
        )

    async def take_file(self, said: Incoming, file: SentFile) -> Answered:
        """A file a customer sent into the chat, under the message's own id."""

        async def decide(draft: Draft) -> None:
            await self.reception.file_sent(draft, file)

        return await self._turn(said, said.message_id, decide)

    async def resume(self, channel: str, address: str, customer: CustomerId, done: PageDone) -> Answered:
        """The page the customer was sent to has finished. Once per page."""

        async def decide(draft: Draft) -> None:
            await self.reception.page_done(draft, done)

        message_id = f"page:{done.link_id}"
        return await self._turn(Incoming(channel, address, customer, message_id), message_id, decide)

    async def notify(
        self,
        channel: str,
        address: str,
        customer: CustomerId,
        message_id: str,
        word: Callable[[Draft], Reply],
        locale: str | None = None,
    ) -> Answered:
        """Say something unasked, without disturbing an open flow. Once per `message_id`."""

        async def decide(draft: Draft) -> None:
            draft.replies.append(word(draft))

        said = Incoming(channel, address, customer, message_id, locale=locale)
        return await self._turn(said, message_id, decide, asked=False)

    async def arrange(
        self,
        channel: str,
        address: str,
        customer: CustomerId,
        message_id: str,
        decide: Callable[[Draft], Awaitable[None]],
    ) -> Answered:
        """Change where a conversation stands, from outside of it, and say so. Once per `message_id`."""
        return await self._turn(Incoming(channel, address, customer, message_id), message_id, decide)

    async def submit(
        self, channel: str, address: str, customer: CustomerId, form: PageForm
    ) -> tuple[Accepted | Refused, str]:
        """A page's form goes to the step that opened it; also the locale of the page's words.

        Only a final refusal is said in the chat, where the customer comes back to. Asking again after a lost answer is
        safe: the step is idempotent.
        """
        async with self._one_at_a_time(customer):
            async for _ in _attempts():
                opened = await self.store.open(customer, channel, None)
                talk = self._talk(opened, None)
                state = talk.behind(form.link_id)
                if state is None or state.flow not in self.reception.flows:
                    return Refused("link_gone", final=True), talk.locale
                now = self.clock()
                turn = Turn(customer, f"form:{form.link_id}", now, talk.locale, state.data)
                walker = Walker(self.reception.flows[state.flow], turn, state)
                try:
                    result = await walker.submit(form)
                except BankUnavailable:
                    return Refused("unavailable"), talk.locale
                except CustomerGone:
                    return Refused("link_gone", final=True), talk.locale
                replies = self._refusal(talk, state, form.link_id, result)
                record = TurnRecord(
                    customer, channel, address, None, opened.revision, talk.as_json(), None, replies, turn.effects,
                    Answered(), now,
                )  # fmt: skip
                if await self.store.commit(record) is not None:
                    if replies:
                        self.on_said(customer, turn.effects)
                    return result, talk.locale
        raise TooBusy

    def _refusal(self, talk: Talk, state: FlowState, link_id: str, result: Accepted | Refused) -> tuple[Reply, ...]:
        """What the chat says of a page that came to nothing: once for a page, however often it is tried there."""
        if isinstance(result, Accepted) or not result.final or state.data.get("refused") == link_id:
            return ()
        state.data["refused"] = link_id
        texts = self.reception.texts[talk.locale]
        reason = texts(f"page.error.{result.error}", **result.params)
        # Where the certificate is not what it was, the same page again leads nowhere.
        first = "start:status" if result.error == "not_replaceable" else "cmd:retry"
        reply = say(texts, "common.page_refused", (first, "cmd:person", "cmd:cancel"), reason=reason)
        talk.offered = [[choice.value, choice.label] for choice in reply.choices]
        return (reply,)

    async def show(self, channel: str, customer: CustomerId, link_id: str) -> tuple[Mapping[str, Any] | None, str]:
        """What the page behind `link_id` shows, None when the conversation is elsewhere; and the locale."""
        opened = await self.store.open(customer, channel, None)
        talk = self._talk(opened, None)
        state = talk.behind(link_id)
        if state is None or state.flow not in self.reception.flows:
            return None, talk.locale
        turn = Turn(customer, f"show:{link_id}", self.clock(), talk.locale, state.data)
        return await Walker(self.reception.flows[state.flow], turn, state).show(), talk.locale

    async def where(self, customer: CustomerId) -> tuple[str | None, str | None]:
        """The flow and step this customer stands at."""
        state = self._talk(await self.store.open(customer, "", None), None).flow
        return (state.flow, state.step) if state else (None, None)

    async def locale(self, customer: CustomerId) -> str | None:
        """The language this customer talks in; None before the first word."""
        opened = await self.store.open(customer, "", None)
        return None if opened.state is None else Talk.from_json(opened.state).locale

    def _one_at_a_time(self, customer: CustomerId) -> asyncio.Lock:
        lock = self._turns.get(customer)
        if lock is None:
            lock = self._turns[customer] = asyncio.Lock()
        return lock

    def _talk(self, opened: Opened, locale: str | None) -> Talk:
        if opened.state is not None:
            return Talk.from_json(opened.state)
        return Talk(locale if locale and locale in self.reception.texts else self.default_locale)

    async def _turn(
        self, said: Incoming, message_id: str, decide: Callable[[Draft], Awaitable[None]], *, asked: bool = True
    ) -> Answered:
        async with self._one_at_a_time(said.customer):
            async for _ in _attempts():
                opened = await self.store.open(said.customer, said.channel, message_id)
                if opened.answered is not None:
                    return replace(opened.answered, locale=self._talk(opened, said.locale).locale)
                draft = await self._decide(said, message_id, opened, decide, asked=asked)
                state = draft.talk.flow
                answered = Answered(
                    tuple(draft.replies), state.flow if state else None, state.step if state else None,
                    draft.history or None, at=draft.now, locale=draft.talk.locale,
                )  # fmt: skip
                record = TurnRecord(
                    said.customer, said.channel, said.address, message_id, opened.revision, draft.talk.as_json(),
                    draft.history or None, draft.replies, draft.effects, answered, draft.now,
                )  # fmt: skip
                first_seq = await self.store.commit(record)
                if first_seq is not None:
                    self.on_said(said.customer, draft.effects)
                    return replace(answered, first_seq=first_seq)
        raise TooBusy

    async def _decide(
        self,
        said: Incoming,
        message_id: str,
        opened: Opened,
        decide: Callable[[Draft], Awaitable[None]],
        *,
        asked: bool,
    ) -> Draft:
        draft = self.reception.draft(
            said.customer, message_id, self.clock(), self._talk(opened, said.locale), said.channel
        )
        try:
            await decide(draft)
        except CustomerGone:
            draft = self.reception.draft(
                said.customer, message_id, draft.now, self._talk(opened, said.locale), said.channel
            )
            draft.talk.flow = draft.talk.paused = None
            draft.say("common.customer_gone", "cmd:person", "cmd:menu")
        except BankUnavailable:
            if said.text == "" and said.choice is None:
                raise  # nobody is waiting for words: a finished page is taken on later, not apologised for
            # Nothing is lost: the step stays where it was, with what was answered so far.
            unchanged = self._talk(opened, said.locale)
            draft = self.reception.draft(said.customer, message_id, draft.now, unchanged, said.channel)
            draft.say("common.bank_unavailable", "cmd:retry", "cmd:person")
        if asked:
            self.reception.buttons.offer(draft)
            draft.talk.last_at = draft.now.isoformat()
        return draft


async def _attempts() -> AsyncIterator[int]:
    """One attempt after another, two seconds of standing aside in all. Whoever loses every race would never come in
    otherwise: each turn of another process is written while this one is still deciding.
    """
    for overtaken in range(ATTEMPTS):
        if overtaken:
            await asyncio.sleep(min(overtaken * PAUSE, LONGEST_PAUSE))
        yield overtaken


def _nobody_waits(customer: CustomerId, effects: Sequence[Effect]) -> None:
    """Until a channel says who does."""


def _clean(said: Incoming) -> Incoming:
    """Without characters no text may hold (NUL is refused by PostgreSQL, lone surrogates by UTF-8)."""
    text = "".join(c if c.isprintable() or c in "\n\t" else " " for c in said.text[:LONGEST_TEXT])
    choice = None if said.choice is None else "".join(c for c in said.choice[:200] if c.isprintable())
    return Incoming(said.channel, said.address, said.customer, said.message_id, text.strip(), choice, said.locale)
