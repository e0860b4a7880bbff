from types import SimpleNamespace

import numpy as np
import pytest

from helixnas.search import Budget, enumerate_answers, solve
from helixnas.search.exact.chain import build_chain
from helixnas.search.exact.feasibility import to_limits
from helixnas.search.exact.relaxation import _master, relax


def test_no_architecture_inside_the_limits_scores_less_than_the_bound(draw_instance):
    num_checked = 0
    for seed in range(200):
        instance, budget = draw_instance(seed)
        limits = to_limits(instance, budget)
        chain = build_chain(instance, limits)
        answers = enumerate_answers(instance, budget)
        if not answers:
            continue
        num_checked += 1
        relaxation, met = relax(chain, limits, tuple(how == "max" for how in instance.combine))
        assert relaxation.floor <= answers[0].score, seed
        assert all(len(places) == len(chain.links) for places in met)
        for number, link in enumerate(chain.links):
            through = dict(zip(link.row.tolist(), relaxation.through(number, link.start, link.end), strict=True))
            for answer in answers[:50]:
                assert through[answer.rows[number]] <= answer.score, seed
    assert num_checked > 100


def test_without_limits_the_bound_is_the_optimum(draw_instance):
    for seed in range(30):
        instance, _ = draw_instance(seed)
        limits = to_limits(instance, Budget())
        chain = build_chain(instance, limits)
        if instance.size:
            relaxation, _ = relax(chain, limits, tuple(how == "max" for how in instance.combine))
            assert abs(relaxation.floor - solve(instance, Budget()).best().score) <= 2 * relaxation.margin


def test_the_bound_is_close_on_a_space_of_the_size_of_table_1(table_1):
    instance = table_1(0)
    free = solve(instance, Budget()).best()
    for share in (0.6, 0.8):
        budget = Budget(upper={name: int(share * cost) for name, cost in free.costs.items()})
        limits = to_limits(instance, budget)
        relaxation, _ = relax(build_chain(instance, limits), limits, (False,) * 3)
        best = solve(instance, budget).best()
        assert 0 <= best.score - relaxation.floor < 0.05 * abs(best.score)
        assert np.all(relaxation.prices >= 0)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_prices_from_corners_are_those_of_the_linear_programme(number, seed, monkeypatch):
    rng = np.random.default_rng(seed)
    scores, violations = rng.normal(size=4) * 1e12, rng.normal(size=(4, number)) * 1e12
    prices, bound = _master(scores, violations, 16.0)
    monkeypatch.setattr("helixnas.search.exact.relaxation.MOST_CORNERS", 0)
    _, expected = _master(scores, violations, 16.0)
    assert bound == pytest.approx(expected, rel=1e-7)
    assert (scores + violations @ prices).min() == pytest.approx(bound)
    assert ((prices >= 0) & (prices <= 16.0)).all()


def test_answers_stay_exact_where_no_good_prices_are_found(draw_instance, monkeypatch):
    monkeypatch.setattr("helixnas.search.exact.solver.SMALL", 0)
    monkeypatch.setattr("helixnas.search.exact.relaxation.linprog", lambda *_, **__: SimpleNamespace(x=None))
    for seed in range(60):
        instance, budget = draw_instance(seed)
        assert solve(instance, budget, num_best=3).answers == enumerate_answers(instance, budget)[:3], seed
