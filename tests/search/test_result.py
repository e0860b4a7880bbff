from fractions import Fraction

import numpy as np
import pytest

from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.search import Answer, Budget, Infeasibility, Instance, InstanceBlock, solve
from helixnas.search.result import answer_of


def test_infeasible_result_raises_its_reason_when_asked_for_the_best(wide_instance):
    result = solve(wide_instance, Budget(upper={"macs": 0}))
    assert result.status == "infeasible"
    assert result.gap is None
    assert len(result.front) == 0
    with pytest.raises(InfeasibleBudgetError, match="no architecture has macs <= 0"):
        result.best()


def test_more_answers_than_were_kept_are_refused_and_all_are_given_where_no_more_exist(wide_instance):
    with pytest.raises(ConfigError, match="this search kept 1 answers; call solve with num_best=2"):
        solve(wide_instance, Budget()).top(2)
    one = np.array([1])
    block = InstanceBlock(width_in=one, width_out=one, score=one, costs=one[:, None], order=one)
    only = solve(Instance(blocks=(block,), resources=("macs",)), Budget(), num_best=3)
    assert len(only.top(3)) == 1
    assert only.top(9) == only.top(3)


def test_answers_become_a_table(wide_instance):
    table = solve(wide_instance, Budget(), num_best=3).to_pandas()
    assert list(table.columns) == ["score", "params", "macs", "architecture"]
    assert len(table) == 3


def test_answers_are_ordered_by_score_then_costs_then_texts():
    first, second, third, fourth = (
        Answer(score=score, costs={"macs": macs}, order=(order,), rows=(0,))
        for score, macs, order in ((1, 9, 9), (2, 1, 9), (2, 3, 0), (2, 3, 1))
    )
    assert sorted([fourth, third, second, first]) == [first, second, third, fourth]


def test_an_answer_adds_up_its_rows_and_takes_maxima(draw_instance):
    instance, _ = draw_instance(5)
    rows = np.zeros(len(instance.blocks), np.int64)
    answer, (score, costs) = answer_of(instance, rows), instance.totals(rows[None])
    assert (answer.score, list(answer.costs.values())) == (int(score[0]), costs[0].tolist())


def test_a_reason_says_what_is_known_and_rounds_the_factor_up():
    reach = {"smallest": {"macs": 5}, "largest": {"macs": 20}}
    budget = Budget(upper={"macs": 3})
    why = Infeasibility(**reach, conflict=budget, factor=Fraction(5, 3), needed={"macs": 5})
    assert why.sentence(budget).endswith("must grow by a factor of at least 1.6667, to macs <= 5")
    unsure = Infeasibility(**reach, conflict=budget, factor=Fraction(2), needed={"macs": 6}, exact=False)
    assert "a factor of 2.0000" in unsure.sentence(budget)
    assert "at least" not in unsure.sentence(budget)
