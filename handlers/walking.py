"""Walking a flow: from a taken answer to the next question, back, and back to a review after a change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.flow import (
    SKIP,
    Accepted,
    Again,
    Change,
    Done,
    Flow,
    FlowState,
    Goto,
    PageDone,
    PageForm,
    Question,
    Refused,
    SentFile,
    Stop,
    Turn,
)

Outcome = Question | Again | Done | Stop


@dataclass
class Walker:
    """One flow, one turn. The caller stores `state` afterwards."""

    flow: Flow
    turn: Turn
    state: FlowState

    async def start(self) -> Outcome:
        return await self._enter(0)

    async def ask(self) -> Question:
        """Put the current question (again): no effects."""
        question: Question = await getattr(self.flow, f"ask_{self.state.step}")(self.turn)
        return question

    async def hear(self, answer: str | PageDone | SentFile) -> Outcome:
        """Give `answer` to the current step and walk to the next question."""
        state, step = self.state, self.state.step
        taken = await getattr(self.flow, f"take_{step}")(self.turn, answer)
        match taken:
            case Again() | Stop():
                return taken
            case Goto(to, say):
                if say:
                    self.turn.say(say)
                return await self._enter(self.flow.steps.index(to), forced=True)
            case Change(to):
                state.return_to = step
                self._forget()
                return await self._enter(self.flow.steps.index(to), forced=True)
        if step not in state.answered:
            state.answered.append(step)
        if step not in self.flow.proofs:
            state.trail.append(step)
        if self.turn.no_way_back:
            state.trail.clear()
        return await self._enter(self.flow.steps.index(step) + 1)

    async def show(self) -> Mapping[str, Any] | None:
        """What the current step's page shows; None when it has no page."""
        method = getattr(self.flow, f"show_{self.state.step}", None)
        if method is None:
            return None
        shown: Mapping[str, Any] = await method(self.turn)
        return shown

    async def submit(self, form: PageForm) -> Accepted | Refused:
        """Give a page's form to the step that opened the page."""
        method = getattr(self.flow, f"submit_{self.state.step}", None)
        if method is None:
            return Refused("link_gone", final=True)
        result: Accepted | Refused = await method(self.turn, form)
        return result

    async def back(self) -> Outcome | None:
        """The question before this one, or None at the beginning. Back from a change is where it was asked for."""
        state, plan = self.state, self.flow.plan(self.turn)
        if state.return_to in plan and set(plan[plan.index(state.step) : plan.index(state.return_to)]) <= set(
            state.answered
        ):
            return await self._enter(self.flow.steps.index(state.step))
        while state.trail:
            step = state.trail.pop()
            if step in plan:
                state.step, state.tries = step, 0
                return await self.ask()
        return None

    async def resume_after_lapse(self) -> Outcome | None:
        """Go back to the step whose proof has expired, if one has; then on from where the customer stood."""
        step = self.flow.lapsed(self.turn, self.state.step)
        if step is None:
            return None
        self.state.return_to = self.state.return_to or self.state.step
        return await self._enter(self.flow.steps.index(step), forced=True)

    async def _enter(self, index: int, *, forced: bool = False) -> Outcome:
        state = self.state
        state.tries = 0
        # The way back is the way here, also after a leap back.
        state.trail = [step for step in state.trail if self.flow.steps.index(step) < index]
        for position, name in enumerate(self.flow.steps[index:]):
            if name not in self.flow.plan(self.turn):
                continue
            self._forget()
            wanted = forced and position == 0
            if not wanted and state.return_to and name != state.return_to and self._still_answered(name):
                state.trail.append(name)
                continue
            begin = getattr(self.flow, f"begin_{name}", None)
            begun: Any = await begin(self.turn) if begin else None
            if isinstance(begun, Stop):
                return begun
            if begun is SKIP:
                continue
            state.step = name
            if name == state.return_to:
                state.return_to = None
            return await self.ask()
        return await self.flow.finish(self.turn)

    def _still_answered(self, step: str) -> bool:
        # A proof is never skipped here: its own `begin_` knows whether it still holds.
        return step in self.state.answered and step not in self.flow.proofs

    def _forget(self) -> None:
        self.state.answered = [step for step in self.state.answered if step not in self.turn.forgotten]
        self.turn.forgotten.clear()

    def progress(self) -> tuple[int, int] | None:
        plan = [step for step in self.flow.plan(self.turn) if step not in self.flow.unasked]
        return (plan.index(self.state.step) + 1, len(plan)) if self.state.step in plan else None
