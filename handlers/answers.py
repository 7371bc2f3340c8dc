"""Questions: which one is asked, its answer, and what is said where it is not known which one it is."""

import re
from typing import Literal

from handlers import masking
from handlers.draft import Draft
from handlers.effects import Unanswered
from handlers.faq import Knowledge
from handlers.interruptions import Interruptions
from handlers.journeys import Journeys
from handlers.understanding import Understood, Utterance
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


class Answers:
    def __init__(self, knowledge: Knowledge, journeys: Journeys, interruptions: Interruptions) -> None:
        self.knowledge, self.journeys, self.interruptions = knowledge, journeys, interruptions

    def asked(self, heard: Utterance) -> Understood | None:
        """What is asked, if it is surely a question of ours, or likely one that is put like a question."""
        understood = heard.understood
        likely = understood.accept and _QUESTION.search(heard.text) is not None
        return understood if understood.decision == "answer" or likely else None

    async def aside(self, draft: Draft, understood: Understood) -> None:
        """A question in the middle of a journey: answer it, or ask which one it is, and put the step again."""
        best = understood.slugs[0] if understood.slugs else ""
        # Another journey asks before it takes this one's place, or lets it wait; giving it up would just do it.
        if understood.decision == "answer" and (best not in ACTS or self.knowledge.flow(best)):
            await self.serve(draft, best)
        else:  # a journey is not left on a guess
            draft.say("common.did_you_mean", *(f"means:{slug}" for slug in understood.slugs[:3]))
            await self.journeys.ask_again(draft)

    async def answer(self, draft: Draft, heard: Utterance) -> None:
        understood, talk = heard.understood, draft.talk
        talk.asked = masking.text(heard.text)[:LONGEST_KEPT]
        if heard.wishes:
            first, *rest = heard.wishes
            await self.serve(draft, first)
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

    async def serve(self, draft: Draft, slug: str) -> None:
        """Answer what `slug` asks for, then put the open step's question again."""
        draft.talk.misses = 0
        if (command := self.knowledge.command(slug)) is not None:
            await self.interruptions.obey(draft, command)
        elif (flow := self.knowledge.flow(slug)) is not None and flow in self.journeys.flows:
            await self.journeys.begin(draft, flow)
        else:
            draft.replies.append(self.knowledge.answer(slug, draft.texts, in_flow=draft.talk.flow is not None))
            await self.journeys.ask_again(draft)
