import numpy as np
import pytest

from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.search import Budget, Instance, InstanceBlock, distance, solve, solve_diverse


def test_a_missing_layer_differs_and_two_missing_layers_do_not():
    width = np.full(3, 8)
    block = InstanceBlock(
        width_in=width,
        width_out=width,
        score=np.arange(3),
        costs=np.zeros((3, 0), np.int64),
        order=np.arange(3),
        slots=np.array([[1, 2, -1], [1, -1, -1], [7, 8, 9]]),
    )
    instance = Instance(blocks=(block,), resources=())
    first, second, third = solve(instance, Budget(), num_best=3).answers
    assert (distance(instance, first, second), distance(instance, first, third)) == (1, 3)
    assert distance(instance, second, second) == 0


def test_answers_on_a_space_of_the_size_of_table_1_keep_their_distance_and_are_in_order(table_1):
    instance = table_1(3)
    free = solve(instance, Budget()).best()
    budget = Budget(upper={"macs": int(0.7 * free.costs["macs"])})
    result = solve_diverse(instance, budget, num_answers=5, min_distance=3)
    answers = result.answers
    assert (result.status, len(answers)) == ("optimal", 5)
    assert list(answers) == sorted(answers)
    assert all(distance(instance, a, b) >= 3 for a in answers for b in answers if a is not b)
    assert answers[0] == solve(instance, budget).best()


def test_the_list_ends_where_nothing_else_keeps_the_distance(draw_instance):
    instance, _ = draw_instance(1)
    result = solve_diverse(instance, Budget(), num_answers=10_000, min_distance=50)
    assert (len(result.answers), result.exhausted) == (1, True)
    assert result.top(7) == result.answers


def test_settings_below_1_are_refused_and_an_infeasible_budget_gives_its_reason(draw_instance):
    instance, _ = draw_instance(1)
    with pytest.raises(ConfigError, match="num_answers and min_distance must be at least 1, not 0 and 1"):
        solve_diverse(instance, Budget(), num_answers=0, min_distance=1)
    nothing = solve_diverse(instance, Budget(lower={"params": 2**59}), num_answers=3, min_distance=1)
    assert nothing.status == "infeasible"
    with pytest.raises(InfeasibleBudgetError, match="no architecture has params >="):
        nothing.best()
