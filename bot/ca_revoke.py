"""`certtalk ca revoke issuing-1 --reason …`: an issuing CA ends, and with it all it has issued. RFC 5280 §6.1, §6.3

The root's list says it, and that list is what every process looks at before it signs: so issuing stops at once. What
was issued is revoked after that, each holder told; killed in between, the running service or this verb goes on.
"""

import argparse
import asyncio
from typing import Any, Final

from bot.ca_desk import Add, Desk, add_root_key
from bot.settings import Settings
from ca.revocation import OF_A_CA, By

COMPROMISE: Final = "cACompromise"


def add_verb(ca: Any, add: Add) -> None:
    revoke = add("revoke", revoke_issuing, "end an issuing CA and all it has issued, in the root's list", ca)
    revoke.add_argument("name", metavar="NAME", help="which, as `certtalk ca show` calls it: issuing-1")
    revoke.add_argument("--reason", required=True, choices=OF_A_CA, help="RFC 5280 §5.3.1")
    revoke.add_argument(
        "--stop-issuing", action="store_true", help="also the one that issues now, when its key is in other hands"
    )
    revoke.add_argument("--yes", action="store_true", help="do it without asking")
    add_root_key(revoke)


async def revoke_issuing(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.vault import VaultRefused

    desk, name, reason = Desk(arguments, settings), arguments.name, arguments.reason
    files = desk.vault.files
    if not files.exists():
        raise VaultRefused("no_authority", path=files.path)
    if name not in files.issuing():
        raise VaultRefused("no_issuing", name=name, known=", ".join(files.issuing()))
    known, current = files.withdrawn().get(name), name == files.issuing()[-1]
    # A CA that has ended may still turn out to be compromised; nothing else is said of it anew.
    if known and reason not in (known.reason, COMPROMISE):
        raise VaultRefused("revoked_already", name=name, at=known.revoked_at, reason=known.reason)
    if current and not known and not (reason == COMPROMISE and arguments.stop_issuing):
        raise VaultRefused("issues_now", name=name)
    if known is None or known.reason != reason:
        desk.say("revoke_plan", name=name, reason=reason, current=current)
        if not desk.agreed():
            return 2
        await asyncio.to_thread(desk.vault.revoke_issuing, name, desk.root(), reason, desk.now)
    ended = await _finished(desk)
    desk.say("revoked", name=name, count=ended, current=current, until=files.root_crl().next_update_utc)
    return 0


async def _finished(desk: Desk) -> int:
    """Into the audit trail, and what was issued revoked; how many."""
    from bot.app import running
    from bot.vault.members import record

    found = await asyncio.to_thread(desk.vault.members)
    async with running(desk.settings, jobs=False, keys=False) as service:
        await service.database.run(record, service.audit, found, service.clock(), By.OPERATOR.value)
        return await service.registration.withdraw(service.clock())
