"""Answers that differ: the best, then the best at a distance from it, then the best at that distance from both, ...

The distance of two architectures is the number of layer slots whose operation or cell differs; a missing layer differs
from any layer. It adds up over the blocks, so the distance from an earlier answer is a resource with a lower limit.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.exact.chain import Limits, build_chain
from helixnas.search.exact.dynamic_program import Rules
from helixnas.search.exact.feasibility import to_limits
from helixnas.search.exact.solver import find_best, solve
from helixnas.search.instance import Instance, InstanceBlock, Ints
from helixnas.search.result import Answer, SearchResult


def solve_diverse(
    instance: Instance, budget: Budget, *, num_answers: int, min_distance: int, time_limit_s: float | None = None
) -> SearchResult:
    """Return answers of which the i-th is the best one inside the budget at a distance from all before it, proven.

    There are fewer than `num_answers` if no other architecture keeps the distance. Without `InstanceBlock.slots`, a
    block is one slot. After `time_limit_s` seconds, an answer need not be proven best. Raises `ConfigError` if
    `num_answers` or `min_distance` is below 1.

    >>> one = np.ones(3, np.int64)
    >>> score, order = np.array([1, 2, 4]), np.arange(3)
    >>> block = InstanceBlock(width_in=one, width_out=one, score=score, costs=one[:, None], order=order)
    >>> instance = Instance(blocks=(block, block), resources=("macs",))
    >>> [answer.rows for answer in solve_diverse(instance, Budget(), num_answers=3, min_distance=2).answers]
    [(0, 0), (1, 1), (2, 2)]
    """
    if num_answers < 1 or min_distance < 1:
        raise ConfigError(f"num_answers and min_distance must be at least 1, not {num_answers} and {min_distance}")
    first = solve(instance, budget, time_limit_s=time_limit_s)
    started = time.monotonic()
    answers, proven, exhausted = list(first.answers), first.status == "optimal", False
    while answers and len(answers) < num_answers and not exhausted:
        answer, sure = _next(instance, to_limits(instance, budget), answers, min_distance, time_limit_s)
        exhausted = answer is None
        answers += [] if answer is None else [answer]
        proven = proven and sure
    return replace(
        first,
        answers=tuple(answers),
        status=first.status if not answers else "optimal" if proven else "feasible",
        exhausted=exhausted,
        seconds=first.seconds + time.monotonic() - started,
    )


def distance(instance: Instance, first: Answer, second: Answer) -> int:
    """Return the number of layer slots in which two answers differ."""
    blocks = zip(instance.blocks, first.rows, second.rows, strict=True)
    return sum(int((_slots(block)[a] != _slots(block)[b]).sum()) for block, a, b in blocks)


def _next(
    instance: Instance, limits: Limits, before: Sequence[Answer], min_distance: int, time_limit_s: float | None
) -> tuple[Answer | None, bool]:
    """Return the best answer at the distance from all before it, and whether that is proven."""
    apart = _with_distances(instance, before)
    num_ties = len(instance.resources)
    distances = dict.fromkeys(range(num_ties, len(apart.resources)), min_distance)
    rules = Rules(
        limits=Limits(upper=limits.upper, lower={**limits.lower, **distances}),
        is_max=apart.is_max,
        num_ties=num_ties,
        deadline=np.inf if time_limit_s is None else time.monotonic() + time_limit_s,
    )
    chain = build_chain(apart, rules.limits)
    found = None if chain.is_empty else find_best(instance, apart, chain, rules)
    return (None, True) if found is None else (found.answers[0], found.proven)


def _with_distances(instance: Instance, before: Sequence[Answer]) -> Instance:
    """Return the instance with one more resource per answer: the distance from it."""
    blocks = (
        replace(block, costs=np.hstack([block.costs, *(_distances(block, answer.rows[k]) for answer in before)]))
        for k, block in enumerate(instance.blocks)
    )
    return Instance(
        blocks=tuple(blocks),
        resources=(*instance.resources, *(f"distance from answer {number}" for number in range(len(before)))),
        combine=(*instance.combine, *("sum" for _ in before)),
    )


def _distances(block: InstanceBlock, row: int) -> Ints:
    slots = _slots(block)
    return np.sum(slots != slots[row], axis=1, keepdims=True)


def _slots(block: InstanceBlock) -> Ints:
    return block.order[:, None] if block.slots is None else block.slots
