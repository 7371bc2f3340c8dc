"""A message with several wishes, cut where one ends and the next begins.

The cut is generous: a clause that means nothing by itself is not sure of anything and drops out.
"""

import re
from typing import Final

SHORTEST: Final = 5
MOST: Final = 4
_CUT: Final = re.compile(
    r"[.?!,;\n]+|(?:그리고|그리구|또한|아울러|그담에|그 다음에)|(?<=[고요데죠])\s+|\b(?:and|also|then|plus|but)\b",
    re.IGNORECASE,
)


def clauses(text: str) -> list[str]:
    """The clauses of `text`, none when it is one; at most the first `MOST`."""
    pieces = [piece.strip() for piece in _CUT.split(text)]
    whole = [piece for piece in pieces if len(piece) >= SHORTEST]
    return whole[:MOST] if len(whole) > 1 else []
