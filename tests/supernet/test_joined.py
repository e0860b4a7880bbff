"""A supernet of joined blocks holds the layers of the separate networks, with their widths, strides and costs."""

import pytest
import torch

from helixnas.costs import cost_table
from helixnas.nn import build_stage
from helixnas.nn.operations import BATCH_STATISTICS
from helixnas.space import join_architecture, join_blocks, macro
from helixnas.supernet import SupernetConfig, build_supernet

SMALL = macro(name="small", widths=(4, 6), depths=(1, 2), stem_width=4, head_width=8)


def test_costs_of_a_joined_network_are_those_of_its_blocks() -> None:
    apart, joined = (cost_table(space, image_size=16, num_classes=3) for space in (SMALL, join_blocks(SMALL, (2,))))
    for paths in [(first, second) for first in SMALL.blocks[0].paths() for second in SMALL.blocks[1].paths()]:
        network = SMALL.architecture(paths)
        assert joined.of(join_architecture(network, (2,))) == apart.of(network)


@pytest.mark.parametrize("interface", ["adapter", "widen"])
def test_every_path_of_a_joined_block_gives_the_teachers_features(interface: str) -> None:
    space = join_blocks(SMALL, (2,))
    supernet = build_supernet(space, (10,), config=SupernetConfig(interface=interface), seed=0)  # type: ignore[arg-type]
    block = supernet.block(1)
    for path in space.blocks[0].paths():
        given = block.cell_of(path)(torch.rand(2, 3, 16, 16), path, 4)
        assert given.shape == (2, 10, 4, 4)


def test_a_joined_stage_is_built_as_its_parts_one_after_the_other() -> None:
    network = SMALL.architecture((SMALL.blocks[0].path(1), SMALL.blocks[1].path(8)))
    (stage,) = join_architecture(network, (2,)).blocks
    rates = (0.0,) * stage.path.depth
    whole = build_stage(4, stage, norm_layer=BATCH_STATISTICS, drop_path_rates=rates)
    first, second = (
        build_stage(width, part, norm_layer=BATCH_STATISTICS, drop_path_rates=(0.0,) * part.path.depth)
        for width, part in zip((4, 4), network.blocks, strict=True)
    )
    shapes = [list(tensor.shape) for part in (first, second) for tensor in part.state_dict().values()]
    assert [list(tensor.shape) for tensor in whole.state_dict().values()] == shapes
