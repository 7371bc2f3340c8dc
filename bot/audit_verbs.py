"""`certtalk audit …`: is the trail whole, what is in it, where it ends today; and what an outsider can check of it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.certificate_verbs import serial_number
from bot.jobs.anchoring import ANCHORS, add_anchor, read_anchors
from bot.settings import Settings
from bot.storage.audit import Head, newest
from bot.storage.stretches import exported
from handlers.texts import Texts, load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    text = "The trail of who did what, in which nothing can be changed unseen: checking it, and taking it along."
    within = verbs.add_parser("audit", help="the audit trail", description=text).add_subparsers(
        dest="what", required=True
    )
    verify = add("verify", _verify, "check the chain from its first record to its last", within)
    verify.add_argument("--anchors", type=Path, help=f"anchors kept elsewhere (else DATA/{ANCHORS})")
    check = add("check", _check, "check an export against anchors copied away; needs no data folder", within)
    check.add_argument("export", type=Path, help="what `certtalk audit export` has printed")
    check.add_argument("--anchors", type=Path, required=True, help=f"a copy of {ANCHORS}")
    check.add_argument("--root", type=Path, required=True, help="the root's certificate, PEM or DER")
    check.set_defaults(without_folder=True)
    add("export", _export, "every record, one JSON object a line", within)
    consent = add("consent", _consent, "what was agreed to before a certificate was issued, signed (CMS, PEM)", within)
    consent.add_argument("serial", type=serial_number, help="the certificate's serial number, in hex")
    consent.add_argument("--terms", action="store_true", help="the text of the terms instead, word for word")
    clock = add("clock", _clock, "say that the clock is right, where records of a wrong one stop everything", within)
    clock.add_argument("--yes", action="store_true", help="really say so; written to the trail")
    add("anchor", _anchor, "print where the chain ends now, for `verify`; signed ones are in the file", within)


async def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running
    from bot.auditing import ForeignAnchor, signed_statements

    texts = load_texts()[settings.default_locale]
    async with running(settings, jobs=False, keys=False) as service:
        anchors = read_anchors(arguments.anchors or settings.data / ANCHORS)
        forged = [anchor for anchor in anchors if not service.audit.is_ours(anchor)]
        if forged:
            print(texts("cli.anchor_forged", at=forged[0].at), file=sys.stderr)
            return 1
        try:
            said = signed_statements(anchors, service.registration.authority.current.root)
        except ForeignAnchor as error:
            print(texts("cli.anchor_foreign", at=error.at, why=error), file=sys.stderr)
            return 1
        heads = [Head(one.seq, one.hash) for one in anchors]
        verdict = await service.audit.verify(service.database, heads, said)
    if verdict.broken is None:
        print(texts("cli.audit_ok", rows=verdict.rows, anchors=len(anchors)))
        return 0
    print(texts("cli.audit_broken", seq=verdict.broken.seq, what=verdict.broken.what), file=sys.stderr)
    return 1


async def _export(_: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    async with running(settings, jobs=False, keys=False) as service:
        async for row in service.audit.rows(service.database):
            print(exported(row))
    return 0


async def _check(arguments: argparse.Namespace, settings: Settings) -> int:
    texts = load_texts()[settings.default_locale]
    return await asyncio.to_thread(_checked, arguments, texts)


def _checked(arguments: argparse.Namespace, texts: Texts) -> int:
    from bot.auditing import ForeignAnchor, check, signed_statements
    from bot.vault import VaultRefused
    from ca.elsewhere import NotACertificate, read
    from ca.paths import is_anchor, load

    for file in (arguments.export, arguments.anchors, arguments.root):
        if not file.is_file():
            raise VaultRefused("no_file", path=file)
    try:
        root = load(read(arguments.root.read_bytes(), authorities=True)[0].der)
    except NotACertificate:
        root = None
    if root is None or not is_anchor(root):
        print(texts("cli.not_a_root", path=arguments.root), file=sys.stderr)
        return 2
    anchors = read_anchors(arguments.anchors)
    try:
        said = signed_statements(anchors, root)
    except ForeignAnchor as error:
        print(texts("cli.anchor_foreign", at=error.at, why=error), file=sys.stderr)
        return 1
    with arguments.export.open("rb") as lines:
        checked = check(lines, said)
    if checked.broken:
        print(texts("cli.audit_broken", seq=checked.broken.seq, what=checked.broken.what), file=sys.stderr)
        return 1
    if checked.covered is None:
        print(texts("cli.audit_nothing_signed", path=arguments.anchors), file=sys.stderr)
        return 1
    first, last = checked.covered
    if last < first:
        print(texts("cli.audit_none_yet", signed=len(said)))
        return 0
    signed, sealed = len(said), sum(not one.cms for one in anchors)
    print(texts("cli.audit_checked", rows=checked.rows, first=first, last=last, signed=signed, sealed=sealed))
    return 0


async def _consent(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot import consent
    from bot.app import running
    from bot.ca_desk import asking
    from ca import keys

    every = load_texts()
    texts = every[settings.default_locale]
    async with running(settings, jobs=False, keys=False, ask=asking(settings)) as service:
        try:
            fields = await consent.consent(service.database, service.audit, service.certificates, arguments.serial)
        except consent.NoConsent as error:
            print(texts(f"cli.consent.{error.word}"), file=sys.stderr)
            return 1
        if arguments.terms:
            text = consent.text_of(fields["sha256"], every)
            if text is None:
                print(texts("cli.consent.older", version=fields["terms"]), file=sys.stderr)
                return 1
            sys.stdout.write(text)
            return 0
        now = service.registration.authority.recorded.after(service.clock())
        signer = await asyncio.to_thread(service.vault.records, now)
        signed = await asyncio.to_thread(signer.sign, consent.written(fields), now)
    sys.stdout.write(keys.pem("CMS", signed).decode())
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
