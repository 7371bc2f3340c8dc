"""Plant one bug after another in a copy of the tree and see its tests fail: `python -m tests.planted [name…]`.

    python -m tests.planted                          # all, two at a time
    python -m tests.planted ocsp-good-of-a-plan      # some
    python -m tests.planted --jobs 1

A bug is found when each test named fails by what it asserts or meets while it runs. A collection that breaks, a fixture
that breaks, a test that hangs or is skipped finds nothing. Before anything is planted the same tests have to pass.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.planted import ROOT, Bug, bugs

LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "*.egg-info", ".*_cache", "data", ".hypothesis"
)
LONGEST: Final = 120.0
"""Seconds for one test."""
BROKEN: Final = ("ImportError", "ModuleNotFoundError", "SyntaxError", "NameError", "IndentationError")
"""Whoever meets these has not looked at what was planted."""


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        yield tree


def outcomes(tree: Path, tests: Sequence[str]) -> dict[str, str]:
    """How each test went, by node id without parameters: "" passed, else the first line of why not."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        report = Path(folder) / "report.xml"
        command = ["nice", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}"]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
        run = subprocess.Popen(
            [*command, *tests], cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = run.wait(LONGEST * len(tests))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            return dict.fromkeys(tests, "- hangs")
        if code not in (0, 1) or not report.exists():
            return dict.fromkeys(tests, "- not collected")
        cases = list(ElementTree.parse(report).iter("testcase"))  # written by pytest a moment ago
    went = dict.fromkeys(tests, "- not run")
    for case in cases:
        name = f"{case.get('classname', '').replace('.', '/')}.py::{(case.get('name') or '').partition('[')[0]}"
        for test in tests:
            if test.partition("[")[0] in (name, name.partition("::")[0]) and not _failed(went[test]):
                went[test] = _why(case)
    return went


def _failed(why: str) -> bool:
    return bool(why) and not why.startswith("-")


def _why(case: ElementTree.Element) -> str:
    failure = case.find("failure")
    if failure is not None:
        message = (failure.get("message") or "").strip().splitlines()
        why = message[0] if message else "failed"
        return f"- {why}" if why.startswith(BROKEN) else why
    if case.find("error") is not None:
        return "- a fixture broke"
    return "- skipped" if case.find("skipped") is not None else ""


def tried(bug: Bug) -> dict[str, str]:
    with copied() as tree:
        place = tree / bug.file
        place.write_text(bug.planted_in(place.read_text("utf-8")), "utf-8")
        return outcomes(tree, bug.found_by)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description="Are planted bugs found?")
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument("--jobs", type=int, default=2, choices=(1, 2))
    wanted = parser.parse_args(given)
    listed = bugs()
    if unknown := set(wanted.names) - {bug.name for bug in listed}:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    chosen = [bug for bug in listed if not wanted.names or bug.name in wanted.names]

    with copied() as tree:
        sound = outcomes(tree, sorted({test for bug in chosen for test in bug.found_by}))
    if red := {test: why for test, why in sound.items() if why}:
        for test, why in red.items():
            print(f"fails with nothing planted: {test}: {why}")
        return 2
    missed = 0
    with ThreadPoolExecutor(wanted.jobs) as pool:
        for bug, went in zip(chosen, pool.map(tried, chosen), strict=True):
            found = all(map(_failed, went.values()))
            missed += not found
            print(f"{'found ' if found else 'MISSED'}  {bug.name}", flush=True)
            for test, why in went.items():
                print(f"          {test}: {why[:110] or 'passes'}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} planted bugs found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
