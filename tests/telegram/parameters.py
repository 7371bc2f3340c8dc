"""A call's parameters: text (query, form, multipart) or JSON of the right kind, as Telegram takes either."""

import json
from dataclasses import dataclass
from typing import Any

from tests.telegram.rules import bad


@dataclass(frozen=True)
class Upload:
    """A file in a multipart body."""

    name: str
    mime: str
    octets: bytes


class Parameters(dict[str, Any]):
    """What a call brought; each reader knows both forms of a value."""

    def text(self, name: str, otherwise: str = "") -> str:
        value = self.get(name)
        return otherwise if value is None else value if isinstance(value, str) else json.dumps(value)

    def number(self, name: str, otherwise: int = 0) -> int:
        try:
            return int(self.get(name) or otherwise)
        except (TypeError, ValueError):
            raise bad(f"invalid {name} specified") from None

    def yes(self, name: str) -> bool:
        return str(self.get(name, "")).lower() in ("true", "1", "yes")

    def data(self, name: str, otherwise: Any = None) -> Any:
        value = self.get(name)
        if isinstance(value, str) and value:
            try:
                return json.loads(value)
            except ValueError:
                raise bad(f"can't parse {name} JSON object") from None
        return otherwise if value in (None, "") else value
