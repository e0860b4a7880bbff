"""Search space: order, membership, counts and a fair draw."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.space import Architecture, Block, Cell, Head, Operation, Path, SearchSpace, Stage, macro, mbconv

K3, K5, K7 = (Operation.of(f"mb3_k{kernel}", kind="mbconv", kernel=kernel, expansion=3) for kernel in (3, 5, 7))
STEM = (Stage(2, Path(16, (Operation.of("conv_k3", kind="conv", kernel=3),))),)


# Plain values; the annotations of the package draw on `random`, which a strategy must not.
layers = st.permutations((0, 1, 2)).flatmap(lambda order: st.integers(1, 3).map(lambda number: order[:number]))
shapes = st.lists(
    st.tuples(st.sampled_from((8, 16, 24)), st.lists(layers, min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
    unique_by=lambda cell: (cell[0], len(cell[1])),
)


def block_of(shape: list[tuple[int, list[list[int]]]]) -> Block:
    """Return the block of cells as (width, per layer the positions of its operations)."""
    operations = (K3, K5, K7)
    return Block(2, tuple(Cell(w, tuple(tuple(operations[i] for i in layer) for layer in each)) for w, each in shape))


@settings(max_examples=40)
@given(shapes)
def test_the_path_at_an_index_is_the_one_met_on_the_walk(shape: list[tuple[int, list[list[int]]]]) -> None:
    block = block_of(shape)
    walked = list(block.paths())
    assert [block.path(index) for index in range(block.num_paths)] == walked
    assert len(set(walked)) == len(walked) == block.num_paths
    assert len({path.text for path in walked}) == len(walked)


@settings(max_examples=40)
@given(shapes)
def test_a_path_belongs_to_exactly_one_cell(shape: list[tuple[int, list[list[int]]]]) -> None:
    block = block_of(shape)
    for path in block.paths():
        holders = [cell for cell in block.cells if path in set(cell.paths())]
        assert [block.cell_of(path)] == holders


def test_paths_come_cell_by_cell_with_the_last_layer_fastest() -> None:
    block = Block(1, (Cell(8, ((K5, K3), (K3, K7))), Cell(4, ((K3,),))))
    assert [path.text for path in block.paths()] == [
        "8:mb3_k5,mb3_k3",
        "8:mb3_k5,mb3_k7",
        "8:mb3_k3,mb3_k3",
        "8:mb3_k3,mb3_k7",
        "4:mb3_k3",
    ]
    assert block.widths == (4, 8)


def test_a_path_that_a_layer_does_not_offer_has_no_cell() -> None:
    block = Block(1, (Cell(8, ((K3, K5), (K3,))),))
    assert block.cell_of(Path(8, (K3, K5))) is None
    assert block.cell_of(Path(8, (K3,))) is None
    assert block.cell_of(Path(16, (K3, K3))) is None


def test_a_draw_is_uniform_over_architectures(small_space: SearchSpace) -> None:
    everything = list(itertools.product(*(block.paths() for block in small_space.blocks)))
    assert len(everything) == small_space.size == 24
    rng = np.random.default_rng(20)
    counts = Counter(small_space.sample(rng).paths for _ in range(2400))
    assert set(counts) <= set(everything)
    assert chisquare([counts[paths] for paths in everything]).pvalue > 0.01


def test_the_same_seed_draws_the_same_architectures() -> None:
    first, second = ([mbconv().sample(np.random.default_rng(seed)) for seed in (0, 1)] for _ in range(2))
    assert first == second
    assert first[0] != first[1]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_what_is_drawn_is_a_member_and_not_of_another_space(seed: int) -> None:
    space = mbconv()
    architecture = space.sample(np.random.default_rng(seed))
    assert architecture in space
    assert architecture not in macro()


def test_membership_looks_at_stem_strides_head_paths_and_kind(small_space: SearchSpace) -> None:
    architecture = small_space.sample(np.random.default_rng(0))
    stem, (one, two), head = architecture.stem, architecture.blocks, architecture.head
    assert architecture in small_space
    others = [
        Architecture((*stem, *stem), (one, two), head),
        Architecture(stem, (Stage(1, one.path), two), head),
        Architecture(stem, (one, two), Head(64)),
        Architecture(stem, (one, Stage(1, Path(17, two.path.operations))), head),
        Architecture(stem, (one,), head),
        architecture.text,
    ]
    assert [other in small_space for other in others] == [False] * len(others)


def test_widths_and_strides_are_those_of_the_chain(small_space: SearchSpace) -> None:
    assert small_space.previous_widths(1) == (8,)
    assert small_space.previous_widths(2) == (8, 16)
    assert (small_space.stem_width, small_space.stem_stride, small_space.strides) == (8, 1, (2, 2))
    assert mbconv().strides == (4, 8, 16, 16, 32, 32)
    assert mbconv().previous_widths(5) == (96, 112)


def test_operations_are_listed_once_and_the_stem_first() -> None:
    assert [operation.name for operation in mbconv(kernels=(3, 5)).operations] == [
        "conv_k3",
        "ds_k3",
        "mb3_k3",
        "mb3_k5",
        "mb6_k3",
        "mb6_k5",
    ]


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Cell(0, ((K3,),)), "a cell's width must be at least 1 channel, not 0"),
        (lambda: Cell(8, ()), "every layer of the cell of width 8 needs at least one operation"),
        (lambda: Cell(8, ((K3,), ())), "every layer of the cell of width 8 needs at least one operation"),
        (
            lambda: Cell(8, ((K3,), (K3, K5, K3))),
            "layer 2 of the cell of width 8 names an operation twice: ['mb3_k3', 'mb3_k5', 'mb3_k3']",
        ),
        (lambda: Block(0, (Cell(8, ((K3,),)),)), "a block's stride must be at least 1, not 0"),
        (lambda: Block(1, ()), "a block needs at least one cell"),
        (
            lambda: Block(1, (Cell(8, ((K3,),)), Cell(8, ((K5,),)))),
            "two cells of one block have the same width and depth, so a path would not say which: [(8, 1), (8, 1)]",
        ),
        (lambda: Block(1, (Cell(8, ((K3, K5),)),)).path(2), "path index 2 is outside 0 .. 1"),
        (lambda: Block(1, (Cell(8, ((K3, K5),)),)).path(-1), "path index -1 is outside 0 .. 1"),
        (lambda: SearchSpace("bare", STEM, ()), "space 'bare' needs at least one block"),
        (
            lambda: SearchSpace("bare", (), (Block(1, (Cell(8, ((K3,),)),)),)),
            "space 'bare' needs a stem, for example a 3x3 convolution",
        ),
        (
            lambda: SearchSpace("two", STEM, (Block(1, (Cell(8, ((Operation.of("conv_k3", kind="other"),),)),)),)),
            "two different operations of space 'two' are both named 'conv_k3'",
        ),
        (lambda: macro().previous_widths(4), "space 'macro' has blocks 1 .. 3, not 4"),
        (lambda: macro().previous_widths(0), "space 'macro' has blocks 1 .. 3, not 0"),
        (lambda: macro().parse(""), "space 'macro' has 3 blocks, but 0 paths were given"),
        (
            lambda: macro().parse("64:identity 128:identity,identity 256:identity"),
            "path '128:identity,identity' is not in block 2 of space 'macro': its cells have 1 layers of width 128, "
            "2 layers of width 128, 3 layers of width 128",
        ),
        (
            lambda: macro().parse_path("wide:identity"),
            "'wide:identity' is not a path; write width:operation,operation,... as in 24:mb3_k5,mb6_k3",
        ),
        (
            lambda: macro().parse_path("identity"),
            "'identity' is not a path; write width:operation,operation,... as in 24:mb3_k5,mb6_k3",
        ),
        (lambda: macro().parse_path("0:identity"), "a path's width must be at least 1 channel, not 0"),
    ],
)
def test_what_is_no_space_or_not_of_it_is_refused(build: Any, sentence: str) -> None:
    with pytest.raises(SpaceError) as caught:
        build()
    assert str(caught.value) == sentence


def test_an_operation_that_the_space_lacks_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown operation 'mb3_k7'; did you mean mb3_k3"):
        macro().parse("64:mb3_k7 128:identity 256:identity")


def tied(ties: tuple[int, ...], depth: int = 3) -> Cell:
    """Return a cell of layers with the same two operations."""
    pair = tuple(Operation.of(f"mb3_k{k}", kind="mbconv", kernel=k, expansion=3) for k in (3, 5))
    return Cell(24, (pair,) * depth, ties=ties)


@pytest.mark.parametrize("ties", [(), (3,), (1, 2), (2, 1), (1, 1, 1)])
def test_tied_layers_take_one_operation(ties: tuple[int, ...]) -> None:
    cell = tied(ties)
    everything = [path.operations for path in tied(()).paths()]
    starts = [0, *(sum(ties[: number + 1]) for number in range(len(ties)))]
    runs = [range(start, start + number) for start, number in zip(starts, ties, strict=False)]
    expected = [chosen for chosen in everything if all(len({chosen[i] for i in run}) == 1 for run in runs)]
    assert [path.operations for path in cell.paths()] == expected
    assert cell.num_paths == len(expected)
    block = Block(1, (Cell(8, cell.layers), cell))
    assert [block.path(8 + index) for index in range(cell.num_paths)] == list(cell.paths())
    members = [chosen for chosen in everything if block.cell_of(cell.path(chosen)) is cell]
    assert members == expected


@pytest.mark.parametrize("ties", [(), (3,), (1, 2), (2, 1)])
def test_following_the_layers_finds_every_path_once(ties: tuple[int, ...]) -> None:
    cell = tied(ties)
    prefixes: list[tuple[Operation, ...]] = [()]
    for _ in range(cell.depth):
        prefixes = [(*prefix, operation) for prefix in prefixes for operation in cell.followers(prefix)]
    assert prefixes == [path.operations for path in cell.paths()]


@pytest.mark.parametrize("ties", [(2,), (4,), (0, 3), (1, -1, 3)])
def test_ties_that_are_not_the_layers_are_refused(ties: tuple[int, ...]) -> None:
    with pytest.raises(
        SpaceError, match="ties .* of the cell of width 24 must be numbers from 1 that add up to its 3 layers"
    ):
        tied(ties)


def test_layers_of_different_operations_cannot_be_tied() -> None:
    one, other = tied(()).layers[0]
    with pytest.raises(SpaceError, match="layers 2 and 3 of the cell of width 24 are tied, so they must have the same"):
        Cell(24, ((one,), (one, other), (other, one)), ties=(1, 2))
