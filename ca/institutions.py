"""Whose certificate it is and what for: the policies that Korean institutions publish in their certificates.

A policy is what an issuer asserts, so it says something only together with a path to a trust anchor. Institutions and
uses are stable words; sentences for them are chosen outside.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Known(NamedTuple):
    institution: str
    use: str


_UNDER: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("yessign", "1.2.410.200005.1.1"): {
        "1": "personal", "2": "business_bank", "4": "personal_bank", "5": "business", "6.1": "business_bank",
        "6.2": "card", "6.8": "tax",
    },
    ("kica", "1.2.410.200004.5.2.1"): {
        "1": "business", "2": "personal", "3": "procurement", "7.1": "personal_bank", "7.2": "securities",
        "7.3": "card", "6.257": "tax",
    },
    ("signkorea", "1.2.410.200004.5.1.1"): {
        "5": "personal", "7": "business", "9": "securities", "9.2": "card", "10": "business_securities",
    },
    ("ncasign", "1.2.410.200004.5.3.1"): {"1": "public_body", "2": "business", "9": "personal"},
    ("crosscert", "1.2.410.200004.5.4.1"): {
        "1": "personal", "2": "business", "101": "personal_bank", "102": "securities", "103": "card",
    },
    ("inipass", "1.2.410.200004.5.5.1"): {"1": "personal", "2": "business"},
    ("tradesign", "1.2.410.200012.1.1"): {
        "1": "personal", "3": "business", "4": "encryption", "101": "personal_bank", "103": "securities", "105": "card",
    },
    ("toss", "1.2.410.200098.5.1.1.1"): {"3": "personal"},
}  # fmt: skip

POLICIES: Final[Mapping[str, Known]] = {
    f"{arc}.{rest}": Known(institution, use)
    for (institution, arc), uses in _UNDER.items()
    for rest, use in uses.items()
}
"""Object identifier → institution and use."""


def known(policies: tuple[str, ...]) -> Known | None:
    """The first policy that is in the table."""
    return next((POLICIES[policy] for policy in policies if policy in POLICIES), None)
