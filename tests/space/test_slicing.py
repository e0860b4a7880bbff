"""Which cells share weights, and which spaces cannot be sliced."""

import pytest

from helixnas.errors import SpaceError
from helixnas.space import Cell, Operation, attention_operation, join_blocks, load_space, mbconv, vit
from helixnas.space.slicing import groups_by_depth, largest_path, require_sliceable, smallest_path


def test_cells_of_a_depth_form_a_group_in_order_of_first_appearance() -> None:
    operations = (attention_operation(2),)
    cells = [Cell(width, (operations,) * depth) for depth, width in ((3, 32), (2, 64), (3, 64), (2, 32))]
    assert groups_by_depth(cells) == [(cells[0], cells[2]), (cells[1], cells[3])]


def test_joined_cells_share_weights_only_where_their_sections_are_as_deep() -> None:
    space = join_blocks(vit(dimensions=(32, 64), layers=(1, 2), strides=(1, 1)), (2,))
    groups = groups_by_depth(space.blocks[0].cells)
    assert [[cell.depths for cell in group] for group in groups] == [
        [depths] * 4 for depths in ("1+1", "1+2", "2+1", "2+2")
    ]


def test_largest_and_smallest_path_go_by_the_mlp_ratio_whatever_the_order() -> None:
    operations = tuple(attention_operation(ratio) for ratio in (3, 4, 2.5))
    cell = Cell(32, (operations, operations), ties=(2,))
    assert largest_path(cell).text == "32:attn_r4,attn_r4"
    assert smallest_path(cell).text == "32:attn_r2_5,attn_r2_5"
    assert largest_path(Cell(32, (operations, operations))).text == "32:attn_r4,attn_r4"


def test_transformer_spaces_can_be_sliced() -> None:
    require_sliceable(vit())
    require_sliceable(vit(per_layer=True))


def test_convolutions_are_refused_with_the_block_and_the_operation() -> None:
    message = (
        "^supernet.slimmable needs layers of kind attention, but block 1 of space '.*' offers .* of kind .*, which cannot be "
        "sliced; set supernet.slimmable to false$"
    )
    with pytest.raises(SpaceError, match=message):
        require_sliceable(mbconv())


def test_a_fixed_number_of_heads_is_refused() -> None:
    space = load_space(
        {
            "name": "heads",
            "stem": [{"stride": 2, "width": 16, "operations": ["conv"]}],
            "operations": {"conv": {"kind": "conv"}, "attn": {"kind": "attention", "heads": 4}},
            "blocks": [{"stride": 1, "cells": [{"width": 32, "layers": 1}]}],
        }
    )
    with pytest.raises(
        SpaceError, match=r"block 1 of space 'heads' offers attn with heads=4, whose width changes .*; give head_dim"
    ):
        require_sliceable(space)


def test_an_operation_without_the_option_has_the_default_ratio() -> None:
    plain = Operation.of("plain", kind="attention", head_dim=32)
    assert largest_path(Cell(32, ((attention_operation(3), plain, attention_operation(2)),))).text == "32:plain"
