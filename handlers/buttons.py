"""The buttons of a conversation: what a press means, and what is typed instead of one.

A button is `step=value~mark` (an answer to the step that offered it, once) or `verb:what` (understood at any time).
"""

from collections.abc import Mapping

from handlers import forgiving
from handlers.answers import Answers
from handlers.draft import Draft
from handlers.effects import Feedback, ReminderChoice, Unanswered
from handlers.interruptions import Interruptions
from handlers.journeys import Journeys
from handlers.texts import Texts
from handlers.understanding import Utterance
from handlers.wording import MENU

AFFIRMING = {
    "yes": frozenset({"yes", "agree", "accept", "confirm", "ready"}),
    "no": frozenset({"no", "disagree", "decline"}),
}


class Buttons:
    def __init__(
        self, journeys: Journeys, interruptions: Interruptions, answers: Answers, texts: Mapping[str, Texts]
    ) -> None:
        self.journeys, self.interruptions, self.answers, self.texts = journeys, interruptions, answers, texts

    def offer(self, draft: Draft) -> None:
        """Remember the buttons of this turn, so that they can be typed."""
        draft.talk.offered = [[c.value, c.label] for reply in draft.replies for c in reply.choices]

    def label(self, draft: Draft, choice: str) -> str | None:
        return next((label for value, label in draft.talk.offered if value == choice), None)

    def typed(self, draft: Draft, heard: Utterance) -> str | None:
        if heard.steers.command:
            return None
        text = heard.text
        offered = [(value, label) for value, label in draft.talk.offered]
        # Outside a journey the buttons are suggestions: "발급" is a wish of its own, not half of "발급 준비물".
        picked = forgiving.pick(text, offered, exactly=draft.talk.flow is None)
        if picked is None and draft.talk.flow is None:  # a journey's own name, whether or not it was offered
            names = self.journeys.flows
            named = (name for name in names if _bare(draft.texts(f"{name}.start")) == _bare(text))
            picked = next((f"start:{name}" for name in named), None)
        if picked is None and (answer := forgiving.yes_no(text)) is not None:
            wanted = "yes" if answer else "no"
            picked = next((v for v, _ in offered if v.partition("=")[2].partition("~")[0] in AFFIRMING[wanted]), None)
        return picked

    async def press(self, draft: Draft, choice: str) -> None:
        verb, colon, rest = choice.partition(":")
        if colon and "=" not in verb:
            await self.press_global(draft, verb, rest)
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

    async def press_global(self, draft: Draft, verb: str, rest: str) -> None:
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
            case "means" if self.answers.knowledge.knows(rest):
                near = self._asked_back(draft)
                if draft.talk.asked and draft.talk.misses and rest in near:
                    others = (slug for slug in near if slug != rest)
                    draft.effects.append(Unanswered(draft.talk.asked, (rest, *others), "chosen"))
                await self.answers.serve(draft, rest)
            case "rate":
                which, _, slug = rest.partition(":")
                if self.answers.knowledge.knows(slug):
                    draft.effects.append(Feedback(slug, which == "up"))
                    if which == "down" and draft.talk.asked:
                        draft.effects.append(Unanswered(draft.talk.asked, (slug,), "disliked"))
                draft.say(
                    "common.rated_up" if which == "up" else "common.rated_down",
                    *(() if which == "up" else ("cmd:person",)),
                )
                await self.journeys.ask_again(draft)
            case "desk":
                self.interruptions.leave_desk(draft, rest.removeprefix("leave:"))
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


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()
