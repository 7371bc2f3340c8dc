"""start.py: what it decides, with the commands it would run written down instead of run."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "start.py"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """start.py in a tree of its own, on a machine with neither uv nor apt-get nor a browser."""
    spec = importlib.util.spec_from_file_location("start", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for lock in module.LOCKS.values():
        (tmp_path / lock).write_text(lock)
    shutil.copytree(ROOT / "locales", tmp_path / "locales")
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"
    module.PYTHON, module.STAMP = module.VENV / "bin/python", module.VENV / "certtalk-stamp"
    module.ran = []
    module.missing = {"uv", "apt-get", "chromium", "fc-list"}
    module.refuse = ""

    def command(words: list[str]) -> None:
        module.ran.append(words)
        if module.refuse and module.refuse in words:
            raise module.SetUpError("no_network")
        if "venv" in words:
            module.PYTHON.parent.mkdir(parents=True)
            module.PYTHON.touch()
            (module.VENV / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages").mkdir(parents=True)

    monkeypatch.setattr(module, "command", command)
    monkeypatch.setattr(module.shutil, "which", lambda name: None if name in module.missing else f"/bin/{name}")
    for name in ("CI", "CERTTALK_DEFAULT_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return module


def installed(start: ModuleType) -> list[str]:
    return [Path(words[-1]).name for words in start.ran if "install" in words]


def test_the_file_can_be_read_by_an_old_python() -> None:
    ast.parse(SOURCE.read_text("utf-8"), feature_version=(3, 6))


def test_an_old_python_is_told_so_in_both_languages() -> None:
    old = "import sys, runpy; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'; runpy.run_path('start.py')"
    told = subprocess.run([sys.executable, "-c", old], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "3.9.2이에요" in told.stderr
    assert "this is 3.9.2" in told.stderr


def test_the_standard_library_is_enough() -> None:
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
    }
    assert imported <= sys.stdlib_module_names


def test_set_up_once_then_never_again(start: ModuleType) -> None:
    start.set_up("run")
    assert installed(start) == ["requirements.lock"]
    assert "--require-hashes" in start.ran[-1]
    start.ran.clear()
    start.set_up("run")
    assert start.ran == []


def test_the_tests_lock_is_enough_to_run(start: ModuleType) -> None:
    start.set_up("test")
    start.set_up("run")
    assert installed(start) == ["requirements-test.lock"]


def test_the_tests_are_added_without_taking_a_running_service_apart(start: ModuleType) -> None:
    start.set_up("run")
    witness = start.VENV / "witness"
    witness.touch()
    start.set_up("test")
    assert installed(start) == ["requirements.lock", "requirements-test.lock"]
    assert witness.exists()


def test_a_new_lock_is_installed(start: ModuleType) -> None:
    start.set_up("run")
    (start.ROOT / "requirements.lock").write_text("newer")
    start.set_up("run")
    assert installed(start) == ["requirements.lock"] * 2


@pytest.mark.parametrize("torn", ["", "python", "moved", None])
def test_what_was_left_half_way_or_moved_is_made_afresh(start: ModuleType, torn: str | None) -> None:
    start.set_up("run")
    (start.VENV / "half").touch()
    if torn is None:
        start.STAMP.unlink()
    elif torn == "moved":
        start.STAMP.write_text(start.STAMP.read_text().replace(str(start.ROOT), "/elsewhere"))
    else:
        start.STAMP.write_text(torn)
    start.set_up("run")
    assert not (start.VENV / "half").exists()
    assert start.is_set_up("run")


def test_a_set_up_that_failed_leaves_no_stamp(start: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    start.set_up("run")
    (start.ROOT / "requirements.lock").write_text("newer")
    start.refuse = "install"
    assert start.main(["setup"]) == 1
    assert not start.STAMP.exists()
    assert "인터넷" in capsys.readouterr().err


def test_uv_is_used_where_it_is(start: ModuleType) -> None:
    start.missing.discard("uv")
    start.set_up("run")
    assert [words[0] for words in start.ran] == ["/bin/uv", "/bin/uv"]


def test_a_debian_without_venv_gets_it_or_the_one_command(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = "python{}.{}-venv".format(*sys.version_info)
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None)
    asked: list[list[str]] = []
    monkeypatch.setattr(start, "apt_install", lambda packages: asked.append(packages))
    assert start.main(["setup"]) == 1
    assert asked == [[package]]
    assert f"sudo apt-get install -y {package}" in capsys.readouterr().err
    monkeypatch.setattr(start, "apt_install", lambda packages: True)
    assert start.main(["setup"]) == 0


def test_apt_is_for_root_on_debian(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        calls.append(words)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(start.subprocess, "run", run)
    monkeypatch.setattr(start.os, "geteuid", lambda: 0)
    assert not start.apt_install(["chromium"])
    start.missing.discard("apt-get")
    monkeypatch.setattr(start.os, "geteuid", lambda: 1000)
    assert not start.apt_install(["chromium"])
    assert calls == []
    monkeypatch.setattr(start.os, "geteuid", lambda: 0)
    assert start.apt_install(["chromium"])
    assert [words[:2] for words in calls] == [["apt-get", "update"], ["apt-get", "install"]]


def test_too_little_space_is_said_before_anything_is_done(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(start.ROOT)._replace(free=10 * 2**20)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda path: usage)
    assert start.main(["setup"]) == 1
    assert "300 MB" in capsys.readouterr().err
    assert start.ran == []


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk_full"),
        ("WARNING: Retrying … NameResolutionError(…)\nERROR: No matching distribution found for x", "no_network"),
        ("error: Failed to fetch\n  Caused by: dns error", "no_network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "bad_hash"),
        ("error: Failed to extract archive: Permission denied (os error 13)", "not_writable"),
        ("Segmentation fault", "failed"),
    ],
)
def test_what_the_installer_says_becomes_something_to_do(start: ModuleType, said: str, key: str) -> None:
    assert start.reason(said) == key


@pytest.mark.parametrize(("ci", "pytest_code", "code"), [("", 0, 0), ("", 3, 3), ("true", 0, 1), ("true", 3, 3)])
def test_without_a_browser_ci_fails_and_others_skip(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, ci: str, pytest_code: int, code: int
) -> None:
    monkeypatch.setenv("CI", ci)
    called: list[list[str]] = []

    def call(words: list[str], cwd: Path) -> int:
        called.append(words)
        return pytest_code

    monkeypatch.setattr(start.subprocess, "call", call)
    assert start.main(["test", "-k", "josa"]) == code
    assert called == [[str(start.PYTHON), "-m", "pytest", "-k", "josa"]]


def test_run_becomes_the_service(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(start.os, "execv", lambda path, words: became.append(words))
    monkeypatch.setattr(start.os, "chdir", lambda path: None)
    start.main(["--port", "1234", "--no-browser"])
    start.main(["run", "--port", "1234", "--no-browser"])
    assert became == [[str(start.PYTHON), "-m", "bot", "serve", "--port", "1234"]] * 2


@pytest.mark.parametrize(
    ("arguments", "environ", "interactive", "opens"),
    [
        ([], {"DISPLAY": ":0"}, True, True),
        ([], {"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ([], {}, True, sys.platform == "darwin"),
        ([], {"DISPLAY": ":0"}, False, False),
        ([], {"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "x"}, True, False),
        (["--no-browser"], {"DISPLAY": ":0"}, True, False),
    ],
)
def test_a_browser_opens_only_where_somebody_sees_it(
    start: ModuleType, arguments: list[str], environ: dict[str, str], interactive: bool, opens: bool
) -> None:
    assert start.serve_arguments(arguments, environ, interactive) == (["--open"] if opens else [])


def test_serve_takes_what_start_gives_it(start: ModuleType) -> None:
    cli = pytest.importorskip("bot.cli", reason="bot/cli.py is not there yet")
    arguments = start.serve_arguments(["--port", "1234"], {"DISPLAY": ":0"}, True)
    cli.build_parser().parse_args(["serve", *arguments])


@pytest.mark.parametrize(("arguments", "code"), [(["help"], 0), (["--help"], 0), (["tset"], 2), (["setup", "-h"], 0)])
def test_usage(start: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
    assert start.main(arguments) == code
    shown = capsys.readouterr().err
    assert all(verb in shown for verb in ("setup", "test", "run"))
    assert start.ran == []


def test_the_command_certtalk_runs_the_tree_from_anywhere(start: ModuleType, tmp_path: Path) -> None:
    start.set_up("run")
    start.PYTHON.unlink()
    start.PYTHON.symlink_to(sys.executable)
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot/__main__.py").write_text("import sys; print('from the tree', sys.argv[1:])")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "bot").mkdir(parents=True)
    (elsewhere / "bot/__main__.py").write_text("print('somebody else')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}  # what certtalk.pth does where `.venv` is a real one
    said = subprocess.run(
        [start.VENV / "bin/certtalk", "a b", "$c"], cwd=elsewhere, env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout == "from the tree ['a b', '$c']\n"
    assert next(start.VENV.rglob("certtalk.pth")).read_text() == f"{tmp_path}\n"


@pytest.mark.parametrize(
    ("environ", "spoken"),
    [
        ({}, ["ko", "en"]),
        ({"LANG": "C.UTF-8"}, ["ko", "en"]),
        ({"LANG": "en_GB.UTF-8"}, ["en"]),
        ({"LC_ALL": "ko_KR"}, ["ko"]),
    ],
)
def test_both_languages_where_the_machine_does_not_say(
    start: ModuleType, environ: dict[str, str], spoken: list[str]
) -> None:
    assert start.languages(environ) == spoken
