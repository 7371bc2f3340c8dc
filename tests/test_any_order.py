"""Anything in any order: two conversations of one customer, buttons, words, pages, deaths; all accounts always agree.

Hypothesis looks for the shortest way to break it. `CERTTALK_TEST_WANDERINGS=3000` is the long form.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from bot import app
from handlers.flow import Accepted
from handlers.message import Choice
from tests.dying import AGAIN, Death, Ordeal, whole
from tests.talking import Clock, House, Page, PreparedVault, Talk, _learned

WANDERINGS = int(os.environ.get("CERTTALK_TEST_WANDERINGS", "8"))
GENEROUS = {"certificates_per_day": 100, "sms_per_hour": 60, "link_days": 366}
WISHES = ("start:enroll", "start:reissue", "start:revoke:hold", "start:revoke:release", "start:revoke:not_me")


class Wandering(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch, self.runner = pytest.MonkeyPatch(), asyncio.Runner()
        self.patch.setattr(app, "Vault", PreparedVault)
        self.patch.setattr(app, "Understanding", _learned)
        self.folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self.folder.name) / "data", Clock(), GENEROUS)
        self.runner.run(self.house.start())
        self.talks = [self.house.talk("kim"), self.house.talk("kim", "console", customer="second")]
        self.pages: list[Page] = []
        self.given: dict[str, Any] = {}
        self.keys = 0

    def teardown(self) -> None:
        self.runner.run(self.house.stop())
        self.runner.close()
        self.patch.undo()
        self.folder.cleanup()

    def after(self, talk: Talk) -> None:
        links = [reply.link.id for reply in talk.replies if reply.link is not None and reply.link.id]
        self.pages += [Page(talk, one) for one in links]

    @rule(who=st.integers(0, 1), wish=st.sampled_from(WISHES))
    def wishes(self, who: int, wish: str) -> None:
        self.runner.run(self.talks[who].presses(Choice(wish, "")))
        self.after(self.talks[who])

    @rule(who=st.integers(0, 1), which=st.integers(0, 20))
    def presses(self, who: int, which: int) -> None:
        talk = self.talks[who]
        if choices := talk.choices:
            self.runner.run(talk.presses(choices[which % len(choices)]))
            self.after(talk)

    @rule(
        who=st.integers(0, 1), journey=st.sampled_from(["enroll", "enroll", "reissue"]), short=st.integers(0, 8),
        fatal=st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6]), after=st.booleans(), kept=st.booleans(),
    )  # fmt: skip
    def goes(self, who: int, journey: str, short: int, fatal: int, after: bool, kept: bool) -> None:
        """As somebody does who wants a certificate, to its end; or some steps less (`short` above four)."""
        talk = self.talks[who]
        for choice in ("cmd:cancel", f"start:{journey}"):
            self.runner.run(talk.presses(Choice(choice, "")))
        for _ in range(16 - 2 * max(0, short - 4)):
            if talk.answered.step in (None, "page") or talk.answered.flow != journey:
                break
            self.runner.run(talk.step(why="forgotten"))
        self.after(talk)
        if talk.answered.step == "page" and short < 3:
            self.submit(self.pages[-1], fatal, right=True, after=after)
            if kept and self.pages[-1].link_id in self.given:
                self.runner.run(self.pages[-1].done())

    @precondition(lambda self: self.pages)
    @rule(which=st.integers(0, 20), right=st.booleans(), fatal=st.integers(0, 8), after=st.booleans())
    def submits(self, which: int, right: bool, fatal: int, after: bool) -> None:
        self.submit(self.pages[which % len(self.pages)], fatal, right=right, after=after)

    def submit(self, page: Page, fatal: int, *, right: bool, after: bool) -> None:
        self.keys += 1
        key, ordeal = self.keys, Ordeal(self.house)

        async def submit() -> Any:
            shown = await page.shown()
            if shown is None or shown["factor"] is None:
                return None
            return await page.submit(None if right else {"cells": {}}, key=key)

        try:
            result = self.runner.run(ordeal.dying_at(fatal, submit, after=after))
        except Death:
            self.runner.run(ordeal.again())
            return
        if isinstance(result, Accepted) and "certificate" in result.data:
            self.given[page.link_id] = result.data["certificate"]

    @precondition(lambda self: self.given)
    @rule(which=st.integers(0, 20))
    def keeps(self, which: int) -> None:
        link = sorted(self.given)[which % len(self.given)]
        self.runner.run(next(page for page in self.pages if page.link_id == link).done())

    @rule(minutes=st.sampled_from([1, 5, 20, 60 * 25]))
    def waits(self, minutes: int) -> None:
        self.house.clock.forward(minutes=minutes)
        for sql in AGAIN:
            self.runner.run(self.house.write(sql))
        self.runner.run(self.house.service.cleaning.work())
        self.runner.run(self.house.service.delivering.work())

    @invariant()
    def all_accounts_agree(self) -> None:
        self.runner.run(self.house.restart())  # settles what a death has left
        self.runner.run(whole(self.house))


def test_anything_in_any_order() -> None:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Wandering,
        settings=settings(
            max_examples=WANDERINGS, stateful_step_count=25, deadline=None, derandomize=True, database=None,
            suppress_health_check=slow,
        ),
    )  # fmt: skip
