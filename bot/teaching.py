"""`certtalk faq review` and `certtalk faq train`: what customers asked in vain becomes what the bot understands.

A person looks at every masked question before anything is learned from it; a model that became worse is not used unless
somebody says why, and that goes into the audit trail.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from bot.learning import fitting, keeping, scoring, utterances
from bot.service import Service
from bot.storage import questions
from bot.storage.database import Tx
from handlers import faq, masking
from handlers.texts import Texts
from handlers.understanding import Model, shipped_model
from handlers.understanding.model import OUT_OF_SCOPE, SHIPPED, ModelRefused

WORSE_BY: Final = 0.005
"""A fall of the whole score by more than this is a worse model …"""
ACTS_BY: Final = 0.002
"""… and so is this much more of wrong acts."""


def labels() -> frozenset[str]:
    """Everything a message may be taught to mean."""
    return frozenset({*faq.load_links(), *faq.COMMANDS, *faq.FLOWS, OUT_OF_SCOPE})


# -- review -----------------------------------------------------------------------------------------------------------


async def as_json(service: Service) -> None:
    """What is waiting, one JSON object a line; `label` is to be filled in."""
    for one in await service.database.read(questions.waiting):
        row = {
            "text": one.text, "label": None, "why": one.why, "candidates": list(one.candidates), "times": one.times,
            "last": one.last,
        }  # fmt: skip
        print(json.dumps(row, ensure_ascii=False))


async def from_lines(service: Service, lines: str, texts: Texts) -> int:
    """Take over what a person has filled in; lines without a label stay waiting, `"label": "-"` drops them."""
    learned: list[tuple[str, str]] = []
    dropped: list[str] = []
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text, label, asked = row["text"], row.get("label"), row.get("asked", row["text"])
            usable = isinstance(text, str) and bool(text.strip()) and label in {None, "-", *labels()}
        except (ValueError, TypeError, KeyError, AttributeError):
            usable = False
        if not usable:
            print(texts("cli.faq.bad_line", line=number), file=sys.stderr)
            return 2
        if label is not None:
            dropped.append(asked)
            learned.extend([(text, label)] if label != "-" else [])
    await _keep(service, learned, dropped)
    print(texts("cli.faq.reviewed", learned=len(learned), dropped=len(dropped) - len(learned)))
    return 0


async def one_by_one(service: Service, texts: Texts, ask: Callable[[str], str]) -> int:
    """Show what is waiting and take a person's decision; what was decided is kept at once."""
    pending = await service.database.read(questions.waiting)
    if not pending:
        print(texts("cli.faq.nothing"))
        return 0
    learned = dropped = 0
    for at, one in enumerate(pending, 1):
        print(texts("cli.faq.asked", at=at, count=len(pending), times=one.times, why=one.why, text=one.text))
        for number, slug in enumerate(one.candidates, 1):
            print(f"  {number}  {slug}  {_question(texts, slug)}")
        text = one.text
        while True:
            answer = (await asyncio.to_thread(ask, texts("cli.faq.prompt"))).strip()
            if answer.startswith("="):
                text = answer[1:].strip() or text
                continue
            if answer.isdigit() and 1 <= int(answer) <= len(one.candidates):
                answer = one.candidates[int(answer) - 1]
            if answer in {"", "q", "-"} or answer in labels():
                break
            near = sorted(slug for slug in labels() if answer in slug)
            print(texts("cli.faq.unknown_label", near=", ".join(near) or "-"))
        if answer == "q":
            break
        if answer:
            await _keep(service, [(text, answer)] if answer != "-" else [], [one.text])
            learned, dropped = learned + (answer != "-"), dropped + (answer == "-")
    print(texts("cli.faq.reviewed", learned=learned, dropped=dropped))
    return 0


async def _keep(service: Service, learned: Sequence[tuple[str, str]], settled: Sequence[str]) -> None:
    # The file first: killed in between, a question is asked about again and not lost.
    if learned:
        with (service.settings.data / utterances.OWN).open("a", encoding="utf-8") as file:
            for text, label in learned:
                file.write(json.dumps({"label": label, "text": masking.text(text)}, ensure_ascii=False) + "\n")

    def act(tx: Tx) -> None:
        questions.settle(tx, settled, service.clock())
        service.audit.append(
            tx, service.clock(), "operator", "questions reviewed", "understanding",
            {"learned": len(learned), "settled": len(settled)},
        )  # fmt: skip

    await service.database.run(act)


def _question(texts: Texts, slug: str) -> str:
    key = f"faq.{slug}.question"
    return texts(key) if key in texts else ""


# -- train ------------------------------------------------------------------------------------------------------------


async def train(service: Service, texts: Texts, why_worse: str | None) -> int:
    """Learn the operator's utterances beside ours; exit code 1 when the model became worse and is not used."""
    data = service.settings.data
    theirs = utterances.own(data / utterances.OWN)
    before = keeping.read(data / keeping.FILE) or shipped_model()
    packed = await asyncio.to_thread(fitting.pack, utterances.taught(theirs))
    after = Model.read(packed)
    old, new = _compare(before, after, texts)
    if worse(old, new) and not why_worse:
        print(texts("cli.faq.worse"), file=sys.stderr)
        return 1
    keeping.write(data / keeping.FILE, packed)
    detail = {"before": old.as_json(), "after": new.as_json(), "own": len(theirs)}
    if worse(old, new):
        detail["worse because"] = why_worse

    def act(tx: Tx) -> None:
        service.audit.append(tx, service.clock(), "operator", "understanding trained", after.digest, detail)

    await service.database.run(act)
    print(texts("cli.faq.trained", count=len(theirs), model=after.digest[:16]))
    return 0


def train_shipped(texts: Texts) -> int:
    """For developers: the model that is shipped, from the shipped utterances."""
    packed = fitting.pack(utterances.taught())
    after = Model.read(packed)
    try:
        before = shipped_model()
    except ModelRefused:  # of older features: nothing to compare with
        before = after
    _compare(before, after, texts)
    keeping.write(Path(str(files("handlers.understanding") / SHIPPED)), packed)
    return 0


def worse(old: scoring.Score, new: scoring.Score) -> bool:
    return new.whole < old.whole - WORSE_BY or new.wrong_acts > old.wrong_acts + ACTS_BY


def _compare(before: Model, after: Model, texts: Texts) -> tuple[scoring.Score, scoring.Score]:
    measured = utterances.held_out()
    old, new = scoring.score(before, measured), scoring.score(after, measured)
    was, now = old.as_json(), new.as_json()
    print(texts("cli.faq.measured", count=len(measured)))
    for name in was:
        if name != "utterances":
            print(f"  {texts(f'cli.faq.figure.{name}'):<28} {was[name]:7.1%} → {now[name]:7.1%}")
    return old, new
