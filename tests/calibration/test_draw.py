"""Drawing networks to train: the best part of the space, the most informative first, always the same."""

import numpy as np
import pytest

from helixnas.calibration import informative_networks, most_informative
from helixnas.costs import cost_table
from helixnas.search.tables import score_tables
from helixnas.space import SearchSpace, macro


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return macro(depths=(1, 2, 2), widths=(8, 16, 24), stem_width=4)


def draw(space: SearchSpace, number: int, *, share: float, seed: int = 0) -> list[str]:
    costs = cost_table(space, image_size=32, num_classes=10)
    scores = [
        np.array([float(len(space.parse_path(costs.path[row]).text)) for row in costs.rows(block)])
        for block in range(1, len(space.blocks) + 1)
    ]
    rng = np.random.default_rng(seed)
    tables = score_tables(costs, {"length": scores})
    return [one.text for one in informative_networks(space, costs, tables, number, share=share, rng=rng)]


@pytest.mark.slow
def test_networks_are_of_the_best_share_by_the_scores(space: SearchSpace) -> None:
    drawn = draw(space, 10, share=0.2)
    rng = np.random.default_rng(0)
    lengths = [len(space.sample(rng).text) for _ in range(500)]
    assert len({*drawn}) == 10
    assert max(map(len, drawn)) <= np.quantile(lengths, 0.3)
    assert max(map(len, draw(space, 10, share=1.0))) > np.quantile(lengths, 0.5)


@pytest.mark.slow
def test_more_networks_begin_with_the_same_ones_and_there_are_no_more_than_the_space_has(space: SearchSpace) -> None:
    assert draw(space, 12, share=0.5)[:5] == draw(space, 5, share=0.5)
    assert len(draw(space, 3**5 + 7, share=0.1)) == space.size == 3**5


def test_the_greedy_choice_has_the_largest_determinant_of_every_next_row() -> None:
    rows = np.random.default_rng(3).normal(size=(30, 4))
    chosen = most_informative(rows, 8)
    scaled = np.column_stack([np.ones(30), (rows - rows.mean(axis=0)) / rows.std(axis=0)])

    def information(picked: list[int]) -> float:
        return float(np.linalg.slogdet(0.5 * np.eye(5) + scaled[picked].T @ scaled[picked])[1])

    for number in range(1, 9):
        before, best = chosen[: number - 1], information(chosen[:number])
        assert all(information([*before, other]) <= best + 1e-9 for other in range(30) if other not in before)


def test_a_feature_that_never_varies_is_no_trouble() -> None:
    assert len(most_informative(np.ones((5, 2)), 3)) == 3
