"""Where the service runs and what it is reached by; in which language it speaks first."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from bot.settings.kinds import is_loopback


class Place(BaseModel):
    """Every setting of this group has a default fit for the demo on one's own machine."""

    data: Path = Path("data")
    """The folder of everything that is kept: database, CA keys, documents."""
    host: str = "127.0.0.1"
    """The interface to listen on."""
    port: int = Field(8710, ge=1, le=65535)
    public_url: str = ""
    """The address customers open, an origin without a path. Empty: http://HOST:PORT."""
    database_url: SecretStr = SecretStr("")
    """`sqlite:///PATH` or `postgresql://…`. Empty: a SQLite file in `data`. It may hold a password."""
    demo: bool = True
    """Fictional customers, and their phones, cards and tokens beside the chat."""
    default_locale: Literal["ko", "en"] = "ko"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("data")
    @classmethod
    def _at_home(cls, folder: Path) -> Path:
        return folder.expanduser()

    @field_validator("public_url")
    @classmethod
    def _an_address_browsers_trust(cls, url: str, info: ValidationInfo) -> str:
        if not {"host", "port"} <= info.data.keys():
            return url  # already told what is wrong with those
        host, port = info.data["host"], info.data["port"]
        if not url:
            if not is_loopback(host):
                raise PydanticCustomError("public_url_needed", "not a loopback host", {"host": host})
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        try:
            parts = urlsplit(url)
            sane = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            sane = False
        rest = re.sub(r"^https?://[^/?#@\s\\]+/?$", "", url, flags=re.IGNORECASE)
        if not sane or rest:
            raise PydanticCustomError("origin", "not an origin")
        # Browsers give keys (WebCrypto) and `__Host-` cookies only to https and to their own machine.
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise PydanticCustomError("https", "plain http off loopback")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @field_validator("database_url")
    @classmethod
    def _an_engine_we_speak(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        if not url.get_secret_value():
            return SecretStr(f"sqlite:///{info.data.get('data', Path('data')) / 'certtalk.sqlite3'}")
        if not re.match(r"(sqlite:///|postgresql://)\S", url.get_secret_value()):
            raise PydanticCustomError("database", "unknown engine")
        return url
