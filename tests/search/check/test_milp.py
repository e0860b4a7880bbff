import numpy as np
import pytest

from helixnas.errors import UnknownNameError
from helixnas.search import Budget, Instance, InstanceBlock, enumerate_answers, solve_milp
from helixnas.search.check import milp
from helixnas.search.check.milp import total


def test_highs_agrees_with_exhaustive_enumeration(draw_instance):
    for seed in range(60):
        instance, budget = draw_instance(seed)
        expected, found = enumerate_answers(instance, budget), solve_milp(instance, budget)
        assert found.status == ("optimal" if expected else "infeasible"), seed
        if expected:
            scale = max(1, *(abs(int(block.score.max())) for block in instance.blocks))
            assert abs(found.score - expected[0].score) <= 1e-6 * scale * len(instance.blocks), seed


@pytest.mark.parametrize("presolve", [False, True])
def test_an_answer_that_exceeds_a_limit_within_tolerances_is_forbidden(presolve):
    limit = 10**12
    one, order = np.full(3, 8), np.arange(3)
    costs = np.array([[limit + 1], [limit], [1]])
    block = InstanceBlock(width_in=one, width_out=one, score=np.array([1, 2, 3]), costs=costs, order=order)
    instance = Instance(blocks=(block,), resources=("macs",))
    found = solve_milp(instance, Budget(upper={"macs": limit}), presolve=presolve)
    assert (found.status, found.rows, found.score) == ("optimal", (1,), 2)


def test_without_repairs_or_time_nothing_is_known(draw_instance, monkeypatch):
    instance, budget = draw_instance(1)
    assert solve_milp(instance, budget, time_limit_s=0.0).status == "unknown"
    monkeypatch.setattr(milp, "MOST_REPAIRS", 0)
    assert solve_milp(instance, budget).status == "unknown"


def test_totals_are_those_of_brute_force(draw_instance):
    for seed in range(20):
        instance, _ = draw_instance(seed)
        for answer in enumerate_answers(instance)[:5]:
            assert total(instance, answer.rows) == (answer.score, dict(answer.costs)), seed


def test_a_limit_on_an_unknown_resource_is_refused(draw_instance):
    with pytest.raises(UnknownNameError, match="energy"):
        solve_milp(draw_instance(1)[0], Budget(upper={"energy": 1}))
