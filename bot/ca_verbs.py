"""`certtalk ca …`: the ceremony, and what an operator does with the authority afterwards.

Every verb says what it would do, in full, before it does it, and wants `--yes` or a yes typed at the terminal.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot import ca_revoke
from bot.ca_desk import Add, Desk, add_root_key, add_root_passphrase
from bot.settings import Settings
from handlers.texts import load_texts


def add_verbs(verbs: Any, add: Add) -> None:
    text = "The authority itself: making it, its keys and their successors, what it publishes, checking all it issued."
    ca = verbs.add_parser("ca", help="the certification authority", description=text).add_subparsers(
        dest="what", required=True
    )
    init = add("init", init_authority, "make the root, the issuing CA and the OCSP signer", ca)
    init.add_argument("--file", type=Path, metavar="TOML", help="names, kinds of keys and years (docs/operations.md)")
    init.add_argument("--root-folder", type=Path, help="where the root's sealed key goes (DATA/ca-root)")
    add_root_passphrase(init)

    add("show", show, "what there is, until when, and where its keys are", ca)

    add("lint", lint_issued, "hold everything issued against the rules once more", ca)

    rotate = add("rotate", rotate_part, "make the next issuing CA, OCSP signer, record signer or list of the root", ca)
    rotate.add_argument("part", choices=("issuing", "ocsp", "records", "root-crl"))
    rotate.add_argument("--key", choices=("rsa-2048", "rsa-3072", "rsa-4096", "p-256"), help="kind of the new key")
    rotate.add_argument("--years", type=int, default=10, help="how long the next issuing CA lives (10)")
    add_root_key(rotate)

    ca_revoke.add_verb(ca, add)

    export = add("export", export_authority, "certificates, chains, the root's list, fingerprints", ca)
    export.add_argument("folder", type=Path, help="where to, made if it is missing")
    export.add_argument("--with-root-key", action="store_true", help="the root's key too, under a new passphrase")
    add_root_key(export)
    for one in (init, rotate):
        one.add_argument("--yes", action="store_true", help="do it without asking")


async def init_authority(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import is_used
    from bot.gateways.adapters import connect, named
    from bot.profiles import load_responder
    from bot.vault import Vault, VaultRefused
    from bot.vault.passphrases import long_enough, passphrase_file

    desk = Desk(arguments, settings)
    # The note in the trail needs the whole service: what cannot be loaded is said before anything is made.
    for name in named(settings):
        connect(settings, name)
    if desk.vault.files.exists():
        raise VaultRefused("exists", path=desk.vault.folder)
    if await is_used(settings):
        raise VaultRefused("lost", path=desk.vault.folder)
    wanted = desk.vault.order(_text(arguments.file))
    folder = arguments.root_folder or desk.vault.root_folder
    place = desk.texts("ca.in_token" if settings.ca_token else "ca.in_folder", path=desk.vault.folder)
    root, issuing, responder = wanted.root, wanted.issuing, load_responder(settings)
    desk.say(
        "init_plan", organization=wanted.organization, country=wanted.country, root=root.name, root_kind=root.key,
        root_years=root.years, issuing=issuing.name, issuing_kind=issuing.key, issuing_years=issuing.years,
        ocsp_kind=responder.key, ocsp_days=responder.days, place=place, root_folder=folder, url=settings.public_url,
    )  # fmt: skip
    if not desk.agreed():
        return 2
    if desk.ask and not settings.demo and not passphrase_file(settings):
        desk.vault = Vault(settings, ask=desk.ask, secret=desk.chosen("new"))
    secret = desk.root_secret(new=True)
    if not settings.ca_token:
        long_enough(desk.vault.passphrase())
    file = await asyncio.to_thread(desk.vault.make, wanted, folder, secret, desk.now)
    await desk.note("ca_made", "root", fingerprint=_fingerprint(desk.vault.files.root()))
    desk.say("init_done", fingerprint=_fingerprint(desk.vault.files.root()), root_key=file)
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.vault import VaultRefused
    from bot.vault.condition import conditions

    desk = Desk(arguments, settings)
    files = desk.vault.files
    if not files.exists():
        raise VaultRefused("no_authority", path=files.path)
    for name in ("root", *files.running()):
        one, entry = files.certificate(name), files.withdrawn().get(name)
        at = desk.vault.root_key_file() if name == "root" else files.key_file(name)
        where = "file" if at.is_file() else "safe" if name == "root" else "token"
        desk.say(
            "certificate", name=name, subject=one.subject.rfc4514_string(), until=one.not_valid_after_utc,
            fingerprint=_fingerprint(one), place=desk.texts(f"ca.key.{where}", path=at), kind=_kind(one),
            current=name == files.issuing()[-1] and entry is None,
            revoked=entry and entry.revoked_at, reason=entry and entry.reason,
        )  # fmt: skip
    desk.say("root_crl", until=files.root_crl().next_update_utc)
    for listed in await _published(settings):
        desk.say("crl", name=listed.name, number=listed.number, made=listed.this_update, until=listed.next_update)
    for condition in conditions(desk.vault, desk.now):
        print(desk.texts(f"operator.doctor.authority.{condition.word}", **condition.params))
    return 0


async def _published(settings: Settings) -> Sequence[Any]:
    """The lists that the service has in force; none before its first start."""
    from bot.app import is_used, running

    if not await is_used(settings):
        return ()
    async with running(settings, jobs=False, keys=False) as service:
        return await service.listing.shelf.heads()


async def rotate_part(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.vault import VaultRefused
    from ca.order import lasting

    desk = Desk(arguments, settings)
    vault, files = desk.vault, desk.vault.files
    if not files.exists():
        raise VaultRefused("no_authority", path=files.path)
    current = files.issuing()[-1]
    kind = arguments.key or _kind(files.certificate(current))
    lasting("--years", arguments.years)
    plan = f"rotate_{arguments.part.removeprefix('root-')}_plan"
    desk.say(plan, name=files.next_issuing(), before=current, kind=kind, years=arguments.years)
    if not desk.agreed():
        return 2
    subject = arguments.part
    if arguments.part == "issuing":
        root = desk.root()
        subject = await asyncio.to_thread(vault.rotate_issuing, root, kind, arguments.years, desk.now)
    elif arguments.part == "ocsp":
        await asyncio.to_thread(vault.rotate_ocsp, desk.now)
    elif arguments.part == "records":
        await asyncio.to_thread(vault.records, desk.now, force=True)
    else:
        await asyncio.to_thread(vault.renew_root_crl, desk.root(), desk.now)
    await desk.note("ca_rotated", subject)
    desk.say("rotated", until=files.root_crl().next_update_utc)
    return 0


async def export_authority(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.vault import VaultRefused
    from bot.vault.exporting import export

    desk = Desk(arguments, settings)
    if not desk.vault.files.exists():
        raise VaultRefused("no_authority", path=desk.vault.folder)
    export(desk.vault.files, arguments.folder)
    if arguments.with_root_key:
        file = arguments.root_key or desk.vault.root_key_file()
        secret = desk.root_secret()
        desk.vault.reseal_root(file, secret, desk.chosen("root_new"), arguments.folder)
        await desk.note("ca_root_key_exported", "root")
    for name in ("root", *desk.vault.files.issuing()):
        desk.say("fingerprint", name=name, fingerprint=_fingerprint(desk.vault.files.certificate(name)))
    desk.say("exported", path=arguments.folder)
    return 0


async def lint_issued(_: argparse.Namespace, settings: Settings) -> int:
    """The verb: a line a certificate with findings, a closing line; exit code 1 when there was any."""
    from bot.app import running
    from bot.relint import pkilint, relint

    texts = load_texts()[settings.default_locale]
    if not (settings.data / "service.key").is_file():
        print(texts("cli.nothing_here", data=settings.data), file=sys.stderr)
        return 2
    judge, looked, faulty = pkilint(), 0, 0
    async with running(settings, jobs=False, keys=False) as service:
        authority, own = service.registration.authority, service.vault.members()
        async for one in relint(service.certificates, authority, judge, service.database, own):
            looked += 1
            faulty += bool(one.findings)
            for finding in one.findings:
                print(f"{one.serial}  {finding}")
    if judge is None:
        print(texts("ca.lint.no_judge"))
    print(texts("ca.lint.done", looked=looked, faulty=faulty))
    return 1 if faulty else 0


def _text(file: Path | None) -> str:
    from bot.vault import VaultRefused

    if file is None:
        return ""
    if not file.is_file():
        raise VaultRefused("no_file", path=file)
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VaultRefused("unreadable", path=file) from error


def _fingerprint(certificate: Any) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return str(certificate.fingerprint(SHA256()).hex(":").upper())


def _kind(certificate: Any) -> str:
    from ca.keys import kind

    return kind(certificate.public_key())
