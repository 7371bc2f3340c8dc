"""Fixtures for all tests live in modules of their own; this file only names them."""

import pytest

pytest_plugins = ["tests.isolation", "tests.engines", "tests.talking", "tests.outside", "tests.telegram.inside"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A transcript marked `everywhere` is run at every channel's own door."""
    if metafunc.definition.get_closest_marker("everywhere"):
        from tests.wires import DOORS

        metafunc.parametrize("wire", list(DOORS), indirect=True)
