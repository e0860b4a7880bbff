from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.search import (
    Budget,
    Instance,
    InstanceBlock,
    enumerate_answers,
    is_feasible,
    is_within,
    solve,
)
from helixnas.search.exact import feasibility


@pytest.mark.slow
def test_explanation_agrees_with_exhaustive_enumeration(draw_instance):
    num_explained = 0
    for seed in range(140):
        instance, budget = draw_instance(seed)
        if seed % 3:
            budget = Budget(upper={name: limit // 3 for name, limit in budget.upper.items()}, lower=budget.lower)
        result = solve(instance, budget)
        if result.status != "infeasible" or instance.size == 0:
            continue
        num_explained += 1
        answers, why = enumerate_answers(instance), result.infeasibility
        for name in instance.resources:
            assert why.smallest[name] == min(answer.costs[name] for answer in answers), seed
            assert why.largest[name] == max(answer.costs[name] for answer in answers), seed
        assert why.factor == _least_factor(answers, budget), seed
        if why.factor is not None:
            assert is_feasible(instance, Budget(upper=why.needed, lower=budget.lower)), seed
        smallest = _smallest_conflict(answers, budget)
        assert len(why.conflict.upper) + len(why.conflict.lower) == smallest, seed
        assert not is_feasible(instance, why.conflict), seed
    assert num_explained > 20


def test_one_budget_is_explained_by_the_smallest_architecture():
    with pytest.raises(InfeasibleBudgetError) as caught:
        solve(_two_blocks(), Budget(upper={"macs": 4})).best()
    assert str(caught.value) == (
        "no architecture has macs <= 4; the space reaches macs from 5 to 20; "
        "the upper limits must grow by a factor of at least 1.2500, to macs <= 5"
    )


def test_budgets_that_conflict_only_together_are_explained_by_a_factor():
    with pytest.raises(InfeasibleBudgetError) as caught:
        solve(_two_blocks(), Budget(upper={"macs": 10, "params": 10})).best()
    assert str(caught.value) == (
        "no architecture has macs <= 10 and params <= 10; the space reaches macs from 5 to 20, params from 5 to 20; "
        "each limit could be met without the others; "
        "the upper limits must grow by a factor of at least 1.2000, to macs <= 12, params <= 12"
    )


def test_a_lower_limit_out_of_reach_is_not_blamed_on_the_upper_ones():
    with pytest.raises(InfeasibleBudgetError) as caught:
        solve(_two_blocks(), Budget(upper={"macs": 100}, lower={"params": 21})).best()
    assert str(caught.value) == (
        "no architecture has macs <= 100 and params >= 21; the space reaches macs from 5 to 20, params from 5 to 20; "
        "params >= 21 is already too much to ask; larger upper limits alone do not help"
    )


def test_a_factor_is_found_also_where_some_questions_take_too_long(monkeypatch):
    def any_within(instance, limits, *, most_partials):
        if limits.upper:
            raise ConfigError("too long")
        return feasibility.any_within(instance, limits, most_partials=most_partials)

    result = solve(_two_blocks(), Budget(upper={"macs": 4}))
    monkeypatch.setattr("helixnas.search.exact.explain.any_within", any_within)
    assert result.infeasibility.factor == Fraction(5, 4)


def test_a_conflict_that_may_not_be_a_smallest_is_not_called_one(monkeypatch):
    def any_within(instance, limits, *, most_partials):
        raise ConfigError("too long")

    result = solve(_two_blocks(), Budget(upper={"macs": 10, "params": 10}))
    monkeypatch.setattr("helixnas.search.exact.explain.any_within", any_within)
    assert not result.infeasibility.exact
    assert result.infeasibility.sentence(result.budget) == (
        "no architecture has macs <= 10 and params <= 10; the space reaches macs from 5 to 20, params from 5 to 20"
    )


def test_widths_that_do_not_connect_are_named():
    one = np.array([1])
    blocks = tuple(
        InstanceBlock(width_in=one, width_out=one * 2, score=one, costs=one[:, None], order=one) for _ in range(2)
    )
    with pytest.raises(InfeasibleBudgetError) as caught:
        solve(Instance(blocks=blocks, resources=("macs",)), Budget()).best()
    assert str(caught.value) == "no architecture at all: no chain of widths leads from the first block to the last"


def _two_blocks() -> Instance:
    """Cheap in macs is dear in params: the wholes cost (5, 20), (12, 12), (13, 13) or (20, 5)."""
    width = np.full(2, 8)
    costs = (np.array([[3, 10], [10, 2]]), np.array([[2, 10], [10, 3]]))
    blocks = tuple(
        InstanceBlock(width_in=width, width_out=width, score=np.array([1, 2]), costs=cost, order=np.arange(2))
        for cost in costs
    )
    return Instance(blocks=blocks, resources=("macs", "params"))


def _least_factor(answers, budget):
    ratios = []
    for answer in answers:
        if not is_within(answer, Budget(lower=budget.lower)):
            continue
        if any(limit == 0 and answer.costs[name] for name, limit in budget.upper.items()):
            continue
        ratios.append([Fraction(answer.costs[name], limit) for name, limit in budget.upper.items() if limit])
    return min((max(ratio) for ratio in ratios if ratio), default=None)


def _smallest_conflict(answers, budget):
    limits = [("upper", name) for name in budget.upper] + [("lower", name) for name in budget.lower]
    for number in range(len(limits) + 1):
        for some in combinations(limits, number):
            part = Budget(
                upper={name: budget.upper[name] for side, name in some if side == "upper"},
                lower={name: budget.lower[name] for side, name in some if side == "lower"},
            )
            if not any(is_within(answer, part) for answer in answers):
                return number
    raise AssertionError("the budget can be met")
