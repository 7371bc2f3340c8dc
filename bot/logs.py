"""Logs: one record is one line, and a line holds no secret.

JSON for machines, a plain line on a terminal; both pass the same two filters, because a log is where secrets and
forged lines end up by accident: `redact` hides what looks like one, `one_line` escapes what would break a line.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

turn_id: ContextVar[str] = ContextVar("turn_id", default="")
"""The turn being run, on every record written meanwhile."""

HIDDEN: Final = "[hidden]"
_SENSITIVE: Final = r"pass(?:word|phrase|wd)?|pwd|secret|token|otp|pin|code|cookie|authorization|비밀번호|암호|인증번호"
# What an operator searches for, and is none: serial numbers and digests, UUIDs, instants.
_HARMLESS: Final = (
    r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{16,64}\b"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?"
)
_LOOKS_SECRET: Final = re.compile(
    "|".join(
        (
            rf"(?P<keep>{_HARMLESS})",
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)",
            rf"(?P<name>(?:{_SENSITIVE})[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|(?:(?:Bearer|Basic)\s+)?[^\s,;&}}\])]+)",
            r"(?P<login>://[^\s/:@]*:)[^\s@]+(?=@)",
            r"\d{3,}:[A-Za-z0-9_-]{20,}",  # a bot's token, also within an address
            r"(?P<link>/(?:s|app|register|files|k)/|[?&]s=)[\w.-]{16,}",  # whoever holds a link may open it
            r"\d{6,}|\d{2,6}(?:[- ]\d{2,7}){2,}",  # codes, card numbers, accounts, phones
        )
    ),
    re.IGNORECASE | re.DOTALL,
)
_SECRET_FIELD: Final = re.compile(rf"(?:^|_)(?:{_SENSITIVE})s?$", re.IGNORECASE)
# C0, DEL and C1 (ANSI escapes), line separators, direction marks (they make a line read otherwise), lone surrogates.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TELLTALES: Final = ("aiosqlite", "psycopg", "psycopg.pool", "asyncio", "urllib3", "telegram", "aiohttp")
"""Libraries whose debug lines repeat what passes through them: rows, statements, payloads."""
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}


def redact(text: str) -> str:
    """`text` with everything hidden that looks like a code, number, password, link or key."""
    return _LOOKS_SECRET.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    if match["keep"]:
        return match[0]
    return (match["name"] or match["login"] or match["link"] or "") + HIDDEN


def one_line(text: str) -> str:
    """`text` with whatever could start a new line or drive a terminal written as `\\uXXXX`."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave in `extra`. Numbers stay numbers; everything else is text and redacted."""
    return {
        name: HIDDEN if _SECRET_FIELD.search(name) else value if _plain(value) else redact(str(value))
        for name, value in record.__dict__.items()
        if name not in _STANDARD
    }


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 100_000)


class JsonLine(logging.Formatter):
    """`{"at","level","logger","turn","message", extras…, "exception"}` on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if turn := turn_id.get():
            line["turn"] = turn
        line["message"] = redact(record.getMessage())
        line |= {name: value for name, value in _fields(record).items() if name not in line}
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        # json escapes C0 itself; what is left gets the same form, which is valid JSON as well
        return one_line(json.dumps(line, ensure_ascii=False, default=str))


class HumanLine(logging.Formatter):
    """`10:00:00 warning bot.jobs  message  name=value`; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        extras = "".join(f"  {name}={value}" for name, value in _fields(record).items())
        text = one_line(f"{at} {record.levelname.lower():7} {record.name}  {redact(record.getMessage())}{extras}")
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info)).splitlines()
            text += "".join(f"\n    {one_line(line)}" for line in trace)
        return text


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send every logger's records to `stream` (standard error): readable on a terminal, JSON anywhere else."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(HumanLine() if stream.isatty() else JsonLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TELLTALES:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
