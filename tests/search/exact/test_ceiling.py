import pytest

from helixnas.search import Budget, solve
from helixnas.search.exact import ceiling


def test_levels_rise_until_the_answers_are_proven(wide_instance, monkeypatch):
    budget = Budget(upper={"macs": 900, "params": 900})
    expected = solve(wide_instance, budget, num_best=20)
    monkeypatch.setattr(ceiling, "FIRST_ROWS", 1)
    result = solve(wide_instance, budget, num_best=20)
    assert (result.answers, result.bound, result.status) == (expected.answers, expected.bound, "optimal")
    assert result.pruning.num_levels > expected.pruning.num_levels


def test_a_ceiling_leaves_most_candidates_and_partial_architectures_alone(wide_instance, monkeypatch):
    budget = Budget(upper={"macs": 900, "params": 900})
    pruning = solve(wide_instance, budget).pruning
    monkeypatch.setattr("helixnas.search.exact.solver.SMALL", wide_instance.size)
    at_once = solve(wide_instance, budget).pruning
    assert pruning.above_ceiling > 0
    assert (at_once.above_ceiling, at_once.num_levels) == (0, 1)
    assert pruning.num_partials < at_once.num_partials


@pytest.mark.parametrize("most", [1, 40])
def test_a_search_that_would_keep_too_many_partial_architectures_settles_for_an_answer(
    wide_instance, monkeypatch, most
):
    budget = Budget(upper={"macs": 900, "params": 900})
    best = solve(wide_instance, budget).best().score
    monkeypatch.setattr(ceiling, "MOST_PARTIALS", most)
    result = solve(wide_instance, budget, num_best=500)
    assert result.status == "feasible"
    assert result.bound <= best <= result.answers[0].score
