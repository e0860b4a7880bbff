"""Brute force: every architecture of a small instance, the oracle that the exact search is tested against."""

from collections.abc import Sequence

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.instance import LARGEST_TOTAL, Instance, Ints
from helixnas.search.result import Answer, answer_of

LARGEST_SPACE = 10_000_000


def enumerate_answers(instance: Instance, budget: Budget | None = None) -> tuple[Answer, ...]:
    """Return every architecture inside the budget, in the order of ties; raises `ConfigError` above `LARGEST_SPACE`."""
    return tuple(sorted(answer_of(instance, chosen) for chosen in _inside(instance, budget or Budget())))


def enumerate_best(instance: Instance, budget: Budget) -> Answer | None:
    """Return the first of `enumerate_answers`, if any, without an object for every architecture."""
    rows = _inside(instance, budget)
    score = instance.totals(rows)[0]
    first = rows[score == score.min(initial=LARGEST_TOTAL)]
    return min((answer_of(instance, chosen) for chosen in first), default=None)


def _inside(instance: Instance, budget: Budget) -> Ints:
    """Return (architectures, blocks): the rows of every chain inside the budget."""
    if instance.size > LARGEST_SPACE:
        raise ConfigError(f"{instance.size:,} architectures are too many to enumerate; at most {LARGEST_SPACE:,}")
    budget.check(instance.resources)
    rows = _chains(instance)
    fits = np.ones(len(rows), np.bool_)
    for name, cost in zip(instance.resources, instance.totals(rows)[1].T, strict=True):
        fits &= (cost <= budget.upper.get(name, LARGEST_TOTAL)) & (cost >= budget.lower.get(name, 0))
    return rows[fits]


def is_within(answer: Answer, budget: Budget) -> bool:
    """Return whether an answer meets every limit."""
    return budget.allows(answer.costs)


def front_of(answers: Sequence[Answer], resources: Sequence[str]) -> tuple[Answer, ...]:
    """Return the Pareto front of the answers in score and `resources`, by score; of equal ones, the first."""
    best: dict[tuple[int, ...], Answer] = {}
    for answer in sorted(answers):
        best.setdefault((answer.score, *(answer.costs[name] for name in resources)), answer)
    kept = [
        point
        for point in sorted(best)
        if not any(other != point and all(a <= b for a, b in zip(other, point, strict=True)) for other in best)
    ]
    return tuple(best[point] for point in kept)


def _chains(instance: Instance) -> Ints:
    """Return (architectures, blocks): the rows of every chain whose widths connect."""
    first, *others = instance.blocks
    rows, width = np.arange(len(first))[:, None], first.width_out
    for block in others:
        before, row = np.nonzero(width[:, None] == block.width_in)
        rows, width = np.concatenate([rows[before], row[:, None]], axis=1), block.width_out[row]
    return rows
