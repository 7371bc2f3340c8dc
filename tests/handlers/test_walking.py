"""The walker alone, over a flow of five steps: begin once, skip, leap, change and come back, stop, finish."""

from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.flow import (
    SKIP,
    Again,
    Ask,
    Change,
    Done,
    Flow,
    FlowState,
    Goto,
    PageForm,
    Refused,
    Stop,
    Taken,
    Turn,
)  # fmt: skip
from handlers.message import CustomerId
from handlers.walking import Outcome, Walker

NOON = datetime(2026, 11, 23, 3, tzinfo=UTC)


class Order(Flow):
    """A cake: of which kind, how large (rounds only), a proof, a card to go with it, and a look at all of it."""

    name = "order"
    steps = ("kind", "size", "proof", "card", "review")
    proofs = frozenset({"proof"})

    def plan(self, turn: Turn) -> tuple[str, ...]:
        return tuple(step for step in self.steps if step != "size" or turn.data.get("kind") != "square")

    def lapsed(self, turn: Turn, step: str) -> str | None:
        return "proof" if turn.data.get("lapsed") else None

    async def _ask(self, turn: Turn) -> Ask:
        return Ask()

    ask_kind = ask_size = ask_proof = ask_card = ask_review = _ask

    async def take_kind(self, turn: Turn, answer: str) -> Taken:
        if turn.data.get("kind", answer) != answer:
            turn.forget("size")
        turn.data["kind"] = answer
        return Again("odd") if answer == "odd" else None

    async def take_size(self, turn: Turn, answer: str) -> Taken:
        return Stop("too_large") if answer == "huge" else None

    async def begin_proof(self, turn: Turn) -> Any:
        if turn.data.get("locked"):
            return Stop("locked")
        if turn.data.get("proven"):
            return SKIP
        turn.data["sent"] = turn.data.get("sent", 0) + 1
        return None

    async def take_proof(self, turn: Turn, answer: str) -> Taken:
        if answer == "resend":
            return Goto("proof", say="proof.again")
        turn.data |= {"lapsed": False, "proven": True}
        return None

    async def take_card(self, turn: Turn, answer: str) -> Taken:
        turn.no_way_back = answer == "sealed"
        return None

    async def take_review(self, turn: Turn, answer: str) -> Taken:
        return None if answer == "yes" else Change(str(answer))

    async def finish(self, turn: Turn) -> Done | Stop:
        return Done()


class Walk:
    """A walker over turns, as a conversation keeps it."""

    def __init__(self) -> None:
        self.state = FlowState("order", 1, "kind", {})
        self.said: list[str] = []

    def walker(self) -> Walker:
        return Walker(Order(), Turn(CustomerId("c"), "t", NOON, "ko", self.state.data), self.state)

    async def hear(self, *answers: str) -> Outcome:
        outcome: Outcome = Ask()
        for answer in answers:
            walker = self.walker()
            outcome = await walker.hear(answer)
            self.said += [one.key for one in walker.turn.said]
            self.state = FlowState.from_json(self.state.as_json())
        return outcome

    async def back(self, times: int = 1) -> Outcome | None:
        outcome: Outcome | None = None
        for _ in range(times):
            outcome = await self.walker().back()
        return outcome


@pytest.fixture
async def walk() -> Walk:
    walk = Walk()
    await walk.walker().start()
    return walk


async def test_from_the_first_step_to_the_end(walk: Walk) -> None:
    for step, answer in (("kind", "round"), ("size", "small"), ("proof", "123"), ("card", "white")):
        assert walk.state.step == step
        assert isinstance(await walk.hear(answer), Ask)
    assert isinstance(await walk.hear("yes"), Done)


async def test_progress_counts_the_steps_that_apply(walk: Walk) -> None:
    assert walk.walker().progress() == (1, 5)
    await walk.hear("square")
    assert (walk.state.step, walk.walker().progress()) == ("proof", (2, 4))


async def test_asking_again_begins_nothing(walk: Walk) -> None:
    await walk.hear("square")
    for _ in range(3):
        await walk.walker().ask()
    assert walk.state.data["sent"] == 1


async def test_an_answer_that_is_none_stays(walk: Walk) -> None:
    assert await walk.hear("odd") == Again("odd")
    assert (walk.state.step, walk.state.answered, walk.state.trail) == ("kind", [], [])


async def test_stops_come_from_answers_and_from_beginnings(walk: Walk) -> None:
    assert await walk.hear("round", "huge") == Stop("too_large")
    walk.state.data["locked"] = True
    assert await walk.hear("small") == Stop("locked")


async def test_a_leap_says_why_and_begins_anew(walk: Walk) -> None:
    await walk.hear("square", "resend")
    assert (walk.state.step, walk.state.data["sent"]) == ("proof", 2)
    assert walk.said == ["proof.again"]
    await walk.back()
    assert walk.state.step == "kind"


async def test_back_leaps_over_proofs_and_what_does_not_apply(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "white")
    await walk.back()
    assert walk.state.step == "card"
    await walk.back()
    assert walk.state.step == "size"
    await walk.back()
    assert walk.state.step == "kind"
    assert await walk.back() is None
    await walk.hear("square")
    assert walk.state.step == "card"  # neither a size nor a second proof


async def test_no_way_back_from_what_is_done(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "sealed")
    assert walk.state.step == "review"
    assert await walk.back() is None


async def test_a_change_comes_back_to_the_review(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "white", "card")
    assert walk.state.step == "card"
    await walk.hear("blue")
    assert (walk.state.step, walk.state.return_to) == ("review", None)


async def test_a_change_asks_what_it_made_stale_and_no_more(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "white", "kind", "heart")
    assert walk.state.step == "size"
    await walk.hear("small")
    assert walk.state.step == "review"
    assert walk.state.trail == ["kind", "size", "card"]


async def test_back_from_a_change_is_the_review(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "white", "kind")
    await walk.back()
    assert (walk.state.step, walk.state.trail) == ("review", ["kind", "size", "card"])


async def test_back_in_the_middle_of_a_change(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "white", "kind", "heart")
    await walk.back()
    assert walk.state.step == "kind"
    await walk.hear("heart", "large")
    assert walk.state.step == "review"


async def test_a_lapsed_proof_leads_back_to_where_the_customer_stood(walk: Walk) -> None:
    await walk.hear("round", "small", "123", "white")
    assert await walk.walker().resume_after_lapse() is None
    walk.state.data |= {"lapsed": True, "proven": False}
    assert await walk.walker().resume_after_lapse() is not None
    assert (walk.state.step, walk.state.data["sent"]) == ("proof", 2)
    await walk.hear("456")
    assert walk.state.step == "review"
    assert walk.state.trail == ["kind", "size", "card"]


async def test_a_step_without_a_page_has_nothing_to_show(walk: Walk) -> None:
    assert await walk.walker().show() is None
    assert await walk.walker().submit(PageForm("x", {})) == Refused("link_gone", final=True)
