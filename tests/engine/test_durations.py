"""Durations as text."""

import pytest

from helixnas.engine.durations import duration


@pytest.mark.parametrize(("seconds", "words"), [(0.009, "0.009 s"), (119.7, "2 min 0 s"), (3600, "1 h 0 min")])
def test_times_are_in_a_unit_that_suits_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
