"""The pages' scripts and the catalogue name the same sentences."""

import re

from bot.web.device import page_texts
from handlers.texts import load_texts
from tests.web.keys_stub import WEB

KO = page_texts(load_texts()["ko"])
SCRIPTS = ("page", "choosing", "findings", "secure", "login_check", "register", "mini_app", "device", "device_receive")
TEMPLATES = (
    "page", "parts", "secure", "login_check", "register", "mini_app", "choosing", "findings", "new_password", "device",
    "device_tool", "device_receive", "missing",
)  # fmt: skip


def test_every_sentence_of_the_pages_is_used_and_every_used_one_exists() -> None:
    sources = [WEB / "static" / f"{name}.mjs" for name in SCRIPTS]
    sources += [script for folder in ("secure", "device") for script in (WEB / "static" / folder).glob("*.mjs")]
    sources += [WEB / "templates" / f"{name}.html" for name in TEMPLATES]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    whole = set(re.findall(r"""["'`]([a-z_]+(?:\.[a-z_0-9]+)+)["'`]""", code))
    whole |= set(re.findall(r"""(?:t\[|words\()["']([a-z_]+)["']""", code))
    starts = set(re.findall(r"""["'`]([a-z_]+\.(?:[a-z_]+[._])?)(?:\$\{|\{\{|["'] ~)""", code))
    by_server = {key for key in KO if key.startswith("error.")}
    unused = {key for key in KO if key not in whole and not key.startswith(tuple(starts))} - by_server
    assert unused == set()
    ours = tuple({key.split(".")[0] + "." for key in KO if "." in key})
    files = ("secure.mjs", "login_check.mjs", "register.mjs", "page.mjs", "signs.svg")
    assert {key for key in whole if key.startswith(ours) and key not in KO and key not in files} == set()
