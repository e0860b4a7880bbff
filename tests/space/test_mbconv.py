"""The MBConv space has the figures of Table 1."""

import pytest

from helixnas.errors import SpaceError
from helixnas.space import mbconv
from helixnas.space.mbconv import mbconv_operation


def test_the_whole_space_is_the_two_times_ten_to_the_seventeen_of_the_paper() -> None:
    assert mbconv().size == 195_898_498_887_057_408


def test_the_four_operations_give_the_small_space() -> None:
    assert mbconv(kernels=(3, 5)).size == 57_532_697_542_656


def test_every_block_has_the_paths_of_table_1() -> None:
    assert [block.num_paths for block in mbconv().blocks] == [288, 1_548, 1_548, 2_808, 16_848, 6]


def test_stem_strides_and_head_are_those_of_efficientnet() -> None:
    space = mbconv()
    assert [(stage.stride, stage.path.text) for stage in space.stem] == [(2, "32:conv_k3"), (1, "16:ds_k3")]
    assert [block.stride for block in space.blocks] == [2, 2, 2, 1, 2, 1]
    assert (space.head.width, space.head.activation) == (1280, "silu")
    assert space.stem_width == 16


def test_an_operation_has_squeeze_excite_and_silu_unless_told_otherwise() -> None:
    assert mbconv_operation(5, 6).to_dict() == {
        "kind": "mbconv",
        "activation": "silu",
        "expansion": 6,
        "kernel": 5,
        "se_ratio": 0.25,
    }
    assert mbconv_operation(5, 6, se_ratio=0.0, activation="relu").option("activation") == "relu"


def test_the_separable_layer_can_be_left_out() -> None:
    space = mbconv(separable_width=0, stem_width=24, stem_stride=1)
    assert [(stage.stride, stage.path.text) for stage in space.stem] == [(1, "24:conv_k3")]


def test_cells_and_strides_of_different_number_are_refused() -> None:
    with pytest.raises(SpaceError, match="cells and strides need one entry per block, not 6 and 2"):
        mbconv(strides=(2, 2))


@pytest.mark.parametrize("number", [1001, 10**9, 10**20])
def test_number_of_layers_that_no_network_has_is_refused(number: int) -> None:
    with pytest.raises(SpaceError, match=f"a cell has 1 to 1,000 layers, not {number:,}"):
        mbconv(cells=[[[number, 16]]], strides=[1])
