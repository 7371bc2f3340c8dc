"""The trained weights, read from one file and applied in plain Python.

A linear model: every feature has a row of weights, one for each label, and a message's scores are the sum of its
features' rows. Rows are eight-bit numbers; a row times its multiplier is added as ONE long integer with a lane of 32
bits for each label, so that Python's integer arithmetic does all the labels at once: a message takes a fraction of a
millisecond and no library.

The file: one line of JSON (the header), then the body, compressed. The header names the body's SHA-256, the digest of
the utterances it was trained on and the version of the features, so that a damaged or outdated file is noticed
(`ModelRefused`).
"""

import hashlib
import json
import math
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from sys import byteorder
from typing import Any, Final, Self

from handlers.understanding.features import VERSION

FORMAT: Final = 1
LARGEST_MULTIPLIER: Final = 2047
"""No message has 8,000 features, and 8,000 · 2047 · 255 < 2³²: a lane never runs over into its neighbour."""
WHOLE: Final = 2**40
OUT_OF_SCOPE: Final = "oos"
LARGEST_FILE: Final = 16 * 2**20
SHIPPED: Final = "shipped.model"


class ModelRefused(ValueError):
    """The file is damaged, or was made by another version; the message says which."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the decision compares with, set by cross-validation when the model is trained."""

    steepness: float
    """How fast a lead over "out of scope" becomes confidence."""
    in_scope: float
    """The confidence (0..1) from which a message is taken for ours …"""
    surely_ours: float
    """… from which it may be answered without asking back …"""
    sure: float
    """… if the best label leads the second by this many points."""
    sure_to_act: float
    """The same lead, where the best label starts or ends something."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What training hands over; `Model.pack` writes it."""

    labels: Sequence[str]
    bias: Sequence[float]
    features: Mapping[str, tuple[float, Sequence[float]]]
    """By feature: what it weighs in a message, and its weight for each label."""
    said: Mapping[str, str]
    """The label of every taught utterance, by its letters (`bare`)."""
    limits: Limits
    sources: str


class Model:
    """Immutable. `scores` is every label's score, higher is likelier; unknown features count for nothing."""

    def __init__(self, header: Mapping[str, Any], body: bytes) -> None:
        self.labels: tuple[str, ...] = tuple(header["labels"])
        self.bias: tuple[float, ...] = tuple(header["bias"])
        self.limits = Limits(**header["limits"])
        self.sources: str = header["sources"]
        self.digest: str = header["sha256"]
        self._unit: float = header["unit"]
        rows, said = header["rows"], header["said"]
        hashes, at = _numbers("I", body, 0, rows)
        values, at = _numbers("f", body, at, rows)
        multipliers, at = _numbers("H", body, at, rows)
        width = len(self.labels)
        lanes = bytearray(4 * width)
        self._rows: dict[int, tuple[int, int, int]] = {}
        """By a feature's hash: its value squared, its multiplier, and its weights times that, each in its lane. Whole
        numbers all, so that a message has the same scores in whatever order its features come."""
        for row, (feature, value, multiplier) in enumerate(zip(hashes, values, multipliers, strict=True)):
            lanes[::4] = body[at + row * width : at + row * width + width]
            self._rows[feature] = round(value * value * WHOLE), multiplier, multiplier * int.from_bytes(lanes, "little")
        at += rows * width
        taught, at = _numbers("Q", body, at, said)
        self._said = dict(zip(taught, body[at : at + said], strict=True))

    @classmethod
    def read(cls, packed: bytes) -> Self:
        """The model in `packed`. Raises `ModelRefused`."""
        line, _, compressed = packed.partition(b"\n")
        try:
            header = json.loads(line)
            unpacking = zlib.decompressobj()
            body = unpacking.decompress(compressed, LARGEST_FILE)
            whole = unpacking.eof and hashlib.sha256(body).hexdigest() == header["sha256"]
        except (ValueError, TypeError, KeyError, zlib.error) as error:
            raise ModelRefused("not a model file") from error
        if not whole:
            raise ModelRefused("damaged")
        if (header.get("format"), header.get("features")) != (FORMAT, VERSION):
            raise ModelRefused("made by another version")
        try:
            return cls(header, body)
        except (ValueError, TypeError, KeyError) as error:
            raise ModelRefused("damaged") from error

    @staticmethod
    def pack(taught: Taught) -> bytes:
        """`taught` as a file: the same input gives the same header and body."""
        order = sorted(taught.features, key=_hash)
        peaks = {name: max(map(abs, row)) or 1.0 for name, (_, row) in taught.features.items()}
        unit = max((value * peaks[name] for name, (value, _) in taught.features.items()), default=1.0)
        said = sorted((_letters(bare), taught.labels.index(label)) for bare, label in taught.said.items())
        values = [taught.features[name][0] for name in order]
        multipliers = [
            round(v * peaks[name] / unit * LARGEST_MULTIPLIER) for name, v in zip(order, values, strict=True)
        ]
        body = b"".join((
            _octets("I", map(_hash, order)), _octets("f", values), _octets("H", multipliers),
            *(bytes(128 + round(w / peaks[name] * 127) for w in taught.features[name][1]) for name in order),
            _octets("Q", (key for key, _ in said)), bytes(label for _, label in said),
        ))  # fmt: skip
        header = {
            "format": FORMAT, "features": VERSION,
            "sha256": hashlib.sha256(body).hexdigest(), "sources": taught.sources,
            "limits": asdict(taught.limits), "unit": unit / LARGEST_MULTIPLIER / 127,
            "rows": len(order), "said": len(said),
            "labels": list(taught.labels), "bias": [round(b, 6) for b in taught.bias],
        }  # fmt: skip
        return json.dumps(header).encode() + b"\n" + zlib.compress(body, 9)

    def scores(self, features: Iterable[str]) -> dict[str, float]:
        """Every label's score for a message with these features."""
        squared = summed = multiplied = 0
        rows = self._rows
        for feature in features:
            row = rows.get(zlib.crc32(feature.encode()))
            if row is not None:
                square, multiplier, lanes = row
                squared += square
                multiplied += multiplier
                summed += lanes
        scale = self._unit / (math.sqrt(squared / WHOLE) or 1.0)
        sums = array("I", summed.to_bytes(4 * len(self.labels), "little"))
        if byteorder == "big":
            sums.byteswap()
        middle = 128 * multiplied
        lanes_of = zip(self.labels, sums, self.bias, strict=True)
        return {label: (lane - middle) * scale + bias for label, lane, bias in lanes_of}

    def said(self, bare: str) -> str | None:
        """The label these very words were taught for."""
        index = self._said.get(_letters(bare))
        return None if index is None else self.labels[index]


@cache
def shipped_model() -> Model:
    return Model.read((files("handlers.understanding") / SHIPPED).read_bytes())


def _hash(feature: str) -> int:
    return zlib.crc32(feature.encode())


def _letters(bare: str) -> int:
    return int.from_bytes(hashlib.blake2b(bare.encode(), digest_size=8).digest(), "little")


def _numbers(kind: str, body: bytes, at: int, count: int) -> "tuple[array[Any], int]":
    numbers = array(kind)
    end = at + count * numbers.itemsize
    numbers.frombytes(body[at:end])
    if len(numbers) != count:
        raise ValueError("too short")
    if byteorder == "big":
        numbers.byteswap()
    return numbers, end


def _octets(kind: str, values: Iterable[Any]) -> bytes:
    numbers = array(kind, values)
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
