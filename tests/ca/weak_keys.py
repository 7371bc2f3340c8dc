"""Bad keys made on purpose, with their private halves, so that a test's request proves possession all the same."""

import hashlib
import math
from dataclasses import dataclass
from functools import cache

from ca import der

P25519 = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = (0, 1, P25519 - 1, _ORDER_8, P25519 - _ORDER_8)
"""y of the eight Ed25519 points that eight times added give the neutral one."""

_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def next_prime(n: int, step: int = 2) -> int:
    while pow(2, n - 1, n) != 1:
        n += step
    return n


@cache
def close_primes() -> tuple[int, int]:
    p = next_prime(0xC0FFEE << 1000 | 1)
    return p, next_prime(p + 2)


@cache
def far_primes() -> tuple[int, int]:
    return next_prime(0xC0FFEE << 1000 | 1), next_prime(0xFACADE << 1000 | 1)


@cache
def roca_primes() -> tuple[int, int]:
    """Two primes as the chips of CVE-2017-15361 made them: k·M + 65537^a mod M."""
    m = math.prod([2, *(p for p in range(3, 702) if all(p % q for q in range(2, math.isqrt(p) + 1)))])
    first, second = (pow(65537, a, m) for a in (123457, 765431))
    start = (0xC0FFEE << 1000) // m * m
    return next_prime(start + first, m), next_prime(start + second, m)


@dataclass(frozen=True)
class RsaKey:
    """An RSA key out of any numbers, which no library would load."""

    n: int
    e: int
    d: int

    @classmethod
    def of(cls, primes: tuple[int, int], e: int = 65537) -> "RsaKey":
        p, q = primes
        order = p * (p - 1) if p == q else math.lcm(p - 1, q - 1)
        return cls(p * q, e, pow(e, -1, order) if math.gcd(e, order) == 1 else 1)

    def spki(self, *, parameters: bytes = b"\x05\0") -> bytes:
        numbers = der.sequence(der.integer(self.n), der.integer(self.e))
        return der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.1"), parameters), der.bit_string(numbers))

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256."""
        size = (self.n.bit_length() + 7) // 8
        info = _SHA256_INFO + hashlib.sha256(data).digest()
        padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(size, "big")
