from itertools import pairwise

import numpy as np
import pytest

from helixnas.errors import ConfigError, InfeasibleBudgetError, UnknownNameError
from helixnas.search import Budget, Instance, InstanceBlock, enumerate_answers, solve


def test_reordering_candidates_changes_nothing(draw_instance):
    for seed in range(40):
        instance, budget = draw_instance(seed)
        rng = np.random.default_rng(seed)
        shuffled = Instance(
            blocks=tuple(_take(block, rng.permutation(len(block))) for block in instance.blocks),
            resources=instance.resources,
            combine=instance.combine,
        )
        before, after = solve(instance, budget, num_best=5), solve(shuffled, budget, num_best=5)
        assert [answer.key for answer in before.answers] == [answer.key for answer in after.answers]
        assert [answer.key for answer in before.front] == [answer.key for answer in after.front]


def test_a_larger_budget_is_never_worse(draw_instance):
    for seed in range(40):
        instance, _ = draw_instance(seed)
        name = instance.resources[seed % len(instance.resources)]
        scores = []
        for limit in sorted({answer.costs[name] for answer in enumerate_answers(instance)}):
            scores.append(solve(instance, Budget(upper={name: limit})).best().score)
        assert scores == sorted(scores, reverse=True), seed


def test_front_holds_the_optimum_of_every_budget():
    instance = _wide_instance()
    front = solve(instance, Budget(), front_over=["macs"]).front
    for answer in front:
        assert solve(instance, Budget(upper={"macs": answer.costs["macs"]})).best() == answer
    cheaper = front[0].costs["macs"] - 1
    assert solve(instance, Budget(upper={"macs": cheaper})).best() == front[1]


def test_many_pairs_are_pruned_in_parts(monkeypatch):
    instance = _wide_instance()
    budget = Budget(upper={"macs": 900, "params": 900})
    expected = solve(instance, budget, num_best=3)
    monkeypatch.setattr("helixnas.search.exact.dynamic_program.NUM_PAIRS", 50)
    result = solve(instance, budget, num_best=3)
    assert result.answers == expected.answers
    assert tuple(result.front) == tuple(expected.front)


def test_time_limit_gives_an_answer_with_bound_and_gap(monkeypatch):
    instance = _wide_instance()
    budget = Budget(upper={"macs": 700, "params": 700})
    best = solve(instance, budget).best()
    result = solve(instance, budget, time_limit_s=0.0)
    assert result.status == "feasible"
    assert result.bound <= best.score <= result.best().score
    assert result.gap >= (result.best().score - best.score) / result.best().score


def test_time_limit_never_calls_a_feasible_budget_infeasible(draw_instance, monkeypatch):
    monkeypatch.setattr("helixnas.search.exact.solver.SMALL", 0)
    for seed in range(80):
        instance, budget = draw_instance(seed)
        expected, result = enumerate_answers(instance, budget), solve(instance, budget, time_limit_s=0.0)
        assert result.status == ("feasible" if expected else "infeasible"), seed
        if expected:
            assert result.bound <= expected[0].score <= result.best().score


def test_infeasible_result_raises_its_reason_when_asked_for_the_best():
    result = solve(_wide_instance(), Budget(upper={"macs": 0}))
    assert result.status == "infeasible"
    assert result.gap is None
    assert len(result.front) == 0
    with pytest.raises(InfeasibleBudgetError, match="no architecture has macs <= 0"):
        result.best()


def test_settings_out_of_range_are_refused():
    instance = _wide_instance()
    with pytest.raises(ConfigError, match="num_best must be at least 1, not 0"):
        solve(instance, Budget(), num_best=0)
    with pytest.raises(ConfigError, match=r"time_limit_s must be at least 0 seconds, not -1\.0"):
        solve(instance, Budget(), time_limit_s=-1.0)
    with pytest.raises(UnknownNameError, match="unknown resource 'mac'; did you mean macs"):
        solve(instance, Budget(upper={"mac": 3}))
    with pytest.raises(UnknownNameError, match="unknown resource 'latency'"):
        solve(instance, Budget(), front_over=["latency"])


def test_more_answers_than_were_kept_are_refused_and_all_are_given_where_no_more_exist():
    instance = _wide_instance()
    with pytest.raises(ConfigError, match="this search kept 1 answers; ask solve for num_best=2"):
        solve(instance, Budget()).top(2)
    one = np.array([1])
    block = InstanceBlock(width_in=one, width_out=one, score=one, costs=one[:, None], order=one)
    only = solve(Instance(blocks=(block,), resources=("macs",)), Budget(), num_best=3)
    assert len(only.top(3)) == 1
    assert only.top(9) == only.top(3)


def test_answers_become_a_table():
    table = solve(_wide_instance(), Budget(), num_best=3).to_pandas()
    assert list(table.columns) == ["score", "params", "macs", "architecture"]
    assert len(table) == 3


def _wide_instance() -> Instance:
    rng = np.random.default_rng(3)
    widths = ((8,), (8, 16), (8, 16), (8,), (8, 16), (8,))
    blocks = []
    for before, after in pairwise(widths):
        blocks.append(
            InstanceBlock(
                width_in=np.repeat(before, 30),
                width_out=rng.choice(after, 30 * len(before)),
                score=rng.integers(0, 10**6, 30 * len(before)),
                costs=rng.integers(0, 400, (30 * len(before), 2)),
                order=np.arange(30 * len(before)),
            )
        )
    return Instance(blocks=tuple(blocks), resources=("params", "macs"))


def _take(block: InstanceBlock, rows: np.ndarray) -> InstanceBlock:
    return InstanceBlock(
        width_in=block.width_in[rows],
        width_out=block.width_out[rows],
        score=block.score[rows],
        costs=block.costs[rows],
        order=block.order[rows],
    )
