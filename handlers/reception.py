"""What one message means: a command, a button, an answer to the open step, or a question.

Above every flow stand cancel, back, start over, help, language, a person, and questions: they are understood
at every step, in this one place. An answer to the step wins when it parses; otherwise a question is answered
and the step asks again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from handlers import masking
from handlers.answers import Answers
from handlers.buttons import Buttons
from handlers.counter import URGENT, URGENT_FLOWS
from handlers.draft import Draft
from handlers.faq import Knowledge
from handlers.flow import Again, Flow, FlowState, PageDone, SentFile
from handlers.interruptions import Interruptions
from handlers.journeys import Journeys
from handlers.message import CustomerId, Incoming
from handlers.moving import LeftBehind
from handlers.talk import Talk
from handlers.texts import Texts
from handlers.understanding import Understanding, Utterance
from handlers.wording import MENU


class Reception:
    """Decides turns. Holds no state of its own; `nonce` is the source of one-use button marks."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        texts: Mapping[str, Texts],
        understanding: Understanding,
        knowledge: Knowledge,
        nonce: Callable[[], str],
        left_behind: LeftBehind,
        in_chat: frozenset[str] = frozenset(),
        must_answer: frozenset[str] = frozenset(),
    ) -> None:
        """From the channels of `in_chat` no page can be reached; those of `must_answer` cannot stay silent."""
        self.must_answer = must_answer
        self.in_chat = in_chat
        self.flows, self.texts, self.understanding, self.knowledge = flows, texts, understanding, knowledge
        self.journeys = Journeys(flows, nonce, left_behind)
        self.interruptions = Interruptions(self.journeys, texts)
        self.answers = Answers(knowledge, self.journeys, self.interruptions)
        self.buttons = Buttons(self.journeys, self.interruptions, self.answers, texts)

    def draft(self, customer: CustomerId, turn_id: str, now: datetime, talk: Talk, channel: str) -> Draft:
        return Draft(customer, turn_id, now, talk, self.texts[talk.locale], channel in self.in_chat)

    async def hear(self, draft: Draft, said: Incoming) -> None:
        """Decide the whole turn; `draft` holds the result."""
        heard, choice = self.understanding.hear(said.text), said.choice
        secret = choice is None and self._is_secret(draft, heard)
        draft.history = masking.SECRET if secret else self._for_the_history(draft, heard.text)
        if choice is None and heard.text and not secret:
            choice = self.buttons.typed(draft, heard)
        if choice is not None:
            draft.history = self.buttons.label(draft, choice) or masking.text(heard.text)
        if draft.talk.clerk and not await self._is_for_us(draft, heard, choice):
            if not draft.replies and said.channel in self.must_answer:
                draft.say("person.noted")
            return
        if await self.journeys.outdated(draft):
            return
        commanded = heard.steers.command is not None or (choice or "").startswith("cmd:")
        if await self.journeys.lapsed(draft, commanded=commanded):
            return
        if choice is not None:
            await self.buttons.press(draft, choice)
        else:
            await self._listen(draft, heard)

    async def _is_for_us(self, draft: Draft, heard: Utterance, choice: str | None) -> bool:
        """While a clerk has the conversation: leaving it, and what cannot wait. They read the rest in the history."""
        talk = draft.talk
        if choice is None and heard.steers.command == "cancel":
            choice = "cmd:cancel"
        if talk.flow is not None and talk.flow.flow in URGENT_FLOWS:
            return True
        if choice == "cmd:cancel":
            self.interruptions.leave_desk(draft, talk.clerk)
            return False
        wish = choice or ""
        if choice is None:
            surely = heard.understood.decision == "answer"
            wish = f"means:{heard.understood.slugs[0]}" if surely else ""
        verb, _, what = wish.partition(":")
        if not ((verb == "means" and what in URGENT) or (verb in ("start", "switch") and what in URGENT_FLOWS)):
            return False
        # What was open waits, so that the urgent journey begins without being asked to give it up.
        if (waits := talk.flow) is not None:
            talk.set_aside()
        await self.buttons.press_global(draft, verb, what)
        if talk.flow is None and waits is not None:
            talk.take_up()
        return False

    async def page_done(self, draft: Draft, done: PageDone) -> None:
        """A page the customer was sent to has finished: the conversation goes on by itself."""
        talk = draft.talk
        state = talk.behind(done.link_id)
        if state is None:
            return
        if state is not talk.flow:
            # What was waiting goes on now, and what came in between waits for it.
            talk.bring_up(state)
        if await self.journeys.outdated(draft):
            return
        # Whoever went back, or whose proof lapsed, while the page was open has finished it all the same.
        state.step = state.data["link_step"]
        walker = self.journeys.walker(draft, state)
        await self.journeys.settle(draft, walker, await walker.hear(done))

    async def file_sent(self, draft: Draft, file: SentFile) -> None:
        """Its name may be a person's: the history only says that there was one."""
        draft.history = draft.texts("common.file_sent")
        if draft.talk.clerk:
            draft.say("common.file_later")
        elif not await self.journeys.outdated(draft):
            await self.journeys.take_file(draft, file)

    async def greet(self, draft: Draft) -> None:
        draft.say("common.greeting", *MENU)

    def _is_secret(self, draft: Draft, heard: Utterance) -> bool:
        state = draft.talk.flow
        asked = state is not None and self.takes_secret(state.flow, state.step)
        return asked and heard.steers.command is None

    def takes_secret(self, flow: str, step: str) -> bool:
        """Whether a secret is typed at that step."""
        return flow in self.flows and step in self.flows[flow].secrets

    def _for_the_history(self, draft: Draft, text: str) -> str:
        state = draft.talk.flow
        veiled = state is not None and state.flow in self.flows and state.step in self.flows[state.flow].veiled
        return masking.name(masking.text(text)) if veiled else masking.text(text)

    async def _listen(self, draft: Draft, heard: Utterance) -> None:
        steers = heard.steers
        if draft.history != masking.SECRET and (steers.language or steers.command or steers.journey):
            draft.history = masking.text(heard.text)  # "뒤로" is nobody's name
        if steers.language is not None:
            await self.interruptions.speak(draft, steers.language)
        elif steers.command is not None:
            await self.interruptions.obey(draft, steers.command)
        elif steers.journey is not None and not self._is_secret(draft, heard):
            await self.journeys.begin(draft, steers.journey)
        elif draft.talk.flow is not None:
            await self._answer_step(draft, draft.talk.flow, heard)
        else:
            await self.answers.answer(draft, heard)

    async def _answer_step(self, draft: Draft, state: FlowState, heard: Utterance) -> None:
        walker = self.journeys.walker(draft, state)
        # A name could be anything: there a question is heard as a question first.
        first = state.step in walker.flow.questions_first
        if first and (asked := self.answers.asked(heard)):
            draft.history = masking.text(heard.text)
            await self.answers.aside(draft, asked)
            return
        outcome = await walker.hear(heard.text)
        # Only what is no answer is worth understanding.
        if isinstance(outcome, Again) and not outcome.meant and not first and (asked := self.answers.asked(heard)):
            await self.answers.aside(draft, asked)
            return
        await self.journeys.settle(draft, walker, outcome)
