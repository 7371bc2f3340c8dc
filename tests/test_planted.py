"""The list of bugs that are planted (`python -m tests.planted`) fits the code as it is, and planting really tells."""

import ast
from collections import Counter
from dataclasses import replace

import pytest

from tests.planted import ROOT, Bug, bugs
from tests.planted.__main__ import tried

LISTED = bugs()


@pytest.mark.parametrize("bug", LISTED, ids=[bug.name for bug in LISTED])
def test_a_bug_can_be_planted_and_names_tests_that_exist(bug: Bug) -> None:
    planted = bug.planted_in((ROOT / bug.file).read_text("utf-8"))
    ast.parse(planted)
    assert bug.harm.endswith(".")
    assert bug.found_by
    for test in bug.found_by:
        file, _, name = test.partition("::")
        assert name in {one.name for one in ast.parse((ROOT / file).read_text("utf-8")).body if hasattr(one, "name")}


def test_there_are_enough_and_each_once() -> None:
    assert len(LISTED) >= 50
    assert max(Counter(bug.name for bug in LISTED).values()) == 1
    assert max(Counter((bug.file, bug.before, bug.after) for bug in LISTED).values()) == 1


def test_a_bug_is_found_by_a_test_that_fails_and_by_nothing_else() -> None:
    bug = next(bug for bug in LISTED if bug.name == "rieul-before-ro")
    blind = "tests/handlers/test_josa.py::test_a_mistyped_pair_is_refused"
    went = tried(replace(bug, found_by=(*bug.found_by, blind)))
    assert went.pop(blind) == ""
    assert went
    assert all(why and not why.startswith("-") for why in went.values())
    broken = replace(bug, before="import re\n", after="import nowhere\n")
    assert set(tried(broken).values()) == {"- not collected"}
