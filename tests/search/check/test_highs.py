import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.errors import UnknownNameError
from helixnas.search import Budget, certify, solve, solve_milp, verify
from helixnas.search.check import highs
from helixnas.search.check.highs import solve_within

SCRIPT = """
import numpy as np
from helixnas.search import Budget, Instance, InstanceBlock
from helixnas.search.check import highs

highs.SMALL = 0
width, order = np.full(2, 8), np.arange(2)
scores, costs = np.array([9, 4]), np.array([[1], [3]])
block = InstanceBlock(width_in=width, width_out=width, score=scores, costs=costs, order=order)
instance = Instance(blocks=(block, block), resources=("macs",))
print(highs.solve_within(instance, Budget(upper={"macs": 5}), time_limit_s=300.0).score)
"""
"""A user's script: no ``if __name__ == "__main__"`` guard."""


class OnArrival(str):
    """A label that calls a function where it is unpickled: in the process of HiGHS."""

    def __new__(cls, function, *arguments):
        label = super().__new__(cls, "label")
        label.call = function, arguments
        return label

    def __reduce__(self):
        return self.call


@pytest.fixture
def own_process(draw_instance, monkeypatch):
    """Return an instance and a budget that are sent to a process, however small; afterwards no process may be left."""
    monkeypatch.setattr(highs, "SMALL", 0)
    yield draw_instance(1)
    assert multiprocessing.active_children() == []


def on_arrival(instance, function, *arguments):
    labels = [OnArrival(function, *arguments)] * len(instance.blocks[0])
    return replace(instance, blocks=(replace(instance.blocks[0], labels=labels), *instance.blocks[1:]))


def test_the_process_answers_as_a_direct_call_does(draw_instance, own_process):
    for seed in (0, 1, 2, 5):
        instance, budget = draw_instance(seed)
        here = solve_milp(instance, budget)
        there = solve_within(instance, budget, time_limit_s=300.0)
        assert (there.status, there.rows, there.score, there.bound) == (here.status, here.rows, here.score, here.bound)


def test_small_instances_and_those_without_a_time_limit_need_no_process(draw_instance, monkeypatch):
    def fail(*_):
        raise AssertionError("no process was wanted")

    monkeypatch.setattr(highs, "_ask", fail)
    instance, budget = draw_instance(1)
    assert solve_within(instance, budget, time_limit_s=60.0).status != "unknown"
    monkeypatch.setattr(highs, "SMALL", 0)
    assert solve_within(instance, budget).status != "unknown"


def test_a_process_that_overruns_its_time_limit_is_killed_and_nothing_is_confirmed(own_process, monkeypatch):
    monkeypatch.setattr(highs, "GRACE_S", 0.1)
    instance, budget = own_process
    slow = on_arrival(instance, time.sleep, 3600)
    found = solve_within(slow, budget, time_limit_s=0.1)
    assert (found.status, found.rows, found.score, found.bound) == ("unknown", None, None, None)
    certificate = certify(solve(instance, budget))
    checked = verify(instance, certificate, time_limit_s=0.0)
    assert (checked.problems, checked.verdict) == ((), "not confirmed")


def test_a_process_that_is_killed_gives_no_answer(own_process):
    instance, budget = own_process
    killed = on_arrival(instance, signal.raise_signal, signal.SIGKILL)
    assert solve_within(killed, budget, time_limit_s=60.0).status == "unknown"


def test_a_process_that_exits_is_one_sentence(own_process):
    instance, budget = own_process
    with pytest.raises(RuntimeError, match="^HiGHS failed: its process exited with code 3$"):
        solve_within(on_arrival(instance, os._exit, 3), budget, time_limit_s=60.0)


def test_an_error_in_the_process_is_one_sentence(own_process):
    instance, budget = own_process
    object.__setattr__(instance.blocks[0], "score", np.zeros(1000, np.int64))
    with pytest.raises(RuntimeError, match="^HiGHS failed: ValueError: .*"):
        solve_within(instance, budget, time_limit_s=60.0)


@pytest.mark.parametrize("how", ["file", "standard input"])
def test_the_main_module_is_not_imported_again(how, tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    words = {"file": [str(tmp_path / "script.py")], "standard input": ["-"]}[how]
    done = subprocess.run([sys.executable, *words], input=SCRIPT, text=True, capture_output=True, timeout=300)
    assert (done.stdout, done.returncode) == ("13\n", 0), done.stderr


def test_an_unknown_resource_is_an_error_before_a_process_starts(draw_instance):
    instance, _ = draw_instance(1)
    with pytest.raises(UnknownNameError, match="energy"):
        solve_within(instance, Budget(upper={"energy": 1}), time_limit_s=60.0)


@pytest.mark.slow
def test_the_instance_on_which_highs_overruns_its_time_limit_is_given_up(table_1):
    instance = replace(table_1(11), combine=("sum", "sum", "max"))
    free = solve(instance, Budget()).best().costs
    upper = {name: int(0.82 * cost) for name, cost in free.items()}
    budget = Budget(upper=upper, lower={"params": int(0.9 * upper["params"])})
    result = solve(instance, budget)
    found = solve_within(instance, budget, time_limit_s=5.0, presolve=False)
    assert result.status == "infeasible"
    assert found.status in ("unknown", "infeasible")
