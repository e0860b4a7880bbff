import pytest
import torch
from torch import nn

from helixnas.engine.gpu.compiling import layers_of
from helixnas.errors import TeacherError
from helixnas.nn import Bridge
from helixnas.space import SearchSpace, channel, macro, vit
from helixnas.supernet import Supernet, SupernetCell, SupernetConfig, build_supernet


def build(space: SearchSpace, *, seed: int = 0) -> Supernet:
    return build_supernet(space, (10, 18), config=SupernetConfig(), seed=seed)


def test_blocks_are_counted_from_one_and_know_their_previous_widths(space: SearchSpace) -> None:
    supernet = build(space)
    assert [block.number for block in supernet] == [1, 2]
    assert supernet.block(2).number == 2
    assert supernet.block(1).previous_widths == (8,)
    assert supernet.block(2).previous_widths == (8, 12)


def test_cell_of_finds_the_cell_that_holds_a_path(space: SearchSpace) -> None:
    block = build(space).block(1)
    for cell in block:
        assert all(block.cell_of(path) is cell for path in cell.cell.paths())


def test_first_block_takes_the_image_and_the_next_what_the_teacher_gave(space: SearchSpace) -> None:
    supernet = build_supernet(space, (10, 18), config=SupernetConfig(), seed=0, in_chans=1)
    first, second = (next(iter(block)) for block in supernet)
    path = next(first.cell.paths())
    assert first(torch.rand(2, 1, 8, 8), path, 8).shape == (2, 10, 4, 4)
    assert second(torch.rand(2, 10, 4, 4), next(second.cell.paths()), 12).shape == (2, 18, 2, 2)


@pytest.mark.parametrize("slimmable", [False, True])
def test_all_cells_of_a_block_have_adapters_or_none_has(slimmable: bool) -> None:
    """A candidate without an adapter cannot mix channels, or give what its last activation cuts off, and loses for that."""
    space = channel(largest=(32,) * 7)
    if slimmable:
        space = vit(
            dimensions=(32, 64), mlp_ratios=(2,), layers=(1,), strides=(1, 1, 1), patch=4, image_size=32, stem_width=64
        )
    width = 64 if slimmable else 32
    supernet = build_supernet(space, (width, width, width), config=SupernetConfig(slimmable=slimmable), seed=0)
    for block in supernet:
        for cell in block:
            entries = [cell.entry(previous) for previous in block.previous_widths]
            assert isinstance(cell.exit, nn.Conv2d)
            assert all(isinstance(entry, nn.Conv2d) for entry in entries if block.number > 1)
    one_width = macro(depths=(1, 2, 2), widths=(8, 16, 24), stem_width=4)
    supernet = build_supernet(one_width, (8, 16, 24), config=SupernetConfig(), seed=0)
    for block in supernet:
        for cell in block:
            assert isinstance(cell.exit, nn.Identity)
            assert block.number == 1 or isinstance(cell.entry(block.previous_widths[0]), nn.Identity)


def test_block_built_alone_equals_the_block_built_among_others(space: SearchSpace) -> None:
    alone = build_supernet(
        SearchSpace("alone", space.stem, space.blocks[:1], space.head), (10,), config=SupernetConfig(), seed=3
    )
    among = build(space, seed=3).block(1).state_dict()
    own = alone.block(1).state_dict()
    assert own.keys() == among.keys()
    assert all(torch.equal(own[name], among[name]) for name in own)


def test_cells_weights_do_not_depend_on_the_cells_beside_it(space: SearchSpace) -> None:
    first = space.blocks[0]
    fewer = SearchSpace("fewer", space.stem, (type(first)(first.stride, first.cells[:1]),), space.head)
    own = next(iter(build_supernet(fewer, (10,), config=SupernetConfig(), seed=3).block(1))).state_dict()
    among = next(iter(build(space, seed=3).block(1))).state_dict()
    assert all(torch.equal(own[name], among[name]) for name in own)


def test_cells_differ_between_blocks_cells_and_seeds(space: SearchSpace) -> None:
    def stem(supernet: Supernet, index: int) -> torch.Tensor:
        cell = supernet.block(1).cells[index]
        assert isinstance(cell, SupernetCell)
        return next(cell.entry(8).parameters())

    supernet = build(space)
    assert torch.equal(stem(supernet, 0), stem(build(space), 0))
    assert not torch.equal(stem(supernet, 0), stem(supernet, 1))
    assert not torch.equal(stem(supernet, 0), stem(build(space, seed=1), 0))


def test_building_leaves_the_global_generator_alone(space: SearchSpace) -> None:
    before = torch.get_rng_state()
    build(space)
    assert torch.equal(torch.get_rng_state(), before)


def test_teacher_cut_into_another_number_of_blocks_is_refused(space: SearchSpace) -> None:
    with pytest.raises(TeacherError, match=r"cut into 3 blocks, but space 'tiny' has 2; name one boundary per block"):
        build_supernet(space, (10, 18, 20), config=SupernetConfig(), seed=0)


def test_deep_paths_begin_as_their_first_layer_alone_unless_told_otherwise(space: SearchSpace) -> None:
    images = torch.rand(4, 3, 16, 16)
    for silent in (True, False):
        config = SupernetConfig(zero_init_residual=silent)
        block = build_supernet(space, (10, 18), config=config, seed=0).block(1)
        cell = max(block, key=lambda cell: cell.cell.depth)
        first = [path for path in cell.cell.paths() if path.operations[0] == cell.cell.layers[0][0]]
        outputs = [cell(images, path, 8) for path in first]
        assert len(outputs) > 1
        assert all(torch.equal(output, outputs[0]) for output in outputs[1:]) is silent


def test_a_block_takes_finer_features_through_a_patch_convolution_per_previous_width(space: SearchSpace) -> None:
    grids, plain = [(8, 8), (4, 4)], build(space)
    supernet = build_supernet(space, (10, 18), config=SupernetConfig(), seed=0, teacher_grids=grids, input_size=(8, 8))
    for number in (1, 2):
        for cell, before in zip(supernet.block(number), plain.block(number), strict=True):
            for width in supernet.block(number).previous_widths:
                assert isinstance(cell.entry(width), Bridge) == (number == 2)
                assert isinstance(before.entry(width), Bridge) is False
    cell = next(iter(supernet.block(2)))
    assert cell(torch.rand(2, 10, 8, 8), next(cell.cell.paths()), 12).shape == (2, 18, 2, 2)
    assert cell.entry(12).weight.shape == (12, 10, 2, 2)


def test_a_bridge_follows_where_widths_agree_too(space: SearchSpace) -> None:
    for interface in ("adapter", "widen"):
        config = SupernetConfig(interface=interface)  # type: ignore[arg-type]
        supernet = build_supernet(
            space, (12, 18), config=config, seed=0, teacher_grids=[(16, 16), (2, 2)], input_size=(8, 8)
        )
        cell = next(iter(supernet.block(2)))
        assert isinstance(cell.entry(12), Bridge)
        assert cell(torch.rand(2, 12, 16, 16), next(cell.cell.paths()), 12).shape == (2, 18, 2, 2)


def test_grids_that_agree_change_no_weight(space: SearchSpace) -> None:
    own = build_supernet(
        space, (10, 18), config=SupernetConfig(), seed=0, teacher_grids=[(4, 4), (1, 1)], input_size=(8, 8)
    ).state_dict()
    expected = build(space).state_dict()
    assert own.keys() == expected.keys()
    assert all(torch.equal(own[name], expected[name]) for name in own)


@pytest.mark.parametrize("grid", [(2, 2), (6, 6)])
def test_features_that_cannot_enter_a_block_are_refused_with_both_grids(
    space: SearchSpace, grid: tuple[int, int]
) -> None:
    with pytest.raises(TeacherError, match=rf"Y_1 has {grid[0]} x {grid[1]} pixels, but block 2 .* takes 4 x 4"):
        build_supernet(
            space, (10, 18), config=SupernetConfig(), seed=0, teacher_grids=[grid, (2, 2)], input_size=(8, 8)
        )


def test_what_is_compiled_are_stems_and_operations() -> None:
    supernet = build_supernet(macro(depths=(1, 1, 1)), (8, 8, 8), config=SupernetConfig(), seed=0)
    names = {id(module): name for name, module in supernet.named_modules()}
    found = [names[id(layer)] for layer in layers_of(supernet)]
    assert [name for name in found if name.startswith("blocks.1")] == [
        "blocks.1.cells.0.first.64.identity",
        "blocks.1.cells.0.first.64.mb3_k3",
        "blocks.1.cells.0.first.64.mb6_k5",
    ]
    assert [name for name in found if ".entries." in name] == ["blocks.0.cells.0.entries.32.0.0"]
