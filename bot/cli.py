"""`certtalk VERB`: everything an operator does. Verbs that cannot be undone say what they would do and want `--yes`."""

import argparse
import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from bot import audit_verbs, certificate_verbs, counter_verbs, logs, notice_verbs, outbox_verbs, reminder_verbs
from bot.ca_desk import asking
from bot.ca_verbs import add_verbs
from bot.kakao_verbs import add_kakao_verbs
from bot.settings import Settings, SettingsError, load_settings, unknown_settings
from handlers.texts import Texts, load_texts

log = logging.getLogger(__name__)

Verb = Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, int]]


LOOKING = frozenset({"remind", "notices", "outbox", "counter", "certificates", "customers", "audit", "faq"})
"""Verbs over what is already there."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="certtalk", description="The certificate counter inside a chat.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def add(name: str, verb: Verb | None, text: str, within: Any = verbs) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = within.add_parser(name, help=text, description=text)
        one.set_defaults(run=verb)
        one.add_argument("--data", type=Path, help="folder of everything that is kept (CERTTALK_DATA)")
        return one

    serve = add("serve", _serve, "run the service: web chat, secure pages, PKI endpoints, jobs")
    serve.add_argument("--host", help="interface to listen on (CERTTALK_HOST)")
    serve.add_argument("--port", type=int, help="port to listen on (CERTTALK_PORT)")
    serve.add_argument("--open", action="store_true", help="open the chat in a browser")

    chat = add("chat", _chat, "talk on this terminal")
    chat.add_argument("--as", dest="who", default="kim", metavar="NAME", help="demo customer to be (default kim)")
    chat.add_argument("--json", action="store_true", help="one utterance a line in, one JSON object a turn out")

    reminder_verbs.add_verbs(verbs, add)
    notice_verbs.add_verbs(verbs, add)
    outbox_verbs.add_verbs(verbs, add)
    counter_verbs.add_verbs(verbs, add)
    certificate_verbs.add_verbs(verbs, add)

    text = "What stands in the way of one of the bank's customers, and taking it away."
    customers = verbs.add_parser("customers", help="the bank's customers", description=text).add_subparsers(
        dest="what", required=True
    )
    unlock = add("unlock", _unlock, "clear a customer's failure counters", customers)
    unlock.add_argument("number", type=_customer_number, help="the bank's customer number")
    unlock.add_argument("--yes", action="store_true", help="really do it")

    audit_verbs.add_verbs(verbs, add)

    text = "The bot at Telegram: whether it stands as the settings say, and putting that right."
    telegram = verbs.add_parser("telegram", help="the bot at Telegram", description=text).add_subparsers(
        dest="what", required=True
    )
    check = add("check", _check_telegram, "does Telegram know what the settings say", telegram)
    check.add_argument("--yes", action="store_true", help="put webhook, commands and menu button right")

    add_kakao_verbs(verbs, add)
    add_verbs(verbs, add)

    text = "What customers asked in vain is labelled, and what was labelled is learned (docs/understanding.md)."
    questions = verbs.add_parser("faq", help="what the bot understands", description=text).add_subparsers(
        dest="what", required=True
    )
    review = add("review", _review, "label what customers asked in vain", questions)
    how = review.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print what is waiting, one JSON object a line")
    how.add_argument("--file", type=Path, help='take over such lines, "label" filled in')
    train = add("train", _train, "learn what was reviewed; refuses a model that became worse", questions)
    train.add_argument("--even-if-worse", metavar="REASON", help="use it all the same; goes into the audit trail")
    train.add_argument("--shipped", action="store_true", help="for developers: the model that is shipped")

    add("doctor", _doctor, "check settings, folder, database, keys and clock")
    add("understand", None, "read one utterance a line, print what it means (JSON)")
    return parser


def _customer_number(given: str) -> str:
    """It goes into the audit trail and onto a terminal: nothing that could forge a line or drive one."""
    if not re.fullmatch(r"[!-~]{1,64}", given):
        raise argparse.ArgumentTypeError("1 to 64 letters, digits and signs of ASCII, please")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a fault was found, 2 used or configured wrongly."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")  # Korean on any terminal
    parser = build_parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        parser.exit(2)
    arguments = parser.parse_args(argv)
    if arguments.verb == "understand":
        from handlers.understanding.lines import serve_lines

        return serve_lines()
    try:
        settings = load_settings(
            data=arguments.data, host=getattr(arguments, "host", None), port=getattr(arguments, "port", None)
        )
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(settings.log_level)
    at_our_own = getattr(arguments, "shipped", False) or getattr(arguments, "without_folder", False)
    if arguments.verb in LOOKING and not at_our_own and not (settings.data / "service.key").is_file():
        # A mistyped folder must not become a new authority that reports all is well.
        print(_texts(settings)("cli.nothing_here", data=settings.data), file=sys.stderr)
        return 2
    if arguments.verb == "serve":
        for unknown in unknown_settings():
            log.warning("unknown setting", extra={"setting": unknown.name, "closest": unknown.closest})
    return _run(arguments.run, arguments, settings)


def _run(verb: Verb, arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.doctor import disk
    from bot.sealing import SealingError
    from bot.serving import CannotListen, PortTaken
    from bot.storage.database import DatabaseError
    from bot.vault import VaultRefused
    from ca.errors import BadRequest, CaError, NotFound

    texts = _texts(settings)
    try:
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            return runner.run(verb(arguments, settings))
    except PortTaken:
        print(texts("cli.port_taken", port=settings.port, other=settings.port + 1), file=sys.stderr)
    except CannotListen as error:
        print(texts("cli.cannot_listen", host=settings.host, port=settings.port, reason=error), file=sys.stderr)
    except SettingsError as error:  # an adapter is loaded only now
        print(error, file=sys.stderr)
    except BrokenPipeError:  # `certtalk … | head` has seen enough; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except VaultRefused as refused:
        print(texts(f"ca.error.{refused.word}", **refused.params), file=sys.stderr)
    except NotFound:
        print(texts("cli.no_certificate"), file=sys.stderr)
    except BadRequest:  # the one wish of an operator that a certificate's status can refuse
        print(texts("cli.not_on_hold"), file=sys.stderr)
    except (DatabaseError, CaError, SealingError, OSError) as error:
        log.debug("could not start", exc_info=error)
        fault = next((one for one in disk(settings) if one.state == "fault"), None)  # says what to do
        print(texts("cli.startup_failed", reason=fault.text(texts) if fault else error), file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    return 2


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, half the cost of a message; None, asyncio's own, where there is none (Windows)."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _texts(settings: Settings) -> Texts:
    return load_texts()[settings.default_locale]


async def _serve(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.serving import serve

    await serve(settings, open_browser=arguments.open, ask=asking(settings))
    return 0


async def _chat(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.gateways.bank_demo import demo_customers
    from bot.talking import talk

    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # no octet ends the talk
    known = [one.id for one in demo_customers()]
    if settings.demo and arguments.who not in known:
        print(_texts(settings)("cli.no_such_customer", who=arguments.who, known=", ".join(known)), file=sys.stderr)
        return 2
    await talk(settings, arguments.who, as_json=arguments.json)
    return 0


async def _unlock(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running
    from bot.storage.database import Tx
    from bot.storage.identity import unlock

    texts = _texts(settings)
    if not arguments.yes:
        what = texts("cli.unlock_what", number=arguments.number)
        print(texts("cli.say_yes", what=what), file=sys.stderr)
        return 2
    async with running(settings, jobs=False, keys=False) as service:

        def act(tx: Tx) -> int:
            cleared = unlock(tx, arguments.number)
            service.audit.append(tx, service.clock(), "operator", "unlocked", arguments.number, {"counters": cleared})
            return cleared

        cleared = await service.database.run(act)
    word = "cli.unlocked" if cleared else "cli.nothing_locked"
    print(texts(word, number=arguments.number, count=cleared))
    return 0


async def _check_telegram(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.channels.telegram.checking import check
    from bot.doctor import report
    from bot.service import utc_now

    findings = await check(settings, load_texts(), mend=arguments.yes, now=utc_now())
    print(report(findings, _texts(settings)))
    return 1 if any(one.state == "fault" for one in findings) else 0


async def _review(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot import teaching
    from bot.app import running

    texts = _texts(settings)
    lines = arguments.file.read_text("utf-8") if arguments.file else ""
    async with running(settings, jobs=False) as service:
        if arguments.json:
            await teaching.as_json(service)
            return 0
        if arguments.file:
            return await teaching.from_lines(service, lines, texts)
        return await teaching.one_by_one(service, texts, _typed)


def _typed(prompt: str) -> str:
    """A line from the terminal; its end says that it was enough."""
    try:
        return input(prompt)
    except EOFError:
        return "q"


async def _train(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot import teaching
    from bot.app import running
    from bot.learning.fitting import TrainingMissing
    from bot.learning.utterances import UtterancesRefused

    texts = _texts(settings)
    try:
        if arguments.shipped:
            return teaching.train_shipped(texts)
        async with running(settings, jobs=False) as service:
            return await teaching.train(service, texts, arguments.even_if_worse)
    except TrainingMissing:
        print(texts("cli.faq.no_library"), file=sys.stderr)
    except UtterancesRefused as error:
        print(texts("cli.faq.bad_utterance", place=error), file=sys.stderr)
    return 2


async def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.doctor import examine, report

    findings = await examine(settings)
    print(report(findings, _texts(settings)))
    return 1 if any(one.state == "fault" for one in findings) else 0
