"""Joined blocks hold the same networks, one for one, and are built and counted as those."""

from itertools import product

import numpy as np
import pytest

from helixnas.errors import SpaceError
from helixnas.space import (
    Architecture,
    SearchSpace,
    from_code,
    groups_of,
    join_architecture,
    join_blocks,
    load_space,
    macro,
    mbconv,
    scale,
    space_to_dict,
    split_architecture,
    vit,
)

SMALL = mbconv(
    name="small",
    cells=(((1, 8),), ((2, 8), (1, 12)), ((1, 16),)),
    strides=(1, 2, 1),
    kernels=(3,),
    expansions=(2, 3),
    stem_width=8,
    separable_width=0,
)


def networks(space: SearchSpace) -> list[Architecture]:
    """Return every network of a space."""
    return [space.architecture(paths) for paths in product(*(list(block.paths()) for block in space.blocks))]


@pytest.mark.parametrize("groups", [(1, 1, 1), (2, 1), (1, 2), (3,)])
def test_joining_changes_names_and_neither_number_nor_networks(groups: tuple[int, ...]) -> None:
    joined = join_blocks(SMALL, groups)
    renamed = [join_architecture(network, groups) for network in networks(SMALL)]
    assert joined.size == SMALL.size == len(set(renamed))
    assert set(renamed) == set(networks(joined))
    assert [split_architecture(network) for network in renamed] == networks(SMALL)
    assert groups_of(joined) == groups
    assert joined.strides[-1] == SMALL.strides[-1]


@pytest.mark.parametrize(("groups", "paths"), [((3,), [3969]), ((2, 1), [189, 21]), ((1, 2), [9, 441])])
def test_the_benchmark_space_keeps_its_size(groups: tuple[int, ...], paths: list[int]) -> None:
    joined = join_blocks(macro(), groups)
    assert [block.num_paths for block in joined.blocks] == paths
    assert joined.size == 3969


def test_texts_and_definitions_are_read_back() -> None:
    joined = join_blocks(SMALL, (2, 1))
    assert load_space(space_to_dict(joined)) == joined
    for network in networks(joined):
        assert joined.parse(network.text) == network
        assert Architecture.from_json(network.to_json()) == network
    assert join_architecture(from_code("12100020"), (3,)).text == "64:mb3_k3,mb6_k5+128:mb3_k3+256:identity,mb6_k5"


def test_positions_and_cells_agree_with_the_list_of_paths() -> None:
    (block,) = join_blocks(SMALL, (3,)).blocks
    assert [block.path(index) for index in range(block.num_paths)] == list(block.paths())
    for path in block.paths():
        cell = block.cell_of(path)
        assert cell is not None
        assert path in list(cell.paths())


def test_cells_of_joined_blocks_are_told_apart_by_their_sections() -> None:
    (block,) = join_blocks(macro(widths=(4, 6), depths=(1, 2)), (2,)).blocks
    assert [cell.depths for cell in block.cells] == ["1+1", "1+2"]
    assert [cell.depths for cell in SMALL.blocks[1].cells] == ["2", "1"]


def test_joined_layers_keep_their_widths_and_strides() -> None:
    whole, parts = join_architecture(networks(SMALL)[0], (3,)), networks(SMALL)[0]
    places, width = list[tuple[int, int, int]](), 8
    for stage in parts.blocks:
        places += stage.places(width)
        width = stage.path.width
    assert whole.blocks[0].places(8) == tuple(places)


def test_a_scaled_network_is_that_of_its_separate_blocks() -> None:
    network = from_code("22212220")
    assert scale(join_architecture(network, (2, 1)), width=1.5, depth=2.0) == scale(network, width=1.5, depth=2.0)


def test_random_networks_of_both_are_members_of_both() -> None:
    joined, rng = join_blocks(macro(), (1, 2)), np.random.default_rng(0)
    for _ in range(20):
        assert split_architecture(joined.sample(rng)) in macro()
        assert join_architecture(macro().sample(rng), (1, 2)) in joined


def test_a_definition_may_join_another() -> None:
    assert load_space({"join": "macro", "groups": [2, 1]}) == join_blocks(macro(), (2, 1))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"join": "macro", "groups": [2, 2]}, r"groups \[2, 2\] must be numbers from 1 that add up to the 3 blocks"),
        ({"join": "macro", "groups": [3, 0]}, r"groups \[3, 0\] must be numbers from 1"),
        ({"join": "macro"}, r"groups must say how many adjacent blocks .* not None"),
        ({"join": "mbconv", "groups": [3, 3]}, "joined block 1 of space 'mbconv' would hold 690,135,552 paths.*join fewer"),
    ],
)  # fmt: skip
def test_what_cannot_be_joined_is_one_sentence(definition: dict[str, object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        load_space(definition)


def test_tied_layers_stay_tied_in_joined_blocks() -> None:
    space = vit(dimensions=(32,), layers=(1, 2), strides=(1, 1, 1), mlp_ratios=(2, 4))
    joined = join_blocks(space, (2, 1))
    renamed = [join_architecture(network, (2, 1)) for network in networks(space)]
    assert joined.size == space.size == 64
    assert set(renamed) == set(networks(joined))
    assert load_space(space_to_dict(joined)) == joined
