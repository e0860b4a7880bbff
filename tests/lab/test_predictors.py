"""Summed scores and sizes of a benchmark's networks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from helixnas.errors import UnknownNameError
from helixnas.lab import Benchmark
from helixnas.lab.predictors import Summed, additive_fit, higher_is_better, sizes, summed_kinds, summed_scores
from helixnas.lab.trained import TrainedNetwork
from helixnas.search import Budget, Tables, score_coefficients, solve
from helixnas.space import Architecture, SearchSpace

Make = Callable[..., Tables]


@pytest.fixture
def benchmark(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Callable[..., Benchmark]
) -> Benchmark:
    return benchmark_of(small, every_network, lambda network: [0.5])


def test_a_score_is_the_sum_over_blocks_of_the_paths_means(
    benchmark: Benchmark, tables: Make, small: SearchSpace
) -> None:
    rated = tables(small)
    kinds, searched = summed_kinds(rated, ())
    scores = summed_scores(benchmark, rated, kinds)
    assert list(scores) == [searched] == ["relative_l1"]
    first, second = rated.ratings
    for network, score in zip(benchmark.networks, scores["relative_l1"], strict=True):
        a, b = network.architecture.paths
        assert score == pytest.approx(first.mean()[first.row(4, a.text)] + second.mean()[second.row(4, b.text)])


def test_every_kind_of_score_that_all_blocks_have_is_a_predictor(tables: Make, small: SearchSpace) -> None:
    rated = tables(small, ("relative_l1", "task"))
    kinds, searched = summed_kinds(rated, ())
    assert list(kinds) == ["relative_l1", "task"]
    assert searched == "relative_l1"
    partly = replace(rated.ratings[1], scores={"relative_l1": rated.ratings[1].scores["relative_l1"]})
    assert list(summed_kinds(replace(rated, ratings=(rated.ratings[0], partly)), ())[0]) == ["relative_l1"]


def test_what_a_search_adds_up_is_a_predictor_beside_the_kinds_alone(
    benchmark: Benchmark, tables: Make, small: SearchSpace
) -> None:
    rated = tables(small, ("relative_l1", "task"))
    both, same = Summed(scores=("relative_l1", "task")), Summed(scores=("task",))
    kinds, searched = summed_kinds(rated, (both, same))
    assert list(kinds) == ["relative_l1", "task", "relative_l1 + task"]
    assert searched == "relative_l1 + task"
    scores = summed_scores(benchmark, rated, kinds)
    factors = score_coefficients(rated.ratings, both.scores)
    expected = factors["relative_l1"] * scores["relative_l1"] + factors["task"] * scores["task"]
    assert scores["relative_l1 + task"] == pytest.approx(expected)


def test_weights_of_blocks_make_another_predictor(benchmark: Benchmark, tables: Make, small: SearchSpace) -> None:
    rated, weighted = tables(small), Summed(scores=("relative_l1",), weights=(2.0, 0.0))
    kinds, searched = summed_kinds(rated, (weighted,))
    assert list(kinds) == ["relative_l1", searched] == ["relative_l1", "relative_l1 (blocks weighted 2, 0)"]
    first = rated.ratings[0]
    expected = [2 * first.mean()[first.row(4, each.architecture.paths[0].text)] for each in benchmark.networks]
    assert summed_scores(benchmark, rated, kinds)[searched] == pytest.approx(expected)


def test_the_predictor_is_what_the_search_minimises(benchmark: Benchmark, tables: Make, small: SearchSpace) -> None:
    rated = tables(small, ("relative_l1", "task"))
    for summed in (Summed(scores=("task",)), Summed(scores=("relative_l1", "task"), weights=(0.5, 3.0))):
        best = solve(summed.instance(rated), Budget()).best()
        scores = summed_scores(benchmark, rated, {"": summed})[""]
        assert benchmark.networks[int(scores.argmin())].architecture.text == best.text.strip()
        assert best.score * 1e-12 == pytest.approx(scores.min(), abs=1e-9)


def test_a_score_that_was_not_rated_is_told(benchmark: Benchmark, tables: Make, small: SearchSpace) -> None:
    with pytest.raises(UnknownNameError, match="unknown score 'tsak'; did you mean task"):
        summed_scores(benchmark, tables(small, ("task",)), {"": Summed(scores=("tsak",))})


def test_sizes_are_the_benchmarks_own_where_it_tells_them(
    benchmark: Benchmark, tables: Make, small: SearchSpace, every_network: list[Architecture]
) -> None:
    rated = tables(small)
    counted = sizes(benchmark, rated)
    assert counted["macs"].tolist() == [rated.costs.of(network)["macs"] for network in every_network]
    assert counted["params"].tolist() == [rated.costs.of(network)["params"] for network in every_network]
    told = replace(
        benchmark,
        networks=tuple(
            TrainedNetwork(architecture=network, accuracy=(0.5,), costs={"macs": number})
            for number, network in enumerate(every_network)
        ),
    )
    assert sizes(told, rated)["macs"].tolist() == list(range(81))
    assert sizes(told, rated)["params"].tolist() == counted["params"].tolist()


def test_depth_counts_no_identity(benchmark: Benchmark, tables: Make, small: SearchSpace) -> None:
    depth = sizes(benchmark, tables(small))["depth"]
    for network, layers in zip(benchmark.networks, depth, strict=True):
        assert layers == sum("identity" not in name for name in network.architecture.text.replace(" ", ",").split(","))


def test_the_additive_fit_is_the_log_error_where_that_is_a_sum_over_blocks(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Callable[..., Benchmark], tables: Make
) -> None:
    rated = tables(small)
    plain = benchmark_of(small, every_network, lambda network: [0.5])
    score = summed_scores(plain, rated, summed_kinds(rated, ())[0])["relative_l1"]
    errors = dict(zip(every_network, np.exp(score - 2).tolist(), strict=True))
    known = benchmark_of(small, every_network, lambda network: [1 - errors[network]])
    assert additive_fit(known) == pytest.approx(2 - score)


def test_the_additive_fit_leaves_no_more_than_any_other_sum_and_takes_perfect_accuracies(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Callable[..., Benchmark], tables: Make
) -> None:
    drawn = dict(zip(every_network, np.random.default_rng(0).uniform(size=81).tolist(), strict=True))
    drawn[every_network[0]] = 1.0
    known = benchmark_of(small, every_network, lambda network: [drawn[network]])
    error, fit = np.log(np.maximum(1 - known.mean_accuracy, 1e-4)), -additive_fit(known)
    other = summed_scores(known, tables(small), summed_kinds(tables(small), ())[0])["relative_l1"]
    for step in (-0.1, 0.1):
        assert np.sum((error - fit) ** 2) < np.sum((error - fit - step * other) ** 2)


def test_scores_are_turned_and_sizes_are_not() -> None:
    turned = higher_is_better({"score": np.array([0.5])}, {"macs": np.array([3.0])})
    assert {name: values.tolist() for name, values in turned.items()} == {"score": [-0.5], "macs": [3.0]}
