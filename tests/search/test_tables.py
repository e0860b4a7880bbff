"""From ratings and costs to an instance."""

from dataclasses import replace

import numpy as np
import pytest

from helixnas.artifacts import CostTable, RatingTable
from helixnas.errors import ArtifactError, ConfigError, InfeasibleBudgetError, UnknownNameError
from helixnas.search import Budget, Tables, distance, enumerate_answers, solve, text_order
from helixnas.search.tables import score_tables, unrated_tables


@pytest.fixture
def costs() -> CostTable:
    return CostTable(
        block=np.array([0, 1, 1, 2, 2, 3]),
        previous_width=np.array([3, 4, 4, 8, 16, 8]),
        path=("", "8:a", "16:a", "8:a", "8:a", ""),
        width=np.array([4, 8, 16, 8, 8, 10]),
        resources={"params": np.array([1, 10, 20, 5, 7, 100]), "macs": np.array([2, 30, 20, 9, 1, 50])},
        facts={},
    )


@pytest.fixture
def ratings() -> tuple[RatingTable, ...]:
    first = {"previous_width": np.array([4, 4]), "path": ("8:a", "16:a"), "width": np.array([8, 16])}
    second = {"previous_width": np.array([8, 16]), "path": ("8:a", "8:a"), "width": np.array([8, 8])}
    sizes = np.array([1, 3])
    scores = np.array([[0.0, 0.4], [0.1, 0.1]]), np.array([[0.2, 0.2], [0.5, 0.5]])
    return tuple(
        RatingTable(block=number, batch_sizes=sizes, scores={"relative_l1": values}, **columns)
        for number, (columns, values) in enumerate(zip((first, second), scores, strict=True), start=1)
    )


def test_scores_are_weighted_means_and_costs_include_stem_and_head(
    ratings: tuple[RatingTable, ...], costs: CostTable
) -> None:
    best = solve(Tables(ratings=ratings, costs=costs).instance(("params", "macs")), Budget(), num_best=2).top(2)
    assert [answer.text.strip() for answer in best] == ["8:a 8:a", "16:a 8:a"]
    assert [answer.score for answer in best] == [500_000_000_000, 600_000_000_000]
    assert dict(best[0].costs) == {"params": 1 + 10 + 5 + 100, "macs": 2 + 30 + 9 + 50}


def test_limit_on_activation_memory_holds_for_the_largest_block_not_for_the_sum(
    ratings: tuple[RatingTable, ...], costs: CostTable
) -> None:
    memory = np.array([3, 9, 4, 8, 5, 2])
    tables = Tables(ratings=ratings, costs=replace(costs, resources={**costs.resources, "activation_bytes": memory}))
    instance = tables.instance(("activation_bytes", "macs"))
    for limit, best in ((9, "8:a 8:a"), (8, "16:a 8:a"), (5, "16:a 8:a")):
        answer = solve(instance, Budget(upper={"activation_bytes": limit})).best()
        assert answer == enumerate_answers(instance, Budget(upper={"activation_bytes": limit}))[0]
        assert answer.text.strip() == best
        assert answer.costs["activation_bytes"] == (9 if best == "8:a 8:a" else 5)
    assert solve(instance, Budget(lower={"activation_bytes": 9})).best().text.strip() == "8:a 8:a"
    assert not enumerate_answers(instance, Budget(upper={"activation_bytes": 4}))
    with pytest.raises(InfeasibleBudgetError, match="activation_bytes"):
        solve(instance, Budget(upper={"activation_bytes": 4})).best()


def test_block_weights_scale_the_scores(ratings: tuple[RatingTable, ...], costs: CostTable) -> None:
    instance = Tables(ratings=ratings, costs=costs).instance(("macs",), weights=(3.0, 0.0))
    assert solve(instance, Budget()).best().text.strip() == "16:a 8:a"
    assert solve(instance, Budget()).best().score == 300_000_000_000


def test_tables_of_different_spaces_are_told(ratings: tuple[RatingTable, ...], costs: CostTable) -> None:
    with pytest.raises(ArtifactError, match="1 blocks are rated, but the costs are of 2"):
        Tables(ratings=ratings[:1], costs=costs)
    with pytest.raises(ArtifactError, match="ratings and costs of block 1 are of different spaces"):
        Tables(ratings=(replace(ratings[0], path=("8:a", "16:b")), ratings[1]), costs=costs)
    with pytest.raises(ArtifactError, match="ratings and costs of block 1 are of different spaces"):
        Tables(ratings=ratings[::-1], costs=costs)


def test_wrong_weights_resources_and_scores_are_told(ratings: tuple[RatingTable, ...], costs: CostTable) -> None:
    tables = Tables(ratings=ratings, costs=costs)
    with pytest.raises(ConfigError, match="the space has 2 blocks, so give as many block weights, not 3"):
        tables.instance(("macs",), weights=(1.0, 1.0, 1.0))
    with pytest.raises(UnknownNameError, match="unknown resource 'mac'; did you mean macs"):
        tables.instance(("mac",))
    with pytest.raises(UnknownNameError, match="unknown score 'l1'"):
        tables.instance(("macs",), score="l1")


def test_the_order_of_texts_is_that_of_the_alphabet() -> None:
    assert text_order(["16:b", "16:a", "8:a"]).tolist() == [1, 0, 2]


def test_layers_differ_by_operation_or_cell_and_are_told_only_where_asked_for(
    ratings: tuple[RatingTable, ...], costs: CostTable
) -> None:
    instance = Tables(ratings=ratings, costs=costs).instance(("macs",), layers=True)
    first, second = solve(instance, Budget(), num_best=2).answers
    assert distance(instance, first, second) == 1
    assert instance.blocks[1].slots is not None
    assert Tables(ratings=ratings, costs=costs).instance(("macs",)).blocks[1].slots is None


def test_a_score_that_is_missing_is_told_with_block_and_path(
    ratings: tuple[RatingTable, ...], costs: CostTable
) -> None:
    broken = replace(ratings[1], scores={"relative_l1": np.array([[0.2, 0.2], [np.nan, 0.5]])})
    with pytest.raises(ConfigError, match="block 2: the score of candidate 8:a is missing"):
        Tables(ratings=(ratings[0], broken), costs=costs).instance(("macs",))
    negative = replace(costs, resources={"macs": np.array([2, 30, -20, 9, 1, 50])})
    with pytest.raises(ConfigError, match="block 1: candidate 16:a has a negative cost, -20"):
        Tables(ratings=ratings, costs=negative).instance(("macs",))


def test_tables_are_made_of_scores_per_row_of_the_costs(costs: CostTable) -> None:
    scores = [np.arange(float(len(costs.rows(number)))) for number in range(1, costs.num_blocks + 1)]
    tables = score_tables(costs, {"it": scores, "other": [-each for each in scores]})
    assert all(np.array_equal(table.mean("it"), own) for table, own in zip(tables, scores, strict=True))
    assert Tables(ratings=tables, costs=costs).instance(("macs",)).size > 1
    assert all((block.score == 0).all() for block in unrated_tables(costs).instance(("macs",)).blocks)
