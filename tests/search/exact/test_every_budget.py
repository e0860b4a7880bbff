"""The answers of all budgets: the rule that chooses among them agrees with the search, ties included."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from helixnas.errors import ConfigError
from helixnas.search import Budget, Instance, InstanceBlock, solve
from helixnas.search.budget import tie_order
from helixnas.search.exact.every_budget import EveryAnswer, every_answer

NAMES = ("params", "macs", "latency_ns")


def instance_over(names: Sequence[str], whole: Instance) -> Instance:
    """Return an instance over some of the resources, in the order given."""
    columns = [whole.column(name) for name in names]
    blocks = tuple(replace(block, costs=block.costs[:, columns]) for block in whole.blocks)
    return replace(
        whole, blocks=blocks, resources=tuple(names), combine=tuple(whole.combine[column] for column in columns)
    )


def draw(seed: int, most: int) -> Instance:
    """Return 3 blocks of 3 widths at most; `most` is the largest score and cost of a candidate: small ones often tie."""
    rng = np.random.default_rng(seed)
    blocks: list[InstanceBlock] = []
    before = [8]
    for after in ([8, 16], [8, 16], [8]):
        rows = 6 * len(before)
        blocks.append(
            InstanceBlock(
                width_in=np.repeat(before, 6),
                width_out=rng.choice(after, rows),
                score=rng.integers(0, most, rows),
                costs=rng.integers(0, most, (rows, 3)),
                order=np.tile(rng.permutation(6), len(before)),
            )
        )
        before = after
    return Instance(blocks=tuple(blocks), resources=NAMES, combine=("sum", "sum", "max" if seed % 3 == 0 else "sum"))


def choose(answers: EveryAnswer, limits: dict[str, int]) -> tuple[int, ...] | None:
    """Return the rows of the answer that a search under the limits gives, by the rule of `every_answer`."""
    names = answers.instance.resources
    columns = [names.index(name) for name in tie_order(Budget(upper=limits))]
    fits = [
        place
        for place in range(len(answers))
        if all(answers.costs[place, names.index(name)] <= limit for name, limit in limits.items())
    ]
    if not fits:
        return None
    best = min(fits, key=lambda place: (answers.score[place], *answers.costs[place, columns], place))
    return tuple(answers.rows[best].tolist())


@pytest.mark.parametrize(("most", "seeds"), [(3, 25), (40, 10)])
def test_the_rule_agrees_with_the_search_under_random_limits(most: int, seeds: int) -> None:
    compared = 0
    for seed in range(seeds):
        whole = draw(seed, most)
        answers = every_answer(lambda names, whole=whole: instance_over(names, whole), NAMES)
        rng = np.random.default_rng(seed)
        for size in range(4):
            for limited in combinations(rng.permutation(NAMES).tolist(), size):
                limits = {name: int(rng.integers(0, 3 * most)) for name in limited}
                budget = Budget(upper=limits)
                found = solve(instance_over(tie_order(budget), whole), budget)
                expected = found.best().rows if found.answers else None
                assert choose(answers, limits) == expected, (seed, limits)
                compared += expected is not None
    assert compared > 5 * seeds


def test_answers_are_by_score_and_then_by_text() -> None:
    whole = draw(0, 3)
    answers = every_answer(lambda names: instance_over(names, whole), NAMES)
    texts = [
        tuple(int(block.order[row]) for block, row in zip(whole.blocks, rows, strict=True)) for rows in answers.rows
    ]
    keys = list(zip(answers.score.tolist(), texts, strict=True))
    assert keys == sorted(keys)
    assert len({score for score, _ in keys}) < len(keys)  # there are ties


def test_too_large_a_front_is_refused(table_1) -> None:
    whole = table_1(0)
    with pytest.raises(ConfigError, match="more than 100 partial architectures"):
        every_answer(lambda names: instance_over(names, whole), NAMES, most_points=100)
