import time
from dataclasses import replace

import numpy as np
import pytest

from helixnas.search import Budget, enumerate_answers, solve
from helixnas.search.exact.chain import build_chain
from helixnas.search.exact.dynamic_program import OutOfTimeError, Rules, TooManyPartialsError, sweep, trace
from helixnas.search.exact.feasibility import to_limits
from helixnas.search.result import answer_of


def rules_of(instance, budget, **changes):
    rules = Rules(limits=to_limits(instance, budget), is_max=instance.is_max, num_ties=len(instance.resources))
    return replace(rules, **changes)


@pytest.mark.parametrize("copies", [1, 4])
def test_the_last_layer_begins_with_the_best_answers(draw_instance, copies):
    for seed in range(60):
        instance, budget = draw_instance(seed)
        rules = rules_of(instance, budget, copies=copies)
        chain = build_chain(instance, rules.limits)
        if chain.is_empty:
            continue
        layers = sweep(chain, rules).layers
        rows = trace(layers, np.arange(len(layers[-1]))[:copies])
        answers = tuple(answer_of(instance, chosen) for chosen in rows)
        assert answers == enumerate_answers(instance, budget)[:copies], seed


def test_few_partial_architectures_survive(wide_instance):
    swept = sweep(build_chain(wide_instance, to_limits(wide_instance, Budget())), rules_of(wide_instance, Budget()))
    assert len(swept.layers[-1]) == 1
    assert swept.num_partials < 10_000 < wide_instance.size


def test_a_run_ends_at_its_deadline_and_at_its_largest_layer(wide_instance):
    budget = Budget(upper={"macs": 900, "params": 900})
    chain = build_chain(wide_instance, to_limits(wide_instance, budget))
    with pytest.raises(OutOfTimeError):
        sweep(chain, rules_of(wide_instance, budget, deadline=time.monotonic() - 1))
    with pytest.raises(TooManyPartialsError):
        sweep(chain, rules_of(wide_instance, budget, most_partials=2))


def test_many_pairs_are_pruned_in_parts(wide_instance, monkeypatch):
    budget = Budget(upper={"macs": 900, "params": 900})
    expected = solve(wide_instance, budget, num_best=3)
    monkeypatch.setattr("helixnas.search.exact.dynamic_program.NUM_PAIRS", 50)
    result = solve(wide_instance, budget, num_best=3)
    assert result.answers == expected.answers
    assert tuple(result.front) == tuple(expected.front)
