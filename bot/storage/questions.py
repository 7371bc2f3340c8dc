"""Questions kept for a person to look at: masked words, why they were kept, and what they may have meant."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.storage.database import Tx
from bot.storage.instants import text_of
from handlers.understanding.matcher import bare
from handlers.understanding.reading import tidy


@dataclass(frozen=True, slots=True)
class Asked:
    """One way of asking, however many customers asked so; `candidates` are labels, the likeliest first."""

    text: str
    why: str
    candidates: tuple[str, ...]
    times: int
    last: str


def waiting(tx: Tx) -> list[Asked]:
    """What nobody has looked at yet, the most frequent first, then the latest."""
    rows = tx.all("SELECT words, why, candidates, at FROM unanswered WHERE reviewed_at IS NULL ORDER BY at")
    found: dict[str, Asked] = {}
    for row in rows:
        words, candidates = row["words"], tuple(json.loads(row["candidates"]))
        same = found.get(key := key_of(words))
        found[key] = Asked(words, row["why"], candidates, same.times + 1 if same else 1, row["at"])
    return sorted(found.values(), key=lambda one: (one.times, one.last), reverse=True)


def settle(tx: Tx, texts: Sequence[str], at: datetime) -> int:
    """These have been looked at, every one of them said alike; how many rows that were."""
    wanted = {key_of(text) for text in texts}
    rows = tx.all("SELECT customer, message_id, words FROM unanswered WHERE reviewed_at IS NULL")
    settled = [row for row in rows if key_of(row["words"]) in wanted]
    for row in settled:
        tx.execute(
            "UPDATE unanswered SET reviewed_at = :at WHERE customer = :customer AND message_id = :message_id",
            at=text_of(at), customer=row["customer"], message_id=row["message_id"],
        )  # fmt: skip
    return len(settled)


def key_of(text: str) -> str:
    """The same for messages of the same letters."""
    return bare(tidy(text)) or text.strip()
