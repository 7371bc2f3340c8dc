"""What one test leaves behind must not reach the next."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """A verb run in the test's own process sets logging up for good: its handler writes to a stream that is closed."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in [one for one in root.handlers if type(one) is logging.StreamHandler]:  # pytest's are subclasses
        root.removeHandler(handler)
    root.setLevel(level)
