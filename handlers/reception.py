"""What one message means: a command, a button, an answer to the open step, or a question.

Above every flow stand cancel, back, start over, help, language, a person, and questions: they are understood
at every step, in this one place. An answer to the step wins when it parses; otherwise a question is answered
and the step asks again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handlers import forgiving, masking
from handlers.effects import Effect, Feedback, ReminderChoice, Unanswered
from handlers.faq import Knowledge
from handlers.flow import Again, Ask, Done, Flow, FlowState, OpenPage, PageDone, Question, Stop, Turn
from handlers.message import CustomerId, Incoming, Reply
from handlers.talk import Talk
from handlers.texts import Texts
from handlers.understanding import Understanding, Understood
from handlers.walking import Outcome, Walker
from handlers.wording import MENU, flow_key, question, said_on_the_way, say

AWAY = timedelta(minutes=30)
STUCK_AFTER = 3
_QUESTION = re.compile(
    r"\?|얼마|언제|어떻게|어떡|무엇|뭐|뭔|어디|왜|누구|몇|나요|까요|는지|은가요|인가요|\b(what|when|where|why|how|who|which|can|do|does|is)\b",
    re.IGNORECASE,
)
"""What a question looks like in Korean and English; a step's answer does not."""


@dataclass
class Draft:
    """What this turn has decided so far."""

    customer: CustomerId
    turn_id: str
    now: datetime
    talk: Talk
    texts: Texts
    replies: list[Reply] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    history: str | None = None
    """The customer's words as the history keeps them."""

    def say(self, key: str, *values: str, **params: object) -> None:
        self.replies.append(say(self.texts, key, values, **params))


class Reception:
    """Decides turns. Holds no state of its own; `nonce` is the source of one-use button marks."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        texts: Mapping[str, Texts],
        understanding: Understanding,
        knowledge: Knowledge,
        nonce: Callable[[], str],
    ) -> None:
        self.flows, self.texts, self.understanding, self.knowledge = flows, texts, understanding, knowledge
        self.nonce = nonce

    def draft(self, customer: CustomerId, turn_id: str, now: datetime, talk: Talk) -> Draft:
        return Draft(customer, turn_id, now, talk, self.texts[talk.locale])

    # -- one message ------------------------------------------------------------------------------------------

    async def hear(self, draft: Draft, said: Incoming) -> None:
        """Decide the whole turn; `draft` holds the result."""
        text, choice = said.text, said.choice
        draft.history = self._for_the_history(draft, text)
        if choice is None and text:
            choice = self._pressed_by_typing(draft, text)
        if choice is not None:
            draft.history = self._label(draft, choice) or masking.text(text)
        if await self._flow_is_outdated(draft):
            return
        if await self._proof_lapsed(draft, choice, text):
            return
        if choice is not None:
            await self._press(draft, choice)
        else:
            await self._listen(draft, text)

    async def page_done(self, draft: Draft, done: PageDone) -> None:
        """A page the customer was sent to has finished: the conversation goes on by itself."""
        talk = draft.talk
        state = talk.behind(done.link_id)
        if state is None:
            return
        if state is talk.paused:
            # What was waiting goes on now, and what came in between waits for it.
            talk.flow, talk.paused = state, talk.flow
        if await self._flow_is_outdated(draft):
            return
        # Whoever went back, or whose proof lapsed, while the page was open has finished it all the same.
        state.step = state.data["link_step"]
        walker = self._walker(draft, state)
        await self._settle(draft, walker, await walker.hear(done))

    async def greet(self, draft: Draft) -> None:
        draft.say("common.greeting", *MENU)

    # -- buttons ----------------------------------------------------------------------------------------------

    def _pressed_by_typing(self, draft: Draft, text: str) -> str | None:
        if self.understanding.command(text):
            return None
        offered = [(value, label) for value, label in draft.talk.offered]
        # Outside a journey the buttons are suggestions: "발급" is a wish of its own, not half of "발급 준비물".
        picked = forgiving.pick(text, offered, exactly=draft.talk.flow is None)
        if picked is None and (answer := forgiving.yes_no(text)) is not None:
            wanted = "yes" if answer else "no"
            picked = next((v for v, _ in offered if v.partition("=")[2].partition("~")[0] in AFFIRMING[wanted]), None)
        return picked

    def _for_the_history(self, draft: Draft, text: str) -> str:
        state = draft.talk.flow
        flow = self.flows.get(state.flow) if state else None
        veiled = flow is not None and state is not None and state.step in flow.veiled
        return masking.name(masking.text(text)) if veiled else masking.text(text)

    def _label(self, draft: Draft, choice: str) -> str | None:
        return next((label for value, label in draft.talk.offered if value == choice), None)

    async def _press(self, draft: Draft, choice: str) -> None:
        verb, colon, rest = choice.partition(":")
        if colon and "=" not in verb:
            await self._press_global(draft, verb, rest)
            return
        step, _, marked = choice.partition("=")
        value, _, _ = marked.partition("~")
        state = draft.talk.flow
        current = {v for v, _ in draft.talk.offered}
        if state is None or state.step != step or choice not in current:
            await self._old_button(draft)
            return
        walker = self._walker(draft, state)
        await self._settle(draft, walker, await walker.hear(value))

    async def _press_global(self, draft: Draft, verb: str, rest: str) -> None:
        match verb:
            case "cmd":
                await self._obey(draft, rest)
            case "lang" if rest in self.texts:
                await self._speak(draft, rest)
            case "start" if rest in self.flows:
                await self._begin(draft, rest)
            case "switch" if rest in self.flows:
                if any(value == f"switch:{rest}" for value, _ in draft.talk.offered):
                    draft.talk.flow = draft.talk.paused = None
                await self._begin(draft, rest)
            case "means" if self.knowledge.knows(rest):
                await self._serve(draft, rest)
            case "rate":
                which, _, slug = rest.partition(":")
                if self.knowledge.knows(slug):
                    draft.effects.append(Feedback(slug, which == "up"))
                draft.say(
                    "common.rated_up" if which == "up" else "common.rated_down",
                    *(() if which == "up" else ("cmd:person",)),
                )
                await self._ask_again(draft)
            case "remind":
                which, _, serial = rest.partition(":")
                draft.effects.append(ReminderChoice(serial, which))
                draft.say(f"reminder.{'stopped' if which == 'stop' else 'later'}")
                await self._ask_again(draft)
            case _:
                await self._old_button(draft)

    async def _old_button(self, draft: Draft) -> None:
        draft.say("common.old_button")
        if not await self._ask_again(draft):
            draft.say("common.menu", *MENU)

    # -- words ------------------------------------------------------------------------------------------------

    async def _listen(self, draft: Draft, text: str) -> None:
        command = self.understanding.command(text)
        if (locale := self.understanding.language(text)) is not None:
            await self._speak(draft, locale)
        elif command is not None:
            await self._obey(draft, command)
        elif draft.talk.flow is not None:
            await self._answer_step(draft, draft.talk.flow, text)
        else:
            await self._answer_question(draft, text)

    async def _answer_step(self, draft: Draft, state: FlowState, text: str) -> None:
        walker = self._walker(draft, state)
        understood = self.understanding.match(text)
        asked = understood.decision == "answer" or (understood.accept and _QUESTION.search(text) is not None)
        # A name could be anything: there a question is heard as a question first.
        if state.step in walker.flow.questions_first and asked:
            await self._answer_aside(draft, understood)
            return
        outcome = await walker.hear(text)
        if isinstance(outcome, Again) and not outcome.meant and asked:
            await self._answer_aside(draft, understood)
            return
        await self._settle(draft, walker, outcome)

    async def _answer_aside(self, draft: Draft, understood: Understood) -> None:
        """A question in the middle of a journey: answer it, or ask which one it is, and put the step again."""
        if understood.decision == "answer":
            await self._serve(draft, understood.slugs[0])
        else:
            draft.say("common.did_you_mean", *(f"means:{slug}" for slug in understood.slugs[:3]))
            await self._ask_again(draft)

    async def _answer_question(self, draft: Draft, text: str) -> None:
        understood = self.understanding.match(text)
        talk = draft.talk
        if understood.decision == "answer":
            await self._serve(draft, understood.slugs[0])
            return
        if understood.slugs or text.strip():
            draft.effects.append(Unanswered(masking.text(text)[:500], tuple(understood.slugs[:3])))
        talk.misses += 1
        if understood.decision == "clarify" and talk.misses < STUCK_AFTER:
            near = [f"means:{slug}" for slug in understood.slugs[:3]]
            draft.say("common.did_you_mean", *near, "cmd:none_of_these")
        elif talk.misses % 2:
            draft.say("common.not_understood", *MENU)
        else:
            draft.say("common.not_understood_again", "cmd:person", *MENU[:3])

    async def _serve(self, draft: Draft, slug: str) -> None:
        """Answer what `slug` asks for, then put the open step's question again."""
        draft.talk.misses = 0
        if (command := self.knowledge.command(slug)) is not None:
            await self._obey(draft, command)
        elif (flow := self.knowledge.flow(slug)) is not None and flow in self.flows:
            await self._begin(draft, flow)
        else:
            draft.replies.append(self.knowledge.answer(slug, draft.texts, in_flow=draft.talk.flow is not None))
            await self._ask_again(draft)

    # -- commands ---------------------------------------------------------------------------------------------

    async def _obey(self, draft: Draft, command: str) -> None:
        talk = draft.talk
        talk.misses = 0 if command != "none_of_these" else talk.misses
        match command:
            case "cancel" if talk.flow is not None:
                walker = self._walker(draft, talk.flow)
                if (outcome := await walker.flow.cancel(walker.turn)) is not None:
                    await self._settle(draft, walker, outcome)
                    return
                talk.flow, resumed = talk.paused, talk.paused is not None
                talk.paused = None
                if resumed:
                    draft.say("common.cancelled_back")
                    await self._ask_again(draft)
                else:
                    draft.say("common.cancelled", *MENU)
            case "cancel":
                draft.say("common.nothing_to_cancel", *MENU)
            case "back" if talk.flow is not None:
                await self._go_back(draft, talk.flow)
            case "restart" if talk.flow is not None:
                name = talk.flow.flow
                talk.flow = None
                draft.say("common.restarted")
                await self._begin(draft, name)
            case "person":
                await self._begin(draft, "person")
            case "language":
                draft.say("common.language", *(f"lang:{name}" for name in self.texts))
            case "help" | "menu" if talk.flow is not None:
                draft.say("common.help_in_flow")
                await self._ask_again(draft)
            case "continue" | "retry" if talk.flow is not None:
                await self._ask_again(draft)
            case "thanks":
                draft.say("common.thanks")
                await self._ask_again(draft)
            case "greeting" if talk.flow is not None:
                draft.say("common.hello_again")
                await self._ask_again(draft)
            case "none_of_these":
                draft.say("common.none_of_these", "cmd:person", *MENU[:3])
            case "help":
                draft.say("common.help", *MENU)
            case "greeting":
                draft.say("common.greeting", *MENU)
            case _:
                draft.say("common.menu", *MENU)

    async def _speak(self, draft: Draft, locale: str) -> None:
        draft.talk.locale, draft.texts = locale, self.texts[locale]
        draft.say("common.language_changed", *(() if draft.talk.flow else MENU))
        await self._ask_again(draft)

    async def _go_back(self, draft: Draft, state: FlowState) -> None:
        walker = self._walker(draft, state)
        outcome = await walker.back()
        if outcome is None:
            draft.say("common.first_step")
            outcome = await walker.ask()
        await self._settle(draft, walker, outcome)

    async def _begin(self, draft: Draft, name: str) -> None:
        talk = draft.talk
        if talk.flow is not None:
            if talk.paused is not None and talk.paused.flow == name:
                talk.flow, talk.paused = talk.paused, None
            if talk.flow.flow == name:
                draft.say("common.already_here")
                await self._ask_again(draft)
                return
            if name != "person":
                draft.replies.append(say(draft.texts, "common.switch", (f"switch:{name}", "cmd:continue")))
                return
            talk.paused = talk.flow
        flow = self.flows[name]
        state = FlowState(name, flow.version, flow.steps[0], {})
        talk.flow = state
        walker = self._walker(draft, state)
        await self._settle(draft, walker, await walker.start())

    # -- the open flow ----------------------------------------------------------------------------------------

    def _walker(self, draft: Draft, state: FlowState) -> Walker:
        turn = Turn(draft.customer, draft.turn_id, draft.now, draft.talk.locale, state.data)
        return Walker(self.flows[state.flow], turn, state)

    async def _flow_is_outdated(self, draft: Draft) -> bool:
        state = draft.talk.flow
        if state is None:
            return False
        flow = self.flows.get(state.flow)
        if flow is not None and flow.version == state.version and state.step in flow.steps:
            return False
        draft.talk.flow = draft.talk.paused = None
        draft.say("common.outdated", *MENU)
        return True

    async def _proof_lapsed(self, draft: Draft, choice: str | None, text: str) -> bool:
        """A journey left half-way is there tomorrow; its proofs are not."""
        state, talk = draft.talk.flow, draft.talk
        away = bool(talk.last_at) and draft.now - datetime.fromisoformat(talk.last_at) > AWAY
        if state is None:
            return False
        if away:
            draft.say("common.welcome_back", journey=draft.texts(f"{state.flow}.start"))
        if self.understanding.command(text) or (choice or "").startswith("cmd:"):
            return False
        walker = self._walker(draft, state)
        outcome = await walker.resume_after_lapse()
        if outcome is None:
            return False
        draft.say(flow_key(draft.texts, state.flow, "lapsed"))
        await self._settle(draft, walker, outcome)
        return True

    async def _ask_again(self, draft: Draft) -> bool:
        """Put the open step's question once more; False when no flow is open."""
        state = draft.talk.flow
        if state is None:
            return False
        walker = self._walker(draft, state)
        self._put(draft, walker, await walker.ask())
        return True

    async def _settle(self, draft: Draft, walker: Walker, outcome: Outcome) -> None:
        """Turn an outcome into bubbles and the state that follows."""
        state, talk = walker.state, draft.talk
        draft.effects.extend(walker.turn.effects)
        draft.replies.extend(said_on_the_way(draft.texts, state.flow, walker.turn.said))
        walker.turn.effects.clear()
        walker.turn.said.clear()
        match outcome:
            case Ask() | OpenPage():
                self._put(draft, walker, outcome)
            case Again():
                state.tries += 0 if outcome.free else 1
                key = flow_key(draft.texts, state.flow, f"{state.step}.error.{outcome.error}")
                if state.tries >= STUCK_AFTER:
                    state.tries = 0
                    draft.say(key, **dict(outcome.params))
                    draft.say("common.stuck", "cmd:retry", "cmd:back", "cmd:person", "cmd:cancel")
                    return
                draft.say(key, **dict(outcome.params))
                hint = flow_key(draft.texts, state.flow, f"{state.step}.hint")
                if state.tries > 1 and hint in draft.texts:
                    draft.say(hint)
                self._put(draft, walker, await walker.ask())
            case Stop():
                draft.say(
                    flow_key(draft.texts, state.flow, f"stop.{outcome.reason}"),
                    *outcome.choices,
                    **dict(outcome.params),
                )
                await self._leave(draft, talk)
            case Done():
                key = f"{state.flow}.done" + (f"_{outcome.variant}" if outcome.variant else "")
                draft.say(key, *outcome.choices, **dict(outcome.params))
                await self._leave(draft, talk)

    async def _leave(self, draft: Draft, talk: Talk) -> None:
        talk.flow, talk.paused = talk.paused, None
        await self._ask_again(draft)

    def _put(self, draft: Draft, walker: Walker, asked: Question) -> None:
        state = walker.state
        if isinstance(asked, Ask) and asked.once:
            state.nonce = self.nonce()
        draft.replies.append(question(draft.texts, state, asked, walker.progress()))

    def offer(self, draft: Draft) -> None:
        """Remember the buttons of this turn, so that they can be typed."""
        draft.talk.offered = [[c.value, c.label] for reply in draft.replies for c in reply.choices]


AFFIRMING = {
    "yes": frozenset({"yes", "agree", "accept", "confirm", "ready"}),
    "no": frozenset({"no", "disagree", "decline"}),
}
