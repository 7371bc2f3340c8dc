#!/usr/bin/env python3
"""The one command a newcomer needs: sets up what is missing in `.venv`, then starts CertTalk (or its tests).

Standard library only, and parsable by Python 3.6, so that an old one is told so instead of failing on syntax.
A stamp in `.venv` says what was set up; where it still holds nothing is done, and starting costs no time.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever reads this has an older one
    sys.stderr.write(
        "CertTalk에는 Python 3.11 이상이 필요해요. 지금은 {0}이에요. https://www.python.org/downloads/\n"  # noqa: UP032
        "CertTalk needs Python 3.11 or newer; this is {0}. https://www.python.org/downloads/\n".format(
            sys.version.split()[0]
        )
    )
    sys.exit(1)

import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "certtalk-stamp"
LOCKS = {"run": "requirements.lock", "test": "requirements-test.lock"}
NEEDED_MB = {"run": 300, "test": 700}
"""Room for the packages, and for the downloads beside them (91 and 419 MB once installed)."""
APT_FOR_TESTS = ("chromium", "fonts-nanum")


class SetUpError(Exception):
    """Set-up cannot go on: `operator.start.KEY` tells the operator why and what to do."""

    def __init__(self, key, **params):
        super().__init__(key)
        self.key = key
        self.params = params


def main(arguments):
    """Run one verb; answers the exit code (`run` does not come back: it becomes the service)."""
    verb, rest = (arguments[0], arguments[1:]) if arguments and not arguments[0].startswith("-") else ("run", arguments)
    if verb not in VERBS or (rest[:1] in (["-h"], ["--help"]) and verb != "test"):
        say("usage")
        return 0 if verb in (*VERBS, "help") else 2
    try:
        return VERBS[verb](rest)
    except SetUpError as error:
        say(error.key, **error.params)
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments):
    """Become `python -m bot serve ARGUMENTS`."""
    set_up("run")
    os.chdir(ROOT)  # `.env` and the data folder are found here, wherever this was started from
    serve = serve_arguments(arguments, os.environ, sys.stdout.isatty())
    os.execv(PYTHON, [str(PYTHON), "-m", "bot", "serve", *serve])  # noqa: S606 - no shell is the point


def setup(_arguments):
    set_up("run")
    say("ready")
    return 0


def test(arguments):
    """Run pytest with what it needs. In CI a missing browser is a failure, elsewhere a reason to skip."""
    set_up("test")
    browser = ensure_browser()
    code = subprocess.call([str(PYTHON), "-m", "pytest", *arguments], cwd=ROOT)
    if not browser and in_ci():
        say("chromium_required")
        return code or 1
    return code


VERBS = {"run": run, "setup": setup, "test": test}


def serve_arguments(arguments, environ, interactive):
    """The arguments of `serve`: `--open` asks it to open the browser once it listens, where somebody would see it."""
    display = sys.platform == "darwin" or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    wanted = "--no-browser" not in arguments and interactive and display and not environ.get("SSH_CONNECTION")
    return [a for a in arguments if a != "--no-browser"] + (["--open"] if wanted else [])


def set_up(purpose):
    """Make `.venv` hold what `purpose` needs; at once where its stamp says so."""
    if is_set_up(purpose):
        return
    try:
        turn = os.open(ROOT, os.O_RDONLY)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)  # one set-up at a time in this tree
            if not is_set_up(purpose):
                build(purpose)
        finally:
            os.close(turn)
    except PermissionError as error:
        raise SetUpError("not_writable", folder=ROOT) from error
    except OSError as error:
        raise SetUpError("disk_full" if error.errno == errno.ENOSPC else "failed", folder=VENV, said=error) from error


def is_set_up(purpose):
    stamps, wanted = read_stamps(), wanted_stamps()
    return all(stamps.get(name) == wanted[name] for name in ("python", purpose)) and PYTHON.exists()


def build(purpose):
    """The stamp goes first and comes back last: without it, whatever is there was left half-way and goes too."""
    stamps, wanted = read_stamps(), wanted_stamps()
    say("renewing" if stamps else "repairing" if VENV.exists() else "preparing")
    if stamps.get("python") != wanted["python"] and VENV.exists():
        shutil.rmtree(VENV)
    STAMP.unlink(missing_ok=True)
    check_space(NEEDED_MB[purpose])
    make_environment()
    install(LOCKS[purpose])
    write_command()
    # The tests' lock holds everything of the other one, at the same versions (tests/test_papers.py).
    done = [name for name in wanted if name in ("python", purpose) or purpose == "test"]
    STAMP.write_text("".join(f"{name} {wanted[name]}\n" for name in done))


def read_stamps():
    return dict(line.partition(" ")[::2] for line in STAMP.read_text().splitlines()) if STAMP.is_file() else {}


def wanted_stamps():
    """What a finished `.venv` of this tree and this Python says. A tree that moved needs a new one."""
    python = f"{sys.version.split()[0]} {sys.platform} {ROOT}"
    digests = {purpose: hashlib.sha256((ROOT / lock).read_bytes()).hexdigest() for purpose, lock in LOCKS.items()}
    return {"python": python, **digests}


def check_space(needed):
    free = shutil.disk_usage(ROOT).free // 2**20
    if free < needed:
        raise SetUpError("no_space", folder=ROOT, needed=needed, free=free)


def make_environment():
    if PYTHON.exists():
        return
    uv = shutil.which("uv")
    if uv:
        command([uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(VENV)])
        return
    if importlib.util.find_spec("ensurepip") is None:  # Debian ships it apart
        package = "python{}.{}-venv".format(*sys.version_info)
        if not apt_install([package]):
            raise SetUpError("no_venv", command=apt_command([package]))
    command([sys.executable, "-m", "venv", str(VENV)])


def install(lock):
    """Install exactly what the lock names. pip and uv keep to their own configuration (mirror, proxy, certificates)."""
    uv = shutil.which("uv")
    tool = (
        [uv, "pip", "install", "--python", str(PYTHON)]
        if uv
        else [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    )
    command([*tool, "--quiet", "--require-hashes", "--requirement", str(ROOT / lock)])


def write_command():
    """Make the tree importable and `.venv/bin/certtalk` a command, as an editable install would, without a build."""
    version = "python{}.{}".format(*sys.version_info)
    (VENV / "lib" / version / "site-packages" / "certtalk.pth").write_text(f"{ROOT}\n")
    script = VENV / "bin" / "certtalk"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(PYTHON))} -P -m bot "$@"\n')
    script.chmod(0o755)


def command(words):
    """Run a set-up command quietly. Raises `SetUpError` with a reason somebody can act on."""
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr + done.stdout
        raise SetUpError(reason(said), folder=VENV, said="\n".join(said.strip().splitlines()[-8:]))


def reason(said):
    """Which of our sentences fits what pip or uv said."""
    signs = {
        "disk_full": r"No space left|Errno 28|os error 28|Disk quota exceeded",
        "bad_hash": r"DO NOT MATCH THE HASHES|[Hh]ash mismatch",
        "not_writable": r"Permission denied|Errno 13|os error 13|Read-only file system",
        "no_network": r"NewConnectionError|NameResolutionError|name resolution|dns error|ConnectTimeout|ReadTimeout"
        r"|Network is unreachable|Connection refused|ProxyError|SSLError|error sending request|failed to lookup",
    }
    return next((key for key, sign in signs.items() if re.search(sign, said)), "failed")


def ensure_browser():
    """Whether Chromium and a Korean font are here, after trying to bring them."""
    missing = [package for package, there in zip(APT_FOR_TESTS, (chromium(), korean_font()), strict=True) if not there]
    if not missing or apt_install(missing):
        return True
    say("no_chromium", command=apt_command(missing))
    return False


def chromium():
    return shutil.which("chromium") is not None


def korean_font():
    """Without one a browser draws boxes."""
    listed = shutil.which("fc-list")
    if listed is None:
        return sys.platform == "darwin"
    return bool(subprocess.run([listed, ":lang=ko"], capture_output=True, check=False).stdout.strip())


def apt_install(packages):
    """Install Debian packages, when we may. Answers whether they are there now."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    say("installing", packages=", ".join(packages))
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *words], env=quiet, capture_output=True, check=False)
    return done.returncode == 0


def apt_command(packages):
    return "sudo apt-get install -y " + " ".join(packages)


def in_ci():
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def languages(environ):
    """The operator's language; both where the environment does not say."""
    wishes = [
        environ.get(name, "")[:2].lower() for name in ("CERTTALK_DEFAULT_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG")
    ]
    return next(([wish] for wish in wishes if wish in ("ko", "en")), ["ko", "en"])


def say(key, **params):
    """Print `operator.start.KEY` of the catalogues. Jinja2 is not here yet: placeholders are plain names."""
    for language in languages(os.environ):
        with (ROOT / "locales" / language / "operator.toml").open("rb") as file:
            sentence = tomllib.load(file)["operator"]["start"][key]
        print(re.sub(r"\{\{ (\w+) \}\}", lambda match: str(params[match[1]]), sentence), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
