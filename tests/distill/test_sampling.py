from collections import Counter

import pytest
from scipy import stats

from helixnas.distill import Draw, draw_paths
from helixnas.distill.sampling import Sampling
from helixnas.space import Cell, Operation, macro, mbconv_operation

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
