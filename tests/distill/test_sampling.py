from collections import Counter

import pytest
from scipy import stats

from helixnas.distill import Draw, draw_paths, draw_slices
from helixnas.distill.sampling import Sampling
from helixnas.space import Cell, Operation, macro, mbconv_operation, vit

CELL = macro().blocks[0].cells[1]  # three operations, then two
WIDTHS = (24, 32)


def draws(sampling: Sampling, step: int, *, seed: int = 0, block: int = 1, index: int = 0) -> tuple[Draw, ...]:
    return draw_paths(CELL, WIDTHS, sampling=sampling, seed=seed, block=block, index=index, step=step)


def cell_of(*candidates: int) -> Cell:
    operations = tuple(mbconv_operation(kernel, expansion) for kernel in (3, 5) for expansion in (3, 6))
    return Cell(8, tuple(operations[:number] for number in candidates))


def test_uniform_draws_are_uniform_over_paths_and_previous_widths() -> None:
    steps = 2400
    counts = Counter(draw for step in range(steps) for draw in draws("uniform", step))
    assert len(counts) == CELL.num_paths * len(WIDTHS)
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_uniform_draws_of_different_layers_are_independent() -> None:
    paths = [draw.path for step in range(2400) for draw in draws("uniform", step)]
    table = [[sum(p.operations == (a, b) for p in paths) for b in CELL.layers[1]] for a in CELL.layers[0]]
    assert stats.chi2_contingency(table).pvalue > 0.01


def test_uniform_draws_one_path_of_the_cell_per_step() -> None:
    (draw,) = draws("uniform", 0)
    assert draw.path in set(CELL.paths())
    assert draw.previous_width in WIDTHS


@pytest.mark.parametrize(
    ("cell", "widths"),
    [(CELL, WIDTHS), (CELL, (32,)), (cell_of(4, 3, 1), (8, 16)), (cell_of(2), (8, 16, 24)), (cell_of(1), (8,))],
)
def test_strict_fair_covers_every_operation_of_every_layer_equally(cell: Cell, widths: tuple[int, ...]) -> None:
    for step in range(5):
        drawn = draw_paths(cell, widths, sampling="strict-fair", seed=0, block=1, index=0, step=step)
        for number, layer in enumerate(cell.layers):
            counts = Counter[Operation](draw.path.operations[number] for draw in drawn)
            assert counts == dict.fromkeys(layer, len(drawn) // len(layer))
        assert Counter(draw.previous_width for draw in drawn) == dict.fromkeys(widths, len(drawn) // len(widths))


def test_strict_fair_takes_as_few_paths_as_cover_all_equally() -> None:
    assert len(draws("strict-fair", 0)) == 6  # 3 and 2 operations after 2 widths


def test_strict_fair_shuffles_every_layer_on_its_own() -> None:
    pairs = {draw.path for step in range(40) for draw in draws("strict-fair", step)}
    assert pairs == set(CELL.paths())


@pytest.mark.parametrize("sampling", ["uniform", "strict-fair"])
def test_draws_depend_on_seed_block_cell_and_step_alone(sampling: Sampling) -> None:
    def series(*, seed: int = 0, block: int = 1, index: int = 0) -> list[tuple[Draw, ...]]:
        return [draws(sampling, step, seed=seed, block=block, index=index) for step in range(10)]

    assert series() == series()
    assert series() == [draws(sampling, step) for step in reversed(range(10))][::-1]
    assert len({tuple(s) for s in (series(), series(seed=1), series(block=2), series(index=1))}) == 4


@pytest.mark.parametrize("sampling", ["uniform", "strict-fair"])
def test_tied_layers_take_the_same_operation_and_every_operation_its_turn(sampling: Sampling) -> None:
    cell = Cell(8, cell_of(4, 4, 4).layers, ties=(2, 1))
    drawn = [
        draw
        for step in range(400)
        for draw in draw_paths(cell, (8,), sampling=sampling, seed=0, block=1, index=0, step=step)
    ]
    assert {draw.path for draw in drawn} == set(cell.paths())
    counts = Counter(draw.path for draw in drawn)
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


SLICES = vit(dimensions=(32, 64, 96), mlp_ratios=(2, 3, 4), layers=(2,), per_layer=True).blocks[1].cells


def slices(
    sampling: Sampling,
    step: int,
    *,
    num_random: int = 2,
    two_sided: bool = False,
    seed: int = 0,
    block: int = 2,
    index: int = 0,
) -> tuple[Draw, ...]:
    return draw_slices(
        SLICES,
        WIDTHS,
        sampling=sampling,
        num_random=num_random,
        two_sided=two_sided,
        seed=seed,
        block=block,
        index=index,
        step=step,
    )


def test_uniform_slices_are_uniform_over_previous_widths_cells_and_paths() -> None:
    counts = Counter(draw for step in range(5400) for draw in slices("uniform", step))
    assert len(counts) == len(WIDTHS) * 3 * 9
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_sandwich_takes_the_largest_the_smallest_and_some_at_random() -> None:
    drawn = [slices("sandwich", step, num_random=3) for step in range(600)]
    assert {each[0] for each in drawn} == {Draw(32, SLICES[2].path_at((2, 2)))}
    assert {each[1] for each in drawn} == {Draw(24, SLICES[0].path_at((0, 0)))}
    counts = Counter(draw for each in drawn for draw in each[2:])
    assert {len(each) for each in drawn} == {5}
    assert stats.chisquare(list(counts.values())).pvalue > 0.01
    assert len(counts) == len(WIDTHS) * 3 * 9
    assert len(slices("sandwich", 0, num_random=0)) == 2


def test_fair_slices_cover_previous_widths_cells_and_operations_equally() -> None:
    for step in range(5):
        drawn = slices("strict-fair", step)
        assert len(drawn) == 6
        assert Counter(draw.previous_width for draw in drawn) == {24: 3, 32: 3}
        assert Counter(draw.path.width for draw in drawn) == {32: 2, 64: 2, 96: 2}
        for layer in range(2):
            assert Counter(draw.path.operations[layer] for draw in drawn) == dict.fromkeys(SLICES[0].layers[0], 2)
    assert len({draw for step in range(200) for draw in slices("strict-fair", step)}) == len(WIDTHS) * 3 * 9


@pytest.mark.parametrize("sampling", ["uniform", "strict-fair", "sandwich"])
def test_half_of_the_slices_are_suffixes_where_they_may_be(sampling: Sampling) -> None:
    ends = [draw.suffix for step in range(600) for draw in slices(sampling, step, two_sided=True)]
    assert stats.binomtest(sum(ends), len(ends)).pvalue > 0.01
    assert not any(draw.suffix for step in range(20) for draw in slices(sampling, step))
    draw = slices(sampling, 0)[0]
    assert draw.arguments == (draw.path, draw.previous_width)
    assert draw._replace(suffix=True).arguments == (draw.path, draw.previous_width, True)


@pytest.mark.parametrize("sampling", ["uniform", "strict-fair", "sandwich"])
def test_slices_depend_on_seed_block_unit_and_step_alone(sampling: Sampling) -> None:
    def series(*, seed: int = 0, block: int = 2, index: int = 0) -> list[tuple[Draw, ...]]:
        return [slices(sampling, step, seed=seed, block=block, index=index) for step in range(10)]

    assert series() == [slices(sampling, step) for step in reversed(range(10))][::-1]
    assert len({tuple(s) for s in (series(), series(seed=1), series(block=3), series(index=1))}) == 4
