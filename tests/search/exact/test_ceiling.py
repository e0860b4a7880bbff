import pytest

from helixnas.search import Budget, solve
from helixnas.search.exact import ceiling

NUM_QUICK, NUM_ALL, PARTS = 100, 3_000, 10


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


@pytest.mark.parametrize("part", range(PARTS))
def test_rising_ceilings_agree_with_exhaustive_enumeration(check_best, check_diverse, monkeypatch, part):
    """Small instances are gone over at once; here they must be proven as large ones are."""
    _rise(monkeypatch)
    for seed in range(part, NUM_QUICK, PARTS):
        check_best(seed)
        check_diverse(seed)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_rising_ceilings_agree_with_exhaustive_enumeration_on_many_more_instances(
    check_best, check_diverse, monkeypatch, part
):
    _rise(monkeypatch)
    for seed in range(NUM_QUICK + part, NUM_ALL, PARTS):
        check_best(seed)
        check_diverse(seed)


def _rise(monkeypatch):
    monkeypatch.setattr("helixnas.search.exact.solver.SMALL", 0)
    monkeypatch.setattr("helixnas.search.exact.ceiling.FIRST_ROWS", 1)
