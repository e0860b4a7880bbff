"""Sizes that patches and heads divide, and the nearest to those that they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helixnas.errors import SpaceError
from helixnas.space.grids import nearest_multiples, require_whole_heads, require_whole_patches


@given(st.integers(1, 1000), st.integers(1, 64))
def test_the_nearest_multiples_lie_on_both_sides(value: int, divisor: int) -> None:
    lower, upper = map(int, nearest_multiples(value, divisor).split(" and "))
    assert lower % divisor == upper % divisor == 0
    assert upper - lower == divisor
    assert lower >= divisor
    assert lower <= value < upper or value < lower == divisor


def test_whole_patches_and_heads_pass() -> None:
    require_whole_patches(224, 160, 16)
    require_whole_heads(224, 32, "channels")


def test_what_is_not_whole_is_refused_by_side_and_by_unit() -> None:
    with pytest.raises(SpaceError, match="100 pixels cannot be cut into patches of 16; .* are 96 and 112"):
        require_whole_patches(224, 100, 16)
    with pytest.raises(SpaceError, match="a width of 40 cannot be split into heads of 32 channels; .* are 32 and 64"):
        require_whole_heads(40, 32, "channels")
    with pytest.raises(SpaceError, match="a width of 40 cannot be split into 7 heads; .* are 35 and 42"):
        require_whole_heads(40, 7, "heads")
