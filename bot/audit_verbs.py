"""`certtalk audit …`: is the trail whole, what is in it, and where it ends today."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.jobs.anchoring import ANCHORS, add_anchor, read_anchors
from bot.settings import Settings
from bot.storage.audit import Head, newest
from handlers.texts import load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    within = verbs.add_parser("audit", help="the audit trail").add_subparsers(dest="what", required=True)
    verify = add("verify", _verify, "check the chain from its first record to its last", within)
    verify.add_argument("--anchors", type=Path, help=f"anchors kept elsewhere (else DATA/{ANCHORS})")
    add("export", _export, "every record, one JSON object a line", within)
    clock = add("clock", _clock, "say that the clock is right, where records of a wrong one stop everything", within)
    clock.add_argument("--yes", action="store_true", help="really say so; written to the trail")
    add("anchor", _anchor, "print where the chain ends now, to be kept elsewhere", within)


async def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = load_texts()[settings.default_locale]
    async with running(settings, jobs=False, keys=False) as service:
        anchors = read_anchors(arguments.anchors or settings.data / ANCHORS)
        forged = [anchor for anchor in anchors if not service.audit.is_ours(anchor)]
        if forged:
            print(texts("cli.anchor_forged", at=forged[0].at), file=sys.stderr)
            return 1
        verdict = await service.audit.verify(service.database, [Head(one.seq, one.hash) for one in anchors])
    if verdict.broken is None:
        print(texts("cli.audit_ok", rows=verdict.rows, anchors=len(anchors)))
        return 0
    print(texts("cli.audit_broken", seq=verdict.broken.seq, what=verdict.broken.what), file=sys.stderr)
    return 1


async def _export(_: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        async for row in service.audit.rows(service.database):
            print(json.dumps(row, ensure_ascii=False))
    return 0


async def _anchor(_: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        anchor = await service.database.read(service.audit.anchor, service.clock())
    add_anchor(settings.data / ANCHORS, anchor)
    print(json.dumps(asdict(anchor)))
    return 0


async def _clock(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = load_texts()[settings.default_locale]
    async with running(settings, jobs=False, keys=False) as service:
        now, last = service.clock(), await service.database.read(newest)
        shown, recorded = (f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-" for at in (now, last))
        if last is None or last <= now:
            print(texts("cli.clock_ok", now=shown, last=recorded))
            return 0
        print(texts("cli.clock_behind", now=shown, last=recorded))
        if not arguments.yes:
            print(texts("cli.say_yes", what=texts("cli.clock_what")), file=sys.stderr)
            return 2
        await service.database.run(service.audit.set_clock, now, "operator")
    print(texts("cli.clock_set"))
    return 0
