"""Every sentence a flow can come to say is written: keys are read from the flows' sources, not met by chance.

An `Again("format")` in `take_account` is `identity.account.error.format`, a choice of an `Ask` its label, and so on.
What is computed (an f-string) is checked as a pattern: at least one key must fit.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest

from ca import errors
from handlers import (
    conversation,
    enroll,
    interruptions,
    issuing,
    journeys,
    owning,
    proof_page,
    proving,
    reception,
    renew,
    succeeding,
)
from handlers.enroll import Enroll
from handlers.flow import Flow
from handlers.person import Person
from handlers.reception import Reception
from handlers.register import Register
from handlers.registered import RegisteredOnes
from handlers.reissue import Reissue
from handlers.reminders import Reminders
from handlers.renew import Renew
from handlers.revoke import Revoke
from handlers.status import Status
from handlers.texts import Texts, load_texts
from handlers.wording import MENU, flow_key, global_label

FLOWS: tuple[type[Flow], ...] = (Enroll, Status, Renew, Reissue, Revoke, Person, Reminders, Register, RegisteredOnes)
CONSTANTS = (enroll, issuing, owning)
REFUSING = (enroll, issuing, proving, proof_page, renew, succeeding, conversation)
TEXTS = load_texts()
both = pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)


def methods(flow: type[Flow]) -> Iterator[tuple[str, ast.AST]]:
    """(step or "", tree) of every method of a flow, inherited ones too."""
    for name, method in inspect.getmembers(flow, inspect.isfunction):
        step = re.sub(r"^(begin|ask|take|submit|show)_", "", name)
        if step != name and step not in flow.steps and re.match("begin|ask|take", name):
            continue  # a shared step that this journey has not
        yield (step if step in flow.steps else ""), ast.parse(textwrap.dedent(inspect.getsource(method)))


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == name:
            yield node


def patterns(node: ast.expr | None) -> list[str]:
    """The strings an expression can be, as regular expressions; what is computed is a wildcard."""
    match node:
        case ast.Constant(str(value)):
            return [re.escape(value)]
        case ast.JoinedStr(parts):
            return ["".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"[\w.]+" for p in parts)]
        case ast.IfExp(_, yes, no):
            return patterns(yes) + patterns(no)
        case ast.Tuple(elements):
            return list(chain.from_iterable(patterns(e.value if isinstance(e, ast.Starred) else e) for e in elements))
        case ast.Name(name):
            found = next((getattr(module, name) for module in CONSTANTS if hasattr(module, name)), ())
            return [re.escape(value) for value in found]
    return []


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = next((k.value for k in call.keywords if k.arg == name), None)
    return named or (call.args[position] if len(call.args) > position else None)


@cache
def wanted(flow: type[Flow]) -> tuple[set[str], set[str]]:
    """Patterns of keys under the flow (or `identity`), and values of buttons that stand above the flows."""
    keys, above = {"start"}, set[str]()
    for step, tree in methods(flow):
        for call in chain(calls(tree, "Again"), calls(tree, "Stop"), calls(tree, "Done")):
            kind = call.func.id  # type: ignore[attr-defined]
            if kind == "Again":
                keys |= {f"{step or '[a-z]+'}\\.error\\.{p}" for p in patterns(argument(call, 0, "error"))}
            elif kind == "Stop":
                keys |= {f"stop\\.{p}" for p in patterns(argument(call, 0, "reason"))}
            else:
                keys |= {"done", *(f"done_{p}" for p in patterns(argument(call, 2, "variant")))}
            above |= set(patterns(argument(call, 1 if kind == "Done" else 2, "choices")))
        for call in calls(tree, "Goto"):
            keys |= set(patterns(argument(call, 1, "say")))
        for call in calls(tree, "say"):
            keys |= set(patterns(argument(call, 0, "key")))
        for call in calls(tree, "Ask"):
            keys |= {rf"{step}\.ask", *(rf"{step}\.ask_{p}" for p in patterns(argument(call, 4, "variant")))}
            for value in patterns(argument(call, 0, "choices")):
                above |= {value} if ":" in value else set()
                keys |= set() if ":" in value else {rf"{step}\.choice\.{value}"}
        for call in calls(tree, "OpenPage"):
            at = step or "[a-z]+"
            keys |= {rf"{at}\.ask", rf"{at}\.link"}
            keys |= {rf"{at}\.choice\.{value}" for value in patterns(argument(call, 2, "choices"))}
    return keys, {re.sub(r"\\(.)", r"\1", value) for value in above}


@both
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_whatever_a_flow_says_is_written(texts: Texts, flow: type[Flow]) -> None:
    keys, above = wanted(flow)
    here = {
        flow_key(texts, flow.name, key.partition(".")[2])
        for key in texts
        if key.startswith((flow.name, "identity", "enroll"))
    }
    relative = {key.partition(".")[2] for key in here}
    missing = {
        key
        for key in keys
        if not any(
            re.fullmatch(key.removeprefix(r"\."), known) for known in (texts if key.startswith(r"\.") else relative)
        )
    }
    assert missing == set()
    for value in above:
        assert global_label(texts, value)


@both
def test_whatever_a_page_is_refused_with_is_written(texts: Texts) -> None:
    sources = [ast.parse(inspect.getsource(module)) for module in REFUSING]
    words = {p for tree in sources for call in calls(tree, "Refused") for p in patterns(argument(call, 0, "error"))}
    assert {"proof_lapsed", "fee_unpaid", "factor_locked", "link_gone", "unavailable"} <= words
    refusals = {error.code for error in errors.RequestRefused.__subclasses__()} | {"too_many_today", "not_ready"}
    for word in words | refusals:
        assert any(re.fullmatch(rf"page\.error\.{word}", key) for key in texts), word
    assert {f"page.error.{factor}_{verdict}" for factor in ("card", "otp") for verdict in ("wrong", "locked")} <= set(
        texts
    )


def test_the_reading_finds_what_there_is() -> None:
    keys, above = wanted(Enroll)
    assert {
        r"account\.error\.format", r"code\.choice\.resend", r"stop\.phone_changed", r"place\.choice\.usb",
        r"page\.link", r"page\.choice\.new_link", r"\.terms\.full", r"review\.choice\.change_kind",
        r"kind\.other_[\w.]+", "done_checked",
    } <= keys  # fmt: skip
    assert {"cmd:person", "means:int_backup", "cmd:menu"} <= above
    assert len(keys) > 50


def test_a_sentence_that_is_not_written_is_noticed() -> None:
    class Odd(Person):
        name = "person"

        async def take_wish(self, turn, answer):  # type: ignore[no-untyped-def]
            from handlers.flow import Again

            return Again("nobody_wrote_this")

    with pytest.raises(AssertionError, match="nobody_wrote_this"):
        test_whatever_a_flow_says_is_written(TEXTS["ko"], Odd)


@both
def test_whatever_stands_above_the_flows_is_written(texts: Texts) -> None:
    tree = ast.parse("\n".join(inspect.getsource(one) for one in (reception, interruptions, journeys)))
    said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for key in (one for one in said if re.fullmatch(r"(common|reminder)\.[a-z_]+", one)):
        assert key in texts, key
    for value in (*MENU, *(one for one in said if re.fullmatch(r"cmd:[a-z_]+", one)), "rate:up:x", "rate:down:x",
                  *(f"remind:{one}:x" for one in ("tomorrow", "later", "stop")),
                  *(f"lang:{locale}" for locale in TEXTS)):  # fmt: skip
        assert global_label(texts, value)
    owners = {"status", "renew", "reissue", "revoke"}
    assert {flow.name for flow in FLOWS} == owners | {"enroll", "person", "reminders", "register", "registered"}
    assert Reception


@both
def test_no_label_is_only_a_picture_and_none_is_long(texts: Texts) -> None:
    labels = {key: value for key, value in texts.items() if ".choice." in key or key.endswith((".start", ".link"))}
    assert len(labels) > 30
    assert [key for key, value in labels.items() if not re.search(r"\w\w", value)] == []
    assert [key for key, value in labels.items() if len(value) > 26] == []
