"""The operator's own model: where it lies, and how a running service comes to answer from it.

It replaces the shipped one while it is whole and of this version; a file that is not is named in the log and left
alone, and the shipped model answers.
"""

import logging
from pathlib import Path
from typing import Final

from handlers.understanding import Model, Understanding, shipped_model
from handlers.understanding.model import ModelRefused

log = logging.getLogger(__name__)

FILE: Final = "understanding.model"


class OperatorsModel:
    """`refresh` makes `understanding` answer from what lies in the data folder now; cheap when nothing has changed."""

    def __init__(self, data: Path, understanding: Understanding) -> None:
        self.file = data / FILE
        self.understanding = understanding
        self._seen: tuple[int, int] | None = None

    async def refresh(self) -> None:
        seen = _stamp(self.file)
        if seen == self._seen:
            return
        self._seen = seen
        model = read(self.file) or shipped_model()
        if model.digest != self.understanding.model.digest:
            self.understanding.learn(model)
            log.info("understanding learned", extra={"model": model.digest[:16]})


def read(file: Path) -> Model | None:
    """The model in `file`; None when there is none that can be used, which is said in the log."""
    try:
        return Model.read(file.read_bytes())
    except FileNotFoundError:
        return None
    except (ModelRefused, OSError) as error:
        log.warning("own model not used: train it again (certtalk faq train)", extra={"reason": str(error)})
        return None


def write(file: Path, packed: bytes) -> None:
    """Whole or not at all: a service may be reading."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(packed)
    fresh.replace(file)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size
