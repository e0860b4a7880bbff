"""Sizes that patches and heads divide, and the nearest to those that they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helixnas.errors import SpaceError
from helixnas.space import (
    Block,
    Cell,
    Operation,
    Path,
    SearchSpace,
    Stage,
    attention_operation,
    check_image_size,
    join_blocks,
    mbconv_operation,
    vit,
)
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


MIXED = (attention_operation(4), mbconv_operation(3, 3))


def space_of(*cells: tuple[tuple[Operation, ...], ...], stride: int = 2) -> SearchSpace:
    """Return a space whose one block, behind a convolution of stride 2, has these cells."""
    stem = (Stage(2, Path(16, (Operation.of("conv", kind="conv"),))),)
    return SearchSpace("mine", stem, (Block(stride, tuple(Cell(32, layers) for layers in cells)),))


@pytest.mark.parametrize("size", [8, 7, 12, 224])
def test_a_space_takes_images_that_all_its_candidates_can(size: int) -> None:
    check_image_size(space_of((MIXED,)), size)
    check_image_size(space_of((MIXED[1:],)), size + 2)  # convolutions take any
    check_image_size(space_of((MIXED, MIXED), stride=1), size + 2)


@pytest.mark.parametrize("cells", [((MIXED,),), ((MIXED[1:],), (MIXED[:1], MIXED[:1]))], ids=["a layer", "cells"])
def test_a_mixed_block_whose_candidates_give_different_grids_is_refused(
    cells: tuple[tuple[tuple[Operation, ...], ...], ...],
) -> None:
    message = (
        "images of 10 pixels do not fit space 'mine': attn_r4 in block 1 cannot cut 5 pixels into patches of 2, where mb3_k3 "
        "gives 3 x 3 pixels; the nearest sizes that fit are 8 and 12"
    )
    with pytest.raises(SpaceError, match=message):
        check_image_size(space_of(*cells), 10)


def test_the_layers_of_joined_blocks_are_followed() -> None:
    joined = join_blocks(vit(strides=(1, 2, 2, 1), layers=(1,), dimensions=(32,), image_size=192), (2, 2))
    check_image_size(joined, 192)
    with pytest.raises(SpaceError, match="in block 2 cannot cut 7 pixels into patches of 2; .* are 192 and 256"):
        check_image_size(joined, 224)
