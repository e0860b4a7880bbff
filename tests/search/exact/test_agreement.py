"""The solver against brute force on random instances: optimum, k best, diverse list, front."""

import pytest

from helixnas.search import distance, enumerate_answers, front_of, pareto_front, solve, solve_diverse

NUM_QUICK, NUM_ALL = 1_000, 3_000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_search_agrees_with_exhaustive_enumeration(draw_instance, part):
    for seed in range(part, NUM_QUICK, PARTS):
        check_some(draw_instance, seed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_search_agrees_with_exhaustive_enumeration_on_many_more_instances(draw_instance, part):
    for seed in range(NUM_QUICK + part, NUM_ALL, PARTS):
        check_best(draw_instance, seed)
        check_front(draw_instance, seed)
        check_diverse(draw_instance, seed)


@pytest.mark.parametrize("part", range(PARTS))
def test_rising_ceilings_agree_with_exhaustive_enumeration(draw_instance, monkeypatch, part):
    """Small instances are gone over at once; here they must be proven as large ones are."""
    _rise(monkeypatch)
    for seed in range(part, NUM_QUICK // 10, PARTS):
        check_best(draw_instance, seed)
        check_diverse(draw_instance, seed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_rising_ceilings_agree_with_exhaustive_enumeration_on_many_more_instances(draw_instance, monkeypatch, part):
    _rise(monkeypatch)
    for seed in range(NUM_QUICK // 10 + part, NUM_ALL, PARTS):
        check_best(draw_instance, seed)
        check_diverse(draw_instance, seed)


def check_some(draw_instance, seed):
    """Each instance is held against brute force for one kind of answer, in turn; the slow test does all."""
    (check_best, check_front, check_diverse, check_best)[seed % 4](draw_instance, seed)


def check_best(draw_instance, seed):
    instance, budget = draw_instance(seed)
    expected = enumerate_answers(instance, budget)
    k = 1 + seed % 13
    result = solve(instance, budget, num_best=k)
    assert result.status == ("optimal" if expected else "infeasible"), seed
    assert result.answers == expected[:k], seed
    if expected:
        assert result.best() == expected[0]
        assert (result.bound, result.gap) == (expected[0].score, 0), seed


def check_front(draw_instance, seed):
    instance, budget = draw_instance(seed)
    asked = [name for column, name in enumerate(instance.resources) if (seed >> (2 + column)) % 2]
    expected = front_of(enumerate_answers(instance, budget), asked)
    assert tuple(pareto_front(instance, budget, asked)) == expected, seed


def check_diverse(draw_instance, seed):
    instance, budget = draw_instance(seed)
    apart = 1 + seed // 4 % 4
    chosen = []
    for answer in enumerate_answers(instance, budget):
        if len(chosen) < 4 and all(distance(instance, answer, other) >= apart for other in chosen):
            chosen.append(answer)
    result = solve_diverse(instance, budget, num_answers=4, min_distance=apart)
    assert result.answers == tuple(chosen), seed
    assert result.status == ("optimal" if chosen else "infeasible"), seed


def _rise(monkeypatch):
    monkeypatch.setattr("helixnas.search.exact.solver.SMALL", 0)
    monkeypatch.setattr("helixnas.search.exact.ceiling.FIRST_ROWS", 1)
