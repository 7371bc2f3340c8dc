"""The architecture paper and the tree say the same: nothing in it is gone, nothing of the rings is missing."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPER = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([\w/]+/)` \| (.*) \|$", PAPER, re.MULTILINE)
EXAMPLES = {"handlers/visit.py", "mybank/register.py"}  # the paper invents them to explain


def stems(folder: str) -> set[str]:
    return {file.stem for file in (ROOT / folder).glob("*.py")} - {"__init__"}


@pytest.mark.parametrize(("folder", "text"), [row for row in ROWS if row[0] not in ("locales/", "tests/")])
def test_the_tree_names_every_file_of_a_folder_and_no_other(folder: str, text: str) -> None:
    named = set(re.findall(r"`(\w+)`", text))
    assert stems(folder) - named == set()
    assert {word for word in named if not (ROOT / folder / f"{word}.py").exists()} <= {
        "understand",
        "Incoming",
        "Reply",
    }


def test_every_folder_of_the_rings_is_in_the_tree() -> None:
    folders = {
        f"{file.parent.relative_to(ROOT)}/"
        for ring in ("bot", "handlers", "ca")
        for file in (ROOT / ring).rglob("*.py")
    }
    assert folders <= {folder for folder, _ in ROWS}


@pytest.mark.parametrize("paper", ["README.md", "docs/architecture.md", "docs/operations.md", "benchmarks/README.md"])
def test_a_path_in_a_paper_exists(paper: str) -> None:
    text = (ROOT / paper).read_text("utf-8")
    here = (ROOT / paper).parent
    linked = set(re.findall(r"\]\((?!http)([^)#]+)", text))
    assert {link for link in linked if not (here / link).exists()} == set()
    mentioned = set(re.findall(r"`((?:bot|handlers|ca|tests|locales|docs|benchmarks)/[\w./]+\.\w+)`", text)) - EXAMPLES
    assert {path for path in mentioned if not (ROOT / path).exists()} == set()
