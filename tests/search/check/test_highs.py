from dataclasses import replace

import pytest

from helixnas.errors import UnknownNameError
from helixnas.search import Budget, certify, solve, solve_milp, verify
from helixnas.search.check import highs
from helixnas.search.check.highs import solve_within


def test_a_process_of_its_own_says_what_this_one_says(draw_instance, monkeypatch):
    monkeypatch.setattr(highs, "SMALL", 0)
    for seed in (0, 1, 2, 5):
        instance, budget = draw_instance(seed)
        here = solve_milp(instance, budget)
        there = solve_within(instance, budget, time_limit_s=300.0)
        assert (there.status, there.rows, there.score, there.bound) == (here.status, here.rows, here.score, here.bound)


def test_small_instances_and_those_without_a_limit_need_no_process(draw_instance, monkeypatch):
    monkeypatch.setattr(highs, "SCRIPT", "raise SystemExit('no process was wanted')")
    instance, budget = draw_instance(1)
    assert solve_within(instance, budget, time_limit_s=60.0).status != "unknown"
    monkeypatch.setattr(highs, "SMALL", 0)
    assert solve_within(instance, budget).status != "unknown"


def test_a_process_that_overlooks_its_time_limit_is_ended_and_nothing_is_confirmed(draw_instance, monkeypatch):
    monkeypatch.setattr(highs, "SMALL", 0)
    monkeypatch.setattr(highs, "GRACE_S", 0.1)
    monkeypatch.setattr(highs, "SCRIPT", "import time; time.sleep(3600)")
    instance, budget = draw_instance(1)
    found = solve_within(instance, budget, time_limit_s=0.1)
    assert (found.status, found.rows, found.score, found.bound) == ("unknown", None, None, None)
    checked = verify(instance, certify(solve(instance, budget)), time_limit_s=0.1)
    assert (checked.problems, checked.verdict) == ((), "not confirmed")


def test_a_process_that_is_killed_is_no_answer_and_one_that_fails_says_why(draw_instance, monkeypatch):
    monkeypatch.setattr(highs, "SMALL", 0)
    instance, budget = draw_instance(1)
    monkeypatch.setattr(highs, "SCRIPT", "import os; os.kill(os.getpid(), 9)")
    assert solve_within(instance, budget, time_limit_s=60.0).status == "unknown"
    monkeypatch.setattr(highs, "SCRIPT", "raise ValueError('it went wrong')")
    with pytest.raises(RuntimeError, match="it went wrong"):
        solve_within(instance, budget, time_limit_s=60.0)


def test_an_unknown_resource_is_told_before_a_process_starts(draw_instance):
    instance, _ = draw_instance(1)
    with pytest.raises(UnknownNameError, match="energy"):
        solve_within(instance, Budget(upper={"energy": 1}), time_limit_s=60.0)


@pytest.mark.slow
def test_the_instance_on_which_highs_overlooks_its_time_limit_is_given_up(table_1):
    instance = replace(table_1(11), combine=("sum", "sum", "max"))
    free = solve(instance, Budget()).best().costs
    upper = {name: int(0.82 * cost) for name, cost in free.items()}
    budget = Budget(upper=upper, lower={"params": int(0.9 * upper["params"])})
    result = solve(instance, budget)
    found = solve_within(instance, budget, time_limit_s=5.0, presolve=False)
    assert result.status == "infeasible"
    assert found.status in ("unknown", "infeasible")
