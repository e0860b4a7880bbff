"""The vision transformer space has the paper's size, and refuses what heads or patches do not divide."""

import re
from typing import Any

import numpy as np
import pytest

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.space import Head, attention_operation, load_space, space_to_dict, vit


def test_the_space_of_the_paper_has_64_candidates_in_each_of_four_blocks() -> None:
    space = vit()
    assert [block.num_paths for block in space.blocks] == [64] * 4
    assert space.size == 64**4 == 16_777_216
    assert [block.widths for block in space.blocks] == [(224, 256, 288, 320, 352, 384, 416, 448)] * 4
    assert {len({path.text for path in block.paths()}) for block in space.blocks} == {64}
    depths = [[cell.depth for cell in block.cells] for block in space.blocks]
    assert (sum(map(min, depths)), sum(map(max, depths))) == (12, 16)


def test_one_choice_a_layer_gives_2560_candidates_a_block() -> None:
    space = vit(per_layer=True)
    assert [block.num_paths for block in space.blocks] == [8 * (4**3 + 4**4)] * 4
    assert space.size == 2560**4


def test_all_layers_of_a_block_share_a_ratio_unless_every_layer_chooses() -> None:
    options = {"dimensions": (32, 64), "layers": (2,), "strides": (1,)}
    tied = {path.text for path in vit(**options).blocks[0].paths()}
    free = {path.text for path in vit(**options, per_layer=True).blocks[0].paths()}
    assert tied < free
    assert all(len(set(text.partition(":")[2].split(","))) == 1 for text in tied)
    assert "64:attn_r4,attn_r2_5" in free - tied
    with pytest.raises(SpaceError, match=r"path '64:attn_r4,attn_r2_5' is not in block 1 of space 'vit'"):
        vit(**options).parse("64:attn_r4,attn_r2_5")


def test_stem_and_head_are_those_of_a_vision_transformer() -> None:
    space = vit(patch=8, image_size=64, stem_width=96)
    (stage,) = space.stem
    assert (stage.stride, stage.path.text) == (8, "96:patch")
    assert stage.path.operations[0].option("grid") == 8
    assert space.strides == (8, 8, 8, 8)
    assert space.head == Head(0, kind="norm")
    assert vit(positions=False).stem[0].path.operations[0].option("grid") == 0


def test_a_pyramid_merges_patches_and_widens_block_by_block() -> None:
    space = load_space(
        {
            "family": "vit",
            "dimensions": [[32, 64], [64, 96], [128]],
            "layers": [[1], [1, 2], [2]],
            "strides": [1, 2, 2],
            "patch": 4,
            "image_size": 32,
            "stem_width": 32,
            "mlp_ratios": [2, 4],
        }
    )
    assert space.strides == (4, 8, 16)
    assert [block.num_paths for block in space.blocks] == [4, 8, 2]


@pytest.mark.parametrize("per_layer", [False, True])
def test_a_space_is_written_and_read(per_layer: bool) -> None:
    space = vit(layer_scale=0.1, qkv_bias=False, per_layer=per_layer)
    assert load_space(space_to_dict(space)) == space
    architecture = space.sample(np.random.default_rng(0))
    assert space.parse(architecture.text) == architecture
    assert type(architecture).from_json(architecture.to_json()) == architecture


def test_an_operation_is_named_by_its_ratio() -> None:
    assert attention_operation(2.5).to_dict() == {
        "kind": "attention",
        "head_dim": 32,
        "layer_scale": 0.0,
        "mlp_ratio": 2.5,
        "qkv_bias": True,
    }
    assert attention_operation(3.0).name == attention_operation(3).name == "attn_r3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"dimensions": [224, 240]},
            "a width of 240 cannot be split into heads of 32 channels; the nearest widths that can are 224 and 256",
        ),
        (
            {"image_size": 225},
            "images of 225 pixels do not fit space 'vit': patch in the stem cannot cut 225 pixels into patches of 16; the "
            "nearest sizes that fit are 224 and 240",
        ),
        (
            {"image_size": 240, "strides": [1, 2, 1, 1]},
            "attn_r2_5 in block 2 cannot cut 15 pixels into patches of 2; the nearest sizes that fit are 224 and 256",
        ),
        (
            {"dimensions": [[32], [64]]},
            "dimensions must be numbers, for all blocks, or 4 lists of numbers, one per block, not [[32], [64]]",
        ),
        ({"layers": [3, [4]]}, "layers must be numbers, for all blocks, or 4 lists of numbers, one per block"),
        (
            {"mlp_ratios": [0.001, 4]},
            "an MLP ratio of 0.001 leaves a width of 224 no hidden unit; the smallest ratio that gives one is 0.00447",
        ),
        ({"head_dim": 0}, "head_dim must be at least 1, not 0"),
        ({"patch": 0}, "patch must be at least 1, not 0"),
        ({"strides": [1, 1, 1, 0]}, "a block's stride must be at least 1, not 0"),
        ({"dimensions": []}, "a block needs at least one cell"),
        ({"layers": [0]}, "a cell has 1 to 1,000 layers, not 0"),
        (
            {"dimensions": "wide"},
            "dimensions of the vit space must be a list of whole numbers or lists of whole numbers",
        ),
        ({"dimensions": [[-32], [64], [64], [64]]}, "each of dimensions must be at least 1, not -32"),
        ({"patch": "4"}, "patch of the vit space must be a whole number, not '4'"),
        ({"mlp_ratios": [2.5, "x"]}, "mlp_ratios of the vit space must be a list of numbers, not [2.5, 'x']"),
        ({"per_layer": 1}, "per_layer of the vit space must be true or false, not 1"),
    ],
)
def test_a_space_that_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(message)):
        load_space({"family": "vit", **arguments})


def test_an_unknown_argument_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown argument of the vit space 'dimension'; did you mean dimensions"
    ):
        load_space({"family": "vit", "dimension": [224]})
