import numpy as np
import pytest

from helixnas.errors import ConfigError, UnknownNameError
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


def test_front_holds_the_optimum_of_every_budget(wide_instance):
    front = solve(wide_instance, Budget(), front_over=["macs"]).front
    for answer in front:
        assert solve(wide_instance, Budget(upper={"macs": answer.costs["macs"]})).best() == answer
    cheaper = front[0].costs["macs"] - 1
    assert solve(wide_instance, Budget(upper={"macs": cheaper})).best() == front[1]


def test_time_limit_gives_an_answer_with_bound_and_gap(wide_instance, monkeypatch):
    budget = Budget(upper={"macs": 700, "params": 700})
    best = solve(wide_instance, budget).best()
    result = solve(wide_instance, budget, time_limit_s=0.0)
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


def test_settings_out_of_range_are_refused(wide_instance):
    with pytest.raises(ConfigError, match="num_best must be at least 1, not 0"):
        solve(wide_instance, Budget(), num_best=0)
    with pytest.raises(ConfigError, match=r"time_limit_s must be at least 0 seconds, not -1\.0"):
        solve(wide_instance, Budget(), time_limit_s=-1.0)
    with pytest.raises(UnknownNameError, match="unknown resource 'mac'; did you mean macs"):
        solve(wide_instance, Budget(upper={"mac": 3}))
    with pytest.raises(UnknownNameError, match="unknown resource 'latency'"):
        solve(wide_instance, Budget(), front_over=["latency"])


def _take(block: InstanceBlock, rows: np.ndarray) -> InstanceBlock:
    return InstanceBlock(
        width_in=block.width_in[rows],
        width_out=block.width_out[rows],
        score=block.score[rows],
        costs=block.costs[rows],
        order=block.order[rows],
    )
