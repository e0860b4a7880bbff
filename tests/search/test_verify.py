from dataclasses import replace

import numpy as np
import pytest

from helixnas.errors import ConfigError
from helixnas.search import Budget, enumerate_answers, solve, solve_milp, verify


def test_highs_agrees_with_exhaustive_enumeration(draw_instance):
    for seed in range(60):
        instance, budget = draw_instance(seed)
        expected, found = enumerate_answers(instance, budget), solve_milp(instance, budget)
        assert found.status == ("optimal" if expected else "infeasible"), seed
        if expected:
            scale = max(1, *(abs(int(block.score.max())) for block in instance.blocks))
            assert abs(found.score - expected[0].score) <= 1e-6 * scale * len(instance.blocks), seed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_highs_agrees_on_spaces_of_the_size_of_table_1(table_1, seed):
    instance = table_1(seed)
    free = solve(instance, Budget()).best()
    names = instance.resources[: 1 + seed % 3]
    budget = Budget(upper={name: int((0.6 + 0.02 * seed % 0.3) * free.costs[name]) for name in names})
    best = solve(instance, budget).best()
    checked = verify(instance, budget, best.rows, score=best.score, costs=best.costs, time_limit_s=300.0)
    assert (checked.problems, checked.optimum) == ((), "confirmed")


def test_a_right_answer_is_confirmed_by_text_and_by_row(draw_instance):
    for seed in range(20):
        instance, budget = draw_instance(seed)
        answers = enumerate_answers(instance, budget)
        if not answers or max(abs(int(block.score.max())) for block in instance.blocks) < 1_000_000:
            continue
        best = answers[0]
        for architecture in (best.rows, best.labels):
            checked = verify(instance, budget, architecture, score=best.score, costs=best.costs)
            assert checked.problems == ()
            assert (checked.score, checked.costs) == (best.score, best.costs)


def test_wrong_claims_are_named(draw_instance):
    instance, _ = draw_instance(1)
    best = solve(instance, Budget()).best()
    name = instance.resources[0]
    broken = Budget(upper={name: best.costs[name] - 1}, lower={name: best.costs[name] + 1})
    checked = verify(instance, broken, best.rows, score=best.score + 1, costs={name: best.costs[name] + 5})
    assert [problem.split(" is ")[0] for problem in checked.problems] == ["the score", name, name, name]
    assert f"above {best.costs[name] - 1:,}" in checked.sentence
    assert f"below {best.costs[name] + 1:,}" in checked.sentence
    assert "not verified: the ratings and costs themselves" in checked.sentence


def test_a_worse_answer_is_refuted(table_1):
    instance = table_1(0)
    instance = replace(instance, blocks=tuple(_some_rows(block, 200) for block in instance.blocks))
    budget = Budget(upper={"macs": int(0.8 * solve(instance, Budget()).best().costs["macs"])})
    best, *_, worse = solve(instance, budget, num_best=200).answers
    assert verify(instance, budget, best.rows, score=best.score, costs=best.costs).optimum == "confirmed"
    checked = verify(instance, budget, worse.rows, score=worse.score, costs=worse.costs)
    assert checked.optimum == "refuted"
    assert "HiGHS finds a score of" in checked.problems[0]


def test_without_time_the_optimum_is_not_confirmed(table_1):
    instance = table_1(0)
    best = solve(instance, Budget()).best()
    checked = verify(instance, Budget(), best.rows, score=best.score, costs=best.costs, time_limit_s=0.0)
    assert checked.optimum == "not confirmed"
    assert checked.sentence.startswith("score, costs and limits agree; optimum not confirmed by HiGHS")


def test_an_architecture_of_another_instance_is_refused(draw_instance):
    instance, _ = draw_instance(12)
    with pytest.raises(ConfigError, match=r"an architecture of 1 parts does not fit \d blocks"):
        verify(instance, Budget(), ("x",), score=0, costs={})
    with pytest.raises(ConfigError, match="block 0 has 0 candidates 'x' that receive None channels"):
        verify(instance, Budget(), ("x",) * len(instance.blocks), score=0, costs={})


def _some_rows(block, number):
    rows = np.arange(0, len(block), max(1, len(block) // number))
    return replace(
        block,
        width_in=block.width_in[rows],
        width_out=block.width_out[rows],
        score=block.score[rows],
        costs=block.costs[rows],
        order=block.order[rows],
    )
