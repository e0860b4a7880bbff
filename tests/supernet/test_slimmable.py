"""Slimmable cells behave as cells of their own width, and share one set of weights per depth."""

import copy

import pytest
import torch
from torch import nn

from helixnas.engine.gpu.compiling import layers_of
from helixnas.errors import SpaceError
from helixnas.nn import count_params
from helixnas.space import SearchSpace, join_blocks, mbconv, vit
from helixnas.supernet import CellModule, SliceCell, SlimmableCells, Supernet, SupernetConfig, build_supernet, view_of


def space_of(**others: object) -> SearchSpace:
    blocks = {"dimensions": (16, 8, 24), "head_dim": 4, "mlp_ratios": (1, 2), "layers": (2, 1), "strides": (1, 2)}
    return vit(**{**blocks, "patch": 2, "image_size": 8, "stem_width": 16, **others})  # type: ignore[arg-type]


def build(space: SearchSpace | None = None, *, widths: tuple[int, ...] = (20, 16), **settings: object) -> Supernet:
    config = SupernetConfig(slimmable=True, **settings)  # type: ignore[arg-type]
    return build_supernet(space or space_of(), widths, config=config, seed=0)


def shared(supernet: Supernet, block: int, index: int = 0) -> SlimmableCells:
    found = supernet.block(block).cells[index]
    assert isinstance(found, SlimmableCells)
    return found


def test_a_block_holds_one_module_per_depth_and_yields_the_cells_in_the_order_of_the_space() -> None:
    space, supernet = space_of(), build()
    for number, block in enumerate(supernet, start=1):
        assert len(block.cells) == 2
        assert [cell.cell for cell in block] == list(space.blocks[number - 1].cells)
        assert all(isinstance(cell, SliceCell) and isinstance(cell, CellModule) for cell in block)
        for path in space.blocks[number - 1].paths():
            assert block.cell_of(path).cell == space.blocks[number - 1].cell_of(path)


def test_every_path_after_every_width_gives_the_teachers_shape_from_either_end() -> None:
    supernet = build(slices="two-sided")
    for number, (received, grid) in enumerate(((3, 8), (20, 4)), start=1):
        block = supernet.block(number)
        for part in (shared(supernet, number, 0), shared(supernet, number, 1)):
            for cell in part.cells:
                for path in cell.cell.paths():
                    for width in block.previous_widths:
                        for suffix in (False, True):
                            found = part(torch.rand(2, received, grid, grid), path, width, suffix)
                            assert found.shape == ((2, 20, 4, 4) if number == 1 else (2, 16, 2, 2))


def test_layers_of_a_cell_are_those_that_its_forward_pass_runs() -> None:
    block = build().block(2)
    x = torch.rand(2, 20, 4, 4)
    for cell in block:
        for path in cell.cell.paths():
            for width in block.previous_widths:
                features = cell.entry(width)(x)
                for number, operation in enumerate(path.operations):
                    features = cell.operation(number, operation.name, width)(features)
                assert torch.equal(cell.exit(features), cell(x, path, width))


def test_adapters_belong_to_a_width_and_to_all_cells_of_a_depth() -> None:
    cells = {cell.cell.width: cell for cell in build(widths=(8, 16)).block(2) if cell.cell.depth == 1}
    assert cells[8].entry(16) is cells[24].entry(16)  # one per previous width, for all cells of the depth
    outer = [cells[8].entry(8), cells[8].entry(24), *(cells[width].exit for width in (8, 16, 24))]
    shapes = [tuple(each.weight.shape[:2]) for each in outer if isinstance(each, nn.Conv2d)]
    assert shapes == [(8, 8), (24, 8), (16, 8), (16, 16), (16, 24)]


def test_the_stem_belongs_to_all_cells_of_a_depth() -> None:
    first, *others = [cell.entry(16) for cell in build().block(1) if cell.cell.depth == 2]
    assert all(entry is first for entry in others)


@pytest.mark.parametrize("suffix", [False, True])
def test_slices_are_exactly_the_weights_that_a_path_depends_on(suffix: bool) -> None:
    part = shared(build(slices="two-sided", widths=(20, 18)), 2)
    path = next(part.cells[1].cell.paths())
    x = torch.rand(2, 20, 4, 4)
    before = part(x, path, 16, suffix)
    inside = {id(parameter): region for parameter, region in part.slices(path, 16, suffix)}
    other = copy.deepcopy(part)
    with torch.no_grad():
        for mine, theirs in zip(part.parameters(), other.parameters(), strict=True):
            theirs.fill_(float("nan"))
            if id(mine) in inside:
                view_of(theirs, inside[id(mine)]).copy_(view_of(mine, inside[id(mine)]))
    assert torch.equal(other(x, path, 16, suffix), before)
    before.square().sum().backward()
    reached = {id(parameter) for parameter in part.parameters() if parameter.grad is not None}
    assert reached == set(inside)


def test_a_block_needs_the_memory_of_its_largest_paths() -> None:
    slim, alone = build(), build_supernet(space_of(), (20, 16), config=SupernetConfig(), seed=0)
    assert count_params(slim.block(2)) < 0.3 * count_params(alone.block(2))


def test_weights_depend_on_seed_and_block_alone() -> None:
    space = space_of()
    alone = build(SearchSpace("alone", space.stem, space.blocks[:1], space.head), widths=(20,)).block(1).state_dict()
    among = build().block(1).state_dict()
    assert alone.keys() == among.keys()
    assert all(torch.equal(alone[name], among[name]) for name in alone)


def test_a_supernet_that_was_saved_and_read_computes_the_same() -> None:
    first, second = build(), build_supernet(space_of(), (20, 16), config=SupernetConfig(slimmable=True), seed=5)
    x = torch.rand(2, 20, 4, 4)
    cell = next(iter(first.block(2)))
    path = next(cell.cell.paths())
    assert not torch.equal(second.block(2).cell_of(path)(x, path, 8), cell(x, path, 8))
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.block(2).cell_of(path)(x, path, 8), cell(x, path, 8))


def test_joined_blocks_share_weights_where_their_sections_are_as_deep() -> None:
    space = join_blocks(space_of(layers=(1,)), (2,))
    supernet = build(space, widths=(20,))
    assert len(supernet.block(1).cells) == 1
    for cell in supernet.block(1):
        for path in cell.cell.paths():
            assert cell(torch.rand(2, 3, 8, 8), path, 16).shape == (2, 20, 2, 2)


def test_a_space_of_convolutions_is_refused() -> None:
    with pytest.raises(SpaceError, match="which cannot be sliced; set supernet.slimmable to false"):
        build(mbconv(), widths=(1,) * 6)


def test_silenced_cells_begin_as_their_adapters() -> None:
    space = space_of(dimensions=(16,), strides=(1, 1))
    block = build(space, widths=(16, 16), zero_init_residual=True).block(2)
    x = torch.rand(2, 16, 4, 4)
    for cell in block:
        assert all(torch.equal(cell(x, path, 16), x) for path in cell.cell.paths())


def test_layers_of_shared_weights_are_not_compiled() -> None:
    assert not list(layers_of(build()))
