"""Times in the database: TEXT, UTC, microseconds, one fixed width, so that sorting text sorts times."""

from datetime import UTC, datetime


def text_of(at: datetime) -> str:
    """`2026-11-22T10:00:00.000000Z`. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    # Not strftime: %Y is not padded below the year 1000 everywhere.
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def instant(text: str) -> datetime:
    """The aware UTC time that `text_of` wrote. Raises ValueError for anything else."""
    try:
        at = datetime.fromisoformat(text)
        if text_of(at) == text:
            return at
    except ValueError:
        pass
    raise ValueError(f"not time data that was written here: {text!r}")


def instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else instant(text)
