"""What will end in the CA's folder, told before it does: for `certtalk doctor`, `certtalk ca show` and `/healthz`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from bot.vault.opening import Vault
from ca.errors import CaError

SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Condition:
    """`word` names the sentence, `operator.doctor.authority.WORD`."""

    word: str
    state: Literal["warning", "fault"]
    params: Mapping[str, Any] = field(default_factory=dict)


def conditions(vault: Vault, now: datetime) -> list[Condition]:
    """What the operator should do something about; nothing where there is no authority yet. Never raises."""
    if not vault.files.exists():
        return []
    try:
        return list(_conditions(vault, now))
    except (CaError, OSError, ValueError) as error:
        return [Condition("broken", "fault", {"reason": str(error)})]


def _conditions(vault: Vault, now: datetime) -> Iterator[Condition]:
    until = vault.files.root_crl().next_update_utc
    if until is not None and until - now < SOON:
        over = until <= now
        yield Condition("root_crl_over" if over else "root_crl", "fault" if over else "warning", {"until": until})
    current = vault.files.issuing()[-1]
    if current in vault.files.withdrawn():
        yield Condition("withdrawn", "fault", {"name": current})
    end = vault.files.certificate(current).not_valid_after_utc
    longest = max(profile.days for profile in vault.profiles().values())
    # What it issues may not outlive it (RFC 5280 §6.1.3): its last useful day is that much earlier.
    last = end - timedelta(days=longest)
    if last - now < SOON:
        over = last <= now
        params = {"name": current, "until": last}
        yield Condition("issuing_over" if over else "issuing", "fault" if over else "warning", params)
    if not vault.settings.demo and vault.root_key_file().is_file():
        yield Condition("root_key_here", "warning", {"path": vault.root_key_file()})
