"""The journeys somebody is on: begun, walked, left, resumed; their results become bubbles and state."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from handlers.draft import Draft
from handlers.effects import KnowAs
from handlers.flow import Again, Ask, Done, Flow, FlowState, OpenPage, Question, SentFile, Stop, Turn
from handlers.message import Link
from handlers.moving import LeftBehind, Moving, is_movable
from handlers.walking import Outcome, Walker
from handlers.wording import MENU, flow_key, question, said_on_the_way, say

AWAY = timedelta(minutes=30)
FILES = ("register", "file")
"""The step that takes files sent into the chat."""
STUCK_AFTER = 3


class Journeys:
    """`nonce` is the source of one-use button marks; `left_behind` knows what they left elsewhere."""

    def __init__(self, flows: Mapping[str, Flow], nonce: Callable[[], str], left_behind: LeftBehind) -> None:
        self.flows, self.nonce = flows, nonce
        self.moving = Moving(flows, left_behind)

    def knows(self, asked: str) -> bool:
        """Whether `asked` is a journey, or one with a wish of its own: `revoke`, `revoke:release`."""
        name, _, wish = asked.partition(":")
        return name in self.flows and (not wish or wish in self.flows[name].wishes)

    async def begin(self, draft: Draft, asked: str) -> None:
        """Start a journey. Urgent ones begin in the middle of another, which waits; others ask first."""
        talk, (name, _, wish) = draft.talk, asked.partition(":")
        if talk.flow is not None:
            if talk.paused is not None and talk.paused.flow == name:
                talk.take_up()
            here = talk.flow.flow == name
            if here and (not wish or wish == talk.flow.data.get("wish")):
                draft.say("common.already_here", "cmd:restart")
                await self.ask_again(draft)
                return
            if not self.flows[name].urgent:
                draft.replies.append(say(draft.texts, "common.switch", (f"switch:{asked}", "cmd:continue")))
                return
            if not here:  # another wish of the same urgent journey takes its place: whoever says stop means stop
                talk.set_aside()
        flow = self.flows[name]
        state = FlowState(name, flow.version, flow.steps[0], {"wish": wish} if wish else {})
        talk.flow = state
        if flow.carries:
            await self.moving.offer(draft, name)
        walker = self.walker(draft, state)
        await self.settle(draft, walker, await walker.start())

    async def move_here(self, draft: Draft, name: str) -> bool:
        """Go on with the journey left half-way elsewhere; False when there is none, or another one is open here."""
        talk = draft.talk
        if talk.flow is not None and talk.flow.flow != name:
            return False
        state = await self.moving.take_over(draft, name)
        if state is None:
            return False
        talk.flow = state
        walker = self.walker(draft, state)
        await self.settle(draft, walker, await walker.start())
        return True

    def moved_away(self, draft: Draft, name: str, to: str) -> None:
        """The journey `name` goes on in another conversation, on the channel `to`: it is over here, if it still is."""
        talk = draft.talk
        state = next((one for one in (*talk.waiting, talk.flow) if one is not None and one.flow == name), None)
        if state is None or not is_movable(state):
            return
        if state is not talk.flow:
            talk.bring_up(state)
        talk.take_up()
        channel, journey = draft.texts(f"common.channel.{to}"), draft.texts(f"{name}.start")
        draft.say("common.moved_away", "cmd:person", channel=channel, journey=journey)

    async def take_file(self, draft: Draft, file: SentFile) -> None:
        """A file was sent into the chat: the journey for files takes it, and another one waits until that is done."""
        talk = draft.talk
        asked = talk.flow is not None and (talk.flow.flow, talk.flow.step) == FILES
        if not asked:
            if talk.flow is not None and talk.flow.flow != FILES[0]:
                if talk.paused is not None:
                    draft.say("common.file_later")
                    await self.ask_again(draft)
                    return
                talk.set_aside()
            flow = self.flows[FILES[0]]
            talk.flow = FlowState(flow.name, flow.version, flow.steps[0], {"sent": True})
        assert talk.flow is not None
        walker = self.walker(draft, talk.flow)
        outcome = None if asked else await walker.start()
        if not isinstance(outcome, Stop | Done):
            outcome = await walker.hear(file)
        if isinstance(outcome, Again) and not asked:
            # Nobody had asked for it: what is wrong with it is said, and no more.
            draft.effects.extend(walker.turn.effects)
            draft.say(flow_key(draft.texts, FILES[0], f"{FILES[1]}.error.{outcome.error}"), *outcome.choices)
            await self.leave(draft)
            return
        await self.settle(draft, walker, outcome)

    async def go_back(self, draft: Draft, state: FlowState) -> None:
        """One question back."""
        walker = self.walker(draft, state)
        outcome = await walker.back()
        if outcome is None:
            draft.say("common.first_step")
            outcome = await walker.ask()
        await self.settle(draft, walker, outcome)

    def walker(self, draft: Draft, state: FlowState) -> Walker:
        """For one turn of one journey."""
        turn = Turn(draft.customer, draft.turn_id, draft.now, draft.talk.locale, state.data, in_chat=draft.in_chat)
        return Walker(self.flows[state.flow], turn, state)

    async def outdated(self, draft: Draft) -> bool:
        """Whether the open journey is of another version of this program: apologised for, and over."""
        state = draft.talk.flow
        if state is None:
            return False
        flow = self.flows.get(state.flow)
        if flow is not None and flow.version == state.version and state.step in flow.steps:
            return False
        draft.talk.flow = draft.talk.paused = None
        draft.say("common.outdated", *MENU)
        return True

    async def lapsed(self, draft: Draft, *, commanded: bool) -> bool:
        """A journey left half-way is there tomorrow; its proofs are not."""
        state, talk = draft.talk.flow, draft.talk
        away = bool(talk.last_at) and draft.now - datetime.fromisoformat(talk.last_at) > AWAY
        if state is None:
            return False
        if away:
            draft.say("common.welcome_back", journey=draft.texts(f"{state.flow}.start"))
        if commanded:
            return False
        walker = self.walker(draft, state)
        outcome = await walker.resume_after_lapse()
        if outcome is None:
            return False
        draft.say(flow_key(draft.texts, state.flow, "lapsed"))
        await self.settle(draft, walker, outcome)
        return True

    async def ask_again(self, draft: Draft) -> bool:
        """Put the open step's question once more; False when no flow is open."""
        state = draft.talk.flow
        if state is None:
            return False
        walker = self.walker(draft, state)
        self.put(draft, walker, await walker.ask())
        return True

    async def settle(self, draft: Draft, walker: Walker, outcome: Outcome) -> None:
        """Turn an outcome into bubbles and the state that follows."""
        state = walker.state
        draft.effects.extend(walker.turn.effects)
        draft.replies.extend(said_on_the_way(draft.texts, state.flow, walker.turn.said))
        known = any(isinstance(one, KnowAs) for one in walker.turn.effects)
        walker.turn.effects.clear()
        walker.turn.said.clear()
        if known and isinstance(outcome, Ask | OpenPage):
            await self.moving.offer(draft, state.flow)
        match outcome:
            case Ask() | OpenPage():
                self.put(draft, walker, outcome)
            case Again():
                state.tries += 0 if outcome.free else 1
                key = flow_key(draft.texts, state.flow, f"{state.step}.error.{outcome.error}")
                if state.tries >= STUCK_AFTER:
                    state.tries = 0
                    draft.say(key, *outcome.choices, **dict(outcome.params))
                    draft.say("common.stuck", "cmd:retry", "cmd:back", "cmd:person", "cmd:cancel")
                    return
                draft.say(key, *outcome.choices, **dict(outcome.params))
                hint = flow_key(draft.texts, state.flow, f"{state.step}.hint")
                if state.tries > 1 and hint in draft.texts:
                    draft.say(hint)
                self.put(draft, walker, await walker.ask())
            case Stop():
                draft.say(
                    flow_key(draft.texts, state.flow, f"stop.{outcome.reason}"),
                    *outcome.choices,
                    **dict(outcome.params),
                )
                await self.leave(draft)
            case Done():
                key = f"{state.flow}.done" + (f"_{outcome.variant}" if outcome.variant else "")
                done = say(draft.texts, key, outcome.choices, **dict(outcome.params))
                if outcome.page:
                    done = replace(done, link=Link(outcome.page, draft.texts(f"{state.flow}.link")))
                draft.replies.append(done)
                await self.leave(draft)
        if known and draft.talk.flow is None and not walker.flow.urgent:
            # Whoever stops a certificate is not offered what may be a thief's doing.
            await self.moving.offer(draft)

    async def leave(self, draft: Draft) -> None:
        """The open journey has ended; one that waited goes on."""
        draft.talk.take_up()
        await self.ask_again(draft)

    def put(self, draft: Draft, walker: Walker, asked: Question) -> None:
        state = walker.state
        if isinstance(asked, Ask) and asked.once:
            state.nonce = self.nonce()
        draft.replies.append(question(draft.texts, state, asked, walker.progress()))
