"""The tables of promises and of judges name tests and functions that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def functions(file: Path) -> set[str]:
    return {one.name for one in ast.walk(ast.parse(file.read_text("utf-8"))) if hasattr(one, "name")}


PROMISES = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/promises.md").read_text("utf-8"))))
JUDGES = (ROOT / "docs/judges.md").read_text("utf-8")


@pytest.mark.parametrize(("file", "test"), PROMISES, ids=[test for _, test in PROMISES])
def test_every_promise_is_held_by_a_test_that_exists(file: str, test: str) -> None:
    assert test.startswith("test_")
    assert test in functions(ROOT / file)


def test_every_row_of_promises_names_one_or_says_not_yet() -> None:
    rows = re.findall(r"^\| (?!promise|rule|-).*", (ROOT / "docs/promises.md").read_text("utf-8"), re.MULTILINE)
    assert all(re.search(r"`tests/[\w/]+\.py::test_|\| [^|]*not (yet|offered)[^|]* \|$", row) for row in rows)
    named = {found[1] for row in rows if (found := re.match(r"\| ([NP]\d+) \|", row))}
    assert named == {f"N{n}" for n in range(1, 24)} | {f"P{n}" for n in range(1, 17)}


def test_the_table_of_judges_is_that_of_the_code() -> None:
    called = {
        name
        for row in JUDGES.splitlines()
        if row.startswith("| ")
        for name in re.findall(r"`(\w+)`", row.split("|")[-2])
    }
    public = {
        one.name
        for one in ast.parse((ROOT / "tests/judges.py").read_text("utf-8")).body
        if isinstance(one, ast.FunctionDef) and not one.name.startswith("_") and one.name != "judge"
    }
    assert called == public
    assert all((ROOT / file).is_file() for file in re.findall(r"`(tests/[\w/]+\.py)`", JUDGES))
