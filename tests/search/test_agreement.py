"""The solver against brute force on random instances: optimum, k best, diverse list, front, factor, all at once."""

import pytest

from helixnas.search import distance, enumerate_answers, front_of, solve, solve_diverse

NUM_QUICK, NUM_ALL = 160, 1_500
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_search_agrees_with_exhaustive_enumeration(draw_instance, part):
    for seed in range(part, NUM_QUICK, PARTS):
        check(draw_instance, seed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_search_agrees_with_exhaustive_enumeration_on_many_more_instances(draw_instance, part):
    for seed in range(NUM_QUICK + part, NUM_ALL, PARTS):
        check(draw_instance, seed)


@pytest.mark.parametrize("part", range(PARTS))
def test_rising_ceilings_agree_with_exhaustive_enumeration(draw_instance, monkeypatch, part):
    """Small instances are gone over at once; here they must be proven as large ones are."""
    monkeypatch.setattr("helixnas.search.solver.SMALL", 0)
    monkeypatch.setattr("helixnas.search.levels.FIRST_ROWS", 1)
    for seed in range(part, NUM_QUICK // 2, PARTS):
        check(draw_instance, seed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_rising_ceilings_agree_with_exhaustive_enumeration_on_many_more_instances(draw_instance, monkeypatch, part):
    monkeypatch.setattr("helixnas.search.solver.SMALL", 0)
    monkeypatch.setattr("helixnas.search.levels.FIRST_ROWS", 1)
    for seed in range(NUM_QUICK + part, NUM_ALL, PARTS):
        check(draw_instance, seed)


def check(draw_instance, seed):
    instance, budget = draw_instance(seed)
    expected = enumerate_answers(instance, budget)
    best = solve(instance, budget)
    assert best.status == ("optimal" if expected else "infeasible"), seed
    assert best.answers == expected[:1], seed
    if expected:
        assert (best.bound, best.gap) == (expected[0].score, 0), seed
    k = 2 + seed % 12
    assert solve(instance, budget, num_best=k).answers == expected[:k], seed
    asked = [name for column, name in enumerate(instance.resources) if (seed >> column) % 2]
    assert tuple(solve(instance, budget, front_over=asked).front) == front_of(expected, asked), seed
    apart = 1 + seed % 4
    diverse = solve_diverse(instance, budget, num_answers=4, min_distance=apart)
    assert diverse.answers == _diverse(instance, expected, 4, apart), seed
    assert diverse.status == best.status


def _diverse(instance, answers, number, apart):
    chosen = []
    for answer in answers:
        if len(chosen) < number and all(distance(instance, answer, other) >= apart for other in chosen):
            chosen.append(answer)
    return tuple(chosen)
