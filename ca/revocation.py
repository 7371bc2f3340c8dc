"""Why a certificate ends, and who may say so. RFC 5280 §5.3.1, RFC 3647 §4.9

A subscriber gives the reasons that are theirs to know; what the bank or the authority finds out, they alone state. A
hold is no reason here: it has verbs of its own, and lapses into revocation.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from ca.errors import BadRequest


class By(StrEnum):
    """On whose word a status changes; the audit trail's actor."""

    SUBSCRIBER = "subscriber"
    OPERATOR = "operator"
    AUTHORITY = "ca"
    """Our own rules: a successor was kept, nobody kept it, a hold has lapsed."""


_SUBSCRIBER, _OPERATOR = frozenset({By.SUBSCRIBER}), frozenset({By.OPERATOR, By.AUTHORITY})
_ANY: Final = _SUBSCRIBER | _OPERATOR

MAY_SAY: Final[Mapping[str, frozenset[By]]] = {
    "unspecified": _ANY,
    "keyCompromise": _ANY,
    "affiliationChanged": _ANY,
    "superseded": _ANY,
    "cessationOfOperation": _ANY,
    "privilegeWithdrawn": _OPERATOR,
    # Of a CA's or an attribute authority's own certificate, never of a subscriber's.
    "cACompromise": frozenset(),
    "aACompromise": frozenset(),
}
"""`certificateHold` has its own verbs; `removeFromCRL` belongs to delta CRLs."""

OF_A_CA: Final = (
    "cACompromise", "superseded", "cessationOfOperation", "affiliationChanged", "privilegeWithdrawn", "unspecified",
)  # fmt: skip
"""Why an issuing CA ends, for the operator to say, in the root's list."""

HOLD_LASTS: Final = timedelta(days=183)
"""Half a year on hold, and it is over."""
LAPSED: Final = "cessationOfOperation"


def check(reason: str, by: By) -> None:
    """Raises `BadRequest` for what is no reason, or not theirs to give."""
    if reason not in MAY_SAY:
        raise BadRequest(f"{reason!r} is not a reason to revoke; there are {', '.join(reasons(by))}")
    if by not in MAY_SAY[reason]:
        raise BadRequest(f"{reason} is not for the {by.value} to say; there are {', '.join(reasons(by))}")


def reasons(by: By) -> tuple[str, ...]:
    """What they may choose from, in the order of the RFC."""
    return tuple(reason for reason, who in MAY_SAY.items() if by in who)


def below(reason: str) -> str:
    """Why what a CA has issued ends, where the CA itself was revoked for `reason`, one of `OF_A_CA`.

    RFC 5280 §5.3.1: cACompromise is said of a CA's own certificate; nothing is said of what lies below it.
    """
    return reason if By.OPERATOR in MAY_SAY[reason] else "unspecified"
