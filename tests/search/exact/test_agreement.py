"""The solver against brute force on random instances: optimum, k best, diverse list, front; `test_ceiling` has more."""

from functools import partial

import pytest

from helixnas.search import enumerate_answers, front_of, pareto_front

NUM_QUICK, NUM_ALL = 1_000, 3_000
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_search_agrees_with_exhaustive_enumeration(draw_instance, check_best, check_diverse, part):
    for seed in range(part, NUM_QUICK, PARTS):
        check_some(draw_instance, seed, check_best, check_diverse)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_search_agrees_with_exhaustive_enumeration_on_many_more_instances(
    draw_instance, check_best, check_diverse, part
):
    for seed in range(NUM_QUICK + part, NUM_ALL, PARTS):
        check_best(seed)
        check_front(draw_instance, seed)
        check_diverse(seed)


def check_some(draw_instance, seed, check_best, check_diverse):
    """Each instance is held against brute force for one kind of answer, in turn; the slow test does all."""
    (check_best, partial(check_front, draw_instance), check_diverse, check_best)[seed % 4](seed)


def check_front(draw_instance, seed):
    instance, budget = draw_instance(seed)
    asked = [name for column, name in enumerate(instance.resources) if (seed >> (2 + column)) % 2]
    expected = front_of(enumerate_answers(instance, budget), asked)
    assert tuple(pareto_front(instance, budget, asked)) == expected, seed
