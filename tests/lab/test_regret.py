"""Picks under budgets: the exact search where every network is known, the best of the known ones otherwise."""

from collections.abc import Callable

import numpy as np
import pytest

from helixnas.lab import Benchmark
from helixnas.lab.predictors import higher_is_better, sizes, summed_kinds, summed_scores
from helixnas.lab.regret import EXACT, NUM_BUDGETS, SAMPLED, budgets_of, picks_by_budget
from helixnas.search import Tables
from helixnas.space import Architecture, SearchSpace

Make = Callable[..., Benchmark]


@pytest.fixture
def rated(tables: Callable[..., Tables], small: SearchSpace) -> Tables:
    return tables(small)


def picks(benchmark: Benchmark, rated: Tables, num_searched: int = 81):
    kinds, _ = summed_kinds(rated, ())
    predictors = higher_is_better(summed_scores(benchmark, rated, kinds), sizes(benchmark, rated))
    return picks_by_budget(benchmark, predictors, rated, kinds, num_searched=num_searched)


def random_accuracy(networks: list[Architecture]) -> Callable[[Architecture], list[float]]:
    drawn = np.random.default_rng(0).uniform(size=len(networks))
    values = dict(zip(networks, drawn.tolist(), strict=True))
    return lambda network: [values[network]]


def test_budgets_are_evenly_spaced_and_the_last_leaves_everything() -> None:
    assert budgets_of(np.array([1000, 3000, 2000])) == [1200, 1400, 1600, 1800, 2000, 2200, 2400, 2600, 2800, 3000]


def test_the_exact_search_picks_what_enumeration_picks(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    benchmark = benchmark_of(small, every_network, random_accuracy(every_network))
    by_search, how = picks(benchmark, rated)
    by_enumeration, other = picks(benchmark, rated, num_searched=82)
    assert (how, other) == (EXACT, SAMPLED)
    assert len(by_search) == NUM_BUDGETS
    assert by_search == by_enumeration


def test_best_and_random_are_those_under_the_budget(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    benchmark = benchmark_of(small, every_network, random_accuracy(every_network))
    for each in picks(benchmark, rated)[0]:
        under = [
            accuracy
            for network, accuracy in zip(every_network, benchmark.mean_accuracy, strict=True)
            if rated.costs.of(network)["macs"] <= each.macs
        ]
        assert (each.num_rows, each.best) == (len(under), max(under))
        assert each.random == pytest.approx(np.mean(under))
        assert all(pick.accuracy <= each.best for pick in each.picks.values())


def test_a_score_that_is_the_error_has_no_regret(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    plain = benchmark_of(small, every_network, lambda network: [0.5])
    score = summed_scores(plain, rated, summed_kinds(rated, ())[0])["relative_l1"]
    known = dict(zip(every_network, (1 - score / 2).tolist(), strict=True))
    found, _ = picks(benchmark_of(small, every_network, lambda network: [known[network]]), rated)
    assert all(each.picks["relative_l1"].accuracy == each.best for each in found)


def test_networks_that_a_predictor_cannot_tell_apart_are_picked_at_random(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    benchmark = benchmark_of(small, every_network, random_accuracy(every_network))
    last = picks(benchmark, rated)[0][-1].picks["depth"]
    deepest = [network.effective_depth == 4 for network in every_network]
    assert last.accuracy == pytest.approx(benchmark.mean_accuracy[deepest].mean())
    assert last.architecture is None


def test_a_network_with_two_names_is_one_pick(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    benchmark = benchmark_of(small, [*every_network, *every_network], random_accuracy(every_network))
    found, how = picks(benchmark, rated)
    assert how == EXACT
    assert found[-1].num_rows == 162
    assert found[-1].picks["relative_l1"].architecture is not None
