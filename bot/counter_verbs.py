"""`certtalk counter …`: who waits for a person; read along, answer, give the conversation back.

What a clerk says is read from standard input, not from an argument, which others on the machine could see.
"""

import argparse
import getpass
import sys
import uuid
from collections.abc import Callable
from typing import Any

from bot.settings import Settings
from handlers.counter import NoSuchHandover, TakenBySomebodyElse
from handlers.texts import Texts, load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    text = "The counter where a person takes over: who waits for one, what was said, answering, giving it back."
    counter = verbs.add_parser("counter", help="conversations that want a person", description=text)
    what = counter.add_subparsers(dest="what", required=True)
    add("list", show_all, "who waits or is being served, longest first", what)
    read = add("show", show, "a hand-over with the end of its conversation", what)
    answer = add("reply", reply, "take it over if nobody has, and say what stands on standard input", what)
    over = add("close", close, "give the conversation back to the bot", what)
    for one in (read, answer, over):
        one.add_argument("reference", help="the reference the customer was given")
    for one in (answer, over):
        one.add_argument("--as", dest="clerk", default=None, metavar="NAME", help="who you are (your login name)")


def _texts(settings: Settings) -> Texts:
    return load_texts()[settings.default_locale]


def _clerk(arguments: argparse.Namespace) -> str:
    """A plain name: it goes into the audit trail and onto terminals."""
    name: str = arguments.clerk or getpass.getuser()
    return "".join(c for c in name if c.isprintable())[:64] or "clerk"


async def show_all(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - as every verb
    from bot.app import running

    texts = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        found = await service.counter.list()
    for one in found:
        state = texts(f"cli.counter_{one.state}", clerk=one.clerk or "")
        print(texts("cli.counter_line", reference=one.reference, at=one.at, state=state, wish=one.wish or "-"))
    print(texts("cli.counter_count", count=len(found)))
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        try:
            handed, said = await service.counter.show(arguments.reference)
        except NoSuchHandover:
            return _nobody(texts, arguments.reference)
    state = texts(f"cli.counter_{handed.state}", clerk=handed.clerk or "")
    print(texts("cli.counter_line", reference=handed.reference, at=handed.at, state=state, wish=handed.wish or "-"))
    for one in said:
        print(f"  {one.at[:16].replace('T', ' ')}  {texts(f'cli.counter_by_{one.author}')}  {one.text}")
    return 0


async def reply(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = _texts(settings)
    if sys.stdin.isatty():
        print(texts("cli.counter_write"), file=sys.stderr)
    words = sys.stdin.read().strip()
    if not words:
        print(texts("cli.counter_empty"), file=sys.stderr)
        return 2
    async with running(settings, jobs=False, keys=False) as service:
        try:
            await service.counter.say(arguments.reference, _clerk(arguments), words, uuid.uuid4().hex)
        except NoSuchHandover:
            return _nobody(texts, arguments.reference)
        except TakenBySomebodyElse as error:
            print(texts("cli.counter_taken_by", clerk=error), file=sys.stderr)
            return 1
    print(texts("cli.counter_said"))
    return 0


async def close(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        try:
            await service.counter.give_back(arguments.reference, _clerk(arguments))
        except NoSuchHandover:
            return _nobody(texts, arguments.reference)
        except TakenBySomebodyElse as error:
            print(texts("cli.counter_taken_by", clerk=error), file=sys.stderr)
            return 1
    print(texts("cli.counter_given_back"))
    return 0


def _nobody(texts: Texts, reference: str) -> int:
    print(texts("cli.counter_nobody", reference=reference), file=sys.stderr)
    return 1
