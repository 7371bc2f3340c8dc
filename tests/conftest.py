"""Fixtures for all tests live in modules of their own; this file only names them."""

pytest_plugins = ["tests.engines", "tests.talking", "tests.outside", "tests.telegram.inside"]
