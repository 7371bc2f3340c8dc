"""What everything in a running service stands on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.sealing import Sealer
from bot.settings import Settings
from bot.storage.database import Database
from handlers.texts import Texts


@dataclass(frozen=True, slots=True)
class Ground:
    settings: Settings
    clock: Callable[[], datetime]
    database: Database
    sealer: Sealer
    texts: Mapping[str, Texts]
