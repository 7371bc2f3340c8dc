"""What the model learns from: one JSON object a line, `{"label": …, "text": …}` or `{"labels": [first, …], "text": …}`.

The shipped ones are `locales/training/*.jsonl`; an operator's own lie in the data folder and are read after them, so
that where both speak about the same words, the operator's label is the one that counts. `heldout.*` files are never
trained on: they measure.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from handlers.understanding.matcher import bare
from handlers.understanding.model import OUT_OF_SCOPE
from handlers.understanding.reading import Lang, language, tidy

HELD_OUT: Final = "heldout."
OWN: Final = "utterances.jsonl"
"""The operator's own utterances, in the data folder."""


class UtterancesRefused(ValueError):
    """A line that cannot be learned from; the message names file and line, never the words."""


@dataclass(frozen=True, slots=True)
class Utterance:
    text: str
    labels: tuple[str, ...]
    """What it means, the most urgent first; mostly one."""
    tier: str = "-"
    kind: str = "-"

    @property
    def label(self) -> str:
        return self.labels[0]

    @property
    def in_scope(self) -> bool:
        return self.label != OUT_OF_SCOPE

    @property
    def lang(self) -> Lang:
        return language(self.text)


def shipped() -> list[Utterance]:
    """Every utterance to learn from that lies in `locales/training`."""
    return [one for name, lines in _shipped_files() if not name.startswith(HELD_OUT) for one in parse(lines, name)]


def taught(theirs: Iterable[Utterance] = ()) -> list[Utterance]:
    """What a model is trained on: the shipped utterances, and `theirs` over them."""
    return together(shipped(), theirs)


def held_out() -> list[Utterance]:
    """What measures a model and is never trained on."""
    return [one for name, lines in _shipped_files() if name.startswith(HELD_OUT) for one in parse(lines, name)]


def own(file: Path) -> list[Utterance]:
    """The operator's; none when there is no file."""
    return parse(file.read_text("utf-8"), file.name) if file.exists() else []


def together(ours: Iterable[Utterance], theirs: Iterable[Utterance]) -> list[Utterance]:
    """Both, each message once; `theirs` win."""
    by_words = {bare(tidy(one.text)) or one.text: one for one in (*ours, *theirs)}
    return list(by_words.values())


def digest(utterances: Sequence[Utterance]) -> str:
    """What a model was trained on, with the words of the concepts, as SHA-256; order is part of it."""
    lines = "\n".join(f"{','.join(one.labels)}\t{one.text}" for one in utterances)
    concepts = (files("locales") / "concepts.toml").read_bytes()
    return hashlib.sha256(lines.encode() + b"\0" + concepts).hexdigest()


def parse(lines: str, name: str) -> list[Utterance]:
    """Raises `UtterancesRefused`."""
    return [_utterance(line, f"{name}:{number}") for number, line in enumerate(lines.splitlines(), 1) if line.strip()]


def _utterance(line: str, place: str) -> Utterance:
    try:
        row: dict[str, Any] = json.loads(line)
        labels = tuple(row["labels"]) if "labels" in row else (row["label"],)
        text = row["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise UtterancesRefused(place) from error
    if not labels or not all(isinstance(word, str) and word.strip() for word in (*labels, text)):
        raise UtterancesRefused(place)
    return Utterance(text, labels, str(row.get("tier", "-")), str(row.get("kind", "-")))


def _shipped_files() -> list[tuple[str, str]]:
    folder = files("locales") / "training"
    entries = sorted((one for one in folder.iterdir() if one.name.endswith(".jsonl")), key=lambda one: one.name)
    return [(one.name, one.read_text("utf-8")) for one in entries]
