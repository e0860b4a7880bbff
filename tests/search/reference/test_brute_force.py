from itertools import product

import pytest

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search import Budget, enumerate_answers, front_of, is_within
from helixnas.search.reference.brute_force import enumerate_best


def test_every_chain_of_connecting_widths_is_enumerated_once(draw_instance):
    for seed in range(30):
        instance, _ = draw_instance(seed)
        if instance.size > 3_000:
            continue
        chains = {
            rows
            for rows in product(*(range(len(block)) for block in instance.blocks))
            if all(
                before.width_out[a] == after.width_in[b]
                for before, after, a, b in zip(instance.blocks, instance.blocks[1:], rows, rows[1:], strict=False)
            )
        }
        found = [answer.rows for answer in enumerate_answers(instance)]
        assert len(found) == instance.size, seed
        assert set(found) == chains, seed


def test_a_budget_keeps_exactly_what_is_within_it(draw_instance):
    for seed in range(60):
        instance, budget = draw_instance(seed)
        expected = tuple(answer for answer in enumerate_answers(instance) if is_within(answer, budget))
        assert enumerate_answers(instance, budget) == expected, seed
        assert enumerate_best(instance, budget) == (expected[0] if expected else None), seed


def test_no_answer_of_a_front_is_as_good_as_another(draw_instance):
    for seed in range(30):
        instance, budget = draw_instance(seed)
        answers, names = enumerate_answers(instance, budget), instance.resources[:2]
        points = [(answer.score, *(answer.costs[name] for name in names)) for answer in front_of(answers, names)]
        for point, other in product(points, points):
            assert point is other or any(a < b for a, b in zip(point, other, strict=True)), seed
        for answer in answers:
            own = (answer.score, *(answer.costs[name] for name in names))
            assert any(all(a <= b for a, b in zip(point, own, strict=True)) for point in points), seed


def test_spaces_too_large_and_unknown_resources_are_refused(table_1, draw_instance):
    with pytest.raises(ConfigError, match="are too many to enumerate; at most 10,000,000"):
        enumerate_answers(table_1(0))
    with pytest.raises(UnknownNameError, match="energy"):
        enumerate_best(draw_instance(1)[0], Budget(upper={"energy": 1}))
