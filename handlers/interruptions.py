"""What may be said at every step of every journey: cancel, back, start over, help, a person, another language."""

from collections.abc import Mapping

from handlers.draft import Draft
from handlers.effects import EndHandover
from handlers.journeys import Journeys
from handlers.texts import Texts
from handlers.wording import MENU, MORE


class Interruptions:
    def __init__(self, journeys: Journeys, texts: Mapping[str, Texts]) -> None:
        self.journeys, self.texts = journeys, texts

    async def obey(self, draft: Draft, command: str) -> None:
        """Do what a command says; whatever else was being done is put again."""
        talk = draft.talk
        talk.misses = 0 if command != "none_of_these" else talk.misses
        match command:
            case "cancel" if talk.flow is not None:
                walker = self.journeys.walker(draft, talk.flow)
                if (outcome := await walker.flow.cancel(walker.turn)) is not None:
                    await self.journeys.settle(draft, walker, outcome)
                    return
                talk.take_up()
                if talk.flow is not None:
                    draft.say("common.cancelled_back")
                    await self.journeys.ask_again(draft)
                else:
                    draft.say("common.cancelled", *MENU)
            case "cancel":
                draft.say("common.nothing_to_cancel", *MENU)
            case "back" if talk.flow is not None:
                await self.journeys.go_back(draft, talk.flow)
            case "restart" if talk.flow is not None:
                name = talk.flow.flow
                talk.flow = None
                draft.say("common.restarted")
                await self.journeys.begin(draft, name)
            case "person":
                await self.journeys.begin(draft, "person")
            case "lost":
                await self.journeys.begin(draft, "revoke")
            case "language":
                draft.say("common.language", *(f"lang:{name}" for name in self.texts))
            case "help" | "menu" if talk.flow is not None:
                draft.say("common.help_in_flow")
                await self.journeys.ask_again(draft)
            case "continue" | "retry" if talk.flow is not None:
                await self.journeys.ask_again(draft)
            case "thanks":
                draft.say("common.thanks")
                await self.journeys.ask_again(draft)
            case "greeting" if talk.flow is not None:
                draft.say("common.hello_again")
                await self.journeys.ask_again(draft)
            case "none_of_these":
                draft.say("common.none_of_these", "cmd:person", *MENU[:3])
            case "help":
                draft.say("common.help", *MORE)
                await self.journeys.moving.offer(draft)
            case "greeting":
                draft.say("common.greeting", *MENU)
                await self.journeys.moving.offer(draft)
            case _:
                draft.say("common.menu", *MENU)
                await self.journeys.moving.offer(draft)

    async def speak(self, draft: Draft, locale: str) -> None:
        """Go on in another language, at the same step."""
        draft.talk.locale, draft.texts = locale, self.texts[locale]
        draft.say("common.language_changed", *(() if draft.talk.flow else MENU))
        await self.journeys.ask_again(draft)

    def leave_desk(self, draft: Draft, reference: str) -> None:
        draft.effects.append(EndHandover(reference))
        draft.talk.clerk = ""
        draft.say("person.left", *(("cmd:continue",) if draft.talk.flow else MENU))
