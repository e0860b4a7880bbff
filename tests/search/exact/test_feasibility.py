import pytest

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search import Budget, enumerate_answers, is_feasible, is_within
from helixnas.search.exact import feasibility
from helixnas.search.exact.feasibility import any_within, is_inside, to_limits
from helixnas.search.result import answer_of


def test_feasibility_agrees_with_exhaustive_enumeration(draw_instance):
    for seed in range(150):
        instance, budget = draw_instance(seed)
        assert is_feasible(instance, budget) == bool(enumerate_answers(instance, budget)), seed


def test_what_is_found_without_a_full_run_meets_the_limits_too(draw_instance, monkeypatch):
    monkeypatch.setattr(feasibility, "SMALL", 0)
    for seed in range(150):
        instance, budget = draw_instance(seed)
        limits = to_limits(instance, budget)
        rows = any_within(instance, limits)
        assert (rows is not None) == bool(enumerate_answers(instance, budget)), seed
        if rows is not None:
            answer = answer_of(instance, rows)
            assert is_inside(answer, limits), seed
            assert is_within(answer, budget), seed


def test_a_question_that_takes_too_many_partial_architectures_is_refused(wide_instance, monkeypatch):
    monkeypatch.setattr(feasibility, "SMALL", wide_instance.size)
    limits = to_limits(wide_instance, Budget(upper={"macs": 900, "params": 900}))
    with pytest.raises(ConfigError, match="takes more than 2 partial architectures"):
        any_within(wide_instance, limits, most_partials=2)


def test_a_limit_on_an_unknown_resource_is_refused(draw_instance):
    instance, _ = draw_instance(1)
    with pytest.raises(UnknownNameError, match="energy"):
        is_feasible(instance, Budget(upper={"energy": 1}))
