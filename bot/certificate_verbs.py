"""`certtalk certificates …`: look at what was issued, hold, release and revoke on the operator's word.

They run beside the service: its workers read of the change within a second, the next list within twenty.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from bot.settings import Settings
from bot.storage.certificate_rows import hex_of
from ca.ports import Record, Serial, Status
from ca.revocation import By, reasons
from handlers.texts import Texts, load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    text = "The certificates that were issued: finding one, suspending, releasing, revoking it, taking all along."
    within = verbs.add_parser("certificates", help="what was issued", description=text).add_subparsers(
        dest="what", required=True
    )
    export = add("export", _export, "everything ever issued, one JSON object a line", within)
    export.add_argument("--json", action="store_true", required=True, help="the only form there is")

    listed = add("list", _list, "serial numbers, status, kind and end, one certificate a line", within)
    listed.add_argument("--customer", default="", help="the bank's customer number")
    listed.add_argument("--status", choices=[one.value for one in Status if one not in (Status.PLANNED, Status.FAILED)])

    show = add("show", _show, "all that is recorded about one certificate (JSON)", within)
    hold = add(
        "hold", _hold, "suspend a certificate; release undoes it, half a year without that makes it final", within
    )
    release = add("release", _release, "end a suspension", within)
    revoke = add("revoke", _revoke, "end a certificate for good", within)
    revoke.add_argument("--reason", required=True, choices=reasons(By.OPERATOR), help="RFC 5280 §5.3.1")
    revoke.add_argument("--yes", action="store_true", help="really do it")
    for one in (show, hold, release, revoke):
        one.add_argument("serial", type=serial_number, help="its serial number, in hex")


def serial_number(given: str) -> Serial:
    """As `openssl x509 -serial` and browsers write it: hex, perhaps with colons or blanks."""
    digits = re.sub(r"[:\s]", "", given)
    if not re.fullmatch(r"[0-9A-Fa-f]{1,40}", digits):
        raise argparse.ArgumentTypeError("a serial number is hex, as `certtalk certificates list` prints it")
    return Serial(int(digits, 16))


def _texts(settings: Settings) -> Texts:
    return load_texts()[settings.default_locale]


async def _export(_: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        async for one in service.certificates.export():
            print(json.dumps(one.as_json(), ensure_ascii=False))
    return 0


async def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        async for one in service.certificates.export(arguments.customer):
            if arguments.status in (None, one.status.value):
                end = f"{one.not_after:%Y-%m-%d}"
                print(f"{one.serial}  {one.status.value:8} {one.profile:12} {end}  {one.reason or ''}".rstrip())
    return 0


async def _show(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        record = await service.registration.status(arguments.serial)
        acts = await service.audit.about(service.database, hex_of(arguments.serial))
    plan = record.plan
    shown = {
        "serial": hex_of(plan.serial),
        "status": record.status.value,
        "subject": plan.subject,
        "subscriber": plan.subscriber,
        "profile": plan.profile,
        "issuer": plan.issuer,
        "not_before": plan.not_before.isoformat(),
        "not_after": plan.not_after.isoformat(),
        "revoked_at": record.revoked_at.isoformat() if record.revoked_at else None,
        "reason": record.reason,
        "replaces": hex_of(plan.replaces) if plan.replaces else None,
        "audit": [{key: row[key] for key in ("seq", "at", "actor", "act", "detail")} for row in acts],
    }
    print(json.dumps(shown, ensure_ascii=False, indent=2))
    return 0


async def _hold(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        record = await service.registration.hold(arguments.serial, service.clock(), By.OPERATOR)
    return _say(settings, record)


async def _release(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        record = await service.registration.release(arguments.serial, service.clock(), By.OPERATOR)
    return _say(settings, record)


async def _revoke(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        record = await service.registration.status(arguments.serial)
        if not arguments.yes:
            what = texts("cli.revoke_what", serial=hex_of(arguments.serial), subject=record.plan.subject)
            print(texts("cli.say_yes", what=what), file=sys.stderr)
            return 2
        record = await service.registration.revoke(arguments.serial, arguments.reason, service.clock(), By.OPERATOR)
    return _say(settings, record)


def _say(settings: Settings, record: Record) -> int:
    print(_texts(settings)(f"cli.now_{record.status.value}", serial=hex_of(record.plan.serial)))
    return 0
