"""Checks of the solver against brute force on random instances, by seed."""

import pytest

from helixnas.search import distance, enumerate_answers, solve, solve_diverse


@pytest.fixture
def check_best(draw_instance):
    def check_best(seed):
        instance, budget = draw_instance(seed)
        expected = enumerate_answers(instance, budget)
        k = 1 + seed % 13
        result = solve(instance, budget, num_best=k)
        assert result.status == ("optimal" if expected else "infeasible"), seed
        assert result.answers == expected[:k], seed
        if expected:
            assert result.best() == expected[0]
            assert (result.bound, result.gap) == (expected[0].score, 0), seed

    return check_best


@pytest.fixture
def check_diverse(draw_instance):
    def check_diverse(seed):
        instance, budget = draw_instance(seed)
        apart = 1 + seed // 4 % 4
        chosen = []
        for answer in enumerate_answers(instance, budget):
            if len(chosen) < 4 and all(distance(instance, answer, other) >= apart for other in chosen):
                chosen.append(answer)
        result = solve_diverse(instance, budget, num_answers=4, min_distance=apart)
        assert result.answers == tuple(chosen), seed
        assert result.status == ("optimal" if chosen else "infeasible"), seed

    return check_diverse
