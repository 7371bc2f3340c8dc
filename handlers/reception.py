"""What one message means: a command, a button, an answer to the open step, or a question.

Above every flow stand cancel, back, start over, help, language, a person, and questions: they are understood
at every step, in this one place. An answer to the step wins when it parses; otherwise a question is answered
and the step asks again.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from handlers import forgiving, masking
from handlers.counter import URGENT, URGENT_FLOWS
from handlers.draft import Draft
from handlers.effects import EndHandover, Feedback, ReminderChoice, Unanswered
from handlers.faq import Knowledge
from handlers.flow import Again, Flow, FlowState, PageDone, SentFile
from handlers.interruptions import Interruptions
from handlers.journeys import Journeys
from handlers.message import CustomerId, Incoming
from handlers.moving import LeftBehind
from handlers.talk import Talk
from handlers.texts import Texts
from handlers.understanding import Understanding, Understood, Utterance
from handlers.understanding.matcher import ACTS
from handlers.wording import MENU

CLARIFIED = 2
"""How often in a row it is asked what was meant."""
ALSO_OFFERED = 2
LONGEST_KEPT = 500
_QUESTION = re.compile(
    r"\?|얼마|언제|어떻게|어떡|무엇|뭐|뭔|어디|왜|누구|몇|나요|까요|는지|은가요|인가요|안 ?[돼되된됨]"
    r"|\b(what|when|where|why|how|who|which|can|do|does|is|can'?t|cannot|not)\b",
    re.IGNORECASE,
)
"""What a question or a complaint looks like in Korean and English; a step's answer does not."""


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

    def draft(self, customer: CustomerId, turn_id: str, now: datetime, talk: Talk, channel: str) -> Draft:
        return Draft(customer, turn_id, now, talk, self.texts[talk.locale], channel in self.in_chat)

    # -- one message ------------------------------------------------------------------------------------------

    async def hear(self, draft: Draft, said: Incoming) -> None:
        """Decide the whole turn; `draft` holds the result."""
        heard, choice = self.understanding.hear(said.text), said.choice
        secret = choice is None and self._is_secret(draft, heard)
        draft.history = masking.SECRET if secret else self._for_the_history(draft, heard.text)
        if choice is None and heard.text and not secret:
            choice = self._pressed_by_typing(draft, heard)
        if choice is not None:
            draft.history = self._label(draft, choice) or masking.text(heard.text)
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
            await self._press(draft, choice)
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
            self._leave_desk(draft, talk.clerk)
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
            talk.flow, talk.paused = None, waits
        await self._press_global(draft, verb, what)
        if talk.flow is None and waits is not None:
            talk.flow, talk.paused = waits, None
        return False

    def _leave_desk(self, draft: Draft, reference: str) -> None:
        draft.effects.append(EndHandover(reference))
        draft.talk.clerk = ""
        draft.say("person.left", *(("cmd:continue",) if draft.talk.flow else MENU))

    async def page_done(self, draft: Draft, done: PageDone) -> None:
        """A page the customer was sent to has finished: the conversation goes on by itself."""
        talk = draft.talk
        state = talk.behind(done.link_id)
        if state is None:
            return
        if state is talk.paused:
            # What was waiting goes on now, and what came in between waits for it.
            talk.flow, talk.paused = state, talk.flow
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

    # -- buttons ----------------------------------------------------------------------------------------------

    def _pressed_by_typing(self, draft: Draft, heard: Utterance) -> str | None:
        if heard.steers.command:
            return None
        text = heard.text
        offered = [(value, label) for value, label in draft.talk.offered]
        # Outside a journey the buttons are suggestions: "발급" is a wish of its own, not half of "발급 준비물".
        picked = forgiving.pick(text, offered, exactly=draft.talk.flow is None)
        if picked is None and draft.talk.flow is None:  # a journey's own name, whether or not it was offered
            said = "".join(text.split()).casefold()
            named = (name for name in self.flows if "".join(draft.texts(f"{name}.start").split()).casefold() == said)
            picked = next((f"start:{name}" for name in named), None)
        if picked is None and (answer := forgiving.yes_no(text)) is not None:
            wanted = "yes" if answer else "no"
            picked = next((v for v, _ in offered if v.partition("=")[2].partition("~")[0] in AFFIRMING[wanted]), None)
        return picked

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
        walker = self.journeys.walker(draft, state)
        await self.journeys.settle(draft, walker, await walker.hear(value))

    async def _press_global(self, draft: Draft, verb: str, rest: str) -> None:
        match verb:
            case "cmd":
                if rest == "none_of_these" and draft.talk.asked:
                    draft.effects.append(Unanswered(draft.talk.asked, self._asked_back(draft), "none of these"))
                await self.interruptions.obey(draft, rest)
            case "lang" if rest in self.texts:
                await self.interruptions.speak(draft, rest)
            case "start" if self.journeys.knows(rest):
                await self.journeys.begin(draft, rest)
            case "switch" if self.journeys.knows(rest):
                if any(value == f"switch:{rest}" for value, _ in draft.talk.offered):
                    draft.talk.flow = draft.talk.paused = None
                await self.journeys.begin(draft, rest)
            case "move" if await self.journeys.move_here(draft, rest):
                pass
            case "means" if self.knowledge.knows(rest):
                near = self._asked_back(draft)
                if draft.talk.asked and draft.talk.misses and rest in near:
                    others = (slug for slug in near if slug != rest)
                    draft.effects.append(Unanswered(draft.talk.asked, (rest, *others), "chosen"))
                await self._serve(draft, rest)
            case "rate":
                which, _, slug = rest.partition(":")
                if self.knowledge.knows(slug):
                    draft.effects.append(Feedback(slug, which == "up"))
                    if which == "down" and draft.talk.asked:
                        draft.effects.append(Unanswered(draft.talk.asked, (slug,), "disliked"))
                draft.say(
                    "common.rated_up" if which == "up" else "common.rated_down",
                    *(() if which == "up" else ("cmd:person",)),
                )
                await self.journeys.ask_again(draft)
            case "desk":
                self._leave_desk(draft, rest.removeprefix("leave:"))
                await self.journeys.ask_again(draft)
            case "remind":
                await self._choose_reminder(draft, *rest.split(":", 1))
            case _:
                await self._old_button(draft)

    async def _choose_reminder(self, draft: Draft, which: str, serial: str = "") -> None:
        match which:
            case "tomorrow" | "later" | "stop":
                draft.effects.append(ReminderChoice(serial, which))
            case _:
                await self._old_button(draft)
                return
        said = {"tomorrow": "reminder.tomorrow", "later": "reminder.later", "stop": "reminder.stopped"}[which]
        draft.say(said, *(("start:reminders",) if which == "stop" and draft.talk.flow is None else ()))
        await self.journeys.ask_again(draft)

    @staticmethod
    def _asked_back(draft: Draft) -> tuple[str, ...]:
        """The labels that the buttons just shown stand for."""
        return tuple(value.removeprefix("means:") for value, _ in draft.talk.offered if value.startswith("means:"))

    async def _old_button(self, draft: Draft) -> None:
        draft.say("common.old_button")
        if not await self.journeys.ask_again(draft):
            draft.say("common.menu", *MENU)

    # -- words ------------------------------------------------------------------------------------------------

    async def _listen(self, draft: Draft, heard: Utterance) -> None:
        steers = heard.steers
        if steers.language is not None:
            await self.interruptions.speak(draft, steers.language)
        elif steers.command is not None:
            await self.interruptions.obey(draft, steers.command)
        elif steers.journey is not None and not self._is_secret(draft, heard):
            await self.journeys.begin(draft, steers.journey)
        elif draft.talk.flow is not None:
            await self._answer_step(draft, draft.talk.flow, heard)
        else:
            await self._answer_question(draft, heard)

    async def _answer_step(self, draft: Draft, state: FlowState, heard: Utterance) -> None:
        walker = self.journeys.walker(draft, state)
        # A name could be anything: there a question is heard as a question first.
        first = state.step in walker.flow.questions_first
        if first and (asked := self._question(heard)):
            await self._answer_aside(draft, asked)
            return
        outcome = await walker.hear(heard.text)
        # Only what is no answer is worth understanding.
        if isinstance(outcome, Again) and not outcome.meant and not first and (asked := self._question(heard)):
            await self._answer_aside(draft, asked)
            return
        await self.journeys.settle(draft, walker, outcome)

    def _question(self, heard: Utterance) -> Understood | None:
        """What is asked, if it is surely a question of ours, or likely one that is put like a question."""
        understood = heard.understood
        likely = understood.accept and _QUESTION.search(heard.text) is not None
        return understood if understood.decision == "answer" or likely else None

    async def _answer_aside(self, draft: Draft, understood: Understood) -> None:
        """A question in the middle of a journey: answer it, or ask which one it is, and put the step again."""
        best = understood.slugs[0] if understood.slugs else ""
        # Another journey asks before it takes this one's place, or lets it wait; giving it up would just do it.
        if understood.decision == "answer" and (best not in ACTS or self.knowledge.flow(best)):
            await self._serve(draft, best)
        else:  # a journey is not left on a guess
            draft.say("common.did_you_mean", *(f"means:{slug}" for slug in understood.slugs[:3]))
            await self.journeys.ask_again(draft)

    async def _answer_question(self, draft: Draft, heard: Utterance) -> None:
        understood, talk = heard.understood, draft.talk
        talk.asked = masking.text(heard.text)[:LONGEST_KEPT]
        if heard.wishes:
            first, *rest = heard.wishes
            await self._serve(draft, first)
            if rest and talk.flow is None:
                draft.say("common.also_asked", *(f"means:{slug}" for slug in rest[:ALSO_OFFERED]))
            return
        if understood.slugs or heard.text.strip():
            why: Literal["unsure", "unknown"] = "unsure" if understood.accept else "unknown"
            draft.effects.append(Unanswered(talk.asked, understood.slugs[:3], why))
        talk.misses += 1
        if understood.decision == "clarify" and talk.misses <= CLARIFIED:
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
            await self.interruptions.obey(draft, command)
        elif (flow := self.knowledge.flow(slug)) is not None and flow in self.flows:
            await self.journeys.begin(draft, flow)
        else:
            draft.replies.append(self.knowledge.answer(slug, draft.texts, in_flow=draft.talk.flow is not None))
            await self.journeys.ask_again(draft)

    def offer(self, draft: Draft) -> None:
        """Remember the buttons of this turn, so that they can be typed."""
        draft.talk.offered = [[c.value, c.label] for reply in draft.replies for c in reply.choices]


AFFIRMING = {
    "yes": frozenset({"yes", "agree", "accept", "confirm", "ready"}),
    "no": frozenset({"no", "disagree", "decline"}),
}
