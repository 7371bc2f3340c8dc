"""What the papers claim is true: settings, commands, locks, packages, dependencies."""

import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from bot.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RINGS = ("bot", "handlers", "ca", "locales")
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-bench.lock")
DEVELOPERS_ONLY = ("locales/README.md",)


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_the_example_shows_every_setting_with_its_default_and_nothing_else() -> None:
    shown = dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    defaults = {}
    for name, setting in Settings.model_fields.items():
        value = setting.default
        text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        defaults[PREFIX + name.upper()] = (
            "" if text is None else str(text).lower() if isinstance(text, bool) else str(text)
        )
    assert shown == defaults
    assert re.findall(r"^[^#\n].*$", read(".env.example"), re.MULTILINE) == []  # nothing is set by copying it


def test_every_setting_is_used() -> None:
    sources = "".join(
        file.read_text("utf-8")
        for file in (ROOT / "bot").rglob("*.py")
        if file.parent.name != "settings" and file.name != "doctor.py"
    )
    unused = {name for name in Settings.model_fields if not re.search(rf"\.{name}\b", sources)}
    assert unused == set()


def commands(text: str) -> list[list[str]]:
    """Our commands in fenced or indented blocks, without prompt and comment."""
    found = re.findall(
        r"^[ ]*(?:\$ )?((?:python3 start\.py|certtalk|\.venv/bin/certtalk|python3? -m bot)\b.*)$", text, re.MULTILINE
    )
    return [shlex.split(line, comments=True) for line in found]


@pytest.mark.parametrize("paper", ["README.md", "CONTRIBUTING.md", "docs/operations.md"])
def test_every_command_in_the_papers_exists(paper: str) -> None:
    if not (ROOT / paper).exists():
        pytest.skip(f"{paper} is not written yet")
    start_verbs = set(re.findall(r'"(\w+)": \w+', read("start.py").split("VERBS = ")[1].splitlines()[0]))
    given = commands(read(paper))
    assert given or paper == "docs/operations.md"
    for words in given:
        if words[:2] == ["python3", "start.py"]:
            assert not words[2:] or words[2].startswith("-") or words[2] in start_verbs, words
        else:
            cli = pytest.importorskip("bot.cli", reason="bot/cli.py is not there yet")
            rest = words[3:] if words[0].startswith("python") else words[1:]
            verbs = next(action.choices for action in cli.build_parser()._actions if action.choices)
            assert rest[0] in verbs, words


def locked(lock: str) -> dict[str, tuple[str, int]]:
    """name and marker → version, how many hashes."""
    entries = re.split(r"^(?=[a-z0-9])", read(lock), flags=re.MULTILINE)[1:]
    found = {}
    for entry in entries:
        head = re.match(r"([\w.-]+)==(\S+)(?: ; ([^\\\n]+))?", entry)
        assert head, entry
        found[f"{head[1]} ; {(head[3] or '').strip()}"] = (head[2], entry.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_host(lock: str) -> None:
    entries = locked(lock)
    assert len(entries) > 20
    assert all(hashes for _, hashes in entries.values())
    assert re.findall(r"https?:|//|^-|@", read(lock), re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_other_locks_hold_the_one_that_is_shipped(lock: str) -> None:
    run, other = (
        {(name.split(" ;")[0], version) for name, (version, _) in locked(one).items()} for one in (LOCKS[0], lock)
    )
    assert run <= other  # start.py counts on it: after `test`, `run` has nothing to install


@pytest.mark.parametrize(("lock", "extra"), list(zip(LOCKS, (None, "test", "bench"), strict=True)))
def test_a_lock_has_all_that_the_project_asks_for(lock: str, extra: str | None) -> None:
    asked = names(PROJECT["project"]["dependencies"])
    if extra:
        asked |= names(PROJECT["project"]["optional-dependencies"][extra])
    assert asked <= {entry.split(" ;")[0] for entry in locked(lock)}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=;~! ]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def test_every_dependency_is_accounted_for() -> None:
    tables = read("docs/dependencies.md").split("## ")[1:]
    listed = [set(re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)) - {"package"} for table in tables]
    assert listed[0] == names(PROJECT["project"]["dependencies"])
    assert listed[1] == names(PROJECT["project"]["optional-dependencies"]["test"])
    assert listed[2] == names(PROJECT["project"]["optional-dependencies"]["bench"])


def test_what_is_measured_beside_us_is_known_to_its_benchmark_alone() -> None:
    """It is under the GPL, and has no place in what is shipped or in what tests need."""
    importing = {
        str(file.relative_to(ROOT))
        for folder in (*RINGS, "tests", "benchmarks")
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"^ *(?:from|import) django", file.read_text("utf-8"), re.MULTILINE)
    }
    assert importing == {"benchmarks/peer.py", "benchmarks/peer_parts.py"}
    assert all("django" not in read(elsewhere) for elsewhere in (*LOCKS[:2], ".ci/run", "start.py"))


def test_the_package_list_is_the_tree() -> None:
    folders = {
        str(file.parent.relative_to(ROOT)).replace("/", ".") for ring in RINGS for file in (ROOT / ring).rglob("*.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders


def test_everything_in_the_packages_is_shipped() -> None:
    """setuptools takes `.py` of listed packages and what `package-data` matches; the rest would be missing."""
    data = PROJECT["tool"]["setuptools"]["package-data"]
    shipped = {
        file
        for package, globs in data.items()
        for glob in globs
        for file in ROOT.joinpath(*package.split(".")).glob(glob)
    }
    missing = {
        str(file.relative_to(ROOT))
        for ring in RINGS
        for file in (ROOT / ring).rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc") and file not in shipped
    }
    assert {file for file in missing if not any(fnmatch(file, other) for other in DEVELOPERS_ONLY)} == set()


def test_contributing_is_a_page() -> None:
    assert len(read("CONTRIBUTING.md").splitlines()) <= 50


def test_a_word_means_one_thing() -> None:
    entries = re.findall(r"^\| ([^|]+) \|", read("docs/glossary.md"), re.MULTILINE)
    words = [word.strip() for word in entries if set(word) - set("- ") and word not in ("word", "한국어")]
    assert len(words) > 50
    assert len(words) == len(set(words))
