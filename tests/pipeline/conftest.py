"""Runs here write an empty report."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _plain_page(plain_page: None) -> None:
    """The page has its own tests, and costs seconds."""
