"""The one place where the ring draws randomness."""

import secrets

from ca.ports import Serial


def octets(count: int) -> bytes:
    """`count` octets of the operating system's generator."""
    return secrets.token_bytes(count)


def serial() -> Serial:
    """A serial number of 20 octets that no one can guess: 158 random bits under one fixed bit.

    The bit below the sign is set, so every number has the same length in every file, column and URL, and stays
    positive and under 2^159. RFC 5280 §4.1.2.2: at most 20 octets; CA/B BR §7.1: at least 64 random bits.
    """
    return Serial(int.from_bytes(octets(20), "big") >> 2 | 1 << 158)
