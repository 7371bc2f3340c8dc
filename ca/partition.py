"""Parts of an issuing CA's revocation list, by range of serial numbers. RFC 5280 §5.2.5

Which part a certificate is in follows from its serial number and the number of parts when it was issued; both are in
the name of the part, so a later change of that number leaves every address in older certificates good.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from ca.ports import Serial

_LOWEST: Final = 1 << 158
"""`ca.randomness.serial`: numbers lie from here to twice this."""
MOST: Final = 256
_SUFFIX = re.compile(r"\.(0|[1-9][0-9]{0,2})\.([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Partition:
    """Part `index` (from 0) of `of`; together they hold every serial number once."""

    index: int
    of: int

    @property
    def suffix(self) -> str:
        """What the list's name has behind the issuer's: `.2.8`."""
        return f".{self.index}.{self.of}"

    @property
    def first(self) -> Serial | None:
        """The lowest serial number in it; None: from the very first."""
        return Serial(self._bound(self.index)) if self.index else None

    @property
    def behind(self) -> Serial | None:
        """The lowest serial number beyond it; None: to the very last."""
        return Serial(self._bound(self.index + 1)) if self.index + 1 < self.of else None

    def _bound(self, index: int) -> int:
        return _LOWEST + -(-_LOWEST * index // self.of)

    @classmethod
    def read(cls, suffix: str) -> Self | None:
        """The part with this suffix; None when there can be none."""
        found = _SUFFIX.fullmatch(suffix)
        if found is None:
            return None
        index, of = int(found[1]), int(found[2])
        return cls(index, of) if 1 < of <= MOST and index < of else None


def partition_of(serial: Serial, of: int) -> Partition:
    return Partition(max(0, min(of - 1, (serial - _LOWEST) * of // _LOWEST)), of)


def partitions(of: int) -> list[Partition]:
    """All of them; none where the list is not parted."""
    return [Partition(index, of) for index in range(of)] if of > 1 else []
