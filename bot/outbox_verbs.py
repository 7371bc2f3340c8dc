"""`certtalk outbox …`: what waits to be sent, what was given up, and sending that on its way again.

No word and no number is shown: payloads are sealed, and what is listed is the rest of the row.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from bot.settings import Settings
from handlers.texts import Texts, load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    text = "Messages on their way out: what waits, what was given up and why, and sending that again."
    what = verbs.add_parser("outbox", help="messages on their way out", description=text).add_subparsers(
        dest="what", required=True
    )
    listed = add("list", show, "what was given up, with the reason; the latest last", what)
    listed.add_argument("--state", choices=("dead", "queued"), default="dead", help="queued: what waits instead")
    again = add("revive", revive, "send on its way again what was given up", what)
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="everything `list` shows")
    which.add_argument("--key", action="append", default=[], help="one of them, as often as needed")
    again.add_argument("--yes", action="store_true", help="really do it")


def _texts(settings: Settings) -> Texts:
    return load_texts()[settings.default_locale]


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running
    from bot.storage import outbox

    t = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        found = await service.database.read(outbox.standing, arguments.state)
    for one in found:
        shown = {"at": one.at, "kind": one.kind, "channel": one.channel, "attempts": one.attempts, "key": one.key}
        print(t("operator.outbox.line", **shown, error=one.error))
    print(t(f"operator.outbox.{arguments.state}", count=len(found)))
    return 0


async def revive(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running
    from bot.storage import outbox
    from bot.storage.database import Tx

    t = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        dead = [one.key for one in await service.database.read(outbox.standing, "dead")]
        chosen = dead if arguments.all else arguments.key
        if unknown := [key for key in chosen if key not in dead]:
            print(t("operator.outbox.unknown", key=unknown[0]), file=sys.stderr)
            return 2
        # A code that was to be typed within minutes helps nobody now.
        keys = [key for key in chosen if not key.startswith("code:")]
        if not arguments.yes and keys:
            print(t("cli.say_yes", what=t("operator.outbox.what", count=len(keys))), file=sys.stderr)
            return 2

        def act(tx: Tx) -> int:
            now = service.clock()
            revived = [key for key in keys if outbox.revive(tx, key, now)]
            for key in revived:
                service.audit.append(tx, now, "operator", "message revived", key, {})
            return len(revived)

        count = await service.database.run(act)
    print(t("operator.outbox.revived", count=count, codes=len(chosen) - len(keys)))
    return 0
